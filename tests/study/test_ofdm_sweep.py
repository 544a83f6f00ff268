"""Sweeps over OFDM: the flat link's accuracy where the channel is flat, and intervals that know who shared a grid."""

import math

import pytest
from clustered import feature_set, measure

from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.metrics import wilson
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.trial import Trials

K, SENT, SHAPE = 16, 2_000, (32, 32)
GRID = {"type": "ofdm", "fft_size": 32, "guard_carriers": [2, 1]}
FLAT_AND_OFDM = {
    "awgn": ({"fading": "none"}, {**GRID, "model": "awgn"}),
    "rayleigh": (
        {"fading": "rayleigh", "coherence": "block"},
        {**GRID, "model": "rayleigh", "realisation": "per_row"},
    ),
}

TRAINING, SENDER, KNOWLEDGE = (feature_set(count, seed, 1.3) for count, seed in ((600, 1), (SENT, 2), (200, 3)))
RECEIVER = Receiver.around(KNOWLEDGE, NearestConfig())


def fitted(channels):
    config = ExperimentConfig.model_validate({"name": "t", "schemes": ["pca"], "k": [K], "channels": channels})
    schemes = [scheme for _, scheme in build_schemes(config, TRAINING)]
    for scheme in schemes:
        scheme.fit(TRAINING)
    return schemes


def point(scheme, snr_db, seed):
    return measure(Trials(RECEIVER, SENDER, 1_000).transmit(scheme, snr_db, seed), SENDER, KNOWLEDGE, SHAPE)


@pytest.mark.parametrize("fading", ["rayleigh", pytest.param("awgn", marks=pytest.mark.long)])
def test_flat_ofdm_channel_gives_the_accuracy_of_the_flat_link(fading):
    """Other noise, the same images: at most 4.4 standard errors of a difference of independent shares apart."""
    flat, ofdm = fitted(FLAT_AND_OFDM[fading])
    for seed, snr_db in enumerate((-5.0, 0.0, 5.0, math.inf)):
        ours, theirs = point(ofdm, snr_db, seed)["top1"], point(flat, snr_db, seed)["top1"]
        share = (ours + theirs) / 2
        assert 0.1 < share < 0.99
        assert ours == pytest.approx(theirs, abs=4.4 * math.sqrt(2 * share * (1 - share) / SENT))


@pytest.mark.long
def test_images_of_one_grid_widen_the_interval_and_do_not_move_the_accuracy():
    channels = [{**GRID, "model": "rayleigh", "realisation": kind, "name": kind} for kind in ("per_grid", "per_row")]
    together, own = (point(scheme, 0.0, 1) for scheme in fitted(channels))
    # 42 features of 8 symbols share a grid, and one h: the design effect is near 42 times the correlation.
    assert (together["top1_low"], together["top1_high"]) != wilson(round(together["top1"] * SENT), SENT)
    wide, narrow = (row["top1_high"] - row["top1_low"] for row in (together, own))
    assert wide > 1.5 * narrow
    assert (own["top1_low"], own["top1_high"]) == wilson(round(own["top1"] * SENT), SENT)
    assert together["top1_low"] < own["top1"] < together["top1_high"]


@pytest.mark.long
def test_records_count_what_the_air_interface_costs():
    """28 of 32 subcarriers, 2 of 14 OFDM symbols pilots, a prefix of 7: 336 slots, 42 rows of 8, 546 samples."""
    (scheme,) = fitted([{**GRID, "model": "awgn"}])
    row = point(scheme, 5.0, 0)
    assert row["channel_uses"] == pytest.approx(546 / 42)
    parts = {"pilot": 2 * 28 / 42, "guard": 14 * 4 / 42, "prefix": 14 * 7 / 42, "unused": 0.0}
    assert {name: row[f"{name}_uses"] for name in parts} == pytest.approx(parts)
    assert sum(parts.values()) + K / 2 == pytest.approx(row["channel_uses"])
    assert 5 < row["papr_db"] < 15
    (bare,) = fitted([{**GRID, "model": "awgn", "count_overhead": False}])
    row = point(bare, 5.0, 0)
    assert row["channel_uses"] == K / 2 and row["pilot_uses"] is None
