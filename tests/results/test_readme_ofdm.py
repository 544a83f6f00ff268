"""Sentences with numbers in the READMEs of OFDM and of large knowledge bases."""

from functools import cache

import numpy as np
import pandas as pd
from readmes import RESULTS, Readme, overlap, points

from kbsc_tf.results.records import read_records

SNRS = [-5, 0, 5, 10, 15, 20]
ANALOGUE = ["kbsc", "kbsc_awgn", "pca"]
LINKS = [(antennas, csi) for antennas in ("1x1", "1x2", "2x2") for csi in ("perfect", "ls_linear")]


def tdl(antennas, csi, speed=3):
    return f"ofdm_tdl-a_{speed}kmh_{antennas}_{csi}"


def test_tdl():
    of = points("ofdm/tdl")
    at, pq = of.at, "feature_ldpc_pq"
    schemes = [(scheme, k) for scheme in ANALOGUE + [pq] for k in (128, 1024)] + [("bpg_ldpc", 1024)]
    pairs = [
        (of.row(*scheme, snr, tdl(*link)), of.row(*scheme, snr, tdl(*link, speed=60)))
        for scheme in schemes
        for link in LINKS
        for snr in SNRS
    ]
    assert all(overlap(*pair) for pair in pairs)
    trained = {
        snr: [at("kbsc", 128, snr, tdl(*link)) - at("kbsc_awgn", 128, snr, tdl(*link)) for link in LINKS]
        for snr in SNRS
    }
    low, high = trained[-5] + trained[0], trained[10] + trained[15] + trained[20]
    ahead = [
        at(pq, 128, snr, tdl(*link)) - at(scheme, 128, snr, tdl(*link))
        for scheme in ANALOGUE
        for snr in (10, 15, 20)
        for link in LINKS
    ]
    behind = [
        at(s, 1024, 20, tdl(*link)) - at("bpg_ldpc", 1024, 20, tdl(*link)) for s in ANALOGUE + [pq] for link in LINKS
    ]
    streams = [
        at(scheme, k, snr, tdl("2x2", "perfect")) - at(scheme, k, snr, tdl("1x1", "perfect"))
        for scheme in ANALOGUE
        for k in (128, 1024)
        for snr in SNRS
    ]
    last = [at(pq, 128, 20, tdl(*link)) for link in LINKS]
    one, two = tdl("1x1", "perfect"), tdl("1x2", "perfect")
    estimated = tdl("1x1", "ls_linear")
    uses = [of.row("pca", 128, 0, tdl(antennas, "perfect")).channel_uses for antennas in ("1x1", "2x2")]
    missing = Readme("results/ofdm").not_said(
        f"{12 * 86:,} data symbols in {14 * (96 + 7):,} channel uses, so that 64 data symbols (k = 128) cost "
        f"{uses[0]:.1f} channel "
        f"uses over one stream, {uses[1]:.1f} over two",
        f"gains it {at(pq, 128, 0, two) - at(pq, 128, 0, one):.0f} points at 0 dB with perfect CSI "
        f"({at(pq, 128, 0, one):.1f} to {at(pq, 128, 0, two):.1f}), PCA "
        f"{at('pca', 128, 0, two) - at('pca', 128, 0, one):.0f}.",
        f"feature + LDPC has {min(last):.1f} to {max(last):.1f} % at 20 dB, above the analogue schemes by up to "
        f"{max(ahead):.1f} points",
        f"{at('kbsc', 128, 0, estimated):.1f} and {at('kbsc', 128, 5, estimated):.1f} % at 0 and 5 dB, with perfect "
        "CSI "
        f"{at('kbsc', 128, -5, one):.1f} and {at('kbsc', 128, 0, one):.1f} % at -5 and 0 dB",
        f"falls from {at('kbsc', 128, -5, one):.1f} to {at('kbsc', 128, -5, estimated):.1f} % at -5 dB, and the "
        "coded scheme from "
        f"{at(pq, 128, 0, one):.1f} to {at(pq, 128, 0, estimated):.1f} % at 0 dB",
        f"(a Doppler shift of {60 / 3.6 * 3.5e9 / 299792458:.0f} Hz), and the intervals of all {len(pairs)} pairs "
        "of points at 3 "
        f"and 60 km/h overlap (the largest difference is {max(100 * abs(a.top1 - b.top1) for a, b in pairs):.1f} "
        "points",
        f"at most {-min(streams):.1f} points less than on 1×1, and up to {max(streams):.1f} more",
        f"is up to {max(low):.0f} points above the one trained on AWGN at -5 and 0 dB (k = 128; {min(low):.1f} to "
        f"{max(low):.1f} "
        f"over the six channels of 3 km/h), and from 10 dB on between {-min(high):.1f} below and {max(high):.1f} "
        "above",
        f"is {min(behind):.1f} to {max(behind):.1f} points below all others even at 20 dB",
    )
    assert missing == []


@cache
def all_records():
    return pd.concat([read_records(RESULTS / "ofdm" / name) for name in ("tdl", "cdl", "impairments")])


def test_papr():
    """Of what is sent, and of the filler where no file fits."""
    records = all_records()
    sent, filler = (records[records.feasible.eq(0) == empty].papr_db for empty in (False, True))
    missing = Readme("results/ofdm").not_said(
        f"is {sent.min():.1f} to {sent.max():.1f} dB for every scheme that sends anything",
        f"`tdl/` records that of their filler, {filler.min():.1f} to {filler.max():.1f} dB",
    )
    assert missing == []


def test_half_an_interval_is_at_most_3_1_points():
    records = all_records()
    half = 50 * (records.top1_high - records.top1_low).max()
    assert Readme("results/ofdm").not_said(f"half the width of a 95 % interval is at most {half:.1f} points") == []


def test_cdl():
    at = points("ofdm/cdl").at
    names = ["ofdm_cdl-c_3kmh_1x2_ls_linear", "ofdm_cdl-d_3kmh_1x2_ls_linear", "ofdm_umi_3kmh_1x2_ls_linear"]
    kbsc, awgn, pca = ([f"{at(scheme, 128, 0, name):.1f}" for name in names] for scheme in ANALOGUE)
    d, c = (
        ", ".join(f"{at('feature_ldpc_pq', 128, s, name):.1f}" for s in (-5, 0, 5)) for name in (names[1], names[0])
    )
    missing = Readme("results/ofdm").not_said(
        f"k = 128 and 1024, {len(read_records(RESULTS / 'ofdm/cdl'))} points",
        "KBSC has {} % on CDL-C, {} % on CDL-D and {} % on UMi".format(*kbsc),
        f"against {points('ofdm/tdl').at('kbsc', 128, 0, tdl('1x2', 'ls_linear')):.1f} % on the TDL-A",
        "trained over AWGN {}, {} and {} %, PCA {}, {} and {} % (±3.1)".format(*awgn, *pca),
        f"(feature + LDPC on CDL-D: {d} % at -5, 0, 5 dB; on CDL-C {c} %)",
    )
    assert missing == []


def test_impairments():
    of = points("ofdm/impairments")
    at, pq, clipped = of.at, "feature_ldpc_pq", "clipped at 1 dB"
    lost = {s: at(s, 128, 5, "none") - at(s, 128, 5, clipped) for s in ("pca", "kbsc_awgn", pq)}
    others = [
        (of.row(scheme, 128, snr, "none"), of.row(scheme, 128, snr, channel))
        for scheme in lost
        for snr in of.records.snr_db.unique()
        for channel in set(of.records.channel) - {"none", clipped}
    ]
    assert all(overlap(*pair) for pair in others)
    assert f"{lost['pca']:.0f}" == f"{lost['kbsc_awgn']:.0f}"
    missing = Readme("results/ofdm").not_said(
        f"at 5 dB {lost['pca']:.0f} points for both analogue schemes (PCA {at('pca', 128, 5, 'none'):.1f} to "
        f"{at('pca', 128, 5, clipped):.1f} %) and {lost[pq]:.0f} for feature + LDPC ({at(pq, 128, 5, 'none'):.1f} to "
        f"{at(pq, 128, 5, clipped):.1f} %)",
        f"({at(pq, 128, 0, 'none'):.1f} to {at(pq, 128, 0, clipped):.1f} %)",
        f"differ from none by at most {max(100 * abs(a.top1 - b.top1) for a, b in others):.1f} points",
    )
    assert missing == []


def test_large_knowledge_bases():
    kb = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["index", "entries"])
    flat, ivf, pq_ivf, pq = (kb.loc[name] for name in ("Flat", "IVFsqrt,Flat", "IVFsqrt,PQ64", "PQ64"))
    fast, exact = kb.loc["HNSW32 efSearch=64"].loc[10**6], kb.loc["HNSW32 efSearch=256"].loc[10**6]
    gains = np.diff(100 * flat.accuracy)
    cpu = [flat.batch_cpu_s_per_query[10**6] / hnsw.batch_cpu_s_per_query for hnsw in (exact, fast)]
    smaller = [flat.bytes[10**6] / index.bytes[10**6] for index in (pq_ivf, pq)]
    ranked = sorted(kb[kb.factory != "Flat"].difference_p)
    holm = max(p * (len(ranked) - i) for i, p in enumerate(ranked) if p <= exact.difference_p)
    assert all(row.difference_low <= 0 <= row.difference_high for row in ivf.loc[[10**5, 10**6]].itertuples())
    missing = Readme("results/kb_scaling").not_said(
        f"Ten times the entries gain {min(gains):.0f} to {max(gains):.0f} points of accuracy",
        f"(IVF, Flat) loses {-100 * ivf.difference[10**4]:.1f} points at 10^4 entries",
        f"is {cpu[0]:.0f} to {cpu[1]:.0f} times less than that of exact search, for {exact.build_cpu_s / 60:.0f} "
        "minutes of CPU to "
        "build",
        f"takes {smaller[0]:.0f} to {smaller[1]:.0f} times less memory at 10^6 entries and costs "
        f"{-100 * pq.difference[10**6]:.0f} "
        f"points alone, {-100 * pq_ivf.difference[10**6]:.0f} within lists",
        f"the nearest entry for {100 * pq_ivf.recall_1[10**6]:.0f} % of the queries at 10^6 and gives up "
        f"{-100 * pq_ivf.difference[10**6]:.0f} points",
        f"({1e3 * flat.batch_cpu_s_per_query[10**6]:.1f} against {1e3 * ivf.batch_cpu_s_per_query[10**6]:.1f} ms)",
        f"HNSW is {100 * exact.difference:.1f} points ({100 * exact.difference_low:.1f} to "
        f"{100 * exact.difference_high:.1f}) "
        f"*above* exact search at 10^6: the p-value is {exact.difference_p:.4f}, {holm:.3f} after Holm's correction "
        "over the "
        f"{len(ranked)} comparisons",
    )
    assert missing == []
