"""The contract that every image codec passes: shapes, saving, gradients, power, what is sent and who may know it."""

import math
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import AnalogueLink, build_channel, seed_noise
from kbsc_tf.config import AwgnConfig, OfdmConfig, RayleighConfig
from kbsc_tf.schemes.jscc.config import SwinSize
from kbsc_tf.schemes.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.schemes.jscc.image_losses import image_loss
from kbsc_tf.schemes.jscc.swin import SwinBlock, WindowAttention
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder

BATCH, SIDE, PLACES, CHANNELS = 4, 16, 16, 4
TOLD = (-5.0, 15.0)
RATES = (4, 8)
TINY = SwinSize(widths=(8, 16), depths=(2, 1), heads=(2, 4), window=2)
SMALL_GRID = OfdmConfig(fft_size=32, guard_carriers=(2, 1), csi="ls", model="tdl-a")
RAYLEIGH = RayleighConfig()
SWIN = ["none", "sa", "ra", "sa_ra"]
KINDS = ["deepjscc", "adjscc", *SWIN]
RATE_ADAPTIVE, SNR_ADAPTIVE = ["ra", "sa_ra"], ["adjscc", "sa", "sa_ra"]
NO_NOISE = tf.constant(math.inf)

slow = partial(pytest.param, marks=pytest.mark.slow)
long = partial(pytest.param, marks=pytest.mark.long)


def quick(kinds):
    """Those of some kinds that the fast tests take: "sa_ra" does what "sa" and "ra" do."""
    return [slow(kind) if kind in ("sa", "ra") else kind for kind in kinds]


every_kind = pytest.mark.parametrize("kind", quick(KINDS))
XLA = [("adjscc", True), slow("deepjscc", True), slow("sa_ra", True)]


def pixels(seed=0, shape=(BATCH, SIDE, SIDE, 3)):
    return tf.constant(np.random.default_rng(seed).random(shape, np.float32))


def make_link(kind, channel=AwgnConfig()):  # noqa: B008
    """A link with random weights; a rate-adaptive one favours other channels at each rate."""
    keras.utils.set_random_seed(0)
    if kind in ("deepjscc", "adjscc"):
        networks = [network(CHANNELS, kind == "adjscc") for network in (DeepJsccEncoder, DeepJsccDecoder)]
        return ImageLink(*networks, channel, TOLD)
    by_rate = "ra" in kind
    settings = TINY, TINY.widths[-1] if by_rate else CHANNELS, "sa" in kind, by_rate
    link = ImageLink(SwinJsccEncoder(*settings), SwinJsccDecoder(*settings), channel, TOLD, RATES if by_rate else ())
    if by_rate:
        link.favour.assign(np.random.default_rng(1).random(link.favour.shape))
    return link


def rates_of(link):
    return link.rates or (None,)


def inputs_of(link, images, snr_db=5.0, number=1):
    known = {"rate": tf.fill([len(images)], number)} if link.rates else {}
    return {"image": images, "snr_db": tf.fill([len(images)], snr_db), **known}


def listen():
    """An air that adds nothing, and what goes over it."""
    on_air, channel = [], build_channel(AwgnConfig())
    return AnalogueLink(lambda symbols, snr_db: on_air.append(symbols) or channel(symbols, NO_NOISE)), on_air


@pytest.mark.long
@pytest.mark.parametrize("channel", [AwgnConfig(), SMALL_GRID], ids=lambda c: c.label)
@every_kind
def test_shapes_dtype_and_saving(kind, channel, tmp_path):
    link, images = make_link(kind, channel), pixels()
    if kind in SWIN:
        link.decoder.scale.assign(1.7)
    link.save(tmp_path / "link.keras")
    again = keras.saving.load_model(tmp_path / "link.keras")
    np.testing.assert_array_equal(again.favour, link.favour)
    for rate in rates_of(link):
        results = []
        for one in (link, again):
            seed_noise(1)
            results.append(one.transmit(images, tf.constant(5.0), rate))
        received, noise_var_per_symbol, _ = results[0]
        assert (
            received.shape == images.shape and received.dtype == tf.float32 and noise_var_per_symbol.shape == (BATCH,)
        )
        np.testing.assert_array_equal(received, results[1].images)


@pytest.mark.long
@every_kind
def test_the_awgn_noise_power_is_told_truly(kind):
    link = make_link(kind)
    for rate in rates_of(link):
        np.testing.assert_allclose(
            link.transmit(pixels(), tf.constant(5.0), rate).noise_var_per_symbol, 10**-0.5, rtol=1e-5
        )


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "jit_compile"),
    [("sa_ra", False), *(long(kind, False) for kind in ("deepjscc", "adjscc", "none")), slow("sa", False)]
    + [slow("ra", False), *XLA],
)
def test_eager_graph_and_xla_agree(kind, jit_compile):
    """Without noise, because XLA draws other random numbers; the equaliser undoes the fading."""
    link, images = make_link(kind, RAYLEIGH), pixels()

    def transmit():
        return link.transmit(images, NO_NOISE, rates_of(link)[-1]).images

    eager = transmit().numpy()
    np.testing.assert_allclose(tf.function(transmit, jit_compile=jit_compile)(), eager, atol=1e-4)


def check_gradients(kind, channel, mode):
    link, images = make_link(kind, channel), pixels()

    def gradients():
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(link(inputs_of(link, images), training=True) - images))
        return tape.gradient(value, link.trainable_variables)

    run = gradients if mode == "eager" else tf.function(gradients, jit_compile=mode == "xla")
    for variable, gradient in zip(link.trainable_variables, run(), strict=True):
        assert gradient is not None, variable.path
        gradient = tf.convert_to_tensor(gradient).numpy()  # that of a table which is looked up has rows and numbers
        assert np.all(np.isfinite(gradient)) and np.any(gradient != 0), variable.path


# Tracing takes seconds, and the two trace what the others do.
GRAPHS = [(kind, "graph") if kind in ("adjscc", "sa_ra") else slow(kind, "graph") for kind in KINDS]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "mode"), [*((kind, "eager") for kind in KINDS), *GRAPHS])
def test_every_weight_gets_a_finite_non_zero_gradient(kind, mode):
    check_gradients(kind, AwgnConfig(), mode)


@pytest.mark.parametrize(("kind", "channel"), [("sa_ra", RAYLEIGH), ("adjscc", SMALL_GRID)], ids=["flat", "ofdm"])
def test_gradients_pass_fading(kind, channel):
    check_gradients(kind, channel, "eager")


@pytest.mark.parametrize("kind", [slow("adjscc"), slow("sa_ra")])
def test_gradients_pass_xla(kind):
    check_gradients(kind, AwgnConfig(), "xla")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", slow("adjscc"), slow("deepjscc"), slow("sa_ra")])
def test_training_lowers_the_loss(kind):
    """On images of one colour each, which are learnt in a few steps; eager, as tracing takes longer than these."""
    link, images = make_link(kind), np.asarray(pixels(3, (8, 1, 1, 3)) * np.ones((8, SIDE, SIDE, 3), np.float32))
    epochs, learning_rate = (6, 1e-2) if kind in SWIN else (25, 3e-3)
    link.compile(keras.optimizers.Adam(learning_rate), image_loss("mse"), run_eagerly=True)
    inputs = {"image": images, "snr_db": np.full(8, 10.0, np.float32)}
    if link.rates:
        inputs["rate"] = np.repeat([0, 1], 4).astype(np.int32)
    seed_noise(0)
    history = link.fit(
        inputs, images, batch_size=4 if kind in SWIN else 8, epochs=epochs, shuffle=False, verbose=0
    ).history["loss"]
    assert history[-1] < 0.8 * history[0]


@every_kind
def test_every_image_is_sent_in_k_half_symbols_of_average_power_one(kind):
    """Whatever the scale of the image, and the latent's with it; so nothing of it can be told from the power."""
    link = make_link(kind)
    air, on_air = listen()
    images = pixels() * tf.constant([1e-2, 1.0, 1.0, 1e2])[:, None, None, None]
    for rate in rates_of(link):
        link.transmit(images, tf.constant(5.0), rate, air)
    assert [symbols.shape for symbols in on_air] == [
        (BATCH, PLACES * (rate or CHANNELS) // 2) for rate in rates_of(link)
    ]
    for symbols in on_air:
        np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, atol=1e-3)


@pytest.mark.long
@every_kind
def test_images_of_a_batch_do_not_know_each_other(kind):
    link, images, others = make_link(kind), pixels(1), 100.0 * pixels(2)
    for rate in rates_of(link):
        with_images, with_others = (
            link.transmit(tf.concat([images[:2], rest[2:]], axis=0), NO_NOISE, rate).images for rest in (images, others)
        )
        np.testing.assert_allclose(with_images[:2], with_others[:2], atol=1e-6)
        assert np.abs(with_images[2:] - with_others[2:]).max() > 1e-4


@pytest.mark.long
@every_kind
def test_images_of_another_size(kind):
    """Height and width change places nowhere, and what was traced for one size does not stay for the next."""
    link, rate = make_link(kind), rates_of(make_link(kind))[0]
    first = link.transmit(pixels(), NO_NOISE, rate).images
    air, on_air = listen()
    wide = pixels(5, (2, 16, 24, 3))
    assert link.transmit(wide, NO_NOISE, rate, air).images.shape == wide.shape
    assert on_air[0].shape == (2, 4 * 6 * CHANNELS // 2)
    np.testing.assert_array_equal(link.transmit(pixels(), NO_NOISE, rate).images, first)


# What SNR and rate decide


@every_kind
def test_snr_adaptive_encoders_react_to_the_snr_and_others_do_not(kind):
    link = make_link(kind)
    low, high = (link.latent(pixels(), tf.constant(snr_db), rates_of(link)[0]).numpy() for snr_db in (-5.0, 15.0))
    assert (np.abs(high - low).max() > 1e-4) == (kind in SNR_ADAPTIVE)


@pytest.mark.long
@pytest.mark.parametrize("kind", quick(SNR_ADAPTIVE))
def test_networks_are_told_snrs_of_their_training_alone(kind):
    link = make_link(kind)
    air, _ = listen()  # without noise, so that what is told makes all the difference

    def received(snr_db):
        return link.transmit(pixels(), tf.constant(snr_db), rates_of(link)[0], air).images.numpy()

    np.testing.assert_array_equal(received(40.0), received(TOLD[1]))
    np.testing.assert_array_equal(received(math.inf), received(TOLD[1]))
    np.testing.assert_array_equal(received(-40.0), received(TOLD[0]))
    assert np.abs(received(10.0) - received(TOLD[1])).max() > 1e-5


@pytest.mark.long
@pytest.mark.parametrize("kind", quick(RATE_ADAPTIVE))
def test_only_the_favoured_channels_are_sent(kind):
    link = make_link(kind)
    gate = link.encoder.rate_net.gate  # its bias for a channel moves that channel of the latent alone
    for number, rate in enumerate(RATES):
        order = np.argsort(-link.favour.numpy()[number])
        assert set(link.chosen(rate).numpy()) == set(order[:rate])
        before, received = gate.bias.numpy(), []
        for raised in ([], order[rate:], order[:1]):
            gate.bias.assign(before + 3.0 * np.isin(np.arange(len(order)), raised))
            received.append(link.transmit(pixels(), NO_NOISE, rate).images.numpy())
        gate.bias.assign(before)
        np.testing.assert_array_equal(received[1], received[0])
        assert np.abs(received[2] - received[0]).max() > 1e-5


@every_kind
def test_the_latent_is_what_goes_on_the_air(kind):
    link = make_link(kind)
    air, on_air = listen()
    for rate in rates_of(link):
        link.transmit(pixels(), tf.constant(3.0), rate, air)
        values = tf.reshape(link.latent(pixels(), tf.constant(3.0), rate), [BATCH, -1])
        np.testing.assert_allclose(link.air.symbols(values), on_air[-1], atol=1e-6)


@pytest.mark.parametrize("kind", quick(RATE_ADAPTIVE))
@pytest.mark.parametrize("number", [long(0), 1])
def test_training_moves_the_favour_of_the_drawn_rate_alone(kind, number):
    link, images = make_link(kind), pixels()
    before = link.favour.numpy()
    inputs = inputs_of(link, images, number=number)
    link(inputs, training=False)
    np.testing.assert_array_equal(link.favour, before)
    link(inputs, training=True)
    _, gates = link.encoder(images, inputs["snr_db"], tf.fill([BATCH], float(RATES[number])))
    expected = before.copy()
    expected[number] = 0.99 * before[number] + 0.01 * np.mean(gates, axis=0)
    np.testing.assert_allclose(link.favour, expected, rtol=1e-5)
    np.testing.assert_array_equal(link.favour[1 - number], before[1 - number])


@pytest.mark.parametrize("number", [long(0), 1])
def test_out_of_training_a_call_is_a_transmission_at_the_drawn_rate(number):
    link, images = make_link("sa_ra"), pixels()
    called = link(inputs_of(link, images, math.inf, number), training=False)
    np.testing.assert_allclose(called, link.transmit(images, NO_NOISE, RATES[number]).images, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("snr_db", [[0.0, 10.0], long([math.inf])], ids=str)
@pytest.mark.parametrize("kind", quick(SWIN))
def test_measuring_sets_the_favour_and_the_decoders_scale(kind, snr_db):
    link, images = make_link(kind), pixels()
    link.measure([images[:2], images[2:]], snr_db)
    told = tf.constant(np.repeat(np.clip(snr_db, *TOLD), BATCH), tf.float32)
    images, power = tf.tile(images, [len(snr_db), 1, 1, 1]), []
    for number, rate in enumerate(rates_of(link)):
        z = link.encoder(images, told, None if rate is None else tf.fill([len(images)], float(rate)))
        if rate:
            z, gates = z
            favour = np.mean(gates, axis=0)
            np.testing.assert_allclose(link.favour[number], favour, rtol=1e-5)
            z = z.numpy()[..., np.argsort(-favour)[:rate]]
        power.append(np.mean(np.square(z)))
    np.testing.assert_allclose(link.decoder.scale, np.sqrt(np.mean(power)), rtol=1e-5)


# Swin Transformer blocks


def drawn_block(shifted, heads=2, window=4, width=8):
    """A block whose attention is far from uniform, so that a leak would be seen."""
    block = SwinBlock(heads, window, shifted)
    block.build((None, None, None, width))
    rng = np.random.default_rng(0)
    for variable in (*block.attention.qkv.trainable_variables, *block.attention.project.trainable_variables):
        variable.assign(rng.standard_normal(variable.shape))
    return block


@pytest.mark.parametrize(
    ("shifted", "place", "reached"),
    [
        (False, (0, 0), (slice(0, 4), slice(0, 4))),
        (True, (0, 0), (slice(0, 2), slice(0, 2))),  # and not the other corners, with which it shares a window
        (True, (7, 0), (slice(6, 8), slice(0, 2))),
        (True, (3, 3), (slice(2, 6), slice(2, 6))),
        (True, (0, 3), (slice(0, 2), slice(2, 6))),
    ],
)
def test_a_block_reaches_its_window_and_no_further(shifted, place, reached):
    """Windows of 4 on a map of 8x8, shifted by 2; what the shift carries over the border stays apart."""
    block, x = drawn_block(shifted), np.random.default_rng(1).standard_normal((1, 8, 8, 8)).astype(np.float32)
    changed = x.copy()
    changed[(0, *place)] += np.linspace(-2, 2, 8)
    difference = np.abs(block(tf.constant(changed)) - block(tf.constant(x))).max(axis=(0, 3))
    expected = np.zeros((8, 8), bool)
    expected[reached] = True
    np.testing.assert_array_equal(difference > 1e-6, expected)


@pytest.mark.parametrize("axis", [1, 2], ids=["tall", "wide"])
def test_unshifted_windows_side_by_side_are_windows_alone(axis):
    block, x = drawn_block(False), pixels(0, (3, 4, 4, 8))
    together = block(tf.concat([x, 2 * x], axis=axis))
    np.testing.assert_allclose(together, tf.concat([block(x), block(2 * x)], axis=axis), atol=1e-5)


def test_nothing_is_shifted_where_one_window_holds_all():
    plain, shifted = drawn_block(False), drawn_block(True)
    shifted.set_weights(plain.get_weights())
    x = pixels(0, (1, 4, 4, 8))
    np.testing.assert_array_equal(shifted(x), plain(x))


def test_position_bias_follows_from_the_offset_alone():
    window, heads = 3, 2
    attention = WindowAttention(heads, window)
    attention.build((None, None, None, 8))
    bias, table = attention._bias().numpy(), attention.bias_table.numpy().reshape(5, 5, heads)
    for i, j in np.ndindex(window**2, window**2):
        down, right = np.subtract(divmod(i, window), divmod(j, window))
        np.testing.assert_array_equal(bias[:, i, j], table[down + window - 1, right + window - 1])
