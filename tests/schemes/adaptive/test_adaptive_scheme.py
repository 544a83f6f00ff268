"""The adaptive schemes, and the closed-form ones, in front of a receiver that decides by posterior."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from clustered import DIM, feature_set, feature_splits

from kbsc_tf.channel.power import amplitude
from kbsc_tf.config import AwgnConfig, ExperimentConfig, RayleighConfig
from kbsc_tf.receiver import Receiver, calibration_set, class_axes, learn_posterior, neighbour_axes, semantic_axes
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import calibrate, hold_out
from kbsc_tf.transmission import SourceBatch

K, MOST = 16, 512
NAMES = ["adaptive", "adaptive_progressive"]
SPLITS = feature_splits()
BATCH = SourceBatch(SPLITS.sender.x)
AWGN, RAYLEIGH = AwgnConfig(), RayleighConfig()
ADAPTIVE = {"axes": "neighbours", "order_exponent": 1.0, "validation_symbols": [16]}


def config(schemes, k=(K,), channels=(AWGN,), options=ADAPTIVE, **receiver):
    """An experiment whose adaptive schemes have ``options``."""
    receiver = {} if receiver.get("decision") == "nearest" else {"decision": "posterior", "neighbours": 50, **receiver}
    entries = [{"scheme": name, **(options if name in NAMES else {})} for name in schemes]
    return ExperimentConfig(name="t", schemes=entries, k=list(k), channels=list(channels), receiver=receiver)


@cache
def posterior():
    return learn_posterior(SPLITS, config(["pca"]).receiver, 100)


def fitted(folder, schemes, training=SPLITS.training, **settings):
    """Schemes by (name, k, fading)."""
    experiment = config(schemes, **settings)
    validation = hold_out(experiment, SPLITS, posterior())
    found = {}
    for channel, scheme in build_schemes(experiment, training):
        scheme.fit(training, validation, folder / scheme.name)
        found[scheme.name, scheme.k, channel.fading] = scheme
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def schemes(folder):
    return fitted(folder, NAMES, k=(K, MOST), channels=(AWGN, RAYLEIGH))


@pytest.fixture(scope="module")
def closed_form(folder):
    return fitted(folder, ["pca", "raw", "noise_free"], channels=(AWGN, RAYLEIGH))


def codewords(scheme):
    return scheme.transmit(BATCH, 0.0, 0).observation.coder.codewords(BATCH.features)


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
@pytest.mark.parametrize("k", [K, MOST])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_handed_to_the_receiver(schemes, name, k, fading):
    sent = schemes[name, k, fading].transmit(BATCH, 5.0, 1)
    assert sent.features.shape == (200, DIM) and sent.features.dtype == np.float32
    assert sent.delivered.all() and sent.images is None and sent.channel_uses.tolist() == [k / 2] * 200
    values, noise_var_per_axis = sent.observation.values, sent.observation.noise_var_per_axis
    assert (
        values.shape == noise_var_per_axis.shape == (200, DIM)
        and values.dtype == noise_var_per_axis.dtype == np.float32
    )
    arrived = np.isfinite(noise_var_per_axis).all(axis=0)
    assert 0 < arrived.sum() <= min(k, DIM) and np.isinf(noise_var_per_axis[:, ~arrived]).all()


def test_all_k_and_channels_share_one_code(schemes):
    coders = {id(scheme.transmit(BATCH, 0.0, 0).observation.coder) for scheme in schemes.values()}
    assert len(coders) == 1
    assert not hasattr(schemes["adaptive", K, "none"], "trained_on")


def test_the_code_is_that_of_the_axes(schemes, folder):
    found = {"neighbours": codewords(schemes["adaptive", K, "none"])}
    assert schemes["adaptive", K, "none"].summary == "axes of neighbours, order by relevance to the power 1"
    for axes in ("classes", "variance"):
        found[axes] = codewords(fitted(folder, ["adaptive"], options={**ADAPTIVE, "axes": axes})["adaptive", K, "none"])
    x, labels = SPLITS.training.x, SPLITS.training.labels
    expected = {
        "neighbours": neighbour_axes(x),
        "classes": class_axes(x, labels),
        "variance": semantic_axes(x).as_code(),
    }
    for name, axes in expected.items():
        np.testing.assert_allclose(found[name], (BATCH.features - axes.mean) @ axes.analysis, atol=1e-4)
    assert np.abs(found["classes"] - found["neighbours"]).max() > 0.1


def test_progressive_sends_more_than_it_uses(schemes):
    """The start of a long transmission: without noise the values of the long one, which are those of the code."""
    short, long, alone = (
        schemes[name, k, "none"].transmit(BATCH, math.inf, 4).observation
        for name, k in (("adaptive_progressive", K), ("adaptive_progressive", MOST), ("adaptive", K))
    )
    seen = np.isfinite(short.noise_var_per_axis[0])
    assert seen.sum() < np.isfinite(long.noise_var_per_axis[0]).sum() == DIM
    np.testing.assert_array_equal(np.isfinite(alone.noise_var_per_axis[0]), seen)
    np.testing.assert_allclose(short.values[:, seen], long.values[:, seen], atol=1e-4)
    np.testing.assert_allclose(long.values, long.coder.codewords(BATCH.features), atol=1e-3)
    assert np.abs(alone.values - short.values)[:, seen].max() > 0.1


def test_the_power_of_the_code_is_that_of_held_out_features(schemes):
    """The mean of 120 and ten at the closed form's power; on training features that is 1 by construction."""
    codec = schemes["adaptive", K, "none"].transmit(BATCH, 0.0, 0).observation.coder
    squares = np.sum(codec.codewords(SPLITS.validation_sender.x) ** 2, axis=0)
    np.testing.assert_allclose(codec.power, (squares + 10) / (120 + 10), rtol=1e-4)
    power = np.mean(codec.codewords(SPLITS.training.x) ** 2, axis=0)
    assert np.abs(power - 1).max() < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_the_arguments_alone(schemes, name):
    scheme = schemes[name, K, "rayleigh"]
    first, other = (scheme.transmit(BATCH, 0.0, seed).observation for seed in (7, 8))
    schemes["adaptive", MOST, "none"].transmit(SourceBatch(BATCH.features[:3]), -3.0, 5)
    again = scheme.transmit(BATCH, 0.0, 7).observation
    np.testing.assert_array_equal(again.values, first.values)
    np.testing.assert_array_equal(again.noise_var_per_axis, first.noise_var_per_axis)
    assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize(("axes", "reads"), [("neighbours", False), ("variance", False), ("classes", True)])
def test_only_the_axes_of_classes_need_labels(tmp_path, axes, reads):
    mixed = replace(SPLITS.training, labels=np.random.default_rng(0).permutation(SPLITS.training.labels))
    options = {**ADAPTIVE, "axes": axes}
    one, other = (
        codewords(fitted(tmp_path, ["adaptive"], training, options=options)["adaptive", K, "none"])
        for training in (SPLITS.training, mixed)
    )
    assert np.array_equal(one, other) is not reads


def test_the_order_is_chosen_on_validation_features_unless_given(tmp_path):
    chosen = fitted(tmp_path, ["adaptive"], options={**ADAPTIVE, "order_exponent": None})
    assert chosen["adaptive", K, "none"].summary.startswith("axes of neighbours, order by relevance to the power 0")


@pytest.mark.parametrize("order", [None, 1.0])
def test_axes_are_chosen_on_validation_features_unless_given(tmp_path, monkeypatch, order):
    """Those whose chosen orders are right more often."""
    from kbsc_tf.schemes.adaptive import fit

    found, ordered = {}, fit.AdaptiveFit._ordered

    def noting(self, name, *rest):
        found[name] = ordered(self, name, *rest)
        return found[name]

    monkeypatch.setattr(fit.AdaptiveFit, "_ordered", noting)
    scheme = fitted(tmp_path, ["adaptive"], options={**ADAPTIVE, "axes": None, "order_exponent": order})
    best = max(found, key=lambda name: found[name].accuracy)
    assert set(found) == {"neighbours", "variance"} and 0.1 < found[best].accuracy < 1
    assert f"axes of {best}, " in scheme["adaptive", K, "none"].summary
    assert found["neighbours"].accuracy != found["variance"].accuracy


def test_the_code_needs_validation_and_fitting():
    [(_, scheme)] = build_schemes(config(["adaptive"]), SPLITS.training)
    with pytest.raises(RuntimeError, match="adaptive: call fit before transmit"):
        scheme.transmit(BATCH, 0.0, 0)
    with pytest.raises(ValueError, match="fit needs them"):
        scheme.fit(SPLITS.training)


@pytest.mark.parametrize("name", NAMES)
def test_the_receiver_finds_more_the_more_it_receives(schemes, name):
    receiver = Receiver.around(SPLITS.receiver, config([name]).receiver, posterior())

    def accuracy(k, snr_db):
        decision = receiver.decide(schemes[name, k, "none"].transmit(BATCH, snr_db, 1))
        return np.mean(decision.labels[:, 0] == SPLITS.sender.labels)

    poor, good, best = accuracy(K, -12.0), accuracy(K, 5.0), accuracy(MOST, 5.0)
    assert poor + 4.5 * math.sqrt(0.5 / 200) < good <= best + 4.5 * math.sqrt(0.1 / 200) and best > 0.9


@pytest.mark.parametrize("snr_db", [-5.0, 8.0])
@pytest.mark.parametrize("fading", ["none", "rayleigh"])
@pytest.mark.parametrize("name", ["pca", "raw"])
def test_closed_form_schemes_know_the_noise_of_every_coordinate(closed_form, name, fading, snr_db):
    """Unbiased, but for the amplitude that the power constraint takes; normalised errors of variance 1."""
    scheme = next(s for (n, _, f), s in closed_form.items() if (n, f) == (name, fading))
    x = feature_set(2000, 9, 0.6).x
    observation = scheme.transmit(SourceBatch(x), snr_db, 3).observation
    amplitudes = (np.asarray(amplitude(scheme.link.encoder(features))) for features in (SPLITS.training.x, x))
    typical, own = (next(amplitudes).mean(), next(amplitudes))
    sent = np.isfinite(observation.noise_var_per_axis).all(axis=0)
    assert observation.coder is None and sent.sum() == (K if name == "pca" else DIM)
    assert (observation.values[:, ~sent] == 0).all() and np.isinf(observation.noise_var_per_axis[:, ~sent]).all()
    expected = posterior().axes.codewords(x) * typical / own
    errors = ((observation.values - expected) / np.sqrt(observation.noise_var_per_axis))[:, sent]
    assert (np.abs(errors.mean(axis=0)) < 4.5 / math.sqrt(2000)).all()
    squares = np.square(errors).mean(axis=1)  # those of one feature share symbols, and depend on each other
    assert abs(squares.mean() - 1) < 4.5 * squares.std() / math.sqrt(2000)


def test_pca_is_observed_only_for_a_receiver_that_decides_by_posterior(closed_form, folder):
    assert closed_form["pca", K, "none"].transmit(BATCH, 0.0, 0).observation is not None
    plain = fitted(folder, ["pca"], decision="nearest")["pca", K, "none"]
    assert plain.transmit(BATCH, 0.0, 0).observation is None


@pytest.mark.parametrize("name", ["adaptive", "adaptive_progressive", "pca"])
def test_calibrated_confidence_is_the_accuracy(schemes, closed_form, name):
    """On the test features, which took no part: within 4.5 standard errors of 200 and of the 240 fitted."""
    scheme = {**schemes, **closed_form}[name, K, "none"]
    assert scheme.calibration is None
    receiver = Receiver.around(SPLITS.receiver, config([name]).receiver, posterior())
    try:
        calibrate(scheme, receiver.code_search, calibration_set(SPLITS, 1000))
        assert len(scheme.calibration.quality) == 8 and (np.diff(scheme.calibration.quality) >= 0).all()
        decision = receiver.decide(scheme.transmit(BATCH, -4.0, 1), scheme.calibration)
    finally:
        scheme.calibration = None
    right = decision.labels[:, 0] == SPLITS.sender.labels
    assert 0.1 < right.mean() < 0.95
    assert abs(decision.confidence.mean() - right.mean()) < 4.5 * 0.5 * math.sqrt(1 / 200 + 1 / 240)


def test_what_is_not_observed_is_not_calibrated(closed_form):
    receiver = Receiver.around(SPLITS.receiver, config(["pca"]).receiver, posterior())
    without = next(scheme for (name, *_), scheme in closed_form.items() if name == "noise_free")
    calibrate(without, receiver.code_search, calibration_set(SPLITS, 1000))
    assert without.calibration is None


def test_knowing_the_noise_never_hurts_raw_over_fading(tmp_path):
    """Its axes are spread over all symbols, so that one deep fade must not drown them."""
    settings = {"name": "test", "channels": [RAYLEIGH], "schemes": ["raw"], "k": [K], "features": {"file": "none"}}
    splits, shares = feature_splits(noise=1.3), {}
    for decision in ("nearest", "posterior"):
        config = ExperimentConfig(**settings, receiver={"decision": decision})
        posterior = learn_posterior(splits, config.receiver, 120) if decision == "posterior" else None
        receiver = Receiver.around(splits.receiver, config.receiver, posterior)
        [(_, scheme)] = build_schemes(config, splits.training, receiver, splits.receiver)
        scheme.fit(splits.training, hold_out(config, splits, posterior), tmp_path)
        labels = np.stack(
            [
                receiver.decide(scheme.transmit(SourceBatch(splits.sender.x), -2.0, seed)).labels[:, 0]
                for seed in range(5)
            ]
        )
        shares[decision] = np.mean(labels == splits.sender.labels)
    # Paired over 1,000 deliveries: two standard errors of a difference are 4 points at most.
    assert shares["posterior"] > shares["nearest"] - 0.04, shares
