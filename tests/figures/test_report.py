"""The report of a results folder: what is in the page, and that a browser shows it without asking anyone."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from outcomes import CLASSES, RUN, change_run, outcomes, two_schemes
from PIL import Image
from synthetic import digital

from kbsc_tf.analysis.classes import class_accuracies, confusion, most_confused
from kbsc_tf.errors import UserError
from kbsc_tf.figures import report
from kbsc_tf.figures.outcomes.class_figures import confusion_figure
from kbsc_tf.figures.report import write_report
from kbsc_tf.figures.style import paper_style
from kbsc_tf.metrics import wilson
from kbsc_tf.results.records import LATENCY_COLUMNS, read_records

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip


def make_folder(folder):
    """Two schemes with all outcomes, a coded one without, latencies and galleries."""
    two_schemes(folder, snrs=(-4.0, 0.0, 6.0), trials=2)
    coded = digital(channels=("awgn",), ks=(256,), snrs=(-4.0, 0.0, 6.0))
    coded = coded[coded["scheme"].eq("bpg_ldpc")].assign(stop=["target", "trials"] * 10 + ["images"])
    records = read_records(folder)
    coded[records.columns].to_csv(folder / "records.csv", mode="a", header=False, index=False)
    figures = dict.fromkeys(LATENCY_COLUMNS[4:-1], 0.00125)
    row = {"scheme": "kbsc", "channel": "awgn", "mcs": "", "k": 64, **figures, "batch": 100}
    lines = [",".join(LATENCY_COLUMNS), ",".join(str(row[name]) for name in LATENCY_COLUMNS)]
    (folder / "latency.csv").write_text("\n".join(lines) + "\n")
    Image.new("RGB", (40, 30), "green").save(folder / "gallery.png")
    Image.new("RGB", (40, 30), "red").save(folder / "gallery_bpg_ldpc.png")
    Image.new("RGB", (40, 30), "blue").save(folder / "losses_awgn_k64.png")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A whole page, written once."""
    return write_report(make_folder(tmp_path_factory.mktemp("report") / "results"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose figures take no time."""

    def draw(folder, formats, out_dir, everything):
        path = Path(out_dir) / "accuracy.svg"
        path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="72pt"/>')
        return [path]

    monkeypatch.setattr(report, "draw_figures", draw)
    return make_folder(tmp_path / "results")


def text_of(page):
    """What a reader sees, on one line."""
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split())


def test_everything_there_is_to_see_is_in_the_page(page):
    page = page.read_text()
    text = text_of(page)
    for heading in re.findall(r'<a href="#(\w+)">', page):
        assert f'<h2 id="{heading}">' in page
    expected = [
        "made up", "hash 0123456789abcdef", "e81c91f33c26", "tensorflow 2.21.0", "62 s", "kbsc run made_up.yaml",
        "source: procedural", "test_images: 400", "KBSC, PCA, BPG + LDPC", "other images of the kind",
        "Semantic accuracy (%)", "PSNR (dB)", "envelope", "interval narrow enough", "no narrower on these images",
        "128.0", "1.25", "BPG + LDPC: sent, received and retrieved", "class_3", "KBSC, AWGN, k = 64, 6 dB, seed 0",
        "A: KBSC less B: PCA, AWGN, k = 64", "<0.001",
        "Where accuracy is lost",
    ]  # fmt: skip
    assert not [words for words in expected if words not in text]
    # Accuracy, PSNR and MS-SSIM at one CBR, accuracy versus CBR; galleries, losses, matrices of KBSC at three SNRs and
    # of PCA, accuracies of classes.
    kinds = re.findall(r'src="data:image/(png|svg\+xml);base64,', page)
    assert kinds.count("svg+xml") == 4 and kinds.count("png") == 2 + 1 + 4 + 1
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page) and "<script" not in page and "url(" not in page


def test_blocks_are_shown_where_there_are_some(folder, tmp_path):
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
        and "draw what stands here" in text
        and "not measured" in text
    )


def test_names_are_text_and_not_markup(folder):
    change_run(folder, data={"path": "<script>alert('&')</script>"})
    page = write_report(folder).read_text()
    assert write_report(folder).read_text() == page
    assert "<script" not in page and "<script>alert('&')</script>" in html.unescape(page)


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


@pytest.mark.parametrize("classes", [10, 100])
def test_matrices_of_few_and_many_classes_fit_their_figure(classes):
    names = [f"a_class_with_a_name_{i}" for i in range(classes)]
    counts = confusion(outcomes(0.7, images=20 * classes, classes=names), classes)
    with paper_style():
        figure = confusion_figure(counts, names)
        figure.canvas.draw()
        axes = figure.axes[0]
        whole, box = figure.bbox, axes.get_tightbbox()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1
        numbers = [text for text in axes.texts if text.get_text()]
        assert len(numbers) == (np.count_nonzero(counts) if classes == 10 else 0)
        labels = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert len(labels) == classes
        assert all(lower.y1 <= upper.y0 + 1 for upper, lower in zip(labels, labels[1:], strict=False))


def browse(page, folder, *options):
    """Open a page -> what it asked for, the browser's own requests left out; and what the browser printed."""
    log = folder / "net.json"
    place = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", *options, page.as_uri()]
    out = subprocess.run([CHROMIUM, *QUIET, *place], check=True, capture_output=True, text=True, timeout=120).stdout
    requests = [
        event["params"] for event in json.loads(log.read_text())["events"] if "initiator" in event.get("params", {})
    ]
    return [one["url"] for one in requests if one["initiator"] != "not an origin"], out


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_the_page_and_asks_no_one(page, tmp_path):
    for name, size in (("desk", "1100,6000"), ("phone", "500,6000")):
        picture = tmp_path / f"{name}.png"
        asked, _ = browse(page, tmp_path, f"--screenshot={picture}", f"--window-size={size}")
        assert asked == []
        shot = np.asarray(Image.open(picture).convert("RGB")).astype(int)
        blank = (shot == 255).all(axis=-1)
        assert 0.5 < blank.mean() < 0.97
        # Green and red galleries and blue matrices were drawn: pictures inside the page are shown.
        for colour in ((0, 128, 0), (255, 0, 0)):
            assert (np.abs(shot - colour).sum(axis=-1) < 12).any()
        assert ((shot[..., 2] - shot[..., 0] > 60) & (shot[..., 2] > 120)).mean() > 0.001
        assert blank[:, -3:].all()  # nothing runs out of the page, however narrow
    _, dom = browse(page, tmp_path, "--dump-dom")
    for words in (
        "made up",
        "Paired comparisons",
        "A: KBSC less B: PCA",
        "KBSC, AWGN, k = 64, 6 dB",
        "source: procedural",
    ):
        assert words in text_of(dom)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_page_that_asks_would_be_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://pictures.invalid/a.png">')
    asked, _ = browse(page, tmp_path, f"--screenshot={tmp_path / 'page.png'}")
    assert set(asked) == {"http://pictures.invalid/a.png"}
