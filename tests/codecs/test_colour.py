"""Colour conversion against the standards' formulas in floating point; chroma filters on known pictures."""

import numpy as np
import pytest
from codec_samples import picture, psnr_db

from kbsc_tf.codecs.colour import planes_to_rgb, rgb_to_planes

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def random_image(height=40, width=56):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_forward_matrix_is_jfif():
    image = random_image()
    red, green, blue = np.moveaxis(image.astype(float), 2, 0)
    y, cb, cr = rgb_to_planes(image, "444")
    assert np.abs(y - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 0.5001
    assert np.abs(cb - np.minimum(128 - 0.168736 * red - 0.331264 * green + 0.5 * blue, 255)).max() <= 0.501
    assert np.abs(cr - np.minimum(128 + 0.5 * red - 0.418688 * green - 0.081312 * blue, 255)).max() <= 0.501
    np.testing.assert_array_equal(rgb_to_planes(image, "grey")[0], y)


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("chroma", ["444", "422", "420", "grey"])
def test_greys_stay_grey(level, chroma):
    image = np.full((5, 7, 3), level, np.uint8)
    planes = rgb_to_planes(image, chroma)
    assert all((plane == expected).all() for plane, expected in zip(planes, (level, 128, 128), strict=False))
    np.testing.assert_array_equal(planes_to_rgb(planes, chroma), image)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("limited_range", [False, True])
@pytest.mark.parametrize("colour_space", ["bt601", "bt709", "bt2020", "rgb", "ycgco"])
def test_inverse_is_the_standard_formula(colour_space, limited_range, bit_depth):
    rng = np.random.default_rng(7)
    planes = [rng.integers(0, 1 << bit_depth, (300, 500)).astype(np.uint16) for _ in range(3)]
    scale = 1 << bit_depth - 8
    steps, chroma, offset = (219 * scale, 224 * scale, 16 * scale) if limited_range else (2**bit_depth - 1,) * 2 + (0,)
    y, *others = ((plane.astype(float) - offset) / steps for plane in planes)
    cb, cr = ((plane.astype(float) - 128 * scale) / chroma for plane in planes[1:])
    if colour_space == "rgb":
        expected = [others[1], y, others[0]]
    elif colour_space == "ycgco":
        cg, co = (value * chroma / steps for value in (cb, cr))
        expected = [y - cg + co, y + cg, y - cg - co]
    else:
        weight_r, weight_b = WEIGHTS[colour_space]
        red, blue = y + 2 * (1 - weight_r) * cr, y + 2 * (1 - weight_b) * cb
        expected = [red, (y - weight_r * red - weight_b * blue) / (1 - weight_r - weight_b), blue]
    expected = np.clip(255 * np.stack(expected, axis=2), 0, 255)
    got = planes_to_rgb(planes, "444", colour_space, limited_range, bit_depth)
    assert np.abs(got - expected).max() <= 0.501


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (16, 16), (33, 17)], ids=str)
@pytest.mark.parametrize("chroma", ["422", "420"])
def test_chroma_planes_have_half_the_size_rounded_up(chroma, size):
    height, width = size
    planes = rgb_to_planes(picture(height, width), chroma)
    half = ((height + 1) // 2 if chroma == "420" else height, (width + 1) // 2)
    assert [plane.shape for plane in planes] == [size, half, half]
    assert planes_to_rgb(planes, chroma).shape == (height, width, 3)


@pytest.mark.parametrize(("pixel_format", "shift"), [("422", 0.5), ("422_video", 0.0)])
def test_chroma_siting(pixel_format, shift):
    """A ramp in the halved plane comes back at the places its samples have: between two columns, or at even ones."""
    luma = np.full((4, 64), 100, np.uint8)
    ramp = np.tile(40 + 5 * np.arange(32), (4, 1)).astype(np.uint8)
    red = planes_to_rgb([luma, ramp * 0 + 128, ramp], pixel_format)[..., 0].astype(float)
    expected = 100 + 1.402 * (40 + 5 * (np.arange(64) - shift) / 2 - 128)
    inside = slice(8, -8)
    assert np.abs(red - np.clip(expected, 0, 255))[:, inside].max() < 1.5


@pytest.mark.parametrize("chroma", ["422", "420"])
def test_smooth_colours_survive_halving(chroma):
    y, x = np.mgrid[:64, :64]
    image = np.stack([128 + 80 * np.sin(x / 11), 128 + 80 * np.cos(y / 9), 128 + 60 * np.sin((x + y) / 13)], axis=2)
    image = image.astype(np.uint8)
    assert psnr_db(planes_to_rgb(rgb_to_planes(image, chroma), chroma), image) > 42


def test_bands_make_no_difference(monkeypatch):
    image = picture(70, 31)
    whole = {chroma: rgb_to_planes(image, chroma) for chroma in ("444", "420")}
    back = {chroma: planes_to_rgb(planes, chroma) for chroma, planes in whole.items()}
    monkeypatch.setattr("kbsc_tf.codecs.colour.BAND_PIXELS", 100)
    for chroma, planes in whole.items():
        assert all(np.array_equal(a, b) for a, b in zip(planes, rgb_to_planes(image, chroma), strict=True))
        np.testing.assert_array_equal(planes_to_rgb(planes, chroma), back[chroma])
