"""What a transmission of any scheme looks like."""

from dataclasses import fields

import numpy as np

from kbsc_tf.testing.expect import alike, expect, expect_array
from kbsc_tf.transmission import Overhead, SourceBatch, Transmission


def check_transmission(sent: Transmission, batch: SourceBatch, name: str) -> None:
    """Shapes, dtypes and what must agree in the fields of a transmission of a batch."""
    expect(isinstance(sent, Transmission), f"{name}: transmit: expected a Transmission, got {type(sent).__name__}")
    count, dim = batch.features.shape
    expect_array(sent.delivered, f"{name}: delivered", (count,), np.bool_)
    expect_array(sent.channel_uses, f"{name}: channel_uses", (count,), np.float64)
    expect((sent.channel_uses >= 0).all(), f"{name}: channel_uses: expected 0 or more, got {sent.channel_uses.min()}")
    expect(sent.features is not None or sent.images is not None, f"{name}: neither features nor images are transmitted")
    if sent.features is not None:
        expect_array(sent.features, f"{name}: features", (count, dim), np.float32)
        expect(np.isfinite(sent.features[sent.delivered]).all(), f"{name}: a delivered feature is not finite")
    if sent.images is not None:
        _check_images(sent, count, name)
    optional = {
        "noise_var_per_symbol": np.float32, "entries": np.int64, "feasible": np.bool_,
        "papr_db": np.float32, "groups": np.int64, "thumbnail": np.bool_,
    }  # fmt: skip
    for field, dtype in optional.items():
        if getattr(sent, field) is not None:
            expect_array(getattr(sent, field), f"{name}: {field}", (count,), dtype)
    if sent.noise_var_per_symbol is not None:
        expect(
            (sent.noise_var_per_symbol >= 0).all(),
            f"{name}: noise_var_per_symbol: expected powers, one is negative or no number",
        )
    if sent.feasible is not None:
        expect(not sent.delivered[~sent.feasible].any(), f"{name}: an image that is not feasible is delivered")
    if sent.overhead is not None:
        _check_overhead(sent.overhead, sent.channel_uses, name)
    if sent.observation is not None:
        values, noise = sent.observation.values, sent.observation.noise_var_per_axis
        expect_array(values, f"{name}: observation.values", (count, None), np.float32)
        expect_array(noise, f"{name}: observation.noise_var_per_axis", values.shape, np.float32)
        expect(
            (noise >= 0).all(), f"{name}: observation.noise_var_per_axis: expected powers, one is negative or no number"
        )


def differs(a: Transmission, b: Transmission, rows: np.ndarray) -> str:
    """The first field that is not the same in some rows of two transmissions; empty if all are."""
    for field in ("delivered", "channel_uses", "features", "entries", "noise_var_per_symbol", "feasible"):
        one, other = getattr(a, field), getattr(b, field)
        if (one is None) != (other is None) or one is not None and not alike(one[rows], other[rows], 1e-3):
            return field
    for row in np.flatnonzero(rows) if a.images is not None and b.images is not None else ():
        one, other = a.images[row], b.images[row]
        if (one is None) != (other is None):
            return "images"
        # A level more or less is rounding.
        if one is not None and (one.shape != other.shape or np.abs(one.astype(int) - other).max() > 1):
            return "images"
    return ""


def _check_images(sent: Transmission, count: int, name: str) -> None:
    expect(
        isinstance(sent.images, list) and len(sent.images) == count,
        f"{name}: images: expected a list of {count}, None in place of those not delivered",
    )
    for image, delivered in zip(sent.images, sent.delivered, strict=True):
        expect(
            (image is not None) == delivered, f"{name}: images: one is delivered and missing, or the other way round"
        )
        if image is not None:
            expect_array(image, f"{name}: images: one", (None, None, 3), np.uint8)


def _check_overhead(overhead: Overhead, uses: np.ndarray, name: str) -> None:
    parts = {field.name: getattr(overhead, field.name) for field in fields(Overhead)}
    parts = {field: part for field, part in parts.items() if part is not None}
    for field, part in parts.items():
        expect_array(part, f"{name}: overhead.{field}", uses.shape, np.float64)
        expect((part >= 0).all(), f"{name}: overhead.{field}: expected 0 or more, got {part.min()}")
    total = sum(parts.values())
    expect(np.all(total <= uses + 1e-6), f"{name}: overhead: its parts are more than all channel uses")
