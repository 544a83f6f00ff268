import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kbsc_tf.data.decode import BadImageError, decode

RAMP = np.arange(12 * 8 * 3, dtype=np.uint8).reshape(12, 8, 3)


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(bit_depth, colour_type, rows):
    """Write a PNG by hand, for the kinds Pillow cannot write; rows [H, W] or [H, W, C] big-endian samples."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], bit_depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_rgb_is_read_as_it_is():
    image = decode(saved(Image.fromarray(RAMP)))
    assert image.dtype == np.uint8 and np.array_equal(image, RAMP)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, kind):
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :16] = 255  # the corner that tells the eight orientations apart, with the two shapes
    stored[:8, 16:] = 128
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(Image.fromarray(stored), kind, exif=exif))[..., 0].astype(int)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T,
        8: np.rot90(stored),
    }[orientation]
    assert image.shape == upright.shape
    assert np.abs(image - upright).max() < 8


def test_grey_palette_and_two_level_images_become_rgb():
    grey = Image.fromarray(RAMP[..., 0])
    assert np.array_equal(decode(saved(grey)), np.repeat(RAMP[..., :1], 3, axis=2))
    palette = Image.fromarray(RAMP).quantize(8)
    assert np.array_equal(decode(saved(palette)), np.asarray(palette.convert("RGB")))
    assert set(np.unique(decode(saved(grey.convert("1"))))) <= {0, 255}


def test_transparent_pixels_are_laid_over_white():
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[..., 0] = 200
    layer[0, :, 3] = 255
    layer[1, 0, 3] = 128
    image = decode(saved(Image.fromarray(layer)))
    assert image[0, 0].tolist() == [200, 0, 0]
    assert image[1, 1].tolist() == [255, 255, 255]
    assert np.abs(image[1, 0].astype(int) - [227, 127, 127]).max() <= 1
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode(saved(palette, transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    grey_alpha = Image.fromarray(np.array([[[90, 255], [90, 0]]], np.uint8), "LA")
    assert decode(saved(grey_alpha))[0, :, 0].tolist() == [90, 255]


def test_16_bit_values_are_scaled_not_clipped():
    levels = np.array([[0, 128, 257, 32768, 65279, 65535]], ">u2")
    expected = [0, 0, 1, 128, 254, 255]
    assert decode(png(16, 0, levels))[0, :, 1].tolist() == expected
    assert decode(saved(Image.fromarray(levels.astype("<u2"))))[0, :, 0].tolist() == expected
    colours = np.stack([levels, levels[:, ::-1], levels], axis=-1).astype(">u2")
    image = decode(png(16, 2, colours)).astype(int)
    assert np.abs(image[0, :, 0] - expected).max() <= 1
    assert np.abs(image[0, :, 1] - expected[::-1]).max() <= 1


def test_cmyk_jpeg_becomes_rgb():
    image = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert image.shape == (8, 8, 3) and image[4, 4, 0] > 200 and image[4, 4, 1] < 60


def test_damaged_files_are_refused():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for content in (saved(noise)[:2000], saved(noise, "JPEG")[:1500], b"", b"no image", saved(noise)[:40]):
        with pytest.raises(BadImageError, match="."):
            decode(content)


def test_a_decompression_bomb_is_refused(monkeypatch):
    content = saved(Image.new("L", (100, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(BadImageError, match="decompression bomb"):
        decode(content)


def header_of(width, height):
    """A PNG whose header says a size, and that ends there."""
    return png(8, 2, np.zeros((1, 1, 3), np.uint8)).replace(struct.pack(">II", 1, 1), struct.pack(">II", width, height))


def with_checksum(content):
    """The same with the checksum of its header made right."""
    return content[:29] + struct.pack(">I", zlib.crc32(content[12:29])) + content[33:]


@pytest.mark.parametrize(
    ("width", "height", "problem"),
    [
        (1, 5000, "5000 x 1 pixels, at most 100 times"),
        (5000, 1, "1 x 5000 pixels, at most 100 times"),
        (30_000, 299, "299 x 30000 pixels, at most 100 times"),
        (10_000, 10_000, "10000 x 10000 pixels, at most 89,478,485"),
        (60_000, 60_000, "exceeds limit"),
    ],
)
def test_sizes_that_would_fill_the_memory_are_refused_before_decoding(width, height, problem):
    with pytest.raises(BadImageError, match=problem):
        decode(with_checksum(header_of(width, height)))


def test_a_panorama_is_read():
    assert decode(saved(Image.new("RGB", (1000, 10)))).shape == (10, 1000, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animated_image_the_first_frame_is_read(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(decode(content), np.broadcast_to(np.uint8([255, 0, 0]), (8, 8, 3)))


def test_ink_becomes_light():
    content = saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100)
    assert np.abs(decode(content).astype(int) - [0, 255, 255]).max() < 4


def test_formats_that_start_programs_and_pixels_without_a_range_are_refused():
    with pytest.raises(BadImageError, match="not an image"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(BadImageError, match="floating-point"):
        decode(saved(Image.new("F", (8, 8), 0.5), "TIFF"))
