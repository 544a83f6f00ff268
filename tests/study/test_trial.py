"""Points of a sweep: deterministic one by one, paired across schemes, honest about what did not arrive."""

import math
from dataclasses import replace

import numpy as np
import pytest
from clustered import CLASSES, DIM, clustered_mean, clustered_wilson, feature_set, measure
from pydantic import TypeAdapter

from kbsc_tf.config import AwgnConfig, ExperimentConfig, RayleighConfig, ReceiverConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.metrics import wilson
from kbsc_tf.receiver.receiver import Receiver
from kbsc_tf.results.records import COLUMNS, VALIDATION
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.latency import measure_latency
from kbsc_tf.study.trial import Trials, chunk_seed, chunks
from kbsc_tf.transmission import Overhead, Transmission

K, SHAPE = 16, (32, 32)

TRAINING, SENDER, KNOWLEDGE = (
    feature_set(count, seed, 1.3, coarse_of_class=np.arange(CLASSES) // 5)
    for count, seed in ((600, 1), (250, 2), (200, 3))
)


def receiver(**rule):
    return Receiver.around(KNOWLEDGE, TypeAdapter(ReceiverConfig).validate_python(rule))


@pytest.fixture(scope="module")
def schemes():
    """PCA and raw over AWGN and Rayleigh by (name, channel)."""
    found = {}
    for channel in (AwgnConfig(), RayleighConfig()):
        config = ExperimentConfig(name="t", schemes=["pca", "raw"], k=[K], channels=[channel])
        for _, scheme in build_schemes(config, TRAINING):
            scheme.fit(TRAINING)
            found[scheme.name, channel.label] = scheme
    return found


def point(scheme, snr_db, seed=0, chunk=100, sender=SENDER, **rule):
    return measure(Trials(receiver(**rule), sender, chunk).transmit(scheme, snr_db, seed), sender, KNOWLEDGE, SHAPE)


class HalfLost(Scheme):
    """Delivers every other image, intact, and a misleading copy of the first one for the rest."""

    name, k = "half", 2

    def fit(self, training, validation, folder, report):
        pass

    def transmit(self, batch, snr_db, seed):
        delivered = np.arange(len(batch.features)) % 2 == 0
        features = np.where(delivered[:, None], batch.features, batch.features[0])
        return Transmission(features, None, delivered, np.where(delivered, 10.0, 30.0))


def test_a_point_does_not_depend_on_the_points_before_it(schemes):
    order = [(key, snr) for key in schemes for snr in (-4.0, 3.0, math.inf)]
    rows = {item: point(schemes[item[0]], item[1]) for item in order}
    for key, snr_db in reversed(order):
        assert point(schemes[key], snr_db) == rows[key, snr_db]
    assert all(rows[key, -4.0] != rows[key, 3.0] for key in schemes)


def test_another_seed_is_another_realisation(schemes):
    scheme = schemes["pca", "rayleigh_fast"]
    assert point(scheme, 0.0, seed=0)["mse_sent_received"] != point(scheme, 0.0, seed=1)["mse_sent_received"]


def test_seeds_differ_by_point_and_chunk_only():
    """Not by scheme or channel, so that these can be compared pairwise."""
    keys = [(seed, snr, chunk) for seed in (0, 1) for snr in (-7.0, 0.0, 0.5, 7.0, math.inf) for chunk in (0, 1, 2)]
    assert len({chunk_seed(*key) for key in keys}) == len(keys)
    assert chunk_seed(0, -7.0, 1) == chunk_seed(0, -7, 1) == 2993975032


def test_schemes_and_channels_get_the_same_seeds_and_full_chunks(monkeypatch, schemes):
    calls = {}
    for key, scheme in schemes.items():
        real = scheme.transmit

        def spy(batch, snr_db, seed, key=key, real=real):
            calls.setdefault(key, []).append((len(batch.features), snr_db, seed))
            return real(batch, snr_db, seed)

        monkeypatch.setattr(scheme, "transmit", spy)
        Trials(receiver(), SENDER, 100).transmit(scheme, 3.0, 5)
    assert set(map(tuple, calls.values())) == {tuple((100, 3.0, chunk_seed(5, 3.0, i)) for i in range(3))}


@pytest.mark.parametrize("count, size", [(250, 100), (200, 100), (30, 100), (1, 20)])
def test_chunks_cover_everything_once_at_one_length(count, size):
    found = list(chunks(count, size))
    assert {len(indices) for indices in found} == {min(count, size)}
    assert np.concatenate(found)[:count].tolist() == list(range(count))


def test_padding_the_last_chunk_changes_nothing_before_it(schemes):
    for scheme in schemes.values():
        whole = Trials(receiver(), SENDER, 100).transmit(scheme, 0.0, 0)
        first = FeatureSet("less", SENDER.x[:210], SENDER.labels[:210], SENDER.class_names, (), "file:test")
        part = Trials(receiver(), first, 100).transmit(scheme, 0.0, 0)
        assert len(whole.features) == 250 and len(part.features) == 210
        np.testing.assert_array_equal(part.features, whole.features[:210])
        np.testing.assert_array_equal(part.decision.ids, whole.decision.ids[:210])


def test_costs_and_counts(schemes):
    for (name, _), scheme in schemes.items():
        row = point(scheme, 3.0)
        uses = {"pca": K, "raw": DIM}[name] / 2
        assert (row["n"], row["delivered"], row["answered"], row["channel_uses"]) == (250, 1.0, 1.0, uses)
        assert row["cbr"] == uses / 3072
        assert (row["top1_low"], row["top1_high"]) == wilson(row["top1"] * 250, 250)
        assert row["top1"] <= row["top5"] and row["top1"] <= row["coarse1"]


@pytest.mark.parametrize("rule", [{}, {"centre": False, "metric": "l2"}, {"decision": "vote"}], ids=str)
def test_raw_without_noise_is_retrieval_without_a_channel(schemes, rule):
    outcome = Trials(receiver(**rule), SENDER, 100).transmit(schemes["raw", "awgn"], math.inf, 0)
    expected = receiver(**rule).decide_features(SENDER.x, np.ones(250, bool))
    np.testing.assert_array_equal(outcome.decision.ids, expected.ids)
    np.testing.assert_array_equal(outcome.decision.labels, expected.labels)
    assert measure(outcome, SENDER, KNOWLEDGE, SHAPE)["mse_sent_received"] < 1e-12


def test_pca_on_all_axes_without_noise_retrieves_what_raw_does(schemes):
    """Around the knowledge base's own mean the ranking is by angle, which the power constraint keeps."""
    [(_, whole)] = build_schemes(ExperimentConfig(name="t", schemes=["pca"], k=[DIM]), TRAINING)
    whole.fit(KNOWLEDGE)
    outcome = Trials(receiver(), SENDER, 100).transmit(whole, math.inf, 0)
    expected = Trials(receiver(), SENDER, 100).transmit(schemes["raw", "awgn"], math.inf, 0)
    np.testing.assert_array_equal(outcome.decision.ids, expected.decision.ids)


def test_accuracy_grows_with_the_snr_beyond_the_intervals(schemes):
    for scheme in schemes.values():
        low, middle, high = (point(scheme, snr_db) for snr_db in (-15.0, 0.0, math.inf))
        assert low["top1_high"] < middle["top1_low"] and middle["top1"] < high["top1"]
        errors = [row["mse_sent_received"] for row in (low, middle, high)]
        assert errors == sorted(errors, reverse=True)
        cosines = [row["cosine_sent_received"] for row in (low, middle, high)]
        assert cosines == sorted(cosines)


def test_fading_costs_accuracy(schemes):
    awgn, rayleigh = (point(schemes["pca", name], 0.0) for name in ("awgn", "rayleigh_fast"))
    assert rayleigh["top1_high"] < awgn["top1_low"] + 0.05 and rayleigh["top1"] < awgn["top1"]


def test_the_vote_goes_through_a_sweep(schemes):
    scheme = schemes["pca", "awgn"]
    nearest = point(scheme, -3.0)
    vote = point(scheme, -3.0, decision="vote", temperature=0.1, neighbours=100)
    assert vote["top1"] > nearest["top1"] + 0.02  # many noisy neighbours know better than the nearest
    np.testing.assert_allclose(vote["mse_sent_received"], nearest["mse_sent_received"])
    outcome = Trials(receiver(decision="vote"), SENDER, 100).transmit(scheme, -3.0, 0)
    np.testing.assert_array_equal(KNOWLEDGE.labels[outcome.decision.ids], outcome.decision.labels)


def test_undelivered_images_stay_in_the_denominator():
    row = point(HalfLost(), 0.0)
    expected = receiver().decide_features(SENDER.x, np.arange(250) % 2 == 0)
    hits = expected.labels[:, 0] == SENDER.labels
    assert row["n"] == 250 and row["delivered"] == row["answered"] == 0.5 and row["channel_uses"] == 20.0
    assert row["top1"] == hits.mean() < 0.5 and row["top5"] <= 0.5 and row["coarse1"] <= 0.5
    assert hits[::2].mean() > 0.6  # those that arrived are right as often as ever
    assert row["mse_sent_received"] == 0.0  # of what arrived


def test_nothing_delivered_is_zero_accuracy_without_distances():
    class AllLost(HalfLost):
        def transmit(self, batch, snr_db, seed):
            count = len(batch.features)
            return Transmission(batch.features, None, np.zeros(count, bool), np.full(count, 7.0))

    row = point(AllLost(), 0.0)
    assert (
        row["top1"] == row["top5"] == row["coarse1"] == row["delivered"] == row["answered"] == 0.0
        and row["top1_low"] == 0.0
    )
    assert row["mse_sent_received"] is None and row["cosine_received_retrieved"] is None


def test_no_top5_without_five_candidates_and_no_coarse_without_superclasses(schemes):
    plain = FeatureSet("plain", SENDER.x, SENDER.labels, SENDER.class_names, SENDER.references, "file:test")
    row = point(schemes["pca", "awgn"], 3.0, sender=plain, top_k=4)
    assert row["top5"] is row["top5_low"] is row["coarse1"] is row["coarse1_high"] is None and row["top1"] > 0


def test_latency_is_positive_and_leaves_points_alone(schemes):
    scheme = schemes["pca", "awgn"]
    before = point(scheme, 0.0)
    row = measure_latency(scheme, receiver(), SENDER, 1000)
    assert row.pop("batch") == 250  # not more than there are
    assert all(0 < seconds < 10 for seconds in row.values()) and len(row) == 4
    assert row["network_batch_s_per_image"] < row["network_batch1_s"]
    assert point(scheme, 0.0) == before


def test_the_receiver_is_told_the_noise_of_every_image(schemes):
    """Chunks are joined without losing the side information that a noise-aware receiver needs."""
    noise_var_per_symbol = (
        Trials(receiver(), SENDER, 20).transmit(schemes["pca", "awgn"], 10.0, 0).transmission.noise_var_per_symbol
    )
    assert noise_var_per_symbol.shape == (len(SENDER),)
    np.testing.assert_allclose(noise_var_per_symbol, 0.1, rtol=1e-5)


class Gridded(Scheme):
    """Five images share a grid, which arrives or not; every chunk numbers its grids backwards to 3."""

    name, k = "gridded", 2

    def transmit(self, batch, snr_db, seed):
        count = len(batch.features)
        groups = np.int64(3) + (count - 1 - np.arange(count)) // 5
        arrived = np.random.default_rng(seed).random(count) < 0.5
        uses, places = np.full(count, 100.0), np.arange(count, dtype=float)
        overhead = Overhead(pilots=0.1 * uses, guards=0.05 * uses, prefix=places, unused=0 * uses)
        papr_db = np.linspace(6, 8, count).astype(np.float32)
        arrived = arrived[groups - 3]
        return Transmission(
            batch.features, None, arrived, uses, overhead=overhead, papr_db=papr_db, groups=groups if snr_db else None
        )


def test_images_of_one_grid_are_not_counted_as_independent():
    outcome = Trials(receiver(), SENDER, 100).transmit(Gridded(), 1.0, 0)
    groups, row = outcome.transmission.groups, measure(outcome, SENDER, KNOWLEDGE, SHAPE)
    assert groups.shape == (250,) and groups.dtype == np.int64
    # Of the third chunk of 100 only half is there; no grid goes over the end of a chunk.
    assert len(np.unique(groups)) == 50 and all(len(np.unique(groups[i : i + 5])) == 1 for i in range(0, 250, 5))
    correct = (outcome.decision.labels[:, 0] == SENDER.labels) & outcome.transmission.delivered
    assert (row["top1_low"], row["top1_high"]) == clustered_wilson(correct, groups)
    independent = point(Gridded(), 0.0)
    assert (independent["top1_low"], independent["top1_high"]) == wilson(250 * independent["top1"], 250)
    for name in ("top1", "top5", "coarse1"):
        width, alone = (one[f"{name}_high"] - one[f"{name}_low"] for one in (row, independent))
        assert width > 1.4 * alone  # five in a grid: up to sqrt(5), less where retrieval fails by itself


def test_quality_has_clustered_intervals():
    outcome = Trials(receiver(), SENDER, 100).transmit(Gridded(), 1.0, 0)
    delivered = outcome.transmission.delivered
    quality = {"psnr": np.where(delivered, 30.0, 12.0), "ms_ssim": np.where(delivered, 0.9, 0.2)}
    outcome = replace(outcome, quality={**quality, "stand_in": ~delivered})
    row = measure(outcome, SENDER, KNOWLEDGE, SHAPE)
    for name, values in quality.items():
        expected = clustered_mean(values, outcome.transmission.groups)
        assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == expected


def test_what_the_air_interface_costs_has_its_columns(schemes):
    row = point(Gridded(), 1.0)
    assert (row["pilot_uses"], row["guard_uses"], row["unused_uses"]) == (10.0, 5.0, 0.0)
    prefix = [*range(100), *range(100), *range(50)]
    assert row["prefix_uses"] == np.mean(prefix)
    assert row["papr_db"] == pytest.approx(np.mean(6 + 2 * np.array(prefix) / 99), abs=1e-6)
    assert row["header_uses"] is row["crc_uses"] is row["padding_uses"] is None
    names = ["scheme", "channel", "mcs", "k", "snr_db", "seed", "training_seed", "stop"]
    for other in (row, point(schemes["pca", "awgn"], 1.0)):
        assert sorted([*other, *names, *VALIDATION]) == sorted(COLUMNS)
    assert other["pilot_uses"] is other["guard_uses"] is None and other["papr_db"] > 0
