"""Images and files for the tests of the codecs."""

import io
import os
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.codecs import ImageCodec

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared"
CONFORMANCE = Path(os.environ.get("KBSC_CONFORMANCE") or SHARED / "conformance") / "bpg"
CIFAR10 = Path(os.environ.get("KBSC_CIFAR10") or REPOSITORY.parent / "data" / "cifar10")
CIFAR10_ARCHIVE = SHARED / "data" / "cifar10-jpg.tar.xz"
ODD_SIZES = [(1, 1), (7, 5), (8, 8), (9, 9), (8, 100), (16, 16), (15, 17), (33, 17), (61, 96), (130, 70)]


def picture(height, width, seed=0):
    """A smooth image with edges and some noise, [height, width, 3], uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(float)
    phase = rng.uniform(0, 6, 3)
    planes = [128 + 90 * np.sin(x / 9 + y / 7 * (i - 1) + phase[i]) + 30 * ((x + y) // 11 % 2) for i in range(3)]
    noisy = np.stack(planes, axis=2) + rng.normal(0, 4, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def psnr_db(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def decode_image(content):
    from PIL import Image

    return np.asarray(Image.open(content).convert("RGB"))


@cache  # the archive takes seconds
def cifar10_test_images(step=50):
    """Every ``step``-th image of CIFAR-10's test set in the order of class and file name; skips the test without."""
    if (CIFAR10 / "test").is_dir():
        return [decode_image(path) for path in sorted((CIFAR10 / "test").glob("*/*.jpg"))[::step]]
    if CIFAR10_ARCHIVE.is_file():
        with tarfile.open(CIFAR10_ARCHIVE) as archive:
            members = [member for member in archive if member.name.startswith("test/") and member.isfile()]
            members = sorted(members, key=lambda member: member.name)[::step]
            return [decode_image(archive.extractfile(member)) for member in sorted(members, key=lambda m: m.offset)]
    pytest.skip(f"no CIFAR-10 images in {CIFAR10} or {CIFAR10_ARCHIVE}; set KBSC_CIFAR10")


class WebpCodec(ImageCodec):
    """A third codec, to show what one needs."""

    name, qualities = "webp", range(101)

    def encode(self, image, quality):
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(image).save(file, "WEBP", quality=quality)
        return file.getvalue()

    def decode(self, data):
        return decode_image(io.BytesIO(data))


class SizesCodec(ImageCodec):
    """Its files have the sizes it is given, one for each quality; counts how often each is encoded."""

    name = "sizes"

    def __init__(self, sizes):
        self.sizes, self.qualities, self.encoded = list(sizes), range(len(sizes)), []

    def encode(self, image, quality):
        self.encoded.append(quality)
        return bytes(self.sizes[quality])

    def decode(self, data):
        raise NotImplementedError
