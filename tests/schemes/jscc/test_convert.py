"""Converted weights give what the PyTorch networks give; see torch_vectors.py for how the vectors were made."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from drawn_weights import draw
from safetensors.numpy import save_file

from kbsc_tf.channel.power import amplitude
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.jscc.config import SwinSize
from kbsc_tf.schemes.jscc.convert import load_deepjscc, load_swinjscc

VECTORS = Path(__file__).parent / "vectors"
SWIN = sorted(path.stem for path in VECTORS.glob("swinjscc_*.npz"))
TOLERANCE = 1e-4


def weights(vectors):
    return draw(json.loads(str(vectors["shapes"])), int(vectors["seed"]))


def buffers(vectors):
    shapes = json.loads(str(vectors["buffers"]))
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if shape is not None}


def saved(folder, state):
    path = folder / "checkpoint.safetensors"
    save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, path)
    return path


def settings(vectors):
    size = json.loads(str(vectors["size"]))
    variant = str(vectors["variant"])
    fields = {name: size[name] for name in ("widths", "depths", "heads", "window")}
    return SwinSize(**fields), "SA" in variant and "w/o" not in variant, "RA" in variant and "w/o" not in variant


def test_deepjscc_equals_pytorch(tmp_path):
    vectors = np.load(VECTORS / "deepjscc_c4.npz")
    encoder, decoder = load_deepjscc(saved(tmp_path, weights(vectors)))
    latent = encoder(vectors["images"]).numpy()
    flat = latent.reshape(len(latent), -1)
    flat = flat / amplitude(tf.constant(flat)).numpy() * 2**0.5  # unit power per real value
    np.testing.assert_allclose(flat.reshape(latent.shape), vectors["latent"], atol=TOLERANCE)
    np.testing.assert_allclose(decoder(vectors["received"]), vectors["restored"], atol=TOLERANCE)


def test_every_size_and_variant_has_vectors():
    wanted = {f"swinjscc_{size}_{variant}" for size in ("tiny", "cifar") for variant in ("none", "sa", "ra", "sa_ra")}
    assert set(SWIN) == {*wanted, "swinjscc_small_sa_ra"}


@pytest.mark.long
@pytest.mark.parametrize("name", SWIN)
def test_swinjscc_equals_pytorch(name, tmp_path):
    vectors = np.load(VECTORS / f"{name}.npz")
    encoder, decoder = load_swinjscc(saved(tmp_path, weights(vectors) | buffers(vectors)), *settings(vectors))
    count = len(vectors["images"])
    snr_db, rate = (tf.fill([count], float(vectors[name])) for name in ("snr_db", "rate"))
    z = encoder(vectors["images"], snr_db, rate)
    if encoder.rate_adaptive:
        z, gates = z
        mask = np.zeros(gates.shape, np.float32)
        np.put_along_axis(mask, np.argsort(-gates.numpy(), axis=1)[:, : int(vectors["rate"])], 1, axis=1)
        np.testing.assert_array_equal(mask, vectors["mask"])
        z = z * mask[:, None, None, :]
    _, height, width, channels = z.shape
    latent = np.reshape(z, (count, height * width, channels))
    np.testing.assert_allclose(latent[:, :: int(vectors["token_step"])], vectors["latent"], atol=TOLERANCE)
    restored = decoder(vectors["received"].reshape(count, height, width, channels), snr_db).numpy()
    step = int(vectors["pixel_step"])
    np.testing.assert_allclose(restored[:, ::step, ::step], vectors["restored"], atol=TOLERANCE)


def swin_file(folder, variant="sa_ra", change=lambda state: None):
    vectors = np.load(VECTORS / f"swinjscc_tiny_{variant}.npz")
    state = weights(vectors) | buffers(vectors)
    change(state)
    return saved(folder, state), settings(vectors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("encoder.sm_list1.3.bias"), r"encoder\.sm_list1\.3\.bias is missing"),
        (lambda s: s.update(extra=np.zeros(2, np.float32)), "extra has no place in the model"),
        (lambda s: s.update({"decoder.head_list.bias": np.zeros(2, np.float32)}), None),  # made and not used
        (
            lambda s: s.update({"encoder.norm.weight": np.ones(3, np.float32)}),
            r"encoder\.norm\.weight has shape \(3,\)",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    path, expected = swin_file(tmp_path, change=change)
    if message is None:
        load_swinjscc(path, *expected)
        return
    with pytest.raises(UserError, match=message):
        load_swinjscc(path, *expected)


def test_another_variant_or_size_is_refused(tmp_path):
    path, (size, *_) = swin_file(tmp_path, "sa")
    with pytest.raises(UserError, match="has no place in the model"):
        load_swinjscc(path, size, False, True)
    path, _ = swin_file(tmp_path, "sa_ra")
    with pytest.raises(UserError, match="is missing"):
        load_swinjscc(path, size, True, False)
    other = size.model_copy(update={"window": 4})
    with pytest.raises(UserError, match="relative_position_bias_table has shape"):
        load_swinjscc(path, other, True, True)


def test_other_networks_are_no_deepjscc(tmp_path):
    path, _ = swin_file(tmp_path)
    with pytest.raises(UserError, match="no DeepJSCC checkpoint"):
        load_deepjscc(path)
