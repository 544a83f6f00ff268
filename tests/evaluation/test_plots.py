"""Figures and tables from synthetic records: files, determinism, what is drawn; looks were judged by eye."""

import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from kbsc_tf.errors import UserError
from kbsc_tf.evaluation.plots import draw_figures, plot_accuracy, plot_accuracy_vs_cbr
from kbsc_tf.evaluation.records import COLUMNS
from kbsc_tf.evaluation.table import accuracy_table, channel_text, markdown_table, snr_text
from kbsc_tf.metrics import wilson
from kbsc_tf.metrics.pooling import pool_seeds


def synthetic(schemes=("kbsc", "pca"), channels=("awgn",), ks=(16, 64), snrs=(-7.0, 0.0, 10.0, math.inf), seeds=(0,)):
    rows = []
    for scheme, channel, k, snr_db, seed in (
        (s, c, k, x, seed) for s in schemes for c in channels for k in ks for x in snrs for seed in seeds
    ):
        share = round(1000 * k / (k + 40) / (1 + math.exp(-min(snr_db, 40) / 4))) / 1000 + seed / 100
        low, high = wilson(share * 1000, 1000)
        row = dict.fromkeys(COLUMNS, math.nan) | {"scheme": scheme, "channel": channel, "k": k, "snr_db": snr_db}
        row |= {"seed": seed, "n": 1000, "channel_uses": k / 2, "cbr": k / 2 / 3072}
        rows.append(row | {"top1": share, "top1_low": low, "top1_high": high})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": ("awgn", "rayleigh_fast", "my $link_1")},
        {"schemes": ("kbsc",), "ks": (64,)},
        {"snrs": (math.inf,)},
        {"snrs": (0.0,)},
        {"schemes": ("pca", *"abcdefghij"), "ks": (2, 4, 8, 16, 32, 64, 128)},
    ],
)
def test_figures_are_written_the_same_every_time(tmp_path, options):
    records = synthetic(**options)
    files = plot_accuracy(records, tmp_path, "first")
    assert [f.suffix for f in files] == [".png", ".pdf"]
    again = plot_accuracy(records, tmp_path, "again")
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    width = Image.open(files[0]).size[0]
    assert width == round(300 * 3.5 * min(2, records["channel"].nunique()))
    assert b"/Type3" not in files[1].read_bytes() and b"CreationDate" not in files[1].read_bytes()


def test_users_settings_stay_outside_and_untouched(tmp_path):
    records = synthetic()
    plain = plot_accuracy(records, tmp_path, "plain")[0].read_bytes()
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert plot_accuracy(records, tmp_path, "mine")[0].read_bytes() == plain
        assert dict(matplotlib.rcParams) == before


def test_versus_cbr(tmp_path):
    assert len(plot_accuracy_vs_cbr(synthetic(), tmp_path)) == 2
    assert len(plot_accuracy_vs_cbr(synthetic(), tmp_path, snr_db=[math.inf])) == 2
    assert plot_accuracy_vs_cbr(synthetic(ks=(64,)), tmp_path, "none") == []
    assert plot_accuracy_vs_cbr(synthetic(snrs=(math.inf,)), tmp_path, "none") == []
    assert not (tmp_path / "none.png").exists()


def test_all_figures_of_a_folder(tmp_path):
    synthetic().to_csv(tmp_path / "records.csv", index=False)
    names = ["accuracy.png", "accuracy.pdf", "accuracy_vs_cbr.png", "accuracy_vs_cbr.pdf"]
    assert [path.name for path in draw_figures(tmp_path)] == names


def test_nothing_to_draw_is_said(tmp_path):
    for records, metric in ((synthetic(), "coarse1"), (synthetic()[:0], "top1"), (synthetic(), "top9")):
        with pytest.raises(UserError, match=metric):
            plot_accuracy(records, tmp_path, metric=metric)
    with pytest.raises(UserError, match="cannot write"):
        plot_accuracy(synthetic(), tmp_path / "nowhere")


def test_seeds_are_pooled_without_pretending_more_images():
    records = synthetic(seeds=(0, 2), schemes=("kbsc",), ks=(64,), snrs=(0.0,))
    point = pool_seeds(records).iloc[0]
    assert point["value"] == pytest.approx(records["top1"].mean())
    assert (point["low"], point["high"]) == pytest.approx(wilson(1000 * point["value"], 1000))
    alone = pool_seeds(records[:1]).iloc[0]
    assert (alone["low"], alone["high"]) == (records["top1_low"][0], records["top1_high"][0])


def test_points_keep_the_order_of_schemes_and_channels():
    points = pool_seeds(synthetic(schemes=("raw", "kbsc"), channels=("rayleigh_fast", "awgn"))[::-1])
    assert list(points["scheme"].unique()) == ["kbsc", "raw"] and list(points["channel"].unique())[0] == "awgn"
    assert (np.diff(points["k"][:8]) >= 0).all()


@pytest.mark.parametrize(("width", "snrs"), [(200, 13), (70, None)])
def test_table_fits_the_terminal(width, snrs):
    records = synthetic(channels=("awgn", "rayleigh_fast"), snrs=(*map(float, range(-7, 5)), math.inf))
    table = accuracy_table(records, width=width)
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    text = console.export_text()
    assert "…" not in text and "KBSC" in text and "Rayleigh, fast" in text
    assert len(table.rows) == 8
    if snrs:
        assert len(table.columns) == 3 + snrs and "61.5 ±3.0" in text
    else:
        assert "of 13 SNRs shown" in text and "\N{MINUS SIGN}7" in text


def test_markdown_table():
    lines = markdown_table(synthetic(schemes=("kbsc",), ks=(64,))).splitlines()
    assert lines[0] == "| Scheme | Channel | k | \N{MINUS SIGN}7 dB | 0 dB | 10 dB | no noise |"
    assert lines[2].startswith("| KBSC | AWGN | 64 |") and lines[2].endswith("| 61.5 ±3.0 |")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("awgn", "AWGN"),
        ("rayleigh_fast", "Rayleigh, fast"),
        ("rayleigh_block_none_csi_none", "Rayleigh, block, no CSI, no equaliser"),
        ("rician_fast_perfect_csi_zf", "Rician, fast, perfect CSI, ZF"),
        ("rayleigh_original", "Rayleigh, original"),
        ("my_link", "my link"),
    ],
)
def test_channel_names(label, text):
    assert channel_text(label) == text


def test_snr_names():
    assert [snr_text(x) for x in (-7.0, 2.5, math.inf)] == ["\N{MINUS SIGN}7 dB", "2.5 dB", "no noise"]
