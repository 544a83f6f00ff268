"""Speed of training and sweeping through an OFDM channel, XLA against eager and graph mode; for `bench.py`."""

import keras
import numpy as np
import tensorflow as tf
from timing import median_seconds

from kbsc_tf.config import OfdmConfig
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.kbsc.config import LossWeights
from kbsc_tf.schemes.kbsc.feature_losses import SemanticLoss
from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder

K, DIM, BATCH, CALLS = 128, 512, 512, 10
CHANNEL = OfdmConfig(model="tdl-a", csi="ls")
PER_ROW = CHANNEL.model_copy(update={"realisation": "per_row"})
MODES = {"eager": {"run_eagerly": True}, "graph": {"jit_compile": False}, "xla": {"jit_compile": True}}


def bench_ofdm() -> dict[str, dict]:
    """Seconds of a training step and of a sweep's batch over TDL-A with estimated channel; compiling not included.

    Features share grids, as in training and by default; then each is read from a grid of its own.
    """
    features = np.random.default_rng(0).standard_normal((BATCH, DIM)).astype(np.float32)
    inputs = {"feature": features, "snr_db": np.full(BATCH, 5.0, np.float32)}
    training, shared, per_row = {}, {}, {}
    for mode, settings in MODES.items():
        keras.utils.set_random_seed(0)
        link = SemanticLink(SemanticEncoder(K, DIM), SemanticDecoder(K, DIM), CHANNEL)
        link.compile(optimizer="adam", loss=SemanticLoss(LossWeights(), features.mean(axis=0)), **settings)
        training[mode] = median_seconds(lambda link=link: link.train_on_batch(inputs, features), CALLS)
        shared[mode] = _sweep(link, mode, features)
        per_row[mode] = _sweep(SemanticLink(link.encoder, link.decoder, PER_ROW), mode, features)
    found = {"training_step": training, "sweep_batch": shared, "sweep_batch_per_row": per_row}
    return {"channel": CHANNEL.label, "batch": BATCH, "k": K, **{name: _compared(one) for name, one in found.items()}}


def _sweep(link: SemanticLink, mode: str, features: np.ndarray) -> float:
    transmit = link.transmit if mode == "eager" else tf.function(link.transmit, jit_compile=mode == "xla")
    x, snr_db = tf.constant(features), tf.constant(5.0)
    return median_seconds(lambda: transmit(x, snr_db).features.numpy(), CALLS)


def _compared(seconds: dict[str, float]) -> dict[str, float]:
    named = {f"{mode}_s": value for mode, value in seconds.items()}
    ratios = {f"xla_over_{mode}": seconds[mode] / seconds["xla"] for mode in ("eager", "graph")}
    return {**named, **ratios}
