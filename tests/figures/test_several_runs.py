"""Figures of several runs, of some schemes and channels, at the width of a paper's column, on one scale."""

import pytest
from PIL import Image
from synthetic import analogue, digital

from kbsc_tf.errors import UserError
from kbsc_tf.figures import curves, equal_uses
from kbsc_tf.figures.curves import draw_figures, draw_joined
from kbsc_tf.figures.joined import join, restrict
from kbsc_tf.figures.output import Output, inches
from kbsc_tf.results.envelope import condense
from kbsc_tf.results.names import named, scheme_text


@pytest.fixture
def folders(tmp_path):
    """Two runs without a run.json: PCA in both, each with another scheme, the second one over another channel too."""
    for name, schemes, channels, seed in (
        ("a", ("kbsc", "pca"), ("awgn",), 0),
        ("b", ("pca", "raw"), ("awgn", "x"), 1),
    ):
        (tmp_path / name).mkdir()
        table = analogue(schemes=schemes, channels=channels, seeds=(seed,))
        table.to_csv(tmp_path / name / "records.csv", index=False)
    return [tmp_path / "a", tmp_path / "b"]


@pytest.fixture
def drawn(monkeypatch):
    """Figures instead of files, by stem."""
    found = {}

    def keep(figure, folder, stem, *more):
        found[stem] = figure
        return [folder / stem]

    for module in (curves, equal_uses):
        monkeypatch.setattr(module, "save_figure", keep)
    return found


def test_names_that_collide_are_told_apart_and_others_stay(folders):
    joined = join(folders)
    assert list(joined.records["scheme"].unique()) == ["kbsc", "pca @ a", "pca @ b", "raw"]
    with named(joined.run):
        assert scheme_text("pca @ b") == "PCA (b)" and scheme_text("raw") == "raw feature"
    for name, folder in (("kbsc", folders[0]), ("pca @ a", folders[0]), ("pca @ b", folders[1])):
        alone = join([folder]).records
        values = alone["top1"][alone["scheme"].eq(name.partition(" @ ")[0])]
        assert joined.records["top1"][joined.records["scheme"].eq(name)].tolist() == values.tolist()


def test_schemes_and_channels_are_chosen_by_either_name(folders):
    joined = join(folders)
    for schemes in (["pca"], ["PCA"], ["PCA (a)", "pca @ b"], ["pca @ a,pca @ b"]):
        assert list(restrict(joined, schemes).records["scheme"].unique()) == ["pca @ a", "pca @ b"], schemes
    some = restrict(joined, ["kbsc, raw"], ["x"]).records
    assert set(some["scheme"]) == {"raw"} and set(some["channel"]) == {"x"}
    with pytest.raises(UserError, match="scheme bpg: not in these results; there are kbsc, pca, raw"):
        restrict(joined, ["bpg"])
    with pytest.raises(UserError, match="no point on these channels"):
        restrict(joined, ["kbsc"], ["x"])


@pytest.mark.long
@pytest.mark.parametrize(("width", "columns"), [(3.5, 1), (7.0, 2)])
def test_a_figure_is_as_wide_as_a_column_of_a_paper(folders, tmp_path, width, columns):
    output = Output(["png"], width=width, title="Both $ runs")
    files = draw_joined(join(folders), tmp_path, output)
    assert [path.name for path in files] == ["accuracy.png", "accuracy_vs_cbr.png"]
    for path in files:
        with Image.open(path) as picture:
            assert abs(picture.size[0] - 300 * width) <= 1
            tall = picture.size[1]
        assert (tall > 300 * 4) == (columns == 1)


@pytest.mark.long
def test_coded_schemes_too(tmp_path, drawn):
    digital(ks=(16, 256)).to_csv(tmp_path / "records.csv", index=False)
    draw_joined(join([tmp_path]), tmp_path, Output(["png"], width=3.5, title="Mine"))
    assert {round(float(figure.get_figwidth()), 6) for figure in drawn.values()} == {3.5}
    assert all(any("Mine" in text.get_text() for text in figure.texts) for figure in drawn.values())


@pytest.mark.long
def test_a_metric_has_one_scale_in_all_figures_of_a_run(tmp_path, drawn):
    records = digital(ks=(16, 64, 256))
    records.to_csv(tmp_path / "records.csv", index=False)
    draw_figures(tmp_path, ["png"])
    for metric in ("accuracy", "psnr"):
        ends = {axes.get_ylim() for stem, figure in drawn.items() if stem.startswith(metric) for axes in figure.axes}
        assert len(ends) == 1, metric
    top = ends.pop()[1]
    assert top >= condense(records, "psnr")["psnr_high"].max()


@pytest.mark.parametrize(("text", "found"), [("3.5in", 3.5), ("7", 7.0), ("8.89 cm", 3.5), ("252pt", 3.5)])
def test_widths(text, found):
    assert inches(text) == pytest.approx(found)


def test_a_width_that_is_none_is_refused():
    with pytest.raises(UserError, match="width wide: expected a length such as 3.5in"):
        inches("wide")
    with pytest.raises(UserError, match="width 0.5in: a figure is 2.5 to 20 inches wide"):
        Output(width=0.5).check()
