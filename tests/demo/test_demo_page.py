"""The page of `kbsc demo` in headless Chromium: examples, slider, upload and refusals; and how the command ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image
from undrawn import undrawn

import kbsc_tf
from kbsc_tf.demo.check import claim_port

pytest.importorskip("dash", reason="the extra demo is not installed")
SIDES = ("semantic", "image")
pytestmark = pytest.mark.long
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from kbsc_tf.cli import main; main()"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run of a link that sends features and one that sends images."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    with undrawn():
        return kbsc_tf.run(
            {"name": "small"},
            out=folder,
            data={"source": "procedural", "training_images": 300, "test_images": 200},
            features={"store": folder.parent / "store"},
            channels=["awgn", "rayleigh"],
            schemes=["pca", "jpeg_ldpc"],
            k=[32, 64, 2048],
            snr_db=[0, 10, np.inf],
            coding={"mcs": ["qpsk-1/2", "64qam-5/6"], "iterations": 5, "genie": False},
            sweep={"latency": False, "chunk": 100},
            progress=False,
        )


@pytest.fixture(scope="module")
def address(run):
    """A page that is served."""
    from werkzeug.serving import make_server

    from kbsc_tf.demo.app import Demo

    demo, listener = Demo(run), claim_port(None)
    demo.warm_up()
    port = listener.getsockname()[1]
    server = make_server("127.0.0.1", port, demo.app.server, threaded=True, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    listener.close()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser() as one:
        yield one


@pytest.fixture
def page(browser, address):
    """The page, once both cards and the curve are there."""
    browser.size(1280)
    return opened(browser, address)


def opened(browser, address):
    browser.requests.clear()
    browser.errors.clear()
    browser.open(address)
    for side in SIDES:
        browser.wait(f"document.querySelector('#{side}-body .verdict')")
    browser.wait("document.querySelector('#curve .js-plotly-plot .scatterlayer')")
    return browser


def text(page, name, pattern=""):
    """What an element says, once it fits a pattern."""
    said = f"document.getElementById({json.dumps(name)}).innerText"
    page.wait(f"new RegExp({json.dumps(pattern)}).test({said})")
    return page.run(said)


def test_the_page_shows_both_links_and_asks_nobody_else(page, address):
    shown = text(page, "semantic-body", "Nearest in the knowledge base, with cosine")
    assert re.search(r"(Right|Wrong): \w+ \w+, cosine 0\.\d\d", shown)
    assert "32 complex channel uses" in shown and re.search(r"Feature: cosine 0\.\d{3}", shown)
    assert page.run("document.querySelectorAll('#semantic-body .neighbours figure').length") == 5
    assert page.run("document.querySelectorAll('#semantic-body .neighbours img').length") == 5
    assert re.search(r"JPEG \+ LDPC, [^,]+, k = 2048, AWGN: \d", text(page, "measured"))
    assert all(url.startswith(address) for url in page.requests) and page.errors == []


def test_the_slider_is_followed(page):
    assert text(page, "snr-text") == "4 dB"
    page.run("document.querySelector('[role=slider]').focus()")
    page.press("End")
    text(page, "snr-text", "^no noise$")
    text(page, "image-body", "PSNR|exact copy")
    text(page, "measured", "at no noise")
    page.press("Home")
    text(page, "snr-text", "^\u22123 dB$")
    assert "nothing" in text(page, "image-body", "Nothing delivered")
    assert page.errors == []


def test_choices_go_as_far_as_there_are_links(page):
    page.click("#semantic-k")
    page.wait("document.querySelector('[role=option]')")
    assert page.run("[...document.querySelectorAll('[role=option]')].map(one => one.innerText)") == ["64", "32"]
    page.run("[...document.querySelectorAll('[role=option]')].at(-1).click()")
    text(page, "semantic-body", "On the air: 16 complex channel uses")
    page.click("button.example:nth-child(4)")
    page.wait("document.querySelector('button.example.chosen:nth-child(4)')")
    assert page.errors == []


def test_uploads_are_sent_and_what_is_no_image_is_refused(page, tmp_path):
    upload = "#upload input[type=file]"
    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "red.png")
    page.choose_file(upload, tmp_path / "red.png")
    page.wait("!document.querySelector('button.example.chosen')")
    page.wait("!/Right|Wrong/.test(document.getElementById('semantic-body').innerText)")  # nobody knows its class
    text(page, "semantic-body", "cosine")
    (tmp_path / "notes.png").write_text("no image")
    page.choose_file(upload, tmp_path / "notes.png")
    text(page, "message", "^notes.png: not an image that Pillow")
    Image.new("1", (5000, 4001)).save(tmp_path / "huge.png")
    page.choose_file(upload, tmp_path / "huge.png")
    text(page, "message", "^huge.png: 4001 x 5000 pixels, at most 20,000,000 are read.*at most 20 megapixels")
    page.click("button.example")
    text(page, "message", "^$")
    assert page.errors == []


def test_a_phone_need_not_scroll_sideways(browser, address):
    browser.size(360, 740, mobile=True)
    page = opened(browser, address)
    page.wait("document.documentElement.scrollWidth <= 360")
    places = "['semantic', 'image'].map(side => document.getElementById(`${side}-card`).getBoundingClientRect())"
    assert page.run(f"(([one, other]) => other.y > one.bottom - 1)({places})")  # below, not beside
    assert page.errors == []


def test_other_hosts_are_not_answered(address):
    request = urllib.request.Request(address, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)


def test_a_link_that_is_gone_is_said_on_the_page(run):
    from kbsc_tf.demo.app import Demo
    from kbsc_tf.demo.choices import LinkName

    demo = Demo(run)
    [sentence] = demo.send("semantic", "example0", 4, 1, LinkName("pca", 7, "awgn"))
    assert "unknown k of pca 7" in sentence.children
    [sentence] = demo.send("semantic", "an upload of yesterday", 4, 1, LinkName("pca", 32, "awgn"))
    assert "upload it again" in sentence.children


def test_ctrl_c_ends_it_with_a_line(run):
    port = claim_port(None)
    number = port.getsockname()[1]
    port.close()
    command = [sys.executable, "-c", COMMAND, "demo", str(run.folder), "--no-browser", "--port", str(number)]
    environment = {**os.environ, "COLUMNS": "200"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert f"http://127.0.0.1:{number}" in lines[-1], (lines, process.stderr.read())
        with urllib.request.urlopen(f"http://127.0.0.1:{number}", timeout=30) as answer:
            assert b"kbsc demo" in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.count("\n") == 1 and "Traceback" not in err, err
