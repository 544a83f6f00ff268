"""The report of results folders: what its figures hold, what it says, and that a browser works it without a network."""

import csv
import html
import json
import re
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, Browser
from outcomes import CLASSES, RUN, add_point, change_run, outcomes, two_schemes
from PIL import Image
from synthetic import analogue, digital

from kbsc_tf.analysis.classes import class_accuracies, confusion, most_confused
from kbsc_tf.analysis.comparison import compare
from kbsc_tf.errors import UserError
from kbsc_tf.metrics import wilson
from kbsc_tf.report.comparisons import verdict
from kbsc_tf.report.page import write_report
from kbsc_tf.results.envelope import envelope
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import LATENCY_COLUMNS, read_records

HISTORY = "epoch,loss,val_top1\n0,3.5,0.2\n1,2.5,0.4\n2,2.25,0.5\n"


def make_folder(folder):
    """Two schemes with all outcomes, a coded one without, latencies, a training and galleries."""
    two_schemes(folder, snrs=(-4.0, 0.0, 6.0), trials=2)
    coded = digital(channels=("awgn",), ks=(256,), snrs=(-4.0, 0.0, 6.0))
    coded = coded[coded["scheme"].eq("bpg_ldpc")].assign(stop=["target", "trials"] * 10 + ["images"])
    records = read_records(folder)
    coded[records.columns].to_csv(folder / "records.csv", mode="a", header=False, index=False)
    figures = dict.fromkeys(LATENCY_COLUMNS[4:-1], 0.00125)
    row = {"scheme": "kbsc", "channel": "awgn", "mcs": "", "k": 64, **figures, "batch": 100}
    lines = [",".join(LATENCY_COLUMNS), ",".join(str(row[name]) for name in LATENCY_COLUMNS)]
    (folder / "latency.csv").write_text("\n".join(lines) + "\n")
    (folder / "models/kbsc_awgn_k64_seed0").mkdir(parents=True)
    (folder / "models/kbsc_awgn_k64_seed0/history.csv").write_text(HISTORY)
    (folder / "models/kbsc_awgn_k16_seed0").mkdir()
    (folder / "models/kbsc_awgn_k16_seed0/history.csv").write_text(HISTORY)
    Image.new("RGB", (40, 30), "green").save(folder / "gallery.png")
    Image.new("RGB", (40, 30), "red").save(folder / "gallery_bpg_ldpc.png")
    Image.new("RGB", (40, 30), "blue").save(folder / "losses_awgn_k64.png")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A whole page, written once."""
    return write_report(make_folder(tmp_path_factory.mktemp("report") / "results"))


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "results")


def text_of(page):
    """What a reader sees, on one line."""
    return " ".join(html.unescape(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page, flags=re.S)).split())


def data_of(page):
    """What the page's script draws."""
    content = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    return json.loads(content[1])


def points_of(page, name):
    """The points of a figure as a table, as its CSV has them."""
    figure = next(one for one in data_of(page)["figures"] if one["name"] == name)
    columns = [column["name"] for column in figure["columns"]]
    rows = [
        {"kind": one["kind"], **one["constants"], **dict(zip(columns, row, strict=True))}
        for one in figure["series"]
        for row in one["rows"]
    ]
    return pd.DataFrame(rows)


def test_everything_there_is_to_see_is_in_the_page(page):
    text, source = text_of(page.read_text()), page.read_text()
    for heading in re.findall(r'<a href="#(\w+)">', source):
        assert f'<h2 id="{heading}">' in source
    expected = [
        "made up", "hash 0123456789abcdef", "e81c91f33c26", "tensorflow 2.21.0", "62 s", "kbsc run made_up.yaml",
        "source: procedural", "test_images: 400", "KBSC, PCA, BPG + LDPC", "other images of the kind",
        "Semantic accuracy (%)", "PSNR (dB)", "envelope", "interval narrow enough", "no narrower on these images",
        "128.0", "1.25", "BPG + LDPC: sent, received and retrieved", "class_3", "KBSC, AWGN, k = 64, 6 dB",
        "A: KBSC less B: PCA, AWGN, k = 64", "<0.001", "Where accuracy is lost", "Validation accuracy while training",
    ]  # fmt: skip
    assert not [words for words in expected if words not in text]
    assert [one["name"] for one in data_of(page)["figures"]] == [
        "accuracy_vs_snr", "training_loss", "training_val_top1"
    ]  # fmt: skip
    assert len(re.findall('src="data:image/(?:png|webp);base64,', source)) == 3
    assert not re.findall(r'(?:src|href)="(?!data:|#)', source) and "url(http" not in source
    assert page.stat().st_size < 200_000


def test_points_of_the_figures_are_those_of_the_records(page):
    records, points = read_records(page.parent), points_of(page, "accuracy_vs_snr")
    records = records[records["feasible"].ne(0)]
    key = ["scheme", "mcs", "channel", "k", "snr_db"]
    both = points.merge(records, on=key, suffixes=("", "_record"))
    assert len(both) == len(records), "all that fits is there under its own name"
    for name, column in {"value": "top1", "low": "top1_low", "high": "top1_high"}.items():
        np.testing.assert_allclose(both[name].astype(float), both[column], rtol=1e-6)
    for name in ("n", "channel_uses", "cbr", "trials", "delivered"):
        np.testing.assert_allclose(both[name].astype(float), both[f"{name}_record"], rtol=1e-6)
    best, shown = envelope(records), points[points["mcs"].eq("envelope on test images")]
    told = dict(zip(shown["snr_db"], shown["best_mcs"], strict=True))
    assert told == dict(zip(best["snr_db"], best["best_mcs"], strict=True)) and len(told) == 3
    losses = points_of(page, "training_loss")
    assert losses["value"].tolist() == 2 * [3.5, 2.5, 2.25] and losses["epoch"].tolist() == 2 * [1, 2, 3]


def test_the_matrix_counts_every_outcome(page):
    [matrix] = data_of(page)["matrices"]
    point = next(one for one in matrix["points"] if one["text"] == "KBSC, AWGN, k = 64, 0 dB")
    rows = outcomes(0.8, hard=np.random.default_rng(5).random(200), trials=2)
    assert matrix["classes"] == CLASSES and not matrix["lost"] and len(matrix["points"]) == 6
    assert point["sent"] == [40] * 10
    assert {(i, j): n for i, j, n in point["cells"]} == rows.groupby(["label", "shown"]).size().to_dict()


def test_findings_begin_the_page_with_numbers_and_intervals(page):
    text = text_of(page.read_text())
    begin = text[: text.index("Schemes KBSC")]
    records = read_records(page.parent)
    row = records[records["scheme"].eq("kbsc") & records["snr_db"].eq(0)].iloc[0]
    assert "AWGN: KBSC highest at 3 of 3 SNRs" in begin
    assert f"at 0 dB: KBSC {100 * row.top1:.1f} % ({100 * row.top1_low:.1f} to {100 * row.top1_high:.1f})" in (
        begin.replace("\N{NO-BREAK SPACE}", " ")
    )
    assert "KBSC above PCA at 3 of 3 SNRs, never below" in begin and "Largest difference: +" in begin


def test_verdicts_follow_holms_p_values(tmp_path):
    folder = two_schemes(tmp_path / "results", snrs=(0.0, 6.0))
    rng = np.random.default_rng(1).random(200)
    for scheme in ("kbsc", "pca"):
        add_point(folder, Point(scheme, "", "awgn", 64, 9.0, 0), outcomes(0.7, hard=rng))
    found = compare(f"{folder}:pca", f"{folder}:kbsc")
    text, most = verdict(found)
    assert text == "KBSC above PCA at 2 of 3 SNRs, never below, not told apart at 1"
    row = found.loc[found["difference"].idxmin()]
    assert f"+{-100 * row.difference:.1f} points (+{-100 * row.high:.1f} to +{-100 * row.low:.1f})" in most
    assert verdict(found.assign(p_holm=1.0))[0] == "KBSC and PCA not told apart at any of 3 SNRs"
    turned = found.assign(difference=[-0.1, -0.2, 0.3], p_holm=[0.01, 0.01, 0.01])
    assert verdict(turned)[0] == "KBSC above PCA at 2 of 3 SNRs, below at 1"


def test_written_comparisons_stand_where_outcomes_do_not(folder):
    compare(f"{folder}:kbsc", f"{folder}:pca").to_csv(folder / "kbsc_vs_pca.csv", index=False)
    (folder / "accuracy_vs_cbr.csv").write_text("metric,scheme\n")
    before = verdict(compare(f"{folder}:kbsc", f"{folder}:pca"))[0]
    shutil.rmtree(folder / "per_image")
    assert before in text_of(write_report(folder).read_text())


def test_one_line_and_two_points_are_left_out(tmp_path):
    folder = two_schemes(tmp_path / "results", snrs=(0.0, 6.0))
    page = write_report(folder)
    assert data_of(page)["figures"] == [] and "Left out" in text_of(page.read_text())
    alone = tmp_path / "alone"
    shutil.copytree(folder, alone)
    shutil.rmtree(alone / "per_image")
    analogue(schemes=("pca",)).to_csv(alone / "records.csv", index=False)
    figures = data_of(write_report(alone))["figures"]
    assert [one["name"] for one in figures] == ["accuracy_vs_snr"]
    assert [entry["text"] for entry in figures[0]["legend"]][0] == "PCA"


@pytest.mark.long
def test_several_runs_are_named_apart_and_compared_where_paired(tmp_path):
    first, other = (
        two_schemes(tmp_path / "a", snrs=(-4.0, 0.0, 6.0)),
        two_schemes(tmp_path / "b", snrs=(-4.0, 0.0, 6.0)),
    )
    shutil.rmtree(other / "per_image")
    (other / "records.csv").unlink()
    hard = np.random.default_rng(5).random(200)
    for snr in (-4.0, 0.0, 6.0):
        add_point(other, Point("kbsc", "", "awgn", 64, snr, 0), outcomes(0.5, hard=hard))
    out = write_report([first, other], tmp_path / "both.html")
    points = points_of(out, "accuracy_vs_snr")
    assert set(points["scheme"]) == {"kbsc @ a", "kbsc @ b", "pca"}
    assert points["value"][points["scheme"].eq("kbsc @ b")].nunique() == 1
    text = text_of(out.read_text())
    assert "KBSC (a) above KBSC (b) at 3 of 3 SNRs" in text and "KBSC (a) above PCA at 3 of 3 SNRs" in text
    change_run(other, data={"seed": 1})
    text = text_of(write_report([first, other], tmp_path / "both.html").read_text())
    assert "a and b are not compared image by image" in text and "data.seed" in text
    with pytest.raises(UserError, match="named twice"):
        write_report([first, first], tmp_path / "both.html")


@pytest.mark.long
def test_what_is_the_same_in_two_runs_is_shown_once(tmp_path):
    first = two_schemes(tmp_path / "a", snrs=(-4.0, 0.0, 6.0))
    shutil.copytree(first, tmp_path / "b")
    points = points_of(write_report([first, tmp_path / "b"], tmp_path / "both.html"), "accuracy_vs_snr")
    assert set(points["scheme"]) == {"kbsc", "pca"} and len(points) == 6


@pytest.mark.long
def test_blocks_are_shown_where_there_are_some(folder):
    text = text_of(write_report(folder).read_text())
    assert "Block error rate / goodput of each MCS, at the largest k" in text
    records = read_records(folder)
    point = records[records["bler"].between(0.01, 0.99) & records["mcs"].ne("genie")].iloc[0]
    assert f"{point.bler:.2g} / {point.goodput:.3g}" in text
    records.loc[:, ["bler", "throughput", "goodput"]] = np.nan
    records.to_csv(folder / "records.csv", index=False)
    assert "Block error rate" not in text_of(write_report(folder).read_text())


def test_without_outcomes_the_page_says_how_to_get_them(folder):
    shutil.rmtree(folder / "per_image")
    (folder / "latency.csv").unlink()
    for picture in folder.glob("*.png"):
        picture.unlink()
    text = text_of(write_report(folder).read_text())
    assert (
        text.count("--set sweep.per_image=true") == 2
        and "kbsc run draws them" in text
        and "kbsc confidence , kbsc losses , kbsc promises of this folder draw what is not here yet" in text
        and "not measured" in text
    )


@pytest.mark.long
def test_names_are_text_and_not_markup(folder):
    change_run(folder, data={"path": "<script>alert('&')</script>"})
    (folder / "records.csv").write_text((folder / "records.csv").read_text().replace("pca", "</script><b>"))
    shutil.rmtree(folder / "per_image")
    page = write_report(folder).read_text()
    assert write_report(folder).read_text() == page and page.count("</script>") == 2
    assert "<script>alert" not in page and "<script>alert('&')</script>" in html.unescape(page)


def test_the_estimand_and_an_unfinished_sweep_are_said(folder):
    run = json.loads((folder / "run.json").read_text())
    run["config"]["sweep"]["estimand"], run["complete"] = "test_set", False
    run["earlier_sessions"] = [{**RUN, "device": "another", "wall_time_s": 7200, "dirty": True}]
    (folder / "run.json").write_text(json.dumps(run))
    text = text_of(write_report(folder).read_text())
    assert "these images, with other noise" in text and "not finished: the page shows the 27 points" in text
    assert "Session 2 of 2" in text and "120.0 min" in text and "e81c91f33c26 with changes" in text


def test_a_mistake_is_one_sentence(folder, tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        write_report(tmp_path / "nowhere")
    latency = folder / "latency.csv"
    latency.write_text(latency.read_text().replace("0.00125", "soon"))
    with pytest.raises(UserError, match="latency.csv: a cell that is not a number"):
        write_report(folder)
    latency.unlink()
    next((folder / "per_image").glob("*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(UserError, match="damaged"):
        write_report(folder)
    (folder / "run.json").unlink()
    with pytest.raises(UserError, match="run.json"):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_confusion_counts_every_outcome_once():
    rows = outcomes(0.7, images=200, trials=2)
    rows.loc[:2, ["delivered", "shown"]] = [False, -1]
    counts = confusion(rows, 10)
    assert counts.shape == (10, 11) and counts.sum() == 400 and counts[:, -1].sum() == 3
    here = rows["delivered"] & (rows["label"] == 4) & (rows["shown"] == 7)
    assert counts[4, 7] == here.sum() > 0
    assert np.trace(counts[:, :10]) == (rows["correct"] & rows["delivered"]).sum()
    sent, shown, share = most_confused(counts, CLASSES)[0]
    off = counts[:, :10] - np.diag(np.diag(counts[:, :10]))
    assert share == off.max() / 40 and off[CLASSES.index(sent), CLASSES.index(shown)] == off.max()
    assert most_confused(np.diag([5] * 10 + [0])[:10], CLASSES) == []


def test_class_accuracies_have_the_interval_of_their_images():
    rows = outcomes(0.7, images=200)
    found = class_accuracies(rows, 12)
    ours = rows[rows["label"] == 3]
    correct = int(ours["correct"].sum())
    assert found[3] == (correct / 20, *wilson(correct, 20), 20) and found[10:] == [None, None]
    # A second trial with the same outcomes tells nothing new about other images.
    twice = class_accuracies(outcomes(0.7, trials=2, hard=np.random.default_rng(0).random(200)), 10)[3]
    once = class_accuracies(outcomes(0.7, trials=1, hard=np.random.default_rng(0).random(200)), 10)[3]
    assert twice.n == 40 and twice.high - twice.low > 0.95 * (once.high - once.low)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with Browser() as one:
        yield one


@pytest.fixture
def opened(browser, page):
    """The page in a window of a desk."""
    browser.requests.clear()
    browser.errors.clear()
    browser.size(1200, 900)
    browser.open(page)
    yield browser
    assert browser.errors == [] and browser.requests == []


def tip(browser):
    return browser.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText")


@pytest.mark.long
def test_pointing_at_a_point_says_its_numbers(opened, page):
    place = opened.run("""(() => { const chart = CHARTS.accuracy_vs_snr, drawing = chart.drawings[0];
        chart.choose("256");
        drawing.picture.scrollIntoView({block: "center"});
        const box = drawing.picture.getBoundingClientRect();
        const point = drawing.points.find(one => one.one.kind === "line" && one.row[0] === 6);
        return [box.x + point.px, box.y + point.py]; })()""")
    opened.point(*place)
    said = tip(opened)
    records = read_records(page.parent)
    best = envelope(records)
    row = best[best["snr_db"].eq(6)].iloc[0]
    for words in (
        "BPG + LDPC", "6 dB", f"{100 * row.top1:.1f} % ({100 * row.top1_low:.1f} to {100 * row.top1_high:.1f})",
        "2,000", "1/24", "128", "QPSK" if "qpsk" in row.best_mcs else "QAM",
    ):  # fmt: skip
        assert words in said, said
    opened.point(2, 2)
    assert tip(opened) == ""
    opened.run("CHARTS.accuracy_vs_snr.drawings[0].picture.focus()")
    opened.press("ArrowRight")
    assert "Semantic accuracy" in tip(opened)
    opened.press("Escape")
    assert tip(opened) == ""


@pytest.mark.long
def test_the_legend_switches_curves_by_mouse_and_by_key(opened):
    button = "#figure-accuracy_vs_snr .legend button"
    shown = "new Set(CHARTS.accuracy_vs_snr.drawings[0].points.map(one => one.one.constants.scheme)).size"
    pressed = f"document.querySelector('{button}').getAttribute('aria-pressed')"
    before = opened.run(shown)
    opened.click(button)
    assert (opened.run(pressed), opened.run(shown)) == ("false", before - 1)
    opened.run(f"document.querySelector('{button}').focus()")
    opened.call(
        "Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
    )
    assert (opened.run(pressed), opened.run(shown)) == ("true", before)


@pytest.mark.long
def test_one_click_saves_the_points(opened, page, tmp_path):
    opened.saving_into(tmp_path)
    opened.click("#figure-accuracy_vs_snr .csv")
    until, file = time.monotonic() + 20, tmp_path / "made_up_accuracy_vs_snr.csv"
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    with open(file, newline="") as content:
        rows = list(csv.DictReader(content))
    points = points_of(page, "accuracy_vs_snr")
    assert len(rows) == len(points) and "kind" not in rows[0]
    np.testing.assert_allclose([float(row["value"]) for row in rows], points["value"].astype(float), rtol=1e-9)
    assert [row["scheme"] for row in rows] == points["scheme"].tolist()


@pytest.mark.long
def test_tables_sort_and_the_matrix_answers(opened):
    cells = (
        "[...document.querySelectorAll('#classes ~ details table.data tbody tr')].map(row => row.cells[2].innerText)"
    )
    opened.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    before = opened.run(cells)
    opened.run("document.querySelectorAll('[data-name=classes] th')[2].querySelector('button').click()")
    after = opened.run(cells)
    assert after == sorted(before, key=lambda text: -float(text.split()[0]))
    assert after != before
    canvas = "#figure-confusion canvas"
    place = opened.run("""(() => { const one = MATRICES.confusion; one.canvas.scrollIntoView({block: "center"});
        const box = one.canvas.getBoundingClientRect();
        return [box.x + one.margin + 3.5 * one.size, box.y + 3.5 * one.size]; })()""")
    opened.point(*place)
    said = tip(opened)
    assert said.count("class_3") == 2 and " of 40 (" in said
    opened.run(f"document.querySelector('{canvas}').focus()")
    opened.press("ArrowRight")
    assert "class_4" in tip(opened)


@pytest.mark.long
def test_a_phone_shows_every_number_without_scrolling_sideways(opened):
    opened.size(390, 800, mobile=True, scale=2)
    opened.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    opened.run("new Promise(done => setTimeout(done, 300))")
    assert opened.run("document.documentElement.scrollWidth") == 390
    out = """[...document.querySelectorAll("td, dd, .findings li, .panel svg, canvas")].filter(one =>
        one.offsetParent !== null && one.getBoundingClientRect().right > 391).map(one => one.outerHTML.slice(0, 80))"""
    assert opened.run(out) == []
    assert opened.run("getComputedStyle(document.querySelector('.panels')).gridTemplateColumns").count(" ") == 0


@pytest.mark.long
def test_a_page_that_asks_or_fails_would_be_noticed(browser, tmp_path):
    bad = tmp_path / "page.html"
    bad.write_text('<img src="http://pictures.invalid/a.png"><script>nowhere()</script>')
    browser.requests.clear()
    browser.open(bad)
    assert browser.requests == ["http://pictures.invalid/a.png"]
    assert any("nowhere is not defined" in error for error in browser.errors)
