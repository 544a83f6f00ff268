"""UMi, UMa and RMa: unit power, new terminals at every call of a compiled function, speed."""

import math

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm.models import build_model
from kbsc_tf.config.channels.ofdm import OfdmConfig

DROPS = 1000


def build(scenario, **fields):
    return build_model(OfdmConfig(model=scenario, **fields))


@pytest.mark.parametrize(("scenario", "direction"), [("umi", "downlink"), ("uma", "uplink"), ("rma", "downlink")])
def test_every_antenna_pair_has_unit_power_and_no_path_is_absurdly_late(scenario, direction):
    model = build({"type": scenario, "direction": direction}, tx_antennas=2, rx_antennas=3)
    seed_noise(1)
    a, tau = model(DROPS, 1, 28e3)
    paths = a.shape[5]
    assert a.dtype == tf.complex64 and a.shape == [DROPS, 1, 3, 1, 2, paths, 1]
    assert tau.dtype == tf.float32 and tau.shape == [DROPS, 1, 1, paths]
    power = np.sum(np.square(np.abs(a)), axis=5)[:, 0, :, 0, :, 0]
    error = np.std(power, axis=0) / math.sqrt(DROPS)
    assert np.all(error < 1.2 / math.sqrt(DROPS))
    assert np.all(np.abs(power.mean(0) - 1) < 4.4 * error)
    assert np.min(tau) >= 0 and np.max(tau) < 1e-3


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "xla"),
    [("uma", False)] + [pytest.param(name, True, marks=pytest.mark.slow) for name in ("umi", "uma", "rma")],
)
def test_every_call_of_a_compiled_function_drops_new_terminals(scenario, xla):
    model = build(scenario)
    assert model.xla
    drop = tf.function(lambda: model(16, 3, 28e3), jit_compile=xla)
    seed_noise(1)
    first, second = drop(), drop()
    seed_noise(1)
    again = drop()
    seed_noise(2)
    other = drop()
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    for new in (second, other):
        # Another terminal: other delays, not only other phases.
        assert np.all(np.any(first[1] != new[1], axis=-1))
    model(16, 3, 28e3)  # eager calls still work after tracing
    assert len({tau.tobytes() for tau in first[1].numpy()}) == 16


@pytest.mark.parametrize("speed_kmh", [0.0, 90.0])
def test_terminals_move_at_the_given_speed(speed_kmh):
    model = build({"type": "umi", "speed_kmh": speed_kmh})
    a = model(64, 2, 28e3)[0].numpy()
    velocities = model._model._scenario.ut_velocities
    np.testing.assert_allclose(np.linalg.norm(velocities, axis=-1), speed_kmh / 3.6, rtol=1e-5)
    assert np.allclose(a[..., 0], a[..., 1], atol=1e-6) == (speed_kmh == 0)
