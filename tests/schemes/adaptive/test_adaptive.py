"""The adaptive code: the contract of a model, and that its receiver knows what it received and how well."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import build_link, seed_noise
from kbsc_tf.config import AwgnConfig, OfdmConfig, RayleighConfig
from kbsc_tf.receiver import neighbour_axes
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec
from kbsc_tf.schemes.adaptive.adaptive_link import receive_over_awgn, send

DIM, SYMBOLS, BATCH = 32, 96, 24
AWGN, RAYLEIGH = AwgnConfig(), RayleighConfig()
GRID = OfdmConfig(fft_size=32, guard_carriers=(2, 1), csi="ls", model="tdl-a")
CHANNELS = [AWGN, RAYLEIGH, GRID]


def features(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, DIM)) * np.geomspace(2, 0.1, DIM) + 3
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


TRAINING = features(600)
ORDER_EXPONENTS = np.linspace(1.5, 0.5, 31)


class Link:
    """A code and a channel that it is sent over."""

    def __init__(self, codec, channel=AWGN):
        self.codec, self.air = codec, build_link(channel)

    def transmit(self, features, snr_db, count, used=None):
        return send(self.codec, self.air, features, snr_db, count, used)


def make_link(channel=AWGN, exponents=ORDER_EXPONENTS):
    codec = AdaptiveCodec(DIM, DIM, (40,), SYMBOLS)
    codec.adapt(neighbour_axes(TRAINING), exponents)
    codec.measure_power(TRAINING)
    return Link(codec, channel)


def typical_over_own_amplitude(codec, x, snr_db, count):
    """[B, 1]: what the power constraint leaves unknown, because the receiver scales as for the average feature."""
    values = codec.symbols_of(codec.code(x), snr_db, count, row=1).numpy()
    order = codec.order_at(snr_db, row=1).numpy()[:count]
    typical = np.mean(codec.power.numpy()[order])
    return np.sqrt(typical / np.mean(values**2, axis=1, keepdims=True))


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.label)
def test_shapes_dtype_and_saving(channel, tmp_path):
    link, x = make_link(channel), tf.constant(TRAINING[:BATCH])
    seed_noise(1)
    received = link.transmit(x, tf.constant(5.0), 40)
    assert (
        received.features.shape == received.code.values.shape == received.code.noise_var_per_axis.shape == (BATCH, DIM)
    )
    assert received.features.dtype == received.code.values.dtype == tf.float32
    assert received.noise_var_per_symbol.shape == (BATCH,)
    link.codec.save(tmp_path / "codec.keras")
    loaded = Link(keras.saving.load_model(tmp_path / "codec.keras"), channel)
    seed_noise(1)
    again = loaded.transmit(x, tf.constant(5.0), 40)
    np.testing.assert_array_equal(received.features, again.features)
    np.testing.assert_array_equal(received.code.noise_var_per_axis, again.code.noise_var_per_axis)


def test_the_configuration_makes_the_same_codec():
    codec = make_link().codec
    again = AdaptiveCodec.from_config(codec.get_config())
    assert again.get_config() == codec.get_config()
    again.set_weights(codec.get_weights())
    np.testing.assert_array_equal(again.codewords(TRAINING), codec.codewords(TRAINING))


# Each way over some channel; over a grid tracing and compiling take a quarter of a minute.
WAYS = [(AWGN, "eager"), (AWGN, "graph"), (AWGN, "xla"), (RAYLEIGH, "eager"), (GRID, "eager")]
LONG = [(RAYLEIGH, "graph"), (RAYLEIGH, "xla"), (GRID, "graph"), (GRID, "xla")]


@pytest.mark.parametrize(
    ("channel", "mode"),
    [*WAYS, *(pytest.param(*way, marks=pytest.mark.slow) for way in LONG)],
    ids=lambda value: getattr(value, "label", value),
)
def test_features_get_a_finite_non_zero_gradient(channel, mode):
    """Through the channel and back: whoever puts a network in front of the code can train it."""
    link, x = make_link(channel), tf.constant(TRAINING[:BATCH])

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_mean(tf.square(link.transmit(x, tf.constant(5.0), 40).features - x))
        return tape.gradient(value, x)

    seed_noise(2)
    found = (gradient if mode == "eager" else tf.function(gradient, jit_compile=mode == "xla"))()
    assert np.all(np.isfinite(found)) and np.all(np.any(np.asarray(found) != 0, axis=1))
    assert not link.codec.trainable_variables


@pytest.mark.parametrize("channel", [AWGN, RAYLEIGH], ids=lambda c: c.label)
def test_what_is_sent_arrives_without_noise(channel):
    """Up to a factor common to a feature's coordinates; of the rest nothing is known."""
    link, x, snr_db, count = make_link(channel), TRAINING[:BATCH], tf.constant(math.inf), 20
    code = link.codec.codewords(x)
    received = link.transmit(tf.constant(x), snr_db, count).code
    sent = np.isin(np.arange(DIM), link.codec.order_at(snr_db).numpy()[:count])
    assert 10 < sent.sum() <= count
    expected = code * typical_over_own_amplitude(link.codec, x, snr_db, count)
    np.testing.assert_allclose(received.values.numpy()[:, sent], expected[:, sent], atol=1e-4)
    assert received.noise_var_per_axis.numpy()[:, sent].max() < 1e-9
    assert (received.values.numpy()[:, ~sent] == 0).all() and np.isinf(
        received.noise_var_per_axis.numpy()[:, ~sent]
    ).all()


def test_features_come_back_from_all_axes_without_noise():
    link = make_link()
    codec, x, snr_db = link.codec, TRAINING[:BATCH], tf.constant(math.inf)
    factor = typical_over_own_amplitude(codec, x, snr_db, SYMBOLS)
    assert len(set(codec.order_at(snr_db).numpy())) == DIM
    centred = (link.transmit(tf.constant(x), snr_db, SYMBOLS).features - codec.mean) / factor
    np.testing.assert_allclose(centred, x - codec.mean.numpy(), atol=1e-4)


@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_average_power_on_the_air_is_one(snr_db):
    link = make_link()
    for count in (2, 40, SYMBOLS):
        symbols = link.air.symbols(link.codec.symbols_of(link.codec.code(TRAINING), tf.constant(snr_db), count, row=1))
        np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_every_symbol_has_the_same_expected_power_if_the_sender_does_not_know_how_many_count(snr_db):
    """On features that took no part in the fit, within the sampling error of these and of those that measured it."""
    codec, snr_db, held_out, others = make_link().codec, tf.constant(snr_db), 4000, 2000
    codec.measure_power(features(held_out, 6))
    squares = codec.symbols_of(codec.code(features(others, 5)), snr_db, SYMBOLS).numpy() ** 2
    error = squares.std(axis=0) * math.sqrt(1 / others + 1 / held_out)
    assert (np.abs(squares.mean(axis=0) - 1) < 4.5 * error).all()


def test_few_features_make_no_axis_loud():
    codec = make_link().codec
    codec.measure_power(np.tile(codec.mean.numpy(), (2, 1)))  # their code is zero
    assert codec.amplitude().numpy().max() < 1.1


def test_every_symbol_on_the_air_has_power_one():
    """Of Gaussian features, each coordinate once: no symbol differs from another but by its sample."""
    x = np.random.default_rng(0).standard_normal((2000, DIM)).astype(np.float32)
    codec = AdaptiveCodec(DIM, DIM, (DIM,), DIM)
    codec.adapt(neighbour_axes(x), np.zeros(31))
    symbols = Link(codec).air.symbols(codec.symbols_of(codec.code(x), tf.constant(20.0), DIM)).numpy()
    power = np.abs(symbols) ** 2
    assert power.shape == (2000, DIM // 2)
    assert (np.abs(power.mean(axis=0) - 1) < 4.5 * power.std(axis=0) / math.sqrt(2000)).all()


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 8.0])
@pytest.mark.parametrize("channel", [AWGN, RAYLEIGH], ids=lambda c: c.label)
def test_the_receiver_knows_its_noise(channel, snr_db):
    """Given the fading, every error is Gaussian: the mean of n squares has a standard error of sqrt(2 / n)."""
    link, x, snr_db, count = make_link(channel), features(2000, 4), tf.constant(snr_db), 40
    seed_noise(6)
    received = link.transmit(tf.constant(x), snr_db, count).code
    sent = np.isfinite(received.noise_var_per_axis.numpy()[0])
    clean = link.codec.codewords(x) * typical_over_own_amplitude(link.codec, x, snr_db, count)
    squares = ((received.values.numpy() - clean) ** 2 / received.noise_var_per_axis.numpy())[:, sent]
    assert abs(squares.mean() - 1) < 4.5 * math.sqrt(2 / squares.size)
    assert (np.abs(squares.mean(axis=0) - 1) < 4.5 * math.sqrt(2 / len(x))).all()


@pytest.mark.parametrize("snr_db", [-10.0, 8.0])
@pytest.mark.parametrize("channel", [AWGN, RAYLEIGH], ids=lambda c: c.label)
def test_symbols_that_are_not_used_have_not_been_received(channel, snr_db):
    link, snr_db = make_link(channel), tf.constant(snr_db)
    codec, used = link.codec, 14
    received = link.air(codec.symbols_of(codec.code(TRAINING[:BATCH]), snr_db, 40), snr_db)
    first = received._replace(
        **{part: getattr(received, part)[:, :used] for part in ("values", "noise_var_per_symbol", "bias")}
    )
    for left, right in zip(codec.combine(received, snr_db, used=used), codec.combine(first, snr_db), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5)
    whole = codec.combine(received, snr_db)
    assert (
        np.isfinite(whole.noise_var_per_axis).sum() > np.isfinite(codec.combine(first, snr_db).noise_var_per_axis).sum()
    )


def test_the_order_is_that_of_the_nearest_snr_of_the_grid():
    codec = make_link().codec

    def order(snr_db):
        return codec.order_at(tf.constant(snr_db)).numpy().tolist()

    assert order(-math.inf) == order(-30.0) == order(-10.0) != order(0.0)
    assert order(math.inf) == order(45.0) == order(20.0) != order(0.0)
    assert order(3.4) == order(2.6) == order(3.0) != order(4.0)


def test_numbers_of_symbols_have_orders_of_their_own():
    codec = AdaptiveCodec(DIM, DIM, (16, 64))
    codec.adapt(neighbour_axes(TRAINING), np.array([[1.0] * 31, [2.0] * 31, [0.25] * 31]))
    orders = [codec.order_at(tf.constant(0.0), row).numpy().tolist() for row in range(3)]
    assert orders[0] != orders[1] != orders[2]
    rows = {2: 0, 4: 0, 6: 1, 16: 1, 31: 1, 33: 2, 64: 2, 190: 2, 194: 0}  # nearest by ratio, if that is below 3
    assert {count: codec.row_of(count) for count in rows} == rows
    link, x = Link(codec), tf.constant(TRAINING[:BATCH])
    received = link.transmit(x, tf.constant(0.0), 16).code.noise_var_per_axis.numpy()
    np.testing.assert_array_equal(np.isfinite(received[0]), np.isin(np.arange(DIM), orders[1][:16]))
    progressive = link.transmit(x, tf.constant(0.0), 64, used=16).code.noise_var_per_axis.numpy()
    np.testing.assert_array_equal(np.isfinite(progressive[0]), np.isin(np.arange(DIM), orders[0][:16]))


def test_a_sender_that_does_not_know_how_many_count_starts_alike_whatever_counts():
    """The first symbols on the air, without noise and unbiased, are the same for every number."""
    link, x, snr_db = make_link(), tf.constant(TRAINING[:BATCH]), tf.constant(math.inf)
    few, many = (link.transmit(x, snr_db, SYMBOLS, used=used).code for used in (10, SYMBOLS))
    sent = np.isfinite(few.noise_var_per_axis.numpy()[0])
    assert 0 < sent.sum() < DIM
    np.testing.assert_allclose(few.values.numpy()[:, sent], many.values.numpy()[:, sent], atol=1e-4)
    np.testing.assert_allclose(many.values.numpy(), link.codec.codewords(TRAINING[:BATCH]), atol=1e-3)


def test_far_from_numbers_with_an_order_of_their_own_one_is_sent_by_the_common_one():
    """As by a sender that does not know the number, but for the power rule: a feature's symbols have power 1."""
    link = make_link(exponents=np.array([[1.0] * 31, [2.0] * 31]))
    codec, x, snr_db = link.codec, tf.constant(TRAINING[:BATCH]), tf.constant(0.0)
    few, sent = 12, []
    assert codec.row_of(few) == 0 < codec.row_of(14)

    def air(symbols, snr_db):
        sent.append(symbols.numpy())
        return link.air(symbols, snr_db)

    send(codec, air, x, snr_db, few)
    common, nearest = (codec.symbols_of(codec.code(x), snr_db, few, row).numpy() for row in (0, 1))
    np.testing.assert_allclose(sent[0], common, rtol=1e-6)
    assert not np.allclose(nearest, common)
    assert link.air.power == "per_feature"


@pytest.mark.parametrize("snr_db", [-8.0, 6.0])
def test_the_short_way_over_awgn_is_the_long_one(snr_db):
    """The same noise variances, and the same values but for the noise, which has that variance in both."""
    codec = AdaptiveCodec(DIM, DIM, (40,), SYMBOLS)
    codec.adapt(neighbour_axes(TRAINING), ORDER_EXPONENTS)
    link, x, count = Link(codec), features(2000, 4), 40
    order = codec.order_at(tf.constant(snr_db), codec.row_of(count)).numpy()[:count]
    times = np.bincount(order, minlength=DIM)
    assert times.max() > 1 and times.min() == 0
    seed_noise(8)
    long = link.transmit(tf.constant(x), tf.constant(snr_db), count).code
    values, noise_var_per_axis = receive_over_awgn(
        codec.codewords(x), times, 10 ** (snr_db / 10), np.random.default_rng(3)
    )
    np.testing.assert_allclose(noise_var_per_axis, long.noise_var_per_axis, rtol=1e-5)
    sent = times > 0
    difference = (values - long.values.numpy())[:, sent] / np.sqrt(2 * noise_var_per_axis[0, sent])
    assert abs(difference.mean()) < 4.5 / math.sqrt(difference.size)
    assert abs(np.square(difference).mean() - 1) < 4.5 * math.sqrt(2 / difference.size)
    assert (values[:, ~sent] == 0).all()
