"""What every scheme owes: power, channel uses, determinism; and the closed forms that tie the schemes together."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from clustered import DIM, feature_set
from eagerly import eagerly

from kbsc_tf.channel import AnalogueLink, build_link, seed_noise
from kbsc_tf.channel.power import amplitude
from kbsc_tf.config import AwgnConfig, ExperimentConfig, NearestConfig, RayleighConfig
from kbsc_tf.errors import UserError
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.transmission import SourceBatch

K = 16
NAMES = ["kbsc", "pca", "raw"]

TRAINING = feature_set(600, 1, 0.6)
BATCH = SourceBatch(feature_set(50, 2, 0.6).x)
HELD_OUT = feature_set(40, 3, 0.6)
VALIDATION = Validation(HELD_OUT.x, HELD_OUT.labels, Receiver.around(feature_set(40, 4, 0.6), NearestConfig()))


def build(channel=None, k=K, dim=DIM, count=600, schemes=NAMES, **options):
    """Schemes of one channel and k; the options are those of KBSC."""
    channel = channel or AwgnConfig()
    trained = {"scheme": "kbsc", "epochs": 1, "batch_size": 100, "validation_snr_db": [5.0], **options}
    config = ExperimentConfig(
        name="t", channels=[channel], k=[k], schemes=[trained if name == "kbsc" else name for name in schemes]
    )
    training = (
        TRAINING if (dim, count) == (DIM, 600) else replace(TRAINING, x=np.ones((count, dim)), labels=range(count))
    )
    return [scheme for _, scheme in build_schemes(config, training)]


def fitted(folder, *args, **settings):
    schemes = build(*args, **settings)
    for scheme in schemes:
        scheme.fit(TRAINING, VALIDATION, folder / scheme.name, lambda *_: None)
    return {scheme.name: scheme for scheme in schemes}


@pytest.fixture(scope="module")
def awgn(tmp_path_factory):
    with eagerly():  # the training alone
        return fitted(tmp_path_factory.mktemp("awgn"))


def test_schemes_come_in_the_order_of_the_records():
    assert [(s.name, s.k) for s in build()] == [("kbsc", K), ("pca", K), ("raw", DIM)]
    channels = [AwgnConfig(), RayleighConfig()]
    config = ExperimentConfig(name="t", schemes=["raw", "pca"], k=[4, 2], channels=channels)
    built = [(channel, scheme.name, scheme.k) for channel, scheme in build_schemes(config, TRAINING)]
    assert built == [(c, *point) for c in channels for point in (("raw", DIM), ("pca", 4), ("pca", 2))]


def test_what_cannot_work_at_any_k_is_refused_before_fitting():
    with pytest.raises(UserError, match="raw needs features of even length, these have 63"):
        build(dim=63)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pca", {"k": DIM + 2}, "66 symbols for features of 64 values; give at most 64, or a multiple"),
        ("kbsc", {"k": DIM + 2}, "66 symbols for features of 64 values; give at most 64, or a multiple"),
        ("pca", {"count": K}, "PCA on 16 axes needs 17 training samples, there are 16"),
    ],
)
def test_what_cannot_work_at_some_k_delivers_nothing(name, settings, message):
    [scheme] = [scheme for scheme in build(**settings) if scheme.name == name]
    assert message in scheme.shortfall.reason and scheme.shortfall[:3] == (name, scheme.k, "")
    scheme.fit(TRAINING)
    sent = scheme.transmit(BATCH, 5.0, 0)
    assert not sent.delivered.any() and not sent.feasible.any() and sent.features.shape == BATCH.features.shape
    assert sent.channel_uses.tolist() == [scheme.k / 2] * 50


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_is_handed_to_the_receiver(awgn, name):
    scheme = awgn[name]
    sent = scheme.transmit(BATCH, 5.0, 1)
    assert sent.features.shape == BATCH.features.shape and sent.features.dtype == np.float32
    assert sent.images is None and sent.delivered.tolist() == [True] * 50
    assert sent.channel_uses.tolist() == [scheme.k / 2] * 50
    np.testing.assert_allclose(sent.noise_var_per_symbol, 10**-0.5, rtol=1e-5)


@pytest.mark.parametrize("power", ["per_feature", "per_batch"])
@pytest.mark.parametrize("name", NAMES)
def test_average_power_is_one(awgn, name, power):
    """What goes on the air, seen in place of the channel."""
    link = awgn[name].link
    on_air, channel = [], link.air.channel
    air = AnalogueLink(lambda symbols, snr_db: on_air.append(symbols) or channel(symbols, snr_db), power)
    link.transmit(tf.constant(BATCH.features), tf.constant(5.0), air=air)
    power_of_symbol = np.abs(on_air[0]) ** 2
    assert power_of_symbol.shape == (50, awgn[name].k // 2)
    np.testing.assert_allclose(power_of_symbol.mean(), 1, atol=1e-3)
    if power == "per_feature":
        np.testing.assert_allclose(power_of_symbol.mean(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_channel_that_is_compiled_cannot_be_exchanged(awgn, name):
    """It would be ignored in silence; a new link takes effect."""
    scheme, rayleigh = awgn[name], RayleighConfig()
    for owner, attribute, value in (
        (scheme, "channel", rayleigh),
        (scheme.link, "air", build_link(rayleigh)),
        (scheme.link, "channel_config", rayleigh),
        (scheme.link.air, "channel", build_link(rayleigh).channel),
        (scheme.link.air, "power", "per_batch"),
    ):
        with pytest.raises(AttributeError, match=attribute):
            setattr(owner, attribute, value)
    link, before = scheme.link, scheme.transmit(BATCH, 5.0, 1).features
    try:
        scheme.link = SemanticLink(link.encoder, link.decoder, rayleigh, link.repeats)
        assert not np.array_equal(scheme.transmit(BATCH, 5.0, 1).features, before)
    finally:
        scheme.link = link
    np.testing.assert_array_equal(scheme.transmit(BATCH, 5.0, 1).features, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_the_arguments_alone(awgn, name):
    first = awgn[name].transmit(BATCH, 0.0, 7).features
    other = awgn[name].transmit(BATCH, 0.0, 8).features
    awgn["raw"].transmit(SourceBatch(BATCH.features[:3]), -3.0, 5)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(awgn[name].transmit(BATCH, 0.0, 7).features, first)


def test_schemes_of_equal_k_meet_the_same_noise(awgn):
    noise = []
    for scheme in (awgn["kbsc"], awgn["pca"]):
        values = scheme.link.encoder(BATCH.features)
        clean = scheme.link.air(values, tf.constant(math.inf)).values
        seed_noise(7)
        received = scheme.link.air(values, tf.constant(0.0)).values
        np.testing.assert_allclose(scheme.link.decoder(received), scheme.transmit(BATCH, 0.0, 7).features, atol=1e-5)
        noise.append(np.asarray(received - clean))
    np.testing.assert_allclose(*noise, atol=1e-5)


def test_raw_without_noise_is_the_feature_up_to_its_length(awgn):
    """The power constraint takes the feature's own length; the mean of the training lengths is put back."""
    received = awgn["raw"].transmit(BATCH, math.inf, 0).features
    np.testing.assert_allclose(received, BATCH.features, atol=1e-5)  # all features have length 1


def test_pca_on_all_axes_without_noise_has_the_direction_of_raw(tmp_path):
    pca = fitted(tmp_path, k=DIM, schemes=["pca"])["pca"]
    centred = BATCH.features - np.asarray(TRAINING.x).mean(axis=0)
    received = pca.transmit(BATCH, math.inf, 0).features - np.asarray(TRAINING.x).mean(axis=0)
    cosine = np.sum(centred * received, axis=1) / np.linalg.norm(centred, axis=1) / np.linalg.norm(received, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_pca_puts_the_mean_training_amplitude_back(awgn):
    link = awgn["pca"].link
    values = link.encoder(BATCH.features)
    mean = float(np.mean(amplitude(link.encoder(np.asarray(TRAINING.x)))))
    centred = np.asarray(values / amplitude(values)) * mean
    received = awgn["pca"].transmit(BATCH, math.inf, 0).features
    _, _, axes = np.linalg.svd(TRAINING.x - np.asarray(TRAINING.x).mean(axis=0), full_matrices=False)
    # In the plane of the axes, whatever their signs: lengths agree feature by feature.
    back = (received - np.asarray(TRAINING.x).mean(axis=0)) @ axes[:K].T
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), np.linalg.norm(centred, axis=1), rtol=1e-4)


def test_transmitting_before_fitting_is_a_mistake_in_the_program():
    with pytest.raises(RuntimeError, match="pca: call fit"):
        build(schemes=["pca"])[0].transmit(BATCH, 0.0, 0)


@pytest.mark.slow
def test_kbsc_does_not_depend_on_what_ran_before_it(tmp_path):
    """Initial weights are seeded: another training first changes nothing."""
    first, again = (fitted(tmp_path / name, schemes=["kbsc"])["kbsc"] for name in ("first", "again"))
    for weight, expected in zip(again.link.get_weights(), first.link.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert "parameters" in again.summary and "MFLOPs" in again.summary


def test_a_model_of_other_settings_is_refused(tmp_path, eager):
    fitted(tmp_path, schemes=["kbsc"])
    for change in ({"k": 8}, {"epochs": 2}, {"channel": RayleighConfig()}):
        with pytest.raises(UserError, match="other features or settings"):
            fitted(tmp_path, schemes=["kbsc"], **change)


@pytest.mark.parametrize("name", ["kbsc", "pca"])
def test_symbols_beyond_the_feature_are_repeated(tmp_path, eager, name):
    """Three times the channel uses over AWGN are 4.8 dB: the same noise power in the feature, exactly."""
    twice = fitted(tmp_path, k=3 * DIM, schemes=[name])[name]
    sent = twice.transmit(BATCH, 5.0, 1)
    assert sent.channel_uses.tolist() == [3 * DIM / 2] * 50
    np.testing.assert_allclose(sent.noise_var_per_symbol, 10**-0.5 / 3, rtol=1e-5)
    assert twice.link.encoder(BATCH.features).shape == (50, DIM)


def test_repeated_pca_errs_as_much_as_pca_at_a_higher_snr(tmp_path):
    """Mean squared errors of 50 x 64 noisy values, whose relative standard error is sqrt(2 / 3200) each."""
    once = fitted(tmp_path, k=DIM, schemes=["pca"])["pca"]
    often = fitted(tmp_path, k=4 * DIM, schemes=["pca"])["pca"]
    errors = []
    for scheme, snr_db in ((once, 10 * math.log10(4)), (often, 0.0)):
        clean = scheme.transmit(BATCH, math.inf, 0).features
        errors.append(np.mean((scheme.transmit(BATCH, snr_db, 3).features - clean) ** 2))
    assert abs(errors[0] / errors[1] - 1) < 4 * math.sqrt(2) * math.sqrt(2 / 3200)
