"""The adaptive code: the contract of a model, and that its receiver knows what it received and how well."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.config import AwgnConfig, OfdmConfig, RayleighConfig
from kbsc_tf.receiver import neighbour_axes
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec
from kbsc_tf.schemes.adaptive.adaptive_link import AdaptiveLink
from kbsc_tf.schemes.adaptive.objectives import OBJECTIVES, CodeMetric

DIM, SYMBOLS, BATCH = 32, 96, 24
AWGN, RAYLEIGH = AwgnConfig(), RayleighConfig()
GRID = OfdmConfig(fft_size=32, guard_carriers=(2, 1), csi="ls", model="tdl-a")
CHANNELS = [AWGN, RAYLEIGH, GRID]
TRAINED = [False, True]


def features(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, DIM)) * np.geomspace(2, 0.1, DIM) + 3
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


TRAINING = features(600)
ORDER_EXPONENTS = np.linspace(1.5, 0.5, 31)


def make_link(channel=AWGN, trained=False, exponents=ORDER_EXPONENTS):
    """``trained``: with the weights of a network that has learned something, whatever."""
    codec = AdaptiveCodec(DIM, DIM, (40,), 12 if trained else 0, SYMBOLS)
    codec.adapt(neighbour_axes(TRAINING), exponents)
    if trained:
        rng = np.random.default_rng(1)
        for variable in codec.trainable_variables:
            variable.assign(0.2 * rng.standard_normal(variable.shape))
        codec.measure_power(TRAINING)
    return AdaptiveLink(codec, channel)


def metric():
    return CodeMetric(tf.constant(np.geomspace(1, 0.3, DIM), tf.float32), 0.1)


def inputs(x, snr_db=5.0):
    return {"feature": x, "snr_db": np.full(len(x), snr_db, np.float32), "label": np.argmax(x[:, :5], axis=1)}


def typical_over_own_amplitude(codec, x, snr_db, count):
    """[B, 1]: what the power constraint leaves unknown, because the receiver scales as for the average feature."""
    values = codec.symbols_of(codec.code(x), snr_db, count, row=1).numpy()
    order, gain = codec.order_at(snr_db, row=1).numpy()[:count], codec.amplitude(snr_db, row=1).numpy()
    typical = np.mean((codec.power.numpy() * gain**2)[order])
    return np.sqrt(typical / np.mean(values**2, axis=1, keepdims=True))


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.label)
def test_shapes_dtype_and_saving(channel, trained, tmp_path):
    link, x = make_link(channel, trained), tf.constant(TRAINING[:BATCH])
    seed_noise(1)
    received = link.transmit(x, tf.constant(5.0), 40)
    assert (
        received.features.shape == received.code.values.shape == received.code.noise_var_per_axis.shape == (BATCH, DIM)
    )
    assert received.features.dtype == received.code.values.dtype == tf.float32
    assert received.noise_var_per_symbol.shape == (BATCH,)
    link.save(tmp_path / "link.keras")
    seed_noise(1)
    again = keras.saving.load_model(tmp_path / "link.keras").transmit(x, tf.constant(5.0), 40)
    np.testing.assert_array_equal(received.features, again.features)
    np.testing.assert_array_equal(received.code.noise_var_per_axis, again.code.noise_var_per_axis)


@pytest.mark.parametrize("trained", TRAINED)
def test_the_configuration_makes_the_same_codec(trained):
    codec = make_link(trained=trained).codec
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
def test_every_weight_gets_a_finite_non_zero_gradient(channel, mode, monkeypatch):
    """From every objective; they share the way there, because a channel takes long to compile."""
    names = sorted(OBJECTIVES)
    together = [OBJECTIVES[name] for name in names]
    monkeypatch.setitem(OBJECTIVES, "all", lambda *delivery: tf.stack([one(*delivery) for one in together]))
    link, batch = make_link(channel, trained=True), inputs(tf.constant(TRAINING[:BATCH]))
    link.train_for("all", metric(), (16, 40))

    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            values = tf.unstack(tf.reduce_mean(link(batch), axis=1))
        return [tape.gradient(value, link.trainable_variables) for value in values]

    seed_noise(2)
    run = gradients if mode == "eager" else tf.function(gradients, jit_compile=mode == "xla")
    assert len(link.trainable_variables) == 5
    for name, found in zip(names, run(), strict=True):
        for variable, gradient in zip(link.trainable_variables, found, strict=True):
            assert np.all(np.isfinite(gradient)), (name, variable.path)
            assert np.any(np.asarray(gradient) != 0), (name, variable.path)


def test_without_a_network_there_are_gains_to_train():
    link = make_link()
    link.train_for("distortion", metric(), (40, 40))
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(link(inputs(tf.constant(TRAINING[:BATCH]))))
    [gains], [gradient] = link.trainable_variables, tape.gradient(value, link.trainable_variables)
    assert (
        gains.name == "log_gain"
        and gradient.shape == (1, 7, DIM)
        and np.all(np.isfinite(gradient))
        and np.any(gradient[0, 3] != 0)
    )
    assert np.all(np.delete(gradient[0], 3, axis=0) == 0)  # 5 dB is the fourth knot


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_training_lowers_the_objective(name):
    keras.utils.set_random_seed(0)
    seed_noise(0)
    link = make_link(trained=True)
    link.train_for(name, metric(), (40, 40))
    link.compile(optimizer=keras.optimizers.Adam(5e-3), run_eagerly=True)
    batch = inputs(TRAINING, 10.0)
    history = link.fit(batch, TRAINING, batch_size=100, epochs=6, verbose=0).history["loss"]
    assert history[-1] < 0.97 * history[0]


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("channel", [AWGN, RAYLEIGH], ids=lambda c: c.label)
def test_what_is_sent_arrives_without_noise(channel, trained):
    """Up to a factor common to a feature's coordinates; of the rest nothing is known."""
    link, x, snr_db, count = make_link(channel, trained), TRAINING[:BATCH], tf.constant(math.inf), 20
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


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_average_power_on_the_air_is_one(snr_db, trained):
    link = make_link(trained=trained)
    for count in (2, 40, SYMBOLS):
        symbols = link.air.symbols(link.codec.symbols_of(link.codec.code(TRAINING), tf.constant(snr_db), count, row=1))
        np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_every_symbol_has_the_same_expected_power_if_the_sender_does_not_know_how_many_count(snr_db, trained):
    """On features that took no part in the fit, within the sampling error of these and of those that measured it."""
    codec, snr_db, held_out, others = make_link(trained=trained).codec, tf.constant(snr_db), 4000, 2000
    codec.measure_power(features(held_out, 6))
    squares = codec.symbols_of(codec.code(features(others, 5)), snr_db, SYMBOLS).numpy() ** 2
    error = squares.std(axis=0) * math.sqrt(1 / others + 1 / held_out)
    assert (np.abs(squares.mean(axis=0) - 1) < 4.5 * error).all()


def test_few_features_make_no_axis_loud():
    codec = make_link().codec
    codec.measure_power(np.tile(codec.mean.numpy(), (2, 1)))  # their code is zero
    assert codec.amplitude(tf.constant(0.0)).numpy().max() < 1.1


def test_every_symbol_on_the_air_has_power_one():
    """Of Gaussian features, each coordinate once: no symbol differs from another but by its sample."""
    x = np.random.default_rng(0).standard_normal((2000, DIM)).astype(np.float32)
    codec = AdaptiveCodec(DIM, DIM, (DIM,), symbols=DIM)
    codec.adapt(neighbour_axes(x), np.zeros(31))
    symbols = AdaptiveLink(codec).air.symbols(codec.symbols_of(codec.code(x), tf.constant(20.0), DIM)).numpy()
    power = np.abs(symbols) ** 2
    assert power.shape == (2000, DIM // 2)
    assert (np.abs(power.mean(axis=0) - 1) < 4.5 * power.std(axis=0) / math.sqrt(2000)).all()


@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 8.0])
@pytest.mark.parametrize("channel", [AWGN, RAYLEIGH], ids=lambda c: c.label)
def test_the_receiver_knows_its_noise(channel, snr_db, trained):
    """Given the fading, every error is Gaussian: the mean of n squares has a standard error of sqrt(2 / n)."""
    link, x, snr_db, count = make_link(channel, trained), features(2000, 4), tf.constant(snr_db), 40
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
    link, x = AdaptiveLink(codec), tf.constant(TRAINING[:BATCH])
    received = link.transmit(x, tf.constant(0.0), 16).code.noise_var_per_axis.numpy()
    np.testing.assert_array_equal(np.isfinite(received[0]), np.isin(np.arange(DIM), orders[1][:16]))
    progressive = link.transmit(x, tf.constant(0.0), 64, used=16).code.noise_var_per_axis.numpy()
    np.testing.assert_array_equal(np.isfinite(progressive[0]), np.isin(np.arange(DIM), orders[0][:16]))


def test_training_reaches_the_gains_of_every_number():
    codec = AdaptiveCodec(DIM, DIM, (16, 32))
    codec.adapt(neighbour_axes(TRAINING), np.ones(31))
    link = AdaptiveLink(codec)
    link.train_for("distortion", metric(), (8, 40))
    reached = np.zeros(2, bool)
    for seed in range(20):
        seed_noise(seed)
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(link(inputs(tf.constant(TRAINING[:BATCH]))))
        gradient = tape.gradient(value, codec.log_gain.value).numpy()
        assert np.all(np.isfinite(gradient))
        touched = np.any(gradient != 0, axis=(1, 2))
        assert touched.sum() == 1
        reached |= touched
    assert reached.all()


def test_gains_are_interpolated_between_knots_of_5_db():
    codec = make_link(trained=True).codec
    left, middle, right = (np.log(codec.amplitude(tf.constant(snr_db), 1)) for snr_db in (5.0, 7.0, 10.0))
    np.testing.assert_allclose(left, codec.log_gain[0, 3], atol=1e-6)
    np.testing.assert_allclose(middle, 0.6 * left + 0.4 * right, atol=1e-6)
    np.testing.assert_array_equal(codec.amplitude(tf.constant(math.inf), 1), codec.amplitude(tf.constant(20.0), 1))
    np.testing.assert_array_equal(make_link().codec.amplitude(tf.constant(7.0), 1), np.ones(DIM))


def test_a_sender_that_does_not_know_how_many_count_starts_alike_whatever_counts():
    """The first symbols on the air, without noise and unbiased, are the same for every number; learned gains or not."""
    link, x, snr_db = make_link(trained=True), tf.constant(TRAINING[:BATCH]), tf.constant(math.inf)
    few, many = (link.transmit(x, snr_db, SYMBOLS, used=used).code for used in (10, SYMBOLS))
    sent = np.isfinite(few.noise_var_per_axis.numpy()[0])
    assert 0 < sent.sum() < DIM
    np.testing.assert_allclose(few.values.numpy()[:, sent], many.values.numpy()[:, sent], atol=1e-4)
    np.testing.assert_allclose(many.values.numpy(), link.codec.codewords(TRAINING[:BATCH]), atol=1e-3)


def test_far_from_numbers_with_an_order_of_their_own_one_is_sent_by_the_common_one():
    """As by a sender that does not know the number, but for the power rule: a feature's symbols have power 1."""
    link = make_link()
    codec, x, snr_db = link.codec, tf.constant(TRAINING[:BATCH]), tf.constant(0.0)
    codec.log_gain.assign(tf.random.stateless_normal(codec.log_gain.shape, [1, 2]))
    few, sent = 12, []
    assert codec.row_of(few) == 0 < codec.row_of(14)

    def air(symbols, snr_db):
        sent.append(symbols.numpy())
        return link.air(symbols, snr_db)

    link.transmit(x, snr_db, few, air=air)
    common, nearest = (codec.symbols_of(codec.code(x), snr_db, few, row).numpy() for row in (0, 1))
    np.testing.assert_allclose(sent[0], common, rtol=1e-6)
    assert not np.allclose(nearest, common)
    assert link.air.power == "per_feature"
