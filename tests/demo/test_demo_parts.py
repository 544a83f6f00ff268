"""What is behind the page of `kbsc demo`: refusals, choices, uploads and charts; without Dash, and without a link."""

import base64
import io
import json
import math
import socket

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kbsc_tf.api.reception import Symbols
from kbsc_tf.demo.charts import Curve, current, feature_chart, measured_text, run_chart, symbols_chart
from kbsc_tf.demo.check import HOST, check_run, claim_port
from kbsc_tf.demo.choices import Choices, LinkName, SnrScale
from kbsc_tf.demo.sources import Sources, data_url
from kbsc_tf.errors import UserError

LINKS = [
    ("pca", "", "awgn", 64),
    ("pca", "", "awgn", 16),
    ("pca", "", "rayleigh_fast", 16),
    ("jpeg_ldpc", "genie", "awgn", 64),
    ("jpeg_ldpc", "qpsk-1/2", "awgn", 64),
    ("jpeg_ldpc", "16qam-1/2", "awgn", 64),
]
POINTS = pd.DataFrame(
    {"snr_db": [0.0, 4.0, np.inf], "value": [0.5, 0.7, 0.9], "low": [0.4, 0.6, 0.8], "high": [0.6, 0.8, 1], "n": 2000.0}
)


class FakeRun:
    """A run with links and without records, whose images are gone."""

    def __init__(self, folder, records=()):
        self.folder, self.records = folder, records
        if records:
            (folder / "records.csv").touch()
        names = {"schemes": {}, "channels": {"awgn": {"text": "AWGN", "is_grid": False}}}
        run = {"schema": 2, "settings": {}, "config": {}, "names": names}
        (folder / "run.json").write_text(json.dumps(run))

    def links(self):
        return pd.DataFrame(LINKS, columns=["scheme", "mcs", "channel", "k"])

    def frame(self):
        return pd.DataFrame(self.records, columns=["scheme", "mcs", "channel", "k", "top1"])

    def labels(self):
        raise UserError("gone")


def png(height, width, mode="1"):
    Image.new(mode, (width, height)).save(buffer := io.BytesIO(), "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_a_missing_extra_is_one_sentence(kbsc, monkeypatch, tmp_path):
    monkeypatch.setattr("kbsc_tf.demo.check.find_spec", lambda name: None)
    status, _, err = kbsc("demo", tmp_path)
    assert status == 2 and err == "kbsc: kbsc demo: needs Dash, which is not installed; pip install 'kbsc_tf[demo]'\n"


def test_folders_without_links_are_refused(kbsc, monkeypatch, tmp_path):
    monkeypatch.setattr("kbsc_tf.demo.check.find_spec", lambda name: name)
    status, _, err = kbsc("demo", tmp_path)
    assert status == 2 and "holds no run (run.json is missing); give the results folder of one, or make one" in err
    (tmp_path / "run.json").write_text('{"config": {"features": {"file": "f.npz"}}}')
    status, _, err = kbsc("demo", tmp_path)
    assert status == 2 and "links: holds no links; run kbsc train with the experiment" in err and err.count("\n") == 1
    (tmp_path / "links" / "pca").mkdir(parents=True)
    (tmp_path / "links" / "pca" / "link.json").touch()
    with pytest.raises(UserError, match="its features are those of f.npz, so nothing embeds images here"):
        check_run(tmp_path)
    (tmp_path / "run.json").write_text('{"config": {"features": {"encoder": "clip", "file": null}}}')
    check_run(tmp_path)


def test_ports_are_of_this_machine_alone_and_those_taken_are_refused():
    listener = claim_port(None)
    host, port = listener.getsockname()
    assert host == HOST == "127.0.0.1"
    with pytest.raises(UserError, match=f"--port {port}: cannot be used .*give another, such as --port {port + 1}"):
        claim_port(port)
    with claim_port(None) as other:  # without a wish, one of the next
        assert other.getsockname()[1] != port
    with socket.create_connection((host, port), timeout=5):
        pass
    listener.close()


def test_choices_are_the_links_that_exist(tmp_path):
    choices = Choices(FakeRun(tmp_path))
    assert (choices.semantic, choices.image) == (["pca"], ["jpeg_ldpc"])
    assert choices.channels == ["awgn", "rayleigh_fast"]
    assert choices.ks("pca", "awgn") == [64, 16] and choices.ks("pca", "rayleigh_fast") == [16]
    assert choices.ks("jpeg_ldpc", "rayleigh_fast") == []
    assert choices.mcss("pca", "awgn", 64) == [""]
    assert set(choices.mcss("jpeg_ldpc", "awgn", 64)) == {"genie", "qpsk-1/2", "16qam-1/2"}
    assert choices.points(LinkName("pca", 64, "awgn")).empty
    name = LinkName("jpeg_ldpc", 64, "awgn", "16qam-1/2")
    assert choices.text(name) == "JPEG + LDPC, 16-QAM 1/2, k = 64, AWGN"
    assert choices.short_text(name) == "JPEG + LDPC, 16-QAM 1/2"


def test_the_best_mcs_of_the_records_comes_first(tmp_path):
    shares = {"genie": 0.9, "qpsk-1/2": 0.2, "16qam-1/2": 0.4}
    choices = Choices(FakeRun(tmp_path, [("jpeg_ldpc", mcs, "awgn", 64, share) for mcs, share in shares.items()]))
    assert choices.mcss("jpeg_ldpc", "awgn", 64) == ["16qam-1/2", "qpsk-1/2", "genie"]


def test_the_slider_goes_beyond_the_run_and_ends_without_noise():
    scale = SnrScale.of([-7, 4.5, math.inf])
    assert (scale.least, scale.most, scale.end) == (-10, 8, 10)
    assert [scale.snr_db(stop) for stop in (-10, 8, 9, 10)] == [-10, 8, math.inf, math.inf]
    assert SnrScale.of([0, 5]).end == 8 and SnrScale.of([0, 5]).snr_db(8) == 8
    assert SnrScale.of(["inf"]) == (-13, 23, True)


def test_uploads_are_images_of_at_most_20_megapixels(tmp_path):
    sources = Sources(FakeRun(tmp_path))
    assert sources.examples == {}
    key = sources.upload(png(40, 30, "RGB"), "a.png")
    assert sources[key].image.shape == (40, 30, 3) and sources[key].label is None
    assert sources[sources.upload(png(4000, 5000), "large.png")].image.shape == (4000, 5000, 3)
    with pytest.raises(UserError, match=r"^huge.png: 4001 x 5000 pixels, at most 20,000,000 are read; choose a"):
        sources.upload(png(4001, 5000), "huge.png")
    text = "data:text/plain;base64," + base64.b64encode(b"no image").decode()
    with pytest.raises(UserError, match="^notes.txt: not an image that Pillow knows; choose a JPEG or PNG file of"):
        sources.upload(text, "notes.txt")
    for contents in ("", "data:", "data:image/png;base64,@@@"):
        with pytest.raises(UserError, match="^odd: .*choose a JPEG or PNG"):
            sources.upload(contents, "odd")
    for level in range(4):
        sources.upload(png(10, 10 + level), "more.png")
    with pytest.raises(UserError, match="not here any more; upload it again"):
        sources[key]


def test_large_images_are_shown_small():
    shown = data_url(np.zeros((3000, 1500, 3), np.uint8))
    with Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))) as image:
        assert image.size == (160, 320)


def test_the_plane_holds_all_symbols_and_says_what_became_of_each():
    sent = np.array([1 + 1j, -1 - 1j], np.complex64)
    figure = symbols_chart(Symbols(sent, sent + np.complex64(2.5)), "#000000")
    lines, before, behind = figure["data"]
    assert (before["name"], behind["name"]) == ("sent", "received")
    assert (before["x"], behind["x"], behind["y"]) == ([1, -1], [3.5, 1.5], [1, -1])
    assert lines["x"] == [1, 3.5, None, -1, 1.5, None]
    assert figure["layout"]["xaxis"]["range"] == [-4, 4] == figure["layout"]["yaxis"]["range"]
    many = np.ones(3000, np.complex64)
    assert [len(trace["x"]) for trace in symbols_chart(Symbols(many, many), "#000000")["data"]] == [1024, 1024]
    json.dumps(figure)


def test_features_lie_beside_each_other_at_one_length():
    sent = np.array([0.6, -0.8], np.float32)
    [heat] = feature_chart(sent, 5 * sent)["data"]
    assert heat["y"] == ["received", "sent"] and heat["z"][0] == heat["z"][1]
    assert feature_chart(sent, None)["data"][0]["y"] == ["sent"]
    assert np.isfinite(feature_chart(sent, 0 * sent)["data"][0]["z"]).all()


def test_the_point_lies_on_the_curve():
    figure = run_chart([Curve("PCA", "#0072B2", POINTS)], 2.0)
    band, line, mark = figure["data"]
    assert line["x"] == [0, 4] and line["y"] == [50, 70]
    assert band["y"] == pytest.approx([60, 80, 60, 40])
    assert (mark["x"], mark["y"]) == ([2], [pytest.approx(60)])
    assert [len(run_chart([Curve("PCA", "#0072B2", POINTS)], snr)["data"]) for snr in (-1, 5, math.inf)] == [2, 2, 2]
    assert current(POINTS[:2], 4) == 0.7 and current(POINTS[:0], 4) is None
    assert run_chart([], 0)["data"] == []


def test_what_was_measured_nearest_is_said():
    assert measured_text(POINTS, 1) == "50.0 % (40.0 to 60.0) of 2,000 images at 0 dB"
    assert measured_text(POINTS, 30) == "70.0 % (60.0 to 80.0) of 2,000 images at 4 dB"
    assert measured_text(POINTS, math.inf) == "90.0 % (80.0 to 100.0) of 2,000 images at no noise"
    assert measured_text(POINTS[:2], math.inf).endswith("at 4 dB")
    assert measured_text(POINTS[2:], 3) == "measured without noise only"
    assert measured_text(POINTS[:0], 3) == "not measured by this run"
