"""The power of what adaptive codes put on the air, up to every symbol after which it may end."""

import math

import numpy as np
import pytest
from clustered import feature_set
from eagerly import eagerly

from kbsc_tf.channel import build_channel
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSplits
from kbsc_tf.registry import channels
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import hold_out
from kbsc_tf.transmission import SourceBatch

HELD_OUT, OTHERS, MOST = 1000, 3000, 512
SPLITS = FeatureSplits(
    *(feature_set(count, seed, 0.6) for seed, count in enumerate((1500, HELD_OUT, 200, 200, 200), 1))
)
BATCH = SourceBatch(feature_set(OTHERS, 9, 0.6).x)  # took no part in any fit
ORDER = {"order_exponent": 0.7, "validation_symbols": [64]}
CODES = {"adaptive": ORDER, "adaptive_progressive": ORDER, "adaptive_classes": ORDER | {"axes": "classes"}}
K = [2, 40, 64, MOST]


def schemes_of(names, k):
    """An experiment, and its schemes."""
    entries = [{"scheme": name.replace("_classes", ""), "name": name, **CODES[name]} for name in names]
    config = ExperimentConfig(name="t", schemes=entries, k=[k])
    return config, [scheme for _, scheme in build_schemes(config, SPLITS.training)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of fitted codes, the same for all k, by name."""
    folder = tmp_path_factory.mktemp("codes")
    config, schemes = schemes_of(CODES, MOST)
    validation = hold_out(config, SPLITS)
    with eagerly():
        for scheme in schemes:
            scheme.fit(SPLITS.training, validation)
            (folder / scheme.name).mkdir()
            scheme.save(folder / scheme.name)
    return folder


@pytest.fixture
def on_air(eager, monkeypatch):
    """Symbols of every transmission [B, n], as its channel sees them."""
    spec, sent = channels["flat"], []
    build = spec.build

    def recording(settings):
        channel = build(settings)

        class Recorder:
            def __call__(self, symbols, snr_db):
                sent.append(symbols.numpy())
                return channel(symbols, snr_db)

            def __getattr__(self, name):
                return getattr(channel, name)

        return Recorder()

    monkeypatch.setattr(spec, "build", recording)
    build_channel.cache_clear()
    yield sent
    build_channel.cache_clear()


def loaded(saved, name, k):
    [scheme] = schemes_of([name], k)[1]
    scheme.load(saved / name)
    return scheme


@pytest.mark.parametrize("snr_db", [-10.0, -3.0, 4.0, 15.0, math.inf])
def test_every_prefix_of_the_progressive_code_has_power_one(saved, on_air, snr_db):
    """Over features; within the sampling error of these and of those that its powers were measured on."""
    loaded(saved, "adaptive_progressive", 64).transmit(BATCH, snr_db, 1)
    [symbols] = on_air
    assert symbols.shape == (OTHERS, MOST // 2)
    prefix = np.cumsum(np.abs(symbols) ** 2, axis=1) / np.arange(1, MOST // 2 + 1)
    error = prefix.std(axis=0) * math.sqrt(1 / OTHERS + 1 / HELD_OUT)
    np.testing.assert_array_less(np.abs(prefix.mean(axis=0) - 1), 4.5 * error)
    assert 4.5 * error.max() < 0.25 and 4.5 * error[-1] < 0.05


@pytest.mark.parametrize("snr_db", [-10.0, 4.0])
def test_the_progressive_code_is_the_same_whatever_is_used_of_it(saved, on_air, snr_db):
    for k in (2, 64, MOST):
        loaded(saved, "adaptive_progressive", k).transmit(BATCH, snr_db, 1)
    np.testing.assert_array_equal(on_air[0], on_air[1])
    np.testing.assert_array_equal(on_air[0], on_air[2])


@pytest.mark.parametrize("name", sorted(set(CODES) - {"adaptive_progressive"}))
def test_whatever_their_number_the_symbols_of_a_feature_have_power_one(saved, on_air, name):
    for k in K:
        scheme = loaded(saved, name, k)
        for snr_db in (-10.0, 0.0, 7.0):
            on_air.clear()
            scheme.transmit(BATCH, snr_db, 1)
            [symbols] = on_air
            assert symbols.shape == (OTHERS, k // 2)
            np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, atol=1e-4)


def test_coordinates_differ_in_power(saved, on_air):
    """Else the codes above show nothing."""
    codec = loaded(saved, "adaptive_progressive", 64).transmit(BATCH, 0.0, 0).observation.coder
    assert np.abs(codec.power.numpy() - 1).max() > 0.1
