"""UMi, UMa and RMa against the tables of TR 38.901: ray offsets, indoor distance, environment height, line of sight."""

import math

import numpy as np
import pytest
import sionna
import tensorflow as tf
from scipy.stats import kstest

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm.models import build_model
from kbsc_tf.channel.ofdm.topology import linear_array
from kbsc_tf.channel.ofdm.tr38901 import build_scenario, draw_environment_height
from kbsc_tf.config import OfdmConfig
from kbsc_tf.errors import UserError

HEIGHTS = {"umi": 10.0, "uma": 25.0, "rma": 35.0}
# Table 7.5-3: each with both signs.
OFFSETS = [0.0447, 0.1413, 0.2492, 0.3715, 0.5129, 0.6797, 0.8844, 1.1481, 1.5195, 2.1551]
FIVE_SIGMA = 5.7e-7  # two-sided


def place(scenario, count, distance_m, h_ut=1.5, indoor=False, carrier_hz=3.5e9):
    """Drop ``count`` terminals at one place; those outdoors see the station."""
    array = linear_array(1, carrier_hz)
    channel = build_scenario(
        scenario, carrier_frequency=carrier_hz, ut_array=array, bs_array=array, direction="downlink"
    )
    seed_noise(1)
    terminal = tf.tile([[[distance_m, 0.0, h_ut]]], [count, 1, 1])
    station = tf.tile([[[0.0, 0.0, HEIGHTS[scenario]]]], [count, 1, 1])
    still = tf.zeros([count, 1, 3])
    channel.set_topology(terminal, station, still, still, still, tf.fill([count, 1], indoor), not indoor)
    return channel


# Cluster ASD and ASA in degrees with line of sight, table 7.5-6.
@pytest.mark.parametrize(
    ("scenario", "departure", "arrival"), [("umi", 3.0, 17.0), ("uma", 5.0, 11.0), ("rma", 2.0, 3.0)]
)
def test_rays_lie_around_their_cluster_as_table_7_5_3_says(scenario, departure, arrival):
    channel = place(scenario, 20, 100.0)
    channel.return_rays = True
    rays = channel(1, 1e3)[2]
    expected = np.sort([sign * offset for offset in OFFSETS for sign in (1, -1)])
    for angles, spread in ((rays.aod, departure), (rays.aoa, arrival)):
        angles = np.sort(np.rad2deg(angles.numpy().reshape(-1, 20)), axis=1)
        whole = angles[:, -1] - angles[:, 0] < 180  # not divided by the wrap at 180 degrees
        assert np.mean(whole) > 0.5
        centred = angles[whole] - angles[whole].mean(1, keepdims=True)
        np.testing.assert_allclose(centred, np.broadcast_to(spread * expected, centred.shape), atol=2e-3)


@pytest.mark.parametrize(("scenario", "longest_m"), [("umi", 25.0), ("uma", 25.0), ("rma", 10.0)])
def test_the_indoor_distance_is_the_smaller_of_two_uniforms(scenario, longest_m):
    """Clause 7.4.3.1: P(d < x) = 1 - (1 - x / longest)^2, of mean longest / 3."""
    state = place(scenario, 20_000, 100.0, indoor=True)._scenario
    indoor = state.distance_2d_in.numpy().ravel()
    assert kstest(indoor / longest_m, lambda x: 1 - (1 - x) ** 2).pvalue > FIVE_SIGMA
    assert indoor.mean() == pytest.approx(longest_m / 3, abs=5 * longest_m / math.sqrt(18 * len(indoor)))
    np.testing.assert_allclose(state.distance_2d_out, 100.0 - state.distance_2d_in, rtol=1e-6)
    slant = math.hypot(100.0, HEIGHTS[scenario] - 1.5)
    np.testing.assert_allclose(state.distance_3d_in + state.distance_3d_out, slant, rtol=1e-6)
    np.testing.assert_allclose(state.distance_3d_in, state.distance_2d_in * slant / 100.0, rtol=1e-5)
    assert not np.any(place(scenario, 10, 100.0)._scenario.distance_2d_in)


@pytest.mark.parametrize(
    ("h_ut", "heights"),
    [(1.5, []), (12.9, []), (13.5, [12]), (16.5, [12, 15]), (19.5, [12, 15, 18]), (22.5, [12, 15, 18, 21])],
)
def test_the_environment_height_of_uma_is_that_of_table_7_4_1_1(h_ut, heights):
    """At 450 m: g = 5/4 4.5^3 exp(-3) = 5.671 and C = g ((h - 13) / 10)^1.5."""
    count = 40_000
    seed_noise(1)
    drawn = draw_environment_height(tf.fill([count, 1, 1], 450.0), tf.constant([[[h_ut]]])).numpy().ravel()
    low = 1 / (1 + 5.671 * max(h_ut - 13, 0) ** 1.5 / 10**1.5)
    assert set(np.unique(drawn)) == {1.0, *heights}
    for height in (1, *heights):
        share = low if height == 1 else (1 - low) / len(heights)
        assert np.mean(drawn == height) == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / count) + 1e-4)
    close = draw_environment_height(tf.fill([10, 1, 1], 18.0), tf.constant([[[22.5]]]))
    np.testing.assert_array_equal(close, 1.0)


def test_path_loss_of_uma_is_that_of_table_7_4_1_1():
    """0.5 GHz, 600 m, h_UT = 22.5 m: the breakpoint is beyond 600 m for h_E = 1 and 12 m, and nearer for the others."""
    count, slant = 20_000, math.hypot(600.0, 2.5)
    near = 28 + 22 * math.log10(slant) + 20 * math.log10(0.5)
    expected = {near: 0.0}
    low = 1 / (1 + 0.95**1.5 * 1.25 * 6**3 * math.exp(-4))
    for height in (1, 12, 15, 18, 21):
        breakpoint_m = 4 * (25 - height) * (22.5 - height) * 0.5e9 / 299_792_458
        far = 28 + 40 * math.log10(slant) + 20 * math.log10(0.5) - 9 * math.log10(breakpoint_m**2 + 2.5**2)
        share = low if height == 1 else (1 - low) / 4
        expected[near if breakpoint_m > 600 else far] = expected.get(near if breakpoint_m > 600 else far, 0.0) + share
    assert len(expected) == 4
    losses = place("uma", count, 600.0, 22.5, carrier_hz=0.5e9)._scenario.basic_pathloss.numpy().ravel()
    level = np.argmin(np.abs(losses[:, None] - np.array(list(expected))), axis=1)
    np.testing.assert_allclose(losses, np.array(list(expected))[level], atol=1e-3)
    for index, share in enumerate(expected.values()):
        assert np.mean(level == index) == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / count))
    without = place("uma", 5, 300.0, indoor=True)._scenario.basic_pathloss  # no line of sight indoors
    slant = math.hypot(300.0, 23.5)
    np.testing.assert_allclose(without, 13.54 + 39.08 * math.log10(slant) + 20 * math.log10(3.5), atol=1e-3)


@pytest.mark.parametrize(
    ("scenario", "loss_db"),
    # 25 m away, where it matters that distances are slant; RMa with buildings of 5 m.
    [
        ("umi", 32.4 + 21 * math.log10(math.hypot(25, 8.5)) + 20 * math.log10(3.5)),
        ("uma", 28.0 + 22 * math.log10(math.hypot(25, 23.5)) + 20 * math.log10(3.5)),
        (
            "rma",
            20 * math.log10(40 * math.pi * math.hypot(25, 33.5) * 3.5 / 3)
            + 0.03 * 5**1.72 * math.log10(math.hypot(25, 33.5))
            - 0.044 * 5**1.72
            + 0.002 * math.log10(5) * math.hypot(25, 33.5),
        ),
    ],
)
def test_path_loss_with_line_of_sight_is_that_of_table_7_4_1_1(scenario, loss_db):
    state = place(scenario, 2, 25.0)._scenario
    np.testing.assert_allclose(state.distance_3d, math.hypot(25, HEIGHTS[scenario] - 1.5), rtol=1e-6)
    np.testing.assert_allclose(state.basic_pathloss, loss_db, atol=1e-3)


@pytest.mark.parametrize(
    ("scenario", "h_ut", "distance_m", "probability"),
    [
        ("umi", 1.5, 18.0, 1.0),
        ("umi", 1.5, 50.0, 0.36 + math.exp(-50 / 36) * 0.64),
        ("uma", 1.5, 100.0, 0.18 + math.exp(-100 / 63) * 0.82),
        ("uma", 22.5, 100.0, (0.18 + math.exp(-100 / 63) * 0.82) * (1 + 0.95**1.5 * 1.25 * math.exp(-100 / 150))),
        ("rma", 1.5, 10.0, 1.0),
        ("rma", 1.5, 510.0, math.exp(-0.5)),
    ],
)
def test_line_of_sight_is_as_likely_as_table_7_4_2_1_says(scenario, h_ut, distance_m, probability):
    chance = place(scenario, 2, distance_m, h_ut)._scenario.los_probability
    np.testing.assert_allclose(chance, probability, rtol=1e-5)


def test_an_unknown_sionna_is_refused_where_it_is_reached_into(monkeypatch):
    monkeypatch.setattr(sionna, "__version__", "1.3.0")
    for name in ("umi", "uma", "rma"):
        with pytest.raises(UserError, match=f"^channels: model {name} corrects Sionna 1.2.0 .* this is Sionna 1.3.0, "):
            build_model(OfdmConfig(model=name))
    for name in ("tdl-a", "cdl-a"):
        assert build_model(OfdmConfig(model=name)).xla
