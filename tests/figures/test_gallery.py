"""The gallery of sent and retrieved images."""

import math

import numpy as np
from PIL import Image

from kbsc_tf.figures.gallery import Column, draw_gallery
from kbsc_tf.figures.style import as_written

GREEN, RED = (0, 158, 115), (213, 94, 0)


def share(path, colour):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return np.mean((np.abs(pixels - colour) < 3).all(axis=-1))


def draw(folder, correct, stem="gallery", images=None, **options):
    sent = [np.full((32, 32, 3), 100 + i, np.uint8) for i in range(2)]
    column = (images or sent, np.array(correct), ["a_cat", "cost: $5 and $6, a very long name"])
    return draw_gallery(sent, ["a cat", "dog"], {math.inf: column, -7.0: column}, folder, stem, **options)


def test_right_is_green_and_wrong_is_red(tmp_path):
    png, pdf = draw(tmp_path, [True, True], "right", title="KBSC, k = 64")
    assert pdf.exists() and share(png, GREEN) > 0.005 and share(png, RED) == 0
    png, _ = draw(tmp_path, [False, False], "wrong")
    assert share(png, RED) > 0.005 and share(png, GREEN) == 0


def test_same_input_same_bytes(tmp_path):
    first, again = (draw(tmp_path, [True, False], stem) for stem in "ab")
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in again]


def test_small_images_keep_sharp_pixels(tmp_path):
    """A board of black and white pixels has no grey in between, but for the edges of enlarged pixels."""
    board = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)
    images = [np.repeat(board[..., None], 3, axis=2)] * 2
    png, _ = draw_gallery(images, ["", ""], {}, tmp_path)
    grey = np.asarray(Image.open(png).convert("L"))
    assert np.mean((grey > 60) & (grey < 200)) < 0.02


def test_undelivered_and_large_images(tmp_path):
    png, _ = draw(tmp_path, [False, True], images=[None, np.zeros((256, 128, 3), np.uint8)])
    assert share(png, (224, 224, 224)) > 0.01


def test_what_arrived_stands_beside_what_was_retrieved(tmp_path):
    """Three tiles a row instead of two; a lost image is grey in both, and only its frame tells right from wrong."""
    sent = [np.full((32, 32, 3), shade, np.uint8) for shade in (60, 160)]
    pink, blue = (np.full((32, 32, 3), colour, np.uint8) for colour in ((250, 0, 250), (0, 0, 250)))
    png, _ = draw_gallery(sent, ["a", "b"], {0.0: Column([pink, None], [True, False], ["a", "nothing"])}, tmp_path)
    both = Column([pink, None], [True, False], ["a", "nothing"], received=[blue, None])
    wide, _ = draw_gallery(sent, ["a", "b"], {0.0: both}, tmp_path, "wide")
    assert share(png, (0, 0, 250)) == 0 and share(wide, (0, 0, 250)) > 0.05
    assert share(wide, (250, 0, 250)) > 0.05 and share(wide, GREEN) > 0.003 and share(wide, RED) > 0.003
    assert share(wide, (224, 224, 224)) > 1.3 * share(png, (224, 224, 224)) > 0.01
    assert Image.open(wide).size[0] > Image.open(png).size[0]


def test_a_formula_in_the_title_is_one_and_names_are_as_written(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr("kbsc_tf.figures.gallery.save_figure", lambda figure, *_: kept.append(figure) or [])
    sent = [np.zeros((8, 8, 3), np.uint8)]
    title = f"{as_written('cheap$ and dear$')}, $k$ = 8"
    draw_gallery(sent, ["a"], {0.0: Column(sent, [True], ["a"])}, tmp_path, title=title)
    assert title in [text.get_text() for text in kept[0].texts] and title == r"cheap\$ and dear\$, $k$ = 8"
