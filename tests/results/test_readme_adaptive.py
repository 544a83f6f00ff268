"""The tables of results/adaptive say what the records beside it hold."""

import pandas as pd
from readmes import RESULTS, Readme, original, points, snr_of, wrong_cells

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

        def expected(row, head, of=points(f"adaptive/{folder}")):
            scheme, channel = row[""].split(", ")
            return of.at(scheme, int(row["k"]), snr_of(head), channel)

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


def test_confidence():
    (table,) = section(7)

    def expected(row, head):
        channel, k = row["channel, k"].split(", ")
        rows = pd.read_csv(FOLDER / row[""] / "confidence.csv")
        r = rows[(rows.scheme == "adaptive") & (rows.channel == channel) & (rows.k == int(k)) & (rows.snr_db == "all")]
        r = r.iloc[0]
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
