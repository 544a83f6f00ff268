"""The tables of results/adaptive say what the records beside it hold."""

import math

import pandas as pd
from readmes import RESULTS, Readme, original, overlap, points, snr_of, wrong_cells

FOLDER = RESULTS / "adaptive"
KIND = {"A": "awgn", "R": "rayleigh_fast"}


def section(number):
    return [table for table in Readme("results/adaptive").tables if table.heading.startswith(f"## {number}.")]


def test_three_seeds_and_the_original():
    (table,) = section(1)
    snrs = [head for head in table.heads if snr_of(head) is not None]

    def value(row, head):
        scheme, channel = row[""].split(", ")
        if scheme == "original":
            return original()[channel.split("_")[0], int(row["k"]), snr_of(head)]
        return points(f"adaptive/bench_seed{row['seed']}").at(scheme, int(row["k"]), snr_of(head), channel)

    def expected(row, head):
        if head != "least margin":
            return value(row, head)
        scheme, channel = row[""].split(", ")
        if scheme != "adaptive":
            return ""
        margins = {"PCA": {**row, "": f"pca, {channel}"}}
        if (channel.split("_")[0], int(row["k"]), 0.0) in original():
            margins["original"] = {**row, "": f"original, {channel}"}
        least = {name: min(value(row, snr) - value(other, snr) for snr in snrs) for name, other in margins.items()}
        return ", ".join(f"{name} {margin:+.{2 if name == 'PCA' else 1}f}" for name, margin in least.items())

    assert wrong_cells(table, expected, [*snrs, "least margin"]) == []


def test_ablation():
    (table,) = section(2)
    rows = pd.read_csv(FOLDER / "ablation_bench_seed0.csv").set_index(["variant", "channel", "k", "snr_db"]).top1

    def expected(row, head):
        where, snr = head.split(", ")
        return 100 * rows[row[""], KIND[where[0]], int(where[1:]), snr_of(snr)]

    assert wrong_cells(table, expected, table.heads[1:]) == []


def test_specialists():
    (table,) = section(3)
    rows = pd.read_csv(FOLDER / "specialists.csv").set_index(["k", "snr_db"])

    def expected(row, head):
        k, what = row["k"].split(", ")
        at = rows.loc[int(k), snr_of(head)]
        one, own = 100 * at.one_top1, 100 * at.own_top1
        return {"one model": one, "its own": own, "difference": one - own}[what]

    assert wrong_cells(table, expected) == []


def test_real_images():
    for table, folder in zip(section(4), ["cifar10", "tiny_imagenet_100"], strict=True):

        def expected(row, head, folder=f"adaptive/{folder}"):
            scheme, channel = row[""].split(", ")
            return points(folder).at(scheme, int(row["k"]), snr_of(head), channel)

        assert wrong_cells(table, expected) == []


def test_while_symbols_arrive():
    (table,) = section(5)

    def expected(row, head):
        return points("adaptive/progressive").at(row["scheme"], int(head), float(row["SNR, AWGN"]))

    assert wrong_cells(table, expected, table.heads[2:]) == []


def test_labels():
    (table,) = section(6)

    def expected(row, head):
        classes, scheme = row[""].split(", ")
        return points(f"adaptive/tiny_{classes}").at(scheme, int(row["k"]), snr_of(head))

    assert wrong_cells(table, expected) == []


def confidence_of_adaptive():
    """Confidence pooled over all SNRs, by folder."""
    rows = {name: pd.read_csv(FOLDER / name / "confidence.csv") for name in ("cifar10", "tiny_imagenet_100")}
    rows = {name: r[(r.scheme == "adaptive") & (r.snr_db == "all")] for name, r in rows.items()}
    return {name: r.set_index(["channel", "k"]) for name, r in rows.items()}


def test_confidence():
    (table,), pooled = section(7), confidence_of_adaptive()

    def expected(row, head):
        channel, k = row["channel, k"].split(", ")
        r = pooled[row[""]].loc[channel, int(k)]
        return {
            "n": r.n,
            "accuracy": 100 * r.accuracy,
            "confidence": 100 * r.confidence,
            "ECE": 100 * r.ece,
            "largest gap of a bin": 100 * r.largest_gap,
            "error, all answered": (100 * r.error_all, 100 * r.error_all_low, 100 * r.error_all_high),
            "error, 20 % abstained": (100 * r.error_kept, 100 * r.error_kept_low, 100 * r.error_kept_high),
        }[head]

    assert wrong_cells(table, expected, table.heads[2:]) == []


def test_sentences_on_seeds_and_specialists():
    of = [points(f"adaptive/bench_seed{seed}") for seed in range(3)]
    rises = [o.at("adaptive", 256, -4, "rayleigh_fast") - o.at("adaptive", 256, -5, "rayleigh_fast") for o in of]
    rows = pd.read_csv(FOLDER / "specialists.csv").set_index(["k", "snr_db"])
    off = 100 * (rows.one_top1 - rows.own_top1)
    below, above, lost = off[off < -1], off[off > 1], off[128].loc[-6:-2]
    halves = [50 * (rows[f"{name}_high"] - rows[f"{name}_low"]).max() for name in ("one_top1", "own_top1")]
    there = [of[0].at("adaptive", 128, snr) for snr in (-6, -5, -4, -2)]
    assert off.idxmin() in [(128, snr) for snr in lost.index]
    missing = Readme("results/adaptive").not_said(
        f"from -5 to -4 dB, where the best order over AWGN changes, accuracy rises by {min(rises):.0f} to "
        f"{max(rises):.0f} points",
        f"(70.7 against {of[0].at('adaptive', 256, -5, 'rayleigh_fast'):.1f} on seed 0",
        f"{(off.abs() <= 1).sum()} of {len(off)} points are within one point, {len(below)} are {-below.max():.1f} to "
        f"{-below.min():.1f} points below, {len(above)} are {above.min():.1f} to {above.max():.1f} points above; "
        "intervals are at "
        f"most ±{max(halves):.1f} points. The largest losses are at k = 128 from -6 to -2 dB, {-lost.max():.1f} to "
        f"{-lost.min():.1f} points",
        f"has {min(there):.1f} to {max(there):.1f} %; it was not compared",
    )
    assert missing == []


def test_sentences_on_what_each_part_is_worth():
    rows = pd.read_csv(FOLDER / "ablation_bench_seed0.csv").set_index(["channel", "k", "snr_db", "variant"]).top1
    at = 100 * rows.unstack()
    order = at["order of symbols, posterior"]
    powers = {loss: at[f"learned power, {loss}"] for loss in ("distillation", "contrastive", "distortion")}
    network = {loss: at[f"residual network, {loss}"] - powers[loss] for loss in powers}
    labels = at["residual network, supervised"] - order
    best = [(power - order).max() for power in powers.values()]
    assert (powers["distillation"] - order).idxmax() == ("rayleigh_fast", 256, 7.0)
    assert labels.idxmax() == ("rayleigh_fast", 64, 0.0)
    metric = (at["PCA, posterior"] - at["PCA, posterior, plain metric"]).max()
    missing = Readme("results/adaptive").not_said(
        f"weighs small axes up raises PCA's accuracy here by up to {metric:.1f} points",
        f"Learning the powers of the axes adds up to {max(best):.1f} points",
        f"Learned powers add up to {best[0]:.1f} points (Rayleigh, k = 256, 7 dB; by similarity distillation, "
        f"{best[1]:.1f} by "
        f"instance contrast, {best[2]:.1f} by distortion)",
        f"A residual network adds at most {max(gain.max() for gain in network.values()):.1f} to that, and trained "
        "on instance "
        f"contrast it costs {-network['contrastive'].max():.1f} to {-network['contrastive'].min():.1f} points",
        f"it gains up to {labels.max():.1f} points over the order of symbols (Rayleigh, k = 64, 0 dB)",
    )
    assert missing == []


def paired(folder, other):
    """Rows of a paired comparison that Holm's correction leaves significant: those above, and those below."""
    rows = pd.read_csv(FOLDER / folder / f"adaptive_vs_{other}.csv")
    assert len(rows) == 48
    rows = rows[rows.p_holm < 0.05].assign(difference=100 * rows.difference)
    return rows[rows.difference > 0], rows[rows.difference < 0]


def test_sentences_on_real_images():
    words = {1: "one", 2: "two"}
    (pca, under), (kbsc, worse) = paired("cifar10", "pca"), paired("cifar10", "kbsc")
    (one,) = under.itertuples()
    tiny_pca, tiny_kbsc = paired("tiny_imagenet_100", "pca"), paired("tiny_imagenet_100", "kbsc")
    assert len(tiny_pca[1]) == len(tiny_kbsc[1]) == 0
    behind = [
        max(of.at(scheme, k, 10, channel) for scheme in ("adaptive", "pca", "kbsc"))
        - of.at("feature_ldpc_pq", k, 10, channel)
        for of in map(points, ["adaptive/cifar10", "adaptive/tiny_imagenet_100"])
        for k in (64, 128, 256, 512)
        for channel in ("awgn", "rayleigh_fast")
    ]
    missing = Readme("results/adaptive").not_said(
        f"`adaptive` is above PCA at {len(pca)} points, by up to {pca.difference.max():.1f} (Rayleigh, k = 64, -7 "
        "dB), and below "
        f"it at {words[len(under)]} (Rayleigh, k = 64, 10 dB: {one.difference:.1f}, 95 % interval "
        f"{100 * one.low:.1f} to "
        f"{100 * one.high:.1f}",
        f"above KBSC at {len(kbsc)}, by up to {kbsc.difference.max():.1f}, and **below it at {words[len(worse)]}**",
        "(k = 256: {:.1f}, k = 512: {:.1f})".format(*worse.difference),
        f"On Tiny-ImageNet-100 it is above PCA at {len(tiny_pca[0])}, by up to {tiny_pca[0].difference.max():.1f}, "
        "above KBSC at "
        f"{len(tiny_kbsc[0])}, by up to {tiny_kbsc[0].difference.max():.1f}, and below neither",
        f"within {min(behind):.1f} to {max(behind):.1f} points of the best analogue scheme",
    )
    assert missing == []


def test_quantised_features_at_low_snr():
    of = [points("adaptive/cifar10"), points("adaptive/tiny_imagenet_100")]
    places = [(k, channel) for k in (64, 128, 256, 512) for channel in ("awgn", "rayleigh_fast")]
    low, zero = (
        max(o.at("feature_ldpc_pq", k, snr, channel) for o in of for snr in snrs for k, channel in places)
        for snrs in ((-7, -5), (0,))
    )
    assert low == 0
    said = f"Quantised features at QPSK 1/2 have at most {zero:.1f} % at 0 dB and nothing below"
    assert Readme("results/adaptive").not_said(said) == []


def test_sentences_on_prefixes_and_labels():
    of = points("adaptive/progressive")
    places = [(k, snr) for k in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512) for snr in (-5, 0, 5, 10)]
    behind = max(of.at("adaptive_linear", *place) - of.at("adaptive_progressive", *place) for place in places)
    assert all(overlap(of.row("adaptive_linear", *place), of.row("adaptive_progressive", *place)) for place in places)
    gain = {
        (classes, k): points(f"adaptive/tiny_{classes}").at("adaptive_supervised", k, math.inf)
        - points(f"adaptive/tiny_{classes}").at("adaptive_linear", k, math.inf)
        for classes in ("seen", "unseen")
        for k in (64, 256)
    }
    missing = Readme("results/adaptive").not_said(
        f"The sender that does not know k is at most {behind:.1f} points below",
        "The rows of `adaptive_progressive` are **stale**",
        f"Without noise labels gain {gain['seen', 64]:.1f} (k = 64) and {gain['seen', 256]:.1f} points (k = 256) on "
        "the classes "
        f"they were trained on, and cost {-gain['unseen', 64]:.1f} and {-gain['unseen', 256]:.1f} on others",
    )
    assert missing == []


def test_sentences_on_confidence():
    rows = confidence_of_adaptive()
    gaps = [100 * gap for gap in sorted(rows["tiny_imagenet_100"].largest_gap)]
    cuts = [100 * value for r in rows.values() for value in (r.cut.min(), r.cut.max())]
    missing = Readme("results/adaptive").not_said(
        f"All bins of CIFAR-10 are within {100 * rows['cifar10'].largest_gap.max():.1f} points",
        f"off by {gaps[-2]:.1f} and {gaps[-1]:.1f} (the rest are within {gaps[-3]:.1f})",
        "by {:.0f} to {:.0f} % of itself on CIFAR-10 and by {:.0f} to {:.0f} % on Tiny-ImageNet-100".format(*cuts),
    )
    assert missing == []
