"""Speed of training and inference of the neural image codecs, for `bench.py`."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from timing import median_seconds

from kbsc_tf.channel import seed_noise
from kbsc_tf.config import AwgnConfig
from kbsc_tf.schemes.jscc.config import SWIN_SIZES, SwinSize
from kbsc_tf.schemes.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder

BASELINE = "deepjscc"
CHANNELS = 16  # values per place: CBR 1/6 at 32x32, with 64 places
SIDE, BATCH, BATCHES, REPEATS = 32, 32, 4, 3
SMALL = SwinSize(widths=(32, 64), depths=(2, 2), heads=(2, 4), window=4)  # of neural_baselines.yaml


def bench_jscc() -> list[dict]:
    """Images/s at 32x32 and CBR 1/6 over AWGN, and how many times faster than DeepJSCC in the same run that is."""
    rows = [{"model": name, **_speeds(link)} for name, link in _links()]
    base = rows[0]
    for row in rows:
        for figure in ("train_images_per_s", "inference_images_per_s"):
            row[f"{figure}_over_{BASELINE}"] = row[figure] / base[figure]
    return rows


def _links() -> Iterator[tuple[str, ImageLink]]:
    told = -5.0, 15.0
    for name, aware in ((BASELINE, False), ("adjscc", True)):
        yield name, ImageLink(DeepJsccEncoder(CHANNELS, aware), DeepJsccDecoder(CHANNELS, aware), AwgnConfig(), told)
    for size_name, size in (("small_run", SMALL), ("cifar", SWIN_SIZES["cifar"])):
        for variant in ("none", "sa", "ra", "sa_ra"):
            rated = "ra" in variant
            settings = size, size.widths[-1] if rated else CHANNELS, "sa" in variant, rated
            rates = (CHANNELS,) if rated else ()
            link = ImageLink(SwinJsccEncoder(*settings), SwinJsccDecoder(*settings), AwgnConfig(), told, rates)
            yield f"swinjscc_{variant}_{size_name}", link


def _speeds(link: ImageLink) -> dict[str, float | int]:
    """Medians of some repeats, after a first run that traces."""
    seed_noise(0)
    count = BATCH * BATCHES
    images = np.random.default_rng(0).random((count, SIDE, SIDE, 3), np.float32)
    inputs = {"image": images, "snr_db": np.full(count, 10.0, np.float32)}
    if link.rates:
        inputs["rate"] = np.zeros(count, np.int32)
    link.compile(keras.optimizers.Adam(1e-4), "mse", jit_compile=False, steps_per_execution=BATCHES)
    rate = link.rates[0] if link.rates else None
    transmit = tf.function(lambda batch: link.transmit(batch, tf.constant(10.0), rate).images)
    train_s = median_seconds(lambda: link.fit(inputs, images, BATCH, epochs=1, verbose=0), REPEATS)
    inference_s = median_seconds(lambda: transmit(tf.constant(images)).numpy(), REPEATS)
    parameters = link.encoder.count_params() + link.decoder.count_params()
    return {
        "parameters": parameters,
        "train_images_per_s": count / train_s,
        "inference_images_per_s": count / inference_s,
    }
