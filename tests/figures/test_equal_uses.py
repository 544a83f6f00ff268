"""Figures that compare many schemes: what is drawn from synthetic records; looks were judged by eye."""

import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from synthetic import digital, ofdm

from kbsc_tf.errors import UserError
from kbsc_tf.figures import equal_uses as comparison
from kbsc_tf.figures.equal_uses import plot_by_cbr, plot_cbr_overview
from kbsc_tf.figures.output import Output

SNRS = (-7.0, 2.0, 12.0, math.inf)


@pytest.fixture
def figures(monkeypatch, tmp_path):
    """Draw without files -> {stem: Figure}."""
    drawn = {}

    def keep(figure, out_dir, stem, *_):
        figure.draw_without_rendering()
        drawn[stem] = figure
        return [out_dir / stem]

    monkeypatch.setattr(comparison, "save_figure", keep)

    def call(draw, *arguments, **options):
        drawn.clear()
        draw(arguments[0], tmp_path, *arguments[1:], **options)
        return dict(drawn)

    return call


def texts(figure):
    """All texts of the figure itself and the entries of its legends."""
    return [t.get_text() for t in figure.texts] + [t.get_text() for one in figure.legends for t in one.get_texts()]


def main_axes(figure):
    return [axes for axes in figure.axes if axes.get_title()]


@pytest.mark.long
@pytest.mark.parametrize(
    "options", [{}, {"channels": ("awgn",)}, {"snrs": (math.inf,)}, {"snrs": (5.0,)}, {"seeds": (0, 1)}]
)
def test_figures_are_written_the_same_every_time(tmp_path, options):
    records = digital(**{"ks": (256,), "snrs": SNRS, **options})
    files = plot_by_cbr(records, tmp_path)
    assert [path.name for path in files] == ["accuracy_cbr_1_24.png", "accuracy_cbr_1_24.pdf"]
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in plot_by_cbr(records, tmp_path)] == before
    assert Image.open(files[0]).size[0] == round(300 * 3.5 * min(2, records["channel"].nunique()))
    assert b"/Type3" not in before[1] and b"CreationDate" not in before[1]


@pytest.mark.long
def test_a_figure_for_each_k_of_coded_schemes_where_something_fits(figures):
    records = digital(snrs=SNRS)
    assert list(figures(plot_by_cbr, records)) == [f"accuracy_cbr_1_{n}" for n in (384, 96, 48, 24, 12)]
    assert list(figures(plot_by_cbr, records, "psnr")) == [f"psnr_cbr_1_{n}" for n in (96, 48, 24, 12)]
    few = records[(records["scheme"] != "raw") & (records["k"] == 256)]
    both = figures(plot_by_cbr, records[records["scheme"].eq("raw") | records.index.isin(few.index)])
    assert list(both) == ["accuracy_cbr_1_24"]  # raw's own k has nothing to be compared with
    assert list(figures(plot_by_cbr, records[records["scheme"] == "raw"])) == ["accuracy_cbr_1_12"]


def test_curves_are_envelopes_genies_and_single_mcs(figures):
    records = digital(channels=("awgn",), ks=(256,), snrs=SNRS)
    records = records[records["scheme"].isin(["kbsc", "bpg_ldpc"])]
    fitting = set(records["mcs"][records["feasible"] > 0]) - {"", "genie"}

    def drawn(**options):
        (figure,) = figures(plot_by_cbr, records, **options).values()
        curves = [line for line in main_axes(figure)[0].lines if line.get_label().startswith("_child")]
        return texts(figure), [line.get_linewidth() for line in curves if len(line.get_xdata()) > 2].count

    shown, count = drawn()
    assert count(0.9) == 2 and count(0.8) == 1 and count(0.5) == len(fitting)
    entries = ["LDPC: best fixed MCS on test images", "LDPC: best MCS by outcome", "each fixed MCS of BPG + LDPC"]
    assert sorted(shown) == sorted(["CBR 1/24 ($n$ = 128)", "KBSC", "BPG + LDPC", *entries])
    tried = records.assign(validation_top1=records["top1"])
    assert "LDPC: best fixed MCS" in texts(*figures(plot_by_cbr, tried).values())
    assert entries[2] not in drawn(show_mcs=())[0] and drawn(show_mcs=())[1](0.5) == 0
    for without in ({"show_genie": False}, {"metric": "psnr"}):  # PSNR is not what the genie chooses by
        assert entries[1] not in drawn(**without)[0] and drawn(**without)[1](0.8) == 0


def test_what_does_not_fit_is_said_and_not_drawn(figures):
    (figure,) = figures(plot_by_cbr, digital(channels=("awgn",), ks=(256,), snrs=SNRS)).values()
    assert "Nothing fits: JPEG + LDPC; JPEG, capacity; BPG, capacity below 2 dB." in texts(figure)
    assert "JPEG + LDPC" not in texts(figure) and "BPG, capacity" in texts(figure)


def test_panels_show_the_same_snrs_also_where_little_fits(figures):
    records = digital(ks=(256,), snrs=SNRS)
    lost = records["channel"].ne("awgn") & records["snr_db"].lt(12)
    records.loc[lost, "feasible"] = 0.0
    [figure] = figures(plot_by_cbr, records, "psnr").values()
    limits = [axes.get_xlim() for axes in main_axes(figure)]
    assert len(limits) == 2 and limits[0] == limits[1]
    assert limits[0] == pytest.approx((-7 - 0.95, 12 + 0.95))


@pytest.mark.long
def test_the_reference_is_a_level_in_every_panel_however_often_it_is_recorded(figures):
    records = digital(channels=("awgn",), ks=(64, 256), snrs=SNRS)
    once = records[(records["scheme"] != "noise_free") | (records["k"] == 64)]
    for table in (records, once):
        for figure in figures(plot_by_cbr, table).values():
            for axes in figure.axes:
                lines = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
                heights = {height for line in lines for height in line.get_ydata()} - {0, 1}  # those are break marks
                assert list(heights) == [pytest.approx(69.35)]
    (figure,) = figures(plot_cbr_overview, once).values()
    assert "noise-free feature" in texts(figure)


@pytest.mark.long
def test_markers_are_hollow_where_mostly_the_mean_image_is_shown(figures):
    records = digital(channels=("awgn",), ks=(256,), snrs=SNRS)
    note = "mean image stands in for over 50 %"
    (figure,) = figures(plot_by_cbr, records, "psnr").values()
    lines = [line for line in main_axes(figure)[0].lines if str(line.get_markerfacecolor()) == "white"]
    hollow = [x for line in lines for x in line.get_xdata()]
    assert note in texts(figure) and sorted(set(hollow)) == [-7.0, 2.0]
    assert main_axes(figure)[0].get_ylabel() == "PSNR (dB)"
    (figure,) = figures(plot_by_cbr, records).values()
    assert note not in texts(figure)
    several = digital(channels=("awgn",), ks=(256, 512), snrs=SNRS)
    (figure,) = figures(plot_cbr_overview, several, metric="psnr").values()
    assert note in texts(figure)
    (figure,) = figures(plot_cbr_overview, several).values()
    assert note not in texts(figure)


@pytest.mark.long
@pytest.mark.parametrize("channels", [("awgn",), ("awgn", "rayleigh_fast"), ("awgn", "rayleigh_fast", "ofdm")])
def test_nothing_overlaps_or_is_cut_off(figures, channels):
    records = digital(channels=channels, ks=(16, 256, 512), snrs=SNRS)
    drawn = [*figures(plot_by_cbr, records).values(), *figures(plot_by_cbr, records, "psnr").values()]
    for figure in [*drawn, *figures(plot_cbr_overview, records).values()]:
        renderer = FigureCanvasAgg(figure).get_renderer()
        whole = figure.bbox
        blocks = [legend.get_window_extent(renderer) for legend in figure.legends]
        blocks += [text.get_window_extent(renderer) for text in figure.texts]
        panels = [axes.get_tightbbox(renderer) for axes in main_axes(figure)]
        for block in [*blocks, *panels]:
            assert whole.x0 <= block.x0 and block.x1 <= whole.x1 and whole.y0 <= block.y0 and block.y1 <= whole.y1
        for i, block in enumerate(blocks):
            assert not any(block.overlaps(other) for other in [*blocks[i + 1 :], *panels])


@pytest.mark.long
def test_overview_has_a_panel_per_channel_and_snr(figures, tmp_path):
    records = digital(snrs=SNRS)
    (figure,) = figures(plot_cbr_overview, records).values()
    assert len(main_axes(figure)) == 6
    assert main_axes(figure)[4].get_title() == "(e) Rayleigh, fast, 2 dB"
    assert "no point: nothing fits" in texts(figure)
    assert len(main_axes(figures(plot_cbr_overview, records, snr_db=[12.0])["accuracy_vs_cbr"])) == 2
    assert plot_cbr_overview(records[records["k"] == 64], tmp_path) == []
    own_k = records["k"].eq(records["scheme"].map({"pca": 64, "kbsc": 256}))
    assert own_k.any() and plot_cbr_overview(records[own_k], tmp_path) == []
    assert plot_cbr_overview(records, tmp_path, snr_db=[99.0]) == []


TWELVE = tuple(
    f"ofdm_tdl-a_{speed}kmh_{antennas}_{csi}"
    for speed in (3, 60)
    for csi in ("perfect", "ls_linear")
    for antennas in ("1x1", "1x2", "2x2")
)


def notes_of(figure):
    return [text.get_text() for axes in main_axes(figure) for text in axes.texts]


def test_figures_over_grids_say_data_symbols_and_every_panel_its_own_channel_uses(figures):
    records = ofdm(ks=(64, 128))
    drawn = figures(plot_by_cbr, records)
    assert list(drawn) == ["accuracy_k_64", "accuracy_k_128"]
    assert "$n$ = 64 data symbols ($k$ = 128)" in texts(drawn["accuracy_k_128"])
    assert notes_of(drawn["accuracy_k_128"]) == ["64 channel uses, CBR 1/48", "96 channel uses, CBR 1/32"]
    records.loc[records["scheme"].eq("pca") & records["papr_db"].notna(), "channel_uses"] *= 0.9
    notes = notes_of(figures(plot_by_cbr, records)["accuracy_k_128"])
    assert notes[1] == "86.4 to 96 channel uses, CBR 1/36 to 1/32"
    # Without overhead and with one stream the channel uses are the symbols.
    records["channel_uses"] = records["k"] / 2
    records["cbr"] = records["channel_uses"] / 3072
    assert list(figures(plot_by_cbr, records)) == ["accuracy_cbr_1_96", "accuracy_cbr_1_48"]


def test_the_overview_over_grids_has_the_channel_uses_on_the_air(figures):
    (figure,) = figures(plot_cbr_overview, ofdm(ks=(64, 128))).values()
    ticks = [[text.get_text() for text in axes.get_xticklabels()] for axes in main_axes(figure)]
    assert ticks == [["32", "64"], ["48", "96"]]
    for axes in main_axes(figure):
        xs = {x for line in axes.lines if len(line.get_xdata()) == 2 for x in line.get_xdata()}
        assert {f"{x:g}" for x in xs} == {text.get_text() for text in axes.get_xticklabels()}


@pytest.mark.parametrize(
    "name",
    ["a name that a user thought up, longer than any title ought to be", pytest.param(None, marks=pytest.mark.long)],
)
def test_many_channels_stand_three_in_a_row_on_one_page(figures, name):
    records = ofdm(TWELVE, (64, 128))
    if name:
        records["channel"] = records["channel"].replace(TWELVE[4], name)
    drawn = {**figures(plot_by_cbr, records), **figures(plot_cbr_overview, records)}
    assert list(drawn) == ["accuracy_k_64", "accuracy_k_128", "accuracy_vs_cbr"]
    assert "$E_s/N_0$ = 5 dB" in texts(drawn["accuracy_vs_cbr"])
    for figure in drawn.values():
        width, height = figure.get_size_inches()
        assert width <= 7 and height <= 9.8  # a page
        titles = [axes.get_title().replace("\n", " ") for axes in main_axes(figure)]
        assert len(titles) == 12 and titles[0] == "(a) TDL-A, 3 km/h, 1\N{MULTIPLICATION SIGN}1, perfect CSI"
        assert titles[4].startswith("(e) " + (name or "TDL-A, 3 km/h")) and titles[-1].startswith("(l) TDL-A, 60 km/h")
        renderer = FigureCanvasAgg(figure).get_renderer()
        blocks = [legend.get_window_extent(renderer) for legend in figure.legends]
        blocks += [text.get_window_extent(renderer) for text in figure.texts]
        blocks += [axes.get_tightbbox(renderer) for axes in main_axes(figure)]
        for i, block in enumerate(blocks):
            assert block.x0 >= 0 and block.x1 <= figure.bbox.x1 and block.y0 >= 0 and block.y1 <= figure.bbox.y1
            assert not any(block.overlaps(other) for other in blocks[i + 1 :])


@pytest.mark.long
def test_the_legend_says_where_intervals_are_of_these_images(figures):
    records = digital(channels=("awgn",), ks=(64, 256), snrs=SNRS)
    note = "95 % interval: these images, other noise"
    for draw in (plot_by_cbr, plot_cbr_overview):
        for figure in figures(draw, records, output=Output(estimand="test_set")).values():
            assert note in texts(figure)
        for figure in figures(draw, records).values():
            assert note not in texts(figure)


def test_mistakes_are_said(tmp_path):
    records = digital(channels=("awgn",), ks=(64,), snrs=(0.0,))
    with pytest.raises(UserError, match="nothing to show for coarse1"):
        plot_by_cbr(records, tmp_path, "coarse1")
    with pytest.raises(UserError, match="no column top9"):
        plot_by_cbr(records, tmp_path, "top9")
    with pytest.raises(UserError, match="no point has channel uses"):
        plot_by_cbr(records[records["scheme"] == "noise_free"], tmp_path)
