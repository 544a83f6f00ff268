"""Sentences of the results' READMEs that carry numbers say what the records beside them hold."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from readmes import RESULTS, Readme, original, points

SNRS = [-7, -6, -5, -4, -2, 0, 2, 4, 5, 6, 7, 10, math.inf]


def margins(scheme, k, channel, theirs):
    """Points above the original at each SNR, by its channel's name."""
    return [points("original").at(scheme, k, snr, channel) - original()[theirs, k, snr] for snr in SNRS]


def over_the_originals_channel():
    return {k: margins("kbsc", k, "awgn_original", "awgn") for k in (256, 128, 64)}


def raw_off(kind):
    return max(map(abs, margins("raw", 512, f"{kind}_original", kind)))


def test_original():
    rayleigh = margins("kbsc", 128, "rayleigh_original", "rayleigh")
    same = [*sum(over_the_originals_channel().values(), []), *rayleigh]
    default = sum((margins("kbsc", k, "awgn", "awgn") for k in (256, 128, 64)), [])
    faded = margins("pca", 128, "rayleigh_fast", "rayleigh")
    missing = Readme("results/original").not_said(
        f"(at most {max(raw_off('awgn'), raw_off('rayleigh')):.1f} points off",
        f"above the original at every SNR and k, by {min(same):.1f} to {max(same):.1f} points",
        f"above the original at every AWGN point as well, by {min(default):.1f} to {max(default):.1f} points",
        f"PCA over fading with MMSE loses up to {-min(faded):.1f} points to the original",
    )
    assert missing == []


def test_main_readme():
    own = ", ".join(f"{min(found):.1f}" for found in over_the_originals_channel().values())
    default = ", ".join(f"{min(margins('kbsc', k, 'awgn', 'awgn')):.1f}" for k in (256, 128, 64))
    rayleigh = min(margins("kbsc", 128, "rayleigh_original", "rayleigh"))
    published = pd.read_csv(RESULTS / "neural_baselines/deepjscc_published.csv").query("channel == 'AWGN'")
    kb = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["entries", "index"])
    hnsw, flat, pq = (kb.loc[10**6, name] for name in ("HNSW32 efSearch=64", "Flat", "IVFsqrt,PQ64"))
    least = min(adaptive_margins("original")), min(adaptive_margins("pca"))
    assert least[1] >= 0
    missing = Readme().not_said(
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
    rows = points(folder).records
    return 50 * (rows.top1_high - rows.top1_low).max()


def adaptive_margins(reference):
    """Points of `adaptive` above a reference at every SNR and seed that it has."""
    found = []
    for seed in range(3):
        of = points(f"adaptive/bench_seed{seed}")
        for channel in ("awgn", "rayleigh_fast"):
            for k in (64, 128, 256):
                for snr in SNRS:
                    key = channel.split("_")[0], k, snr
                    if reference == "pca":
                        found.append(of.at("adaptive", k, snr, channel) - of.at("pca", k, snr, channel))
                    elif key in original():
                        found.append(of.at("adaptive", k, snr, channel) - original()[key])
    return found


def test_cifar10():
    at = points("cifar10").at
    minus_seven = [at("pca", k, -7) for k in (16, 64, 128, 256)]
    ceiling = at("raw", 512, math.inf)
    late = [
        ceiling - at(scheme, k, snr, channel)
        for scheme, ks in {"kbsc": (64, 128, 256), "pca": (64, 128, 256), "raw": (512,)}.items()
        for k in ks
        for channel in ("awgn", "rayleigh_fast")
        for snr in (7, 10)
    ]
    assert max(late) <= 3
    below = [at("pca", 16, s) - at("kbsc", 16, s) for s in (-7, -4, -2, 0, 2, 4, 7, 10, math.inf)]
    assert min(below) > 0
    larger = [at("pca", k, snr) - at("kbsc", k, snr) for k in (64, 128, 256) for snr in (-7, -4, -2)]
    missing = Readme("results/cifar10").not_said(
        f"{at('pca', 16, math.inf):.1f} % without noise, as much as the uncompressed feature's {ceiling:.1f} %",
        "PCA rises from {:.1f} to {:.1f}, {:.1f} and {:.1f} % for k = 16, 64, 128 and 256".format(*minus_seven),
        f"({at('kbsc', 16, -7):.1f} against {at('pca', 16, -7):.1f} % at -7 dB, {at('kbsc', 16, 0):.1f} against "
        f"{at('pca', 16, 0):.1f} % at 0 dB)",
        "for k = 128 and 256 at -7 dB ({:.1f} against {:.1f} %, {:.1f} against {:.1f} %), behind for k = 16".format(
            *(at(scheme, k, -7, "rayleigh_fast") for k in (128, 256) for scheme in ("kbsc", "pca"))
        ),
        f"and by {min(larger):.1f} to {max(larger):.1f} points from -7 to -2 dB for larger k",
        f"(zero-shot on the sent images {100 * 3924 / 5000:.1f} %, 3,924 of 5,000)",
    )
    assert missing == []


def cost_of_fading(k, snr_db):
    """SNR in dB less at which KBSC has the same accuracy over AWGN."""
    at, snrs = points("tiny_imagenet_100").at, [-7, -4, -2, 0, 2, 4, 7, 10]
    return snr_db - np.interp(at("kbsc", k, snr_db, "rayleigh_fast"), [at("kbsc", k, snr) for snr in snrs], snrs)


def test_tiny_imagenet():
    at = points("tiny_imagenet_100").at
    late = [at("kbsc", k, s) - at("kbsc", k, s, "rayleigh_fast") for k in (64, 128, 256) for s in (7, 10)]
    few, many = ([cost_of_fading(k, snr) for snr in (-4, -2, 0, 2, 4)] for k in (16, 64))
    assert few[-1] == max(few)
    missing = Readme("results/tiny_imagenet_100").not_said(
        f"(zero-shot on the sent images {100 * 1169 / 2500:.1f} %, 1,169 of 2,500)",
        f"the right class for {at('raw', 512, math.inf):.1f} % of the images",
        f"({at('kbsc', 16, 0):.1f} against {at('pca', 16, 0):.1f} % at 0 dB, {at('kbsc', 16, 10):.1f} against "
        f"{at('pca', 16, 10):.1f} % at 10 dB)",
        f"({at('kbsc', 64, 0):.1f} against {at('pca', 64, 0):.1f} % at 0 dB)",
        f"costs KBSC at most {max(many):.1f} dB up to 4 dB at k = 64, and up to {max(few):.1f} dB (at 4 dB) at k = 16",
        f"From 7 dB on it costs at most {max(late):.1f} points",
        "{:.1f}, {:.1f} and {:.1f} % for KBSC at k = 64, 128 and 256, {:.1f} % for the uncompressed feature".format(
            *(at("kbsc", k, -7) for k in (64, 128, 256)), at("raw", 512, -7)
        ),
    )
    assert missing == []


COUNTS = {
    "original": "5,000 queries",
    "cifar10": "{n:,} test images sent",
    "tiny_imagenet_100": "{n:,} validation images sent",
    "baselines_cifar10": "{n:,} of the test half's",
    "baselines_tiny_imagenet_100": "{n:,} of the 2,500 images",
    "neural_baselines": "{n:,} test images sent",
    "tiled_bpg_cifar10": "{n:,} CIFAR-10 test images",
    "images_per_block/1": "{n:,} images sent",
    "ofdm/tdl": "{n:,} sent images",
    "adaptive/bench_seed0": "n = {n:,} features",
    "adaptive/cifar10": "({n:,} of 5,000 test images sent)",
    "adaptive/tiny_imagenet_100": "`sims/adaptive_tiny_imagenet_100.yaml` ({n:,})",
    "adaptive/progressive": "n = {n:,}, intervals at most ±{half:.1f}",
    "adaptive/tiny_seen": "n = {n:,} (seen, ±{half:.1f})",
    "adaptive/tiny_unseen": "and {n:,} (unseen, ±{half:.1f})",
}


@pytest.mark.parametrize("folder", COUNTS)
def test_images_of_a_point(folder):
    (n,) = points(folder).records.n.unique()
    said = COUNTS[folder].format(n=n, half=largest_half(folder))
    assert Readme(f"results/{folder.split('/')[0]}").not_said(said) == []


MINUTES = {
    "baselines_cifar10": "({:.0f} minutes on two cores",
    "baselines_tiny_imagenet_100": "({:.0f} minutes on two cores",
    "tiled_bpg_cifar10": "({:.0f} minutes)",
    "kb_scaling": ", {:.0f} minutes)",
}


@pytest.mark.parametrize("folder", MINUTES)
def test_time_of_a_run(folder):
    run = json.loads((RESULTS / folder / "run.json").read_text(encoding="utf-8"))
    assert Readme(f"results/{folder}").not_said(MINUTES[folder].format(run["wall_time_s"] / 60)) == []
