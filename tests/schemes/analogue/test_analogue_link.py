"""The contract that every semantic codec passes: shapes, saving, a training step, gradients in all modes, XLA."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.config import AwgnConfig, OfdmConfig, RayleighConfig, RicianConfig, parse_channel
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.kbsc.config import LossWeights
from kbsc_tf.schemes.kbsc.feature_losses import SemanticLoss
from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder, count_flops
from kbsc_tf.schemes.linear.linear_codec import fit_pca, identity_codec

K, DIM, BATCH = 16, 64, 32
SMALL_GRID = {"type": "ofdm", "fft_size": 32, "guard_carriers": (2, 1), "csi": "ls"}
TWO_BY_TWO = {"tx_antennas": 2, "rx_antennas": 2, "streams": 2}
CHANNELS = [
    AwgnConfig(),
    RayleighConfig(),
    parse_channel({"fading": "rayleigh", "preset": "original"}),
    RicianConfig(coherence="block", equaliser="zf"),
    OfdmConfig(**SMALL_GRID, model="tdl-a"),
    OfdmConfig(**SMALL_GRID, **TWO_BY_TWO, model="cdl-c", pilots="block", equaliser="zf"),
]


def features(count=200, seed=0):
    rng = np.random.default_rng(seed)
    common = 3 * rng.standard_normal(DIM)
    x = rng.standard_normal((count, DIM)) * np.linspace(2, 0.2, DIM) + common
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def network_link(channel, noise_aware=False):
    keras.utils.set_random_seed(0)
    encoder, decoder = SemanticEncoder(K, DIM, 48), SemanticDecoder(K, DIM, 48, noise_aware)
    encoder.adapt(features())
    decoder.adapt(features())
    return SemanticLink(encoder, decoder, channel)


def make_link(kind, channel):
    if kind in ("network", "noise_aware"):
        return network_link(channel, kind == "noise_aware")
    codec = fit_pca(features(), K) if kind == "pca" else identity_codec(DIM)
    return SemanticLink(*codec, channel)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.label)
@pytest.mark.parametrize("kind", ["network", "noise_aware", "pca", "identity"])
def test_shapes_dtype_and_saving(kind, channel, tmp_path):
    link, x = make_link(kind, channel), tf.constant(features(BATCH))
    seed_noise(1)
    received, noise_var_per_symbol = link.transmit(x, tf.constant(5.0))[:2]
    assert received.shape == (BATCH, DIM) and received.dtype == tf.float32 and noise_var_per_symbol.shape == (BATCH,)
    link.save(tmp_path / "link.keras")
    seed_noise(1)
    again = keras.saving.load_model(tmp_path / "link.keras").transmit(x, tf.constant(5.0)).features
    np.testing.assert_array_equal(received, again)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["network", "pca", "identity"])
def test_eager_graph_and_xla_agree(kind):
    """Without noise, because XLA draws other random numbers; the equaliser undoes the fading."""
    link, x = make_link(kind, CHANNELS[1]), tf.constant(features(BATCH))
    eager, graph, xla = (
        run(x, tf.constant(math.inf))[0].numpy()
        for run in (link.transmit, tf.function(link.transmit), tf.function(link.transmit, jit_compile=True))
    )
    np.testing.assert_allclose(graph, eager, atol=1e-4)
    np.testing.assert_allclose(xla, eager, atol=1e-4)


# What XLA compiles was traced as a graph first, and for a grid that takes seconds.
# Over a grid tracing and compiling take seconds each.
LONG = [(channel, mode) for channel in CHANNELS if channel.type == "ofdm" for mode in ("graph", "xla")]
WAYS = [(channel, mode) for channel in CHANNELS for mode in ("eager", "graph", "xla") if (channel, mode) not in LONG]


@pytest.mark.long
@pytest.mark.parametrize(
    ("channel", "mode"),
    [*WAYS, *(pytest.param(*way, marks=pytest.mark.slow) for way in LONG)],
    ids=lambda value: getattr(value, "label", value),
)
def test_every_weight_gets_a_finite_non_zero_gradient(channel, mode):
    link, x = network_link(channel, noise_aware=channel.type == "ofdm"), tf.constant(features(BATCH))
    loss = SemanticLoss(LossWeights(mse=1, cosine=1, contrastive=1, kl=1), features().mean(axis=0))

    def gradients():
        with tf.GradientTape() as tape:
            value = loss(x, link.transmit(x, tf.fill([BATCH], 5.0), training=True)[0])
        return tape.gradient(value, link.trainable_variables)

    run = gradients if mode == "eager" else tf.function(gradients, jit_compile=mode == "xla")
    for variable, gradient in zip(link.trainable_variables, run(), strict=True):
        assert np.all(np.isfinite(gradient)), variable.path
        assert np.any(np.asarray(gradient) != 0), variable.path


@pytest.mark.long
@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_lowers_the_loss(jit_compile):
    link, x = network_link(CHANNELS[0]), features(256)
    loss = SemanticLoss(LossWeights(mse=1), x.mean(axis=0))
    link.compile(optimizer=keras.optimizers.Adam(5e-3), loss=loss, jit_compile=jit_compile)
    inputs = {"feature": x, "snr_db": np.full(len(x), 10.0, np.float32)}
    history = link.fit(inputs, x, batch_size=64, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_adapted_network_starts_at_the_scale_of_the_features():
    x = features(400)
    seed_noise(3)
    received = network_link(CHANNELS[0]).transmit(tf.constant(x), tf.constant(20.0), training=True)[0].numpy()
    np.testing.assert_allclose(received.mean(axis=0), x.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(received.std(axis=0), x.std(axis=0), rtol=0.05, atol=1e-3)


def test_pca_without_noise_is_the_projection_on_the_largest_axes():
    x = features(300)
    encoder, decoder = fit_pca(x, K)
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    expected = x.mean(axis=0) + centred @ axes[:K].T @ axes[:K]
    np.testing.assert_allclose(decoder(encoder(x)), expected, atol=1e-5)


def test_closed_form_codecs_have_nothing_to_train():
    assert not make_link("pca", CHANNELS[0]).trainable_variables


def test_original_network_size():
    """512-384-k-384-512: weights, biases and the two BatchNorms' four vectors each."""
    encoder, decoder = SemanticEncoder(256), SemanticDecoder(256)
    encoder.build(None)
    decoder.build(None)
    dense = 2 * 512 * 384 + 2 * 384 * 256
    assert encoder.count_params() + decoder.count_params() == dense + 384 + 256 + 384 + 512 + 4 * (256 + 512)
    assert count_flops(encoder, decoder) == 2 * dense
