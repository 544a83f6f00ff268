"""The adaptive code on the points of a constellation: exact rounding, power one, a receiver that knows its noise."""

import math

import numpy as np
import pytest
import tensorflow as tf
from clustered import feature_splits
from scipy.stats import norm

from kbsc_tf.channel import ReceivedValues, build_link, seed_noise
from kbsc_tf.config import AwgnConfig, ExperimentConfig, RayleighConfig
from kbsc_tf.receiver import Receiver, calibration_set, learn_posterior, neighbour_axes
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec
from kbsc_tf.schemes.adaptive.adaptive_link import send
from kbsc_tf.schemes.adaptive.constellation import Constellation, fit_cells, worth_of
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import calibrate, hold_out
from kbsc_tf.transmission import SourceBatch

POINTS = [16, 64, 256]
MAX_STEPS = {16: 0.9957, 64: 0.5860, 256: 0.3352}  # J. Max 1960, table II
DIM, SYMBOLS, COUNT = 16, 48, 4000
VALUES = norm.ppf((np.arange(200_000) + 0.5) / 200_000)


def constellation_of(points):
    cells = fit_cells(VALUES, points)
    return Constellation(tf.constant(cells), tf.constant(worth_of(cells)))


def features(count, seed):
    return (np.random.default_rng(seed).standard_normal((count, DIM)) * np.geomspace(2, 0.1, DIM)).astype(np.float32)


HELD_OUT, SENT = features(COUNT, 1), features(COUNT, 2)


@pytest.fixture(scope="module")
def analogue():
    codec = AdaptiveCodec(DIM, DIM, (40,), SYMBOLS)
    codec.adapt(neighbour_axes(features(COUNT, 0)), np.full(31, 0.7))
    codec.measure_power(HELD_OUT)
    return codec


@pytest.fixture(scope="module")
def rounded(analogue):
    return {points: analogue.rounded(points, HELD_OUT, own_power=False) for points in (*POINTS, 4096)}


@pytest.mark.parametrize("points", POINTS)
def test_steps_of_normal_values_are_those_of_max(points):
    levels, share, mean, variance = fit_cells(VALUES, points)
    assert np.diff(levels) == pytest.approx(MAX_STEPS[points], abs=2e-3) and levels.sum() == pytest.approx(0, abs=1e-5)
    edges = np.array([-np.inf, *(levels[1:] + levels[:-1]) / 2, np.inf])
    np.testing.assert_allclose(share, np.diff(norm.cdf(edges)), atol=1e-4)
    np.testing.assert_allclose(share * mean, -np.diff(norm.pdf(edges)), atol=1e-4)
    assert share @ (variance + mean**2) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("points", POINTS)
def test_every_value_is_sent_as_the_nearest_level(points):
    found = constellation_of(points).nearest(tf.constant(3 * VALUES[::100], tf.float32)).numpy()
    levels, share = fit_cells(VALUES, points)[:2]
    sent = levels / np.sqrt(share @ levels**2)
    nearest = np.abs(3 * VALUES[::100, None] - levels).argmin(axis=1)
    assert len(np.unique(found)) == math.isqrt(points)
    np.testing.assert_allclose(found, sent[nearest], rtol=1e-5)


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("noise_db", [-50.0, -10.0, -3.0, 5.0, 45.0])
def test_an_estimate_is_unbiased_and_its_error_as_large_as_said(points, noise_db):
    rng, constellation, noise_var = np.random.default_rng(3), constellation_of(points), 10 ** (noise_db / 10)
    values = rng.permutation(VALUES).astype(np.float32)[:, None]
    noise = math.sqrt(noise_var) * rng.standard_normal(values.shape)
    received = constellation.nearest(values) + noise.astype(np.float32)
    found, said = (part.numpy() for part in constellation.estimate(received, tf.fill(values.shape, noise_var)))
    assert (said == said[0]).all() and said[0, 0] >= 0.99 * noise_var
    error = math.sqrt(said[0, 0] / len(values))
    if noise_db < 40:
        assert np.mean(found * values) == pytest.approx(1, abs=4.5 * error + 2e-3)
        assert np.square(found - values).mean() == pytest.approx(said[0, 0], rel=0.02)


def test_what_was_not_received_says_nothing():
    found, said = constellation_of(16).estimate(tf.ones([2, 3]), tf.fill([2, 3], np.float32(np.inf)))
    assert (found.numpy() == 0).all() and np.isinf(said).all()


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
@pytest.mark.parametrize("points", POINTS)
def test_power_on_the_air_is_one_on_average_over_features(analogue, rounded, points, snr_db):
    codec = rounded[points]
    for count, row in ((8, 0), (40, 1)):
        squares = codec.symbols_of(codec.code(SENT), tf.constant(snr_db), count, row).numpy() ** 2
        error = squares.mean(axis=1).std() * math.sqrt(1 / len(SENT) + 1 / COUNT)
        assert abs(squares.mean() - 1) < 4.5 * error + 0.01, "one gain serves all coordinates"
        values = codec.symbols_of(codec.code(SENT), tf.constant(snr_db), count, row).numpy()
        assert len(np.unique(values)) == math.isqrt(points)


@pytest.mark.parametrize("points", POINTS)
def test_a_sender_that_knows_k_rounds_values_of_a_feature_s_own_power(analogue, points):
    """However loud the feature is."""
    codec, snr_db = analogue.rounded(points, HELD_OUT, own_power=True), tf.constant(0.0)
    for count in (8, 40):
        once, loud = (codec.symbols_of(factor * codec.code(SENT), snr_db, count, 1).numpy() for factor in (1, 3))
        np.testing.assert_array_equal(once, loud)
        assert np.square(once).mean() == pytest.approx(1, abs=0.04)


def test_the_more_points_the_nearer_it_is_to_the_code_as_it_is(analogue, rounded):
    """Of one and the same noise, over fast fading, at one power rule."""
    snr_db, air, found = tf.constant(5.0), build_link(RayleighConfig()), {}
    for points, codec in {0: analogue, **rounded}.items():
        seed_noise(4)
        found[points] = send(codec, air, tf.constant(SENT), snr_db, SYMBOLS, used=40).code
    values, noise = ({points: code[i].numpy() for points, code in found.items()} for i in (0, 1))
    sent = np.isfinite(noise[0])
    away = [np.square((values[points] - values[0])[sent] / np.sqrt(noise[0][sent])).mean() for points in rounded]
    assert away == sorted(away, reverse=True) and away[-1] < 0.05 * away[0]
    assert (noise[16] > noise[0])[sent].mean() > 0.99
    assert np.median((noise[4096] / noise[0])[sent]) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_eager_graph_and_xla_agree(rounded, mode):
    codec, snr_db, rng = rounded[16], tf.constant(3.0), np.random.default_rng(5)
    noise = tf.constant(rng.gamma(1.0, 1.0, (6, 40)), tf.float32)

    def there_and_back(features):
        values = codec.symbols_of(codec.code(features), snr_db, 40, 1)
        received = ReceivedValues(values / math.sqrt(2) + 0.3 * noise, noise, tf.ones([6, 40]), None)
        return values, *codec.combine(received, snr_db, 1)

    compiled = tf.function(there_and_back, jit_compile=mode == "xla")
    for one, other in zip(there_and_back(SENT[:6]), compiled(tf.constant(SENT[:6])), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_codec_comes_back_from_its_configuration_and_weights(analogue, rounded):
    again = AdaptiveCodec.from_config(rounded[64].get_config())
    again.set_weights(rounded[64].get_weights())
    args = rounded[64].code(SENT[:9]), tf.constant(0.0), 40, 1
    np.testing.assert_array_equal(again.symbols_of(*args), rounded[64].symbols_of(*args))
    assert "points" not in analogue.get_config() and len(rounded[64].weights) == len(analogue.weights) + 2


SPLITS = feature_splits()
OPTIONS = {"axes": "neighbours", "order_exponent": 1.0, "validation_symbols": [16]}
CONFIG = ExperimentConfig(
    name="t",
    schemes=[
        {"scheme": "adaptive", **OPTIONS},
        {"scheme": "adaptive", "name": "adaptive_16qam", "constellation": "16qam", **OPTIONS},
        {"scheme": "adaptive_progressive", "name": "progressive_64qam", "constellation": "64qam", **OPTIONS},
    ],
    k=[16],
    channels=[AwgnConfig()],
    receiver={"decision": "posterior", "neighbours": 50},
)


@pytest.fixture(scope="module")
def schemes():
    posterior = learn_posterior(SPLITS, CONFIG.receiver, 100)
    validation = hold_out(CONFIG, SPLITS, posterior)
    found = {}
    for _, scheme in build_schemes(CONFIG, SPLITS.training):
        scheme.fit(SPLITS.training, validation)
        found[scheme.name] = scheme
    receiver = Receiver.around(SPLITS.receiver, CONFIG.receiver, posterior)
    return found, receiver


@pytest.mark.long
@pytest.mark.parametrize("name", ["adaptive_16qam", "progressive_64qam"])
def test_calibrated_confidence_is_the_accuracy(schemes, name):
    """On the test features, which took no part: within 4.5 standard errors of 200 and of the 240 fitted."""
    scheme, receiver = schemes[0][name], schemes[1]
    calibrate(scheme, receiver.code_search, calibration_set(SPLITS, 1000))
    decision = receiver.decide(scheme.transmit(SourceBatch(SPLITS.sender.x), -4.0, 1), scheme.calibration)
    right = decision.labels[:, 0] == SPLITS.sender.labels
    assert 0.1 < right.mean() < 0.95
    assert abs(decision.confidence.mean() - right.mean()) < 4.5 * 0.5 * math.sqrt(1 / 200 + 1 / 240)


@pytest.mark.long
def test_peaks_are_lower_and_the_scheme_comes_back_from_disk(schemes, tmp_path):
    batch = SourceBatch(SPLITS.sender.x)
    first, plain = (schemes[0][name].transmit(batch, 3.0, 2) for name in ("adaptive_16qam", "adaptive"))
    assert first.papr_db.mean() < plain.papr_db.mean() - 0.5
    schemes[0]["adaptive_16qam"].save(tmp_path)
    again = next(scheme for _, scheme in build_schemes(CONFIG, SPLITS.training) if scheme.name == "adaptive_16qam")
    again.load(tmp_path)
    second = again.transmit(batch, 3.0, 2)
    np.testing.assert_array_equal(first.observation.values, second.observation.values)
    assert again.summary.endswith("on the points of 16-QAM")


def test_another_constellation_is_refused(kbsc, tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("features: {file: a.npz}\nschemes: [{scheme: adaptive, constellation: 32qam}]\n")
    status, _, err = kbsc("run", path)
    assert status == 2 and "constellation" in err and "Traceback" not in err
    assert "unknown constellation 32qam; did you mean 256qam? Known: 16qam, 64qam, 256qam" in " ".join(err.split()), err
