"""The page of `kbsc demo` in headless Chromium: examples, slider, upload and refusals; and how the command ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest
from PIL import Image
from undrawn import undrawn

import kbsc_tf
from kbsc_tf.demo.check import claim_port

pytest.importorskip("dash", reason="the extra demo is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
            data={"source": "procedural", "training_images": 400, "test_images": 400},
            features={"store": folder.parent / "store"},
            channels=["awgn", "rayleigh"],
            schemes=["pca", "jpeg_ldpc"],
            k=[32, 2048],
            snr_db=[0, 10, np.inf],
            coding={"mcs": ["qpsk-1/2", "64qam-5/6"], "iterations": 5, "genie": False},
            sweep={"latency": False, "chunk": 200},
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
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])


@pytest.fixture
def page(browser, address):
    """The page, once both cards are there; what it asked for and what it complained of is kept."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(60_000)
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda one: tab.asked.append(one.url))
    tab.on("console", lambda one: tab.complaints.append(one.text) if one.type == "error" else None)
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(address)
    for side in ("semantic", "image"):
        tab.wait_for_selector(f"#{side}-body .neighbours, #{side}-body .verdict")
    tab.wait_for_selector("#curve .js-plotly-plot .scatterlayer")
    yield tab
    tab.close()


def body(page, side, pattern):
    """Text of a card once it fits a pattern."""
    page.wait_for_function(
        "([id, pattern]) => new RegExp(pattern).test(document.getElementById(id).innerText)",
        arg=[f"{side}-body", pattern],
    )
    return page.inner_text(f"#{side}-body")


def test_the_page_shows_both_links_and_asks_nobody_else(page, address):
    shown = body(page, "semantic", "Nearest in the knowledge base, with cosine")
    assert re.search(r"(Right|Wrong): \w+ \w+, cosine 0\.\d\d", shown)
    assert "1,024 complex channel uses" in shown and re.search(r"Feature: cosine 0\.\d{3}", shown)
    assert page.locator("#semantic-body .neighbours figure").count() == 5
    assert page.locator("#semantic-body .neighbours img").count() == 5
    assert "JPEG + LDPC, QPSK 1/2, k = 2048, AWGN: " in page.inner_text("#measured")
    assert {url.split(":")[0] for url in page.asked if not url.startswith(address)} <= {"data", "blob"}
    assert page.complaints == []


def test_the_slider_is_followed(page):
    assert page.inner_text("#snr-text") == "4 dB"
    handle = page.locator("#snr [role=slider], [role=slider]").first
    handle.focus()
    page.keyboard.press("End")
    page.wait_for_function("document.getElementById('snr-text').innerText == 'no noise'")
    assert "PSNR" in body(page, "image", "PSNR|exact copy")
    page.wait_for_function("document.getElementById('measured').innerText.includes('at no noise')")
    page.keyboard.press("Home")
    page.wait_for_function("document.getElementById('snr-text').innerText == '\u22123 dB'")
    assert "nothing" in body(page, "image", "Nothing delivered")
    assert page.complaints == []


def test_choices_go_as_far_as_there_are_links(page):
    page.click("#semantic-k")
    options = page.locator("[role=option]")
    options.first.wait_for()
    assert options.all_inner_texts() == ["2048", "32"]
    options.last.click()
    assert "16 complex channel uses" in body(page, "semantic", "On the air: 16 ")
    page.locator("button.example").nth(3).click()
    page.wait_for_selector("button.example.chosen:nth-child(4)")
    assert page.complaints == []


def test_uploads_are_sent_and_what_is_no_image_is_refused(page, tmp_path):
    upload = page.locator("#upload input[type=file]")
    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "red.png")
    upload.set_input_files(tmp_path / "red.png")
    page.wait_for_function("!document.querySelector('button.example.chosen')")
    shown = body(page, "semantic", "cosine")
    assert "Right" not in shown and "Wrong" not in shown  # nobody knows its class
    (tmp_path / "notes.png").write_text("no image")
    upload.set_input_files(tmp_path / "notes.png")
    page.wait_for_function(
        "document.getElementById('message').innerText.includes('notes.png: not an image that Pillow')"
    )
    Image.new("1", (5000, 4001)).save(tmp_path / "huge.png")
    upload.set_input_files(tmp_path / "huge.png")
    page.wait_for_function("document.getElementById('message').innerText.includes('at most 20 megapixels')")
    assert page.inner_text("#message").startswith("huge.png: 4001 x 5000 pixels, at most 20,000,000 are read")
    page.locator("button.example").first.click()
    page.wait_for_function("document.getElementById('message').innerText == ''")
    assert page.complaints == []


def test_a_phone_need_not_scroll_sideways(browser, address):
    tab = browser.new_page(viewport={"width": 360, "height": 740})
    tab.goto(address)
    tab.wait_for_selector("#image-body .verdict", timeout=60_000)
    tab.wait_for_timeout(500)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [tab.locator(f"#{side}-card").bounding_box() for side in ("semantic", "image")]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"] - 1  # below, not beside
    tab.close()


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
