"""Records pooled over seeds: one point each, without pretending more images."""

import math

import pandas as pd
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.metrics import wilson
from kbsc_tf.results.pooling import pool_seeds


def row(top1=0.5, **changes):
    low, high = wilson(1000 * top1, 1000)
    values = {
        "scheme": "kbsc",
        "mcs": "",
        "channel": "awgn",
        "k": 64,
        "snr_db": 0.0,
        "seed": 0,
        "training_seed": "",
        "n": 1000,
    }
    values |= {"channel_uses": 32.0, "cbr": 1 / 96, "feasible": 1.0, "stand_ins": math.nan}
    values |= {"top1": top1, "top1_low": low, "top1_high": high}
    values |= {"psnr": math.nan, "psnr_low": math.nan, "psnr_high": math.nan}
    return {**values, **changes}


def test_an_accuracy_keeps_the_interval_of_one_seed():
    records = pd.DataFrame([row(0.5), row(0.54, seed=1)])
    point = pool_seeds(records).iloc[0]
    assert point["value"] == pytest.approx(0.52)
    assert (point["low"], point["high"]) == pytest.approx(wilson(520, 1000))
    alone = pool_seeds(records[:1]).iloc[0]
    assert (alone["low"], alone["high"]) == (records["top1_low"][0], records["top1_high"][0])


def test_an_image_metric_keeps_it_too():
    one = row(psnr=20.0, psnr_low=19.5, psnr_high=20.5, stand_ins=100)
    records = pd.DataFrame(
        [one, {**one, "seed": 1, "psnr": 21.0, "psnr_low": 20.7, "psnr_high": 21.3, "stand_ins": 300}]
    )
    point = pool_seeds(records, "psnr").iloc[0]
    assert (point["value"], point["low"], point["high"]) == pytest.approx((20.5, 20.1, 20.9))
    assert point["stand_ins"] == 200
    assert pool_seeds(records, "top1").iloc[0]["stand_ins"] == 0


def test_correlated_images_stay_fewer_than_they_are():
    """1,000 images in groups: one seed's interval is that of 100 independent ones, the other's that of 50."""
    rows = []
    for seed, (share, trials) in enumerate([(0.5, 100), (0.54, 50)]):
        low, high = wilson(share * trials, trials)
        rows += [row(share, seed=seed, top1_low=low, top1_high=high), row(share, seed=seed, snr_db=5.0)]
    grouped, plain = (point for _, point in pool_seeds(pd.DataFrame(rows)).iterrows())
    trials = 1000 / ((1000 / 100 + 1000 / 50) / 2)
    assert (grouped["low"], grouped["high"]) == pytest.approx(wilson(0.52 * trials, trials))
    assert (plain["low"], plain["high"]) == pytest.approx(wilson(520, 1000))


def test_each_mcs_is_a_point_of_its_own():
    records = pd.DataFrame([row(mcs=mcs, seed=seed) for mcs in ("qpsk-1/2", "genie") for seed in (0, 1)])
    points = pool_seeds(records)
    assert points["mcs"].tolist() == ["qpsk-1/2", "genie"]
    assert not points.duplicated(["scheme", "mcs", "channel", "k", "snr_db"]).any()


def test_trainings_are_averaged_and_their_spread_stands_beside_the_interval():
    """Of three trainings with two seeds of noise each; what is not trained has one training and no spread."""
    shares = {"0": (0.50, 0.52), "1": (0.60, 0.62), "2": (0.55, 0.57)}
    rows = [
        row(share, training_seed=name, seed=seed) for name, both in shares.items() for seed, share in enumerate(both)
    ]
    rows.append(row(0.4, scheme="pca"))
    trained, closed = (point for _, point in pool_seeds(pd.DataFrame(rows)).iterrows())
    assert trained["value"] == pytest.approx(0.56) and trained["trainings"] == 3
    # The means of the trainings are 0.51, 0.61 and 0.56.
    assert trained["training_sd"] == pytest.approx(0.05)
    assert (trained["training_low"], trained["training_high"]) == pytest.approx((0.51, 0.61))
    assert (trained["low"], trained["high"]) == pytest.approx(wilson(560, 1000))  # of the images alone
    assert closed["trainings"] == 1 and math.isnan(closed["training_sd"])


def test_a_training_counts_once_however_many_seeds_of_noise_it_was_swept_with():
    rows = [row(0.5, training_seed="0", seed=seed) for seed in range(3)] + [row(0.7, training_seed="1")]
    ((_, point),) = pool_seeds(pd.DataFrame(rows)).iterrows()
    assert point["value"] == pytest.approx(0.6)


def test_points_come_in_the_order_of_schemes_channels_k_mcs_and_snr():
    names = [("raw", "rayleigh"), ("kbsc", "awgn")]
    rows = [
        row(scheme=scheme, channel=channel, k=k, mcs=mcs, snr_db=snr)
        for scheme, channel in names
        for snr in (5.0, -5.0)
        for mcs in ("qpsk-1/2", "genie")
        for k in (128, 64)
    ]
    points = pool_seeds(pd.DataFrame(rows))
    assert list(points["scheme"].unique()) == ["raw", "kbsc"]
    assert points["k"].tolist() == [*[64] * 4, *[128] * 4] * 2
    assert points["mcs"].tolist() == ["qpsk-1/2", "qpsk-1/2", "genie", "genie"] * 4
    assert points["snr_db"].tolist() == [-5.0, 5.0] * 8


@pytest.mark.parametrize(("metric", "why"), [("psnr", "it is empty"), ("top9", "no column top9")])
def test_a_metric_that_is_not_there_is_said(metric, why):
    with pytest.raises(UserError, match=why):
        pool_seeds(pd.DataFrame([row()]), metric)
    with pytest.raises(UserError, match="there are no records"):
        pool_seeds(pd.DataFrame([row()])[:0])


def test_an_interval_with_other_knowledge_bases_stands_beside_that_with_this_one():
    rows = [row(0.5, kb_sd=0.03, kb_draws=20), row(0.54, kb_sd=0.05, kb_draws=20, seed=1), row(0.4, scheme="index")]
    known, unknown = (point for _, point in pool_seeds(pd.DataFrame(rows)).iterrows())
    assert known["kb_sd"] == pytest.approx(math.sqrt((0.03**2 + 0.05**2) / 2))
    assert (known["low"], known["high"]) == pytest.approx(wilson(520, 1000))
    # Widths add in squares: 1.96 x 1.58 points of the images, 2.09 x 4.12 between knowledge bases.
    half = math.hypot((known["high"] - known["low"]) / 2, 2.093 * known["kb_sd"])
    assert (known["kb_high"] - known["kb_low"]) / 2 == pytest.approx(half, rel=0.02)
    assert unknown[["kb_sd", "kb_low", "kb_high"]].isna().all()
    images = {"psnr": 20.0, "psnr_low": 19.5, "psnr_high": 20.5}
    assert math.isnan(pool_seeds(pd.DataFrame([row(kb_sd=0.03, kb_draws=20, **images)]), "psnr")["kb_sd"][0])
