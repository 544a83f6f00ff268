"""Figures from synthetic records: files, determinism, what is drawn; looks were judged by eye."""

import json
import math

import matplotlib
import pandas as pd
import pytest
from PIL import Image
from synthetic import analogue, digital

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.figures.curves import draw_figures, plot_accuracy, plot_accuracy_vs_cbr
from kbsc_tf.figures.output import DATA_COLUMNS, Output
from kbsc_tf.figures.style import looks_of
from kbsc_tf.results.envelope import HINDSIGHT
from kbsc_tf.results.names import named, names_of
from kbsc_tf.results.records import read_records


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": ("awgn", "rayleigh_fast", "my $link_1")},
        {"channels": ("office [los]", "cost $x^$ a")},
        {"schemes": ("pca", "$x^$", "a $ b")},
        {"schemes": ("kbsc",), "ks": (64,)},
        {"snrs": (math.inf,)},
        {"snrs": (0.0,)},
        {"schemes": ("pca", *"abcdefghij"), "ks": (2, 4, 8, 16, 32, 64, 128)},
    ],
)
def test_figures_are_written_the_same_every_time(tmp_path, options):
    records = analogue(**options)
    files = plot_accuracy(records, tmp_path, "first")
    assert [f.suffix for f in files] == [".png", ".pdf"]
    again = plot_accuracy(records, tmp_path, "again")
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    width = Image.open(files[0]).size[0]
    assert width == round(300 * 3.5 * min(2, records["channel"].nunique()))
    assert b"/Type3" not in files[1].read_bytes() and b"CreationDate" not in files[1].read_bytes()


def test_users_settings_stay_outside_and_untouched(tmp_path):
    records = analogue()
    plain = plot_accuracy(records, tmp_path, "plain")[0].read_bytes()
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert plot_accuracy(records, tmp_path, "mine")[0].read_bytes() == plain
        assert dict(matplotlib.rcParams) == before


def test_versus_cbr(tmp_path):
    assert len(plot_accuracy_vs_cbr(analogue(), tmp_path)) == 2
    assert len(plot_accuracy_vs_cbr(analogue(), tmp_path, snr_db=[math.inf])) == 2
    assert plot_accuracy_vs_cbr(analogue(ks=(64,)), tmp_path, "none") == []
    assert plot_accuracy_vs_cbr(analogue(snrs=(math.inf,)), tmp_path, "none") == []
    one_each = pd.concat([analogue(schemes=("pca",), ks=(64,)), analogue(schemes=("raw",), ks=(512,))])
    assert plot_accuracy_vs_cbr(one_each, tmp_path, "none") == []
    assert not (tmp_path / "none.png").exists()


def test_all_figures_of_a_folder(tmp_path):
    analogue().to_csv(tmp_path / "records.csv", index=False)
    names = ["accuracy.png", "accuracy.pdf", "accuracy_vs_cbr.png", "accuracy_vs_cbr.pdf"]
    assert [path.name for path in draw_figures(tmp_path)] == names


def test_nothing_to_draw_is_said(tmp_path):
    for records, metric in ((analogue(), "coarse1"), (analogue()[:0], "top1"), (analogue(), "top9")):
        with pytest.raises(UserError, match=metric):
            plot_accuracy(records, tmp_path, metric=metric)
    with pytest.raises(UserError, match="cannot write"):
        plot_accuracy(analogue(), tmp_path / "nowhere")


def test_coded_schemes_are_shown_by_their_envelope_and_the_reference_as_a_level(tmp_path):
    records = digital(channels=("awgn",), ks=(16, 256))
    few = records[records["scheme"].isin(["kbsc", "feature_ldpc_pq", "jpeg_ldpc", "noise_free"])]
    assert len(plot_accuracy(few, tmp_path)) == 2
    assert len(plot_accuracy_vs_cbr(few, tmp_path)) == 2
    alone = few[few["scheme"] == "noise_free"]
    assert len(plot_accuracy(alone, tmp_path)) == 2 and plot_accuracy_vs_cbr(alone, tmp_path) == []
    with pytest.raises(UserError, match="no payload fits"):
        plot_accuracy(few[(few["scheme"] == "jpeg_ldpc") & (few["k"] == 16)], tmp_path)


@pytest.mark.long
def test_a_folder_with_coded_schemes_gets_a_figure_per_cbr_and_metric(tmp_path):
    digital(channels=("awgn",), ks=(16, 256)).to_csv(tmp_path / "records.csv", index=False)
    # No image fits 8 channel uses, so that there are no two CBRs to draw PSNR versus.
    names = ["accuracy_cbr_1_384", "accuracy_cbr_1_24", "psnr_cbr_1_24", "ms_ssim_cbr_1_24", "accuracy_vs_cbr"]
    drawn = draw_figures(tmp_path, ("svg",), data=True)
    assert [path.name for path in drawn] == [f"{n}.{e}" for n in names for e in ("svg", "csv")]
    table = pd.read_csv(tmp_path / "accuracy_cbr_1_24.csv", keep_default_na=False)
    # What is drawn: the envelope, the genie and BPG's fixed MCSs; every value is one of the records.
    assert {"", HINDSIGHT, "genie", "16qam-1/2"} <= set(table["mcs"])
    assert set(table["scheme"][~table["mcs"].isin(["", HINDSIGHT, "genie"])]) == {"bpg_ldpc"}
    records = read_records(tmp_path)
    assert set(table["value"].round(12)) <= set(records["top1"].round(12))
    assert table["metric"].eq("top1").all() and set(table["k"][table["scheme"] != "noise_free"]) == {256}


def test_images_without_codes_get_their_psnr_too(tmp_path):
    records = digital(channels=("awgn",), ks=(256, 512))
    few = records[records["scheme"].isin(["kbsc", "bpg_capacity", "noise_free"])]
    few.to_csv(tmp_path / "records.csv", index=False)
    names = ["accuracy", "psnr", "accuracy_vs_cbr", "psnr_vs_cbr"]
    assert [path.name for path in draw_figures(tmp_path, ["png"])] == [f"{name}.png" for name in names]


@pytest.mark.long
def test_formats_and_the_data_of_a_figure(tmp_path):
    records = analogue(seeds=(0, 1))
    output = Output(("SVG", "png", ".svg"), data=True).check()
    files = plot_accuracy(records, tmp_path, output=output)
    assert [path.name for path in files] == ["accuracy.svg", "accuracy.png", "accuracy.csv"]
    svg = files[0].read_text()
    assert svg.startswith("<?xml") and "<dc:date>" not in svg and "Matplotlib v" not in svg
    assert [path.read_bytes() for path in plot_accuracy(records, tmp_path, "b", output=output)] == [
        path.read_bytes() for path in files
    ]
    table = pd.read_csv(files[2], keep_default_na=False)
    assert list(table.columns) == DATA_COLUMNS
    key = ["scheme", "channel", "k", "snr_db"]
    means = records.groupby(key)["top1"].mean()
    assert len(table) == len(means) == 16
    pd.testing.assert_series_equal(table.set_index(key)["value"].sort_index(), means, check_names=False)
    plain = plot_accuracy(records, tmp_path, "plain")
    assert plain[0].read_bytes() == files[1].read_bytes() and not (tmp_path / "plain.csv").exists()
    with pytest.raises(UserError, match="format jpg: figures are written as png, pdf, svg"):
        draw_figures(tmp_path, ["png", "jpg"])


@pytest.mark.long
def test_intervals_of_these_images_are_called_so(tmp_path):
    analogue().to_csv(tmp_path / "records.csv", index=False)
    before = draw_figures(tmp_path, ["svg"])[0].read_bytes()
    for estimand in ("population", "test_set"):
        run = {"schema": 2, "settings": {}, "config": {"sweep": {"estimand": estimand}}}
        (tmp_path / "run.json").write_text(json.dumps(run))
        assert (draw_figures(tmp_path, ["svg"])[0].read_bytes() == before) == (estimand == "population")


def test_further_entries_look_like_no_scheme_of_the_figure():
    """The first spare colour is that of BPG + LDPC."""
    entries = ["bpg_ldpc", {"scheme": "bpg_ldpc", "format": "abbreviated"}, "feature_ldpc_pq", "pca"]
    config = ExperimentConfig(name="t", schemes=entries)
    with named({"names": names_of(config)}):
        looks = looks_of(config.titles)
    assert len({look.colour for look in looks.values()}) == len(config.titles) == 4
