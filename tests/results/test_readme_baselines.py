"""Sentences with numbers in the READMEs of the baselines and of what goes with them."""

import math

import numpy as np
import pandas as pd
import pytest
from readmes import RESULTS, Readme, disagree, overlap, points

SNRS = [-5, -2, 0, 2, 5, 7, 10, 12, 15]
CODECS = ["deepjscc", "adjscc", "swinjscc"]


def share(folder, k, mcs, snr_db=15, scheme="bpg_ldpc"):
    """Per cent of the images that a file fits for."""
    return f"{100 * points(folder).row(scheme, k, snr_db, mcs=mcs).feasible:.0f} %"


def cell(of, *key, **where):
    """A number with its interval, as in the tables."""
    return f"{of.at(*key, **where):.1f} ±{of.half(*key, **where):.1f}"


def test_baselines_of_cifar10():
    folder, k = "baselines_cifar10", {"1/48": 128, "1/24": 256, "1/12": 512, "1/6": 1024, "1/3": 2048}
    of, at, low = points(folder), points(folder).at, points(f"{folder}/low_rates")
    header = of.row("bpg_ldpc", 1024, 2, mcs="qpsk-1/2").header_uses
    assert all(of.row("bpg_ldpc", k["1/48"], snr).feasible == 0 for snr in SNRS)
    assert all(of.row("bpg_ldpc", k["1/24"], snr, "rayleigh_fast").feasible == 0 for snr in SNRS)
    assert all(of.row("bpg_ldpc", k["1/3"], 15, mcs=mcs).feasible == 1 for mcs in ("qpsk-1/3", "qpsk-1/2", "qpsk-2/3"))
    assert of.row("bpg_capacity", 128, 10).feasible == 0 < of.row("bpg_capacity", 128, 12).feasible
    ceiling = at("noise_free", 512, 0)
    channels = ("awgn", "rayleigh_fast")
    assert min(at("feature_ldpc_pq", n, 2, channel) for n in k.values() for channel in channels) > ceiling - 2.9
    assert min(at("feature_ldpc_pq", n, 0) for n in k.values()) > ceiling - 4
    assert min(at("bpg_ldpc", 1024, snr) for snr in (12, 15)) > ceiling - 3
    index = [
        at("index_ldpc", k[cbr], s, channel) for cbr in ("1/12", "1/6", "1/3") for s in SNRS for channel in channels
    ]
    genie = points(folder).records.query("mcs == 'genie' and scheme == 'bpg_ldpc'")
    assert all(g.top1 > at("bpg_ldpc", g.k, g.snr_db, g.channel) / 100 - 0.01 for g in genie.itertuples())
    away = [
        abs(at("pca", n, snr) - low.at("feature_ldpc_pq", n, snr)) for n, snr in ((256, -2), (1024, -5), (1024, -2))
    ]
    assert max(away) < 2 * 2.8
    missing = Readme(f"results/{folder}").not_said(
        f"from 12 dB on ({share(folder, 128, '', scheme='bpg_capacity')} of the images at 15 dB)",
        f"16-QAM 2/3 ({share(folder, 256, '16qam-2/3')} of the images) and 64-QAM 1/2 "
        f"({share(folder, 256, '64qam-1/2')})",
        f"accuracy ends at {cell(of, 'bpg_ldpc', 256, 15)} %",
        f"At 1/12 QPSK 2/3 ({share(folder, 512, 'qpsk-2/3')}) and above; at 1/6 all but QPSK 1/3 "
        f"({share(folder, 1024, 'qpsk-1/3')})",
        f"(QPSK 1/2 at 1/6: {header:.0f} of 512), so the picture has little left: {cell(of, 'bpg_ldpc', 1024, 2)} % "
        "at 2 dB",
        f"({at('bpg_ldpc', 2048, 10):.1f} against {cell(of, 'noise_free', 512, 10)} % from 10 dB on over AWGN)",
        f"({at('bpg_ldpc', 1024, 7):.1f} % at 7 dB against {at('bpg_capacity', 1024, 5):.1f} % at 5 dB; "
        f"{at('bpg_ldpc', 1024, 5):.1f} % at 5 dB against {at('bpg_capacity', 1024, 2):.1f} % at 2 dB)",
        f"{at('kbsc', 256, -5):.1f} and {cell(of, 'pca', 256, -5)} % at -5 dB and CBR 1/24",
        f"over AWGN {cell(low, 'feature_ldpc_pq', 256, -2)} % at -2 dB and {cell(low, 'feature_ldpc_pq', 256, -5)} "
        "% at -5 dB, "
        f"at CBR 1/6 {low.at('feature_ldpc_pq', 1024, -2):.1f} and {low.at('feature_ldpc_pq', 1024, -5):.1f} %; PCA "
        "has "
        f"{at('pca', 256, -2):.1f} and {at('pca', 256, -5):.1f} %, {at('pca', 1024, -2):.1f} and "
        f"{at('pca', 1024, -5):.1f} %",
        f"by {at('pca', 256, -5) - low.at('feature_ldpc_pq', 256, -5):.1f} points; the other differences, "
        f"{min(away):.1f} to "
        f"{max(away):.1f} points",
        f"is within {ceiling - min(index):.1f} points of the noise-free feature at every SNR here; at CBR 1/48 it "
        "falls from "
        f"{at('index_ldpc', 128, 0):.1f} % at 0 dB to {at('index_ldpc', 128, -5):.1f} % at -5 dB",
        f"({cell(of, 'label_ldpc', 256, 15)} %)",
        f"(and better: {at('feature_ldpc_pq', 256, 15):.1f} against {ceiling:.1f} %",
        f"(CBR 1/24, 10 dB: {at('bpg_ldpc', 256, 10, mcs='genie'):.1f} against {at('bpg_ldpc', 256, 10):.1f} %)",
    )
    assert missing == []


def test_baselines_of_tiny_imagenet():
    folder, of = "baselines_tiny_imagenet_100", points("baselines_tiny_imagenet_100")
    at, ceiling = of.at, cell(of, "noise_free", 512, 0)
    fed = [at(scheme, k, snr) for scheme in ("kbsc", "pca") for k in (1024, 2048, 4096, 8192) for snr in SNRS]
    assert min(fed) > at("noise_free", 512, 0) - 4.2
    missing = Readme(f"results/{folder}").not_said(
        f"{share(folder, 512, '16qam-1/2')} of the images at 16-QAM 1/2, {share(folder, 512, '16qam-2/3')} at "
        "16-QAM 2/3 and "
        f"{share(folder, 512, '64qam-1/2')} at 64-QAM 1/2",
        f"at 1/24 for {share(folder, 1024, 'qpsk-2/3')} from QPSK 2/3 on; at 1/12 for "
        f"{share(folder, 2048, 'qpsk-1/3')} at",
        f"the best accuracy is {cell(of, 'bpg_ldpc', 512, 12)} % (64-QAM 1/2, from 12 dB on), an ideal code's "
        f"{cell(of, 'bpg_capacity', 512, 15)} % at 15 dB, against {ceiling} % without a channel",
        f"1/6 from 7 dB on and at 1/3 from 2 dB on ({cell(of, 'bpg_ldpc', 8192, 2)} %)",
        f"1/12 ends at {cell(of, 'bpg_ldpc', 2048, 15, 'rayleigh_fast')} %",
        f"over AWGN ({cell(of, 'feature_ldpc_pq', 512, 0)} %, 152 bits), and at 2 dB over Rayleigh "
        f"({cell(of, 'feature_ldpc_pq', 512, 2, 'rayleigh_fast')} %)",
        f"SQ wants more bits: {cell(of, 'feature_ldpc_sq', 512, 0)} % there",
        f"({at('kbsc', 512, -5):.1f} and {cell(of, 'pca', 512, -5)} %)",
        f"(the index loses {at('noise_free', 512, 0) - at('index_ldpc', 512, -5):.1f} points at -5 dB and CBR 1/48)",
        f"The label's {cell(of, 'label_ldpc', 512, 0)} % is above",
        f"give with this CLIP ({ceiling} %)",
    )
    assert missing == []


def spread(values, digits=0, joint=" to "):
    """Least and largest."""
    return joint.join(f"{value:.{digits}f}" for value in (min(values), max(values)))


def test_neural_codecs():
    of, psnr = points("neural_baselines"), points("neural_baselines", "psnr")
    at, dB = of.at, psnr.at
    assert all(at(c, k, s) < min(at("kbsc", k, s), at("pca", k, s)) for c in CODECS for k in (512, 1024) for s in SNRS)
    low, high = (
        [at(f, k, s) - at(c, k, s) for f in ("kbsc", "pca") for c in CODECS] for k, s in ((512, -5), (1024, 15))
    )
    over_bpg = {(k, s): min(at(c, k, s) for c in CODECS) - at("bpg_ldpc", k, s) for k in (512, 1024) for s in SNRS}
    assert all(over_bpg[512, s] > 0 for s in SNRS) and all(over_bpg[1024, s] > 0 for s in SNRS if s <= 5)
    assert all(dB("swinjscc", 512, s) > dB("bpg_ldpc", 512, s) for s in SNRS)
    ideal = {k: [s for s in SNRS[1:] if dB("swinjscc", k, s) > (dB("bpg_capacity", k, s) or 0)] for k in (512, 1024)}
    assert max(ideal[512]) == 7 and max(ideal[1024]) == 0
    gain = {k: [dB("swinjscc", k, s) - dB("adjscc", k, s) for s in (10, 12, 15)] for k in (512, 1024)}
    pairs = [(dB("adjscc", k, s) - dB("deepjscc", k, s)) for k in (512, 1024) for s in SNRS]
    apart = {(k, s): abs(at("adjscc", k, s) - at("deepjscc", k, s)) for k in (512, 1024) for s in SNRS}
    assert all(overlap(of.row("adjscc", k, s), of.row("deepjscc", k, s)) for k, s in apart)
    assert max(apart, key=apart.get) == (512, -2)
    four, ten = (points(f"neural_baselines/published/cbr_1_6_trained_at_{label}_db") for label in (1, 7))
    ten_12, late = (points(f"neural_baselines/published/cbr_1_12_trained_at_{label}_db") for label in (7, 19))
    sharp = points("neural_baselines/published/cbr_1_6_trained_at_7_db", "psnr")
    missing = Readme("results/neural_baselines").not_said(
        f"by {spread(low)} points at -5 dB and CBR 1/12 and by {spread(high)} points at 15 dB and CBR 1/6",
        f"up to 10 dB at CBR 1/12 ({spread([at(c, 512, 10) for c in CODECS])} against {at('bpg_ldpc', 512, 10):.0f} "
        "% there) and "
        f"up to 5 dB at CBR 1/6 ({spread([at(c, 1024, 5) for c in CODECS], 1)} against "
        f"{at('bpg_ldpc', 1024, 5):.1f} %)",
        f"({at('bpg_ldpc', 1024, 15):.1f} against {spread([at(c, 1024, 15) for c in CODECS])} % at 15 dB)",
        f"({dB('swinjscc', 512, 10):.1f} against {dB('bpg_ldpc', 512, 10):.1f} dB at 10 dB)",
        f"It is {spread(gain[512], 1)} dB above ADJSCC from 10 dB on at CBR 1/12, and {spread(gain[1024], 1)} dB at "
        "1/6",
        f"({dB('swinjscc', 512, -5):.1f} against {dB('adjscc', 512, -5):.1f} dB at 1/12)",
        f"({at('swinjscc', 512, 0):.1f} against {at('deepjscc', 512, 0):.1f} % of DeepJSCC at CBR 1/12, intervals "
        "±3.1)",
        f"ADJSCC is above DeepJSCC in PSNR by {spread(pairs, 2)} dB at all SNRs",
        f"The largest difference is {max(apart.values()):.1f} points, at -2 dB and CBR 1/12 "
        f"({at('adjscc', 512, -2):.1f} against "
        f"{at('deepjscc', 512, -2):.1f} %)",
        f"({sharp.at('deepjscc', 1024, 10):.1f} against {dB('deepjscc', 1024, 10):.1f} dB at 10 dB and CBR 1/6) and "
        "in accuracy "
        f"({ten.at('deepjscc', 1024, 10):.1f} against {at('deepjscc', 1024, 10):.1f} %)",
        f"{max(ten.at('deepjscc', 1024, snr) for snr in (10, 12, 15)):.0f} % at CBR 1/6 and "
        f"{spread([ten_12.at('deepjscc', 512, 10), late.at('deepjscc', 512, 15)])} % at 1/12",
        f"at 0 dB {four.at('deepjscc', 1024, 0):.1f} against {at('pca', 1024, 0):.0f} % of PCA at CBR 1/6",
        f"({sharp.at('deepjscc', 1024, 0):.1f} against {dB('deepjscc', 1024, 0):.1f} dB at 0 dB and CBR 1/6, "
        "trained at 10 dB)",
        f"{math.log2(math.comb(256, 16)):.0f} for 16 of 256 channels, {math.log2(math.comb(320, 96)):.0f} for 96 of "
        "320",
    )
    assert missing == []


def test_published_deepjscc():
    rows = pd.read_csv(RESULTS / "neural_baselines/deepjscc_published.csv")
    awgn = rows[rows.channel == "AWGN"]
    runs = [run.set_index("label_db") for _, run in awgn.groupby("run")]
    missed = [run.psnr_authors[label] - run.psnr_ours[label - 3] for run in runs for label in range(3, 26)]
    (last,) = rows.query(
        "channel == 'Rayleigh' and cbr > 0.3 and training_snr_db == 19 and label_db == 25"
    ).itertuples()
    missing = Readme("results/neural_baselines").not_said(
        f"by {awgn.difference.mean():.2f} dB on average ({awgn.difference.min():.2f} to +{awgn.difference.max():.2f})",
        f"missed by {np.abs(missed).mean():.1f} dB on average and by up to {np.abs(missed).max():.1f} dB",
        f"at 25 dB ours has {last.psnr_ours:.2f} dB, the authors {last.psnr_authors:.2f} dB",
        f"the {rows.run.nunique()} networks that",
    )
    assert missing == []


@pytest.mark.parametrize(("printed", "value"), [("29.3 ±1.3", (29.34, 1.26)), ("1.39e+04", 13874), ("-0.5", -0.54)])
def test_a_cell_agrees_to_its_last_digit(printed, value):
    assert not disagree(printed, value)
    assert disagree(printed, tuple(1.05 * v for v in value) if isinstance(value, tuple) else 1.2 * value)
