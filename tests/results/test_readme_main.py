"""Sentences with numbers in the README of the repository say what the records hold."""

import math
import sys
from functools import cache

import pandas as pd
from readmes import RESULTS, ROOT, not_said

sys.path.insert(0, str(ROOT / "sims"))

from pages.facts import Facts, original

SNRS = [-7, -6, -5, -4, -2, 0, 2, 4, 5, 6, 7, 10, math.inf]
ORIGINAL = original("original_kbsc.json")


@cache
def facts(folder):
    return Facts(RESULTS / folder)


def at(folder, *place):
    """Accuracy of a point in per cent."""
    return facts(folder).at(*place).value


def margins(scheme, k, channel, theirs):
    """Points above the original at each SNR, by its channel's name."""
    return [at("original", scheme, k, snr, channel) - ORIGINAL[theirs, k, snr] for snr in SNRS]


def over_the_originals_channel():
    return {k: margins("kbsc", k, "awgn_original", "awgn") for k in (256, 128, 64)}


def raw_off(kind):
    return max(map(abs, margins("raw", 512, f"{kind}_original", kind)))


def test_main_readme():
    own = ", ".join(f"{min(found):.1f}" for found in over_the_originals_channel().values())
    default = ", ".join(f"{min(margins('kbsc', k, 'awgn', 'awgn')):.1f}" for k in (256, 128, 64))
    rayleigh = min(margins("kbsc", 128, "rayleigh_original", "rayleigh"))
    published = pd.read_csv(RESULTS / "neural_baselines/deepjscc_published.csv").query("channel == 'AWGN'")
    kb = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["entries", "index"])
    hnsw, flat, pq = (kb.loc[10**6, name] for name in ("HNSW32 efSearch=64", "Flat", "IVFsqrt,PQ64"))
    least = min(adaptive_margins("original")), min(adaptive_margins("pca"))
    assert least[1] >= 0
    missing = not_said(
        f"within {raw_off('awgn'):.1f} (AWGN) and {raw_off('rayleigh'):.1f} points (Rayleigh) at every SNR",
        f"by at least {own} points for k = 256, 128, 64 over AWGN, {rayleigh:.1f} for k = 128 over Rayleigh",
        f"above it at every SNR: by at least {default} points |",
        f"above the original by at least {least[0]:.1f} points at every SNR and k it has; not below PCA at any of "
        f"{len(adaptive_margins('pca'))} points (n = 5,000 each, intervals at most "
        f"±{largest_half('adaptive/bench_seed0'):.1f})",
        f"PSNR of {published.run.nunique()} published DeepJSCC networks over AWGN, 0 to 25 dB",
        f"{published.difference.mean():.2f} dB above on average on our JPEG copies",
        f"HNSW32, recall {hnsw.recall_1:.3f}, accuracy {with_half(hnsw)} % | {hnsw.queries_per_s:,.0f} queries/s | "
        f"{flat.queries_per_s:.0f}: exact, {with_half(flat)} % | {hnsw.queries_per_s / flat.queries_per_s:.0f} |",
        f"{pq.bytes_per_entry:.0f} bytes an entry, recall {pq.recall_1:.3f}, accuracy {with_half(pq)} % | "
        f"{pq.queries_per_s:.0f} queries/s | {flat.queries_per_s:.0f}: exact, {flat.bytes_per_entry:,.0f} bytes | "
        f"{pq.queries_per_s / flat.queries_per_s:.1f} |",
    )
    assert missing == []


def with_half(row):
    return f"{100 * row.accuracy:.1f} ± {50 * (row.accuracy_high - row.accuracy_low):.1f}"


def largest_half(folder):
    rows = facts(folder).records
    return 50 * (rows.top1_high - rows.top1_low).max()


@cache
def adaptive_margins(reference):
    """Points of `adaptive` above a reference at every SNR and seed that it has."""
    found = []
    for seed in range(3):
        folder = f"adaptive/bench_seed{seed}"
        for channel in ("awgn", "rayleigh_fast"):
            for k in (64, 128, 256):
                for snr in SNRS:
                    key = channel.split("_")[0], k, snr
                    if reference == "pca":
                        found.append(at(folder, "adaptive", k, snr, channel) - at(folder, "pca", k, snr, channel))
                    elif key in ORIGINAL:
                        found.append(at(folder, "adaptive", k, snr, channel) - ORIGINAL[key])
    return found
