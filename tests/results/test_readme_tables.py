"""Every table of the results' READMEs says what the records beside it hold."""

import re

import pandas as pd
import pytest
from readmes import CHANNELS, NO_FIT, RESULTS, SCHEMES, Readme, points, snr_of, templates, wrong_cells

from kbsc_tf.results.names import mcs_text

BASELINES = ["baselines_cifar10", "baselines_tiny_imagenet_100"]


def tables(folder, head, in_heading=""):
    found = [t for t in Readme(f"results/{folder}").tables if head in t.heads and in_heading in t.heading]
    assert found
    return found


def metric_in(heading):
    return "psnr" if "PSNR" in heading else "ms_ssim" if "MS-SSIM" in heading else "top1"


def mcs_in(label):
    """Name of an MCS: "16-QAM 1/2" is 16qam-1/2."""
    return label.lower().replace("-qam", "qam").replace(" ", "-")


@pytest.mark.parametrize("folder", BASELINES)
def test_tables_over_snr(folder):
    for table in tables(folder, "0 dB"):
        of = points(folder, metric_in(table.heading))

        def expected(row, head, of=of):
            scheme, mcs = SCHEMES[row["Scheme"]], "genie" if row.get("MCS") == mcs_text("genie") else None
            assert mcs or row.get("MCS", "") == of.envelopes.get(scheme, "")
            return of.cell(scheme, int(row["k"]), snr_of(head), CHANNELS[row["Channel"]], mcs)

        assert wrong_cells(table, expected) == []


@pytest.mark.parametrize("folder", BASELINES)
def test_channel_uses(folder):
    """The means over all SNRs, in channel uses and as shares."""
    (table,) = tables(folder, "Channel uses")
    records = points(folder).records.query(
        "channel == 'awgn' and not mcs.str.startswith('envelope') and mcs != 'genie'"
    )
    means = records.groupby(["scheme", "mcs", "k"]).mean(numeric_only=True)

    def expected(row, head):
        mean = means.loc[SCHEMES[row["Scheme"]], mcs_in(row["MCS"]), int(row["k"])]
        if mean.feasible == 0:
            return NO_FIT if head == "Channel uses" else ""
        extra = mean[["header_uses", "crc_uses", "padding_uses"]]
        if head == "Channel uses":
            return mean.channel_uses
        if head != "Payload" and extra.isna().all():
            return ""
        uses = mean.channel_uses - extra.sum() if head == "Payload" else mean[f"{head.lower()}_uses"]
        return uses, 100 * uses / mean.channel_uses

    assert wrong_cells(table, expected, ["Channel uses", "Payload", "Header", "CRC", "Padding"]) == []


def test_neural_codecs():
    for table in tables("neural_baselines", "0 dB", "CBR"):
        of, k = points("neural_baselines", metric_in(table.heading)), 1024 if "CBR 1/6" in table.heading else 512

        def expected(row, head, of=of, k=k):
            scheme = SCHEMES[row["Scheme"]]
            return of.cell(scheme, 512 if scheme == "noise_free" else k, snr_of(head))

        assert wrong_cells(table, expected) == []


def test_published_networks_in_the_same_sweep():
    label = {4: 1, 10: 7, 22: 19}  # Es/N0 that the README names, by the authors' label
    both = [table for table in tables("neural_baselines", "CBR") if table.heads[0] != "Channel"]
    assert [table.heads[0] for table in both] == ["Semantic accuracy (%)", "PSNR (dB)"]
    for table in both:

        def expected(row, head, first=table.heads[0]):
            trained = label[int(re.search(r"(\d+) dB", row[first])[1])]
            folder = f"neural_baselines/published/cbr_{row['CBR'].replace('/', '_')}_trained_at_{trained}_db"
            return points(folder, metric_in(first)).cell(
                "deepjscc", {"1/12": 512, "1/6": 1024}[row["CBR"]], snr_of(head)
            )

        assert wrong_cells(table, expected) == []


def test_published_networks_beside_their_authors_curves():
    rows = pd.read_csv(RESULTS / "neural_baselines/deepjscc_published.csv")
    runs = dict(iter(rows.groupby(["channel", "cbr", "training_snr_db"])))
    (table,) = tables("neural_baselines", "trained at")

    def expected(row, head):
        cbr = {"1/3": 0.3333, "1/6": 0.1667, "1/12": 0.0833}[row["CBR"]]
        one = runs[row["Channel"], cbr, float(row["trained at"].split()[0])]
        assert len(one) == 26
        if head == "difference":
            return one.difference.mean()
        if head == "interval":
            return (one.psnr_high - one.psnr_low).mean() / 2
        (at,) = one[one.label_db == snr_of(head)].itertuples()
        return at.psnr_ours, at.psnr_authors

    heads = [head for head in table.heads if snr_of(head) is not None]
    assert wrong_cells(table, expected, [*heads, "difference", "interval"]) == []


def test_knowledge_bases_of_three_sizes():
    (table,) = tables("kb_scaling", "recall@1")
    rows = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["entries", "index"])

    def expected(row, head):
        r = rows.loc[int(row["entries"].replace(",", "")), row["index"]]
        exact = r.factory == "Flat"
        return {
            "accuracy, %": (100 * r.accuracy, 100 * r.accuracy_low, 100 * r.accuracy_high),
            "less exact, points": "–"
            if exact
            else (100 * r.difference, 100 * r.difference_low, 100 * r.difference_high),
            "recall@1": r.recall_1,
            "recall@10": r.recall_k,
            "batched, queries/s": r.queries_per_s,
            "CPU/query, ms": 1e3 * r.batch_cpu_s_per_query,
            "one by one, ms": 1e3 * r.single_s,
            "build, s (CPU)": "–" if exact else (r.train_s + r.add_s, r.build_cpu_s),
            "index, MB": r.bytes / 1e6,
            "bytes/entry": r.bytes_per_entry,
            "load": r.load,
        }[head]

    assert wrong_cells(table, expected, table.heads[2:]) == []


TABLES = {
    "baselines_cifar10": 4,
    "baselines_tiny_imagenet_100": 4,
    "neural_baselines": 10,  # the first has no numbers of ours
    "kb_scaling": 1,
}


def test_no_table_is_left_out():
    """A README without a template that makes its tables has a test of each of them here."""
    typed = {path.parent.name for path in RESULTS.glob("*/README.md")} - set(templates())
    assert {name: len(Readme(f"results/{name}").tables) for name in typed} == TABLES
