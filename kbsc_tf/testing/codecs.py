"""The contract of image codecs."""

import pickle

import numpy as np

from kbsc_tf.codecs import CodecError, ImageCodec
from kbsc_tf.config import CodecConfig
from kbsc_tf.registry import codecs
from kbsc_tf.testing.expect import expect, expect_array
from kbsc_tf.testing.samples import sample_images

_BEST_PSNR_DB = 25.0


def check_codec(codec: str | ImageCodec) -> None:
    """Check that a codec can be sent over a channel, where files have a budget and may arrive damaged.

    Files are read back to images of their size, the same image gives the same file, better qualities give larger files
    and better images, budgets are respected, and a damaged file is decoded to some image or refused by `CodecError`.

    Parameters
    ----------
    codec : str or ImageCodec
        As ``codec`` of ``image_ldpc``, with the default ``codec`` section; or an object.

    Raises
    ------
    AssertionError
        Says what does not hold.

    Examples
    --------
    >>> from kbsc_tf.testing import check_codec
    >>> check_codec("jpeg")
    """
    if isinstance(codec, str):
        codec = codecs[codec].build(CodecConfig())
    name, qualities = codec.name, list(codec.qualities)
    expect(qualities == sorted(set(qualities)) or qualities == sorted(set(qualities), reverse=True),
           f"{name}: qualities: expected settings in order, each once")  # fmt: skip
    images = [sample_images(1)[0], sample_images(1, (17, 23), 1)[0]]
    for image in images:
        _check_round_trip(codec, image, qualities)
        _check_budgets(codec, image)
    _check_damage(codec, codec.encode(images[0], qualities[len(qualities) // 2]))


def _check_round_trip(codec: ImageCodec, image: np.ndarray, qualities: list[int]) -> None:
    name, files, quality_db = codec.name, [], []
    for quality in (qualities[0], qualities[-1]):
        file = codec.encode(image, quality)
        expect(isinstance(file, bytes) and file, f"{name}: encode: expected bytes, got {type(file).__name__}")
        expect(codec.encode(image, quality) == file, f"{name}: the same image gives another file again")
        copy = pickle.loads(pickle.dumps(codec))
        expect(copy.encode(image, quality) == file, f"{name}: a pickled copy gives another file")
        decoded = codec.decode(file)
        expect_array(decoded, f"{name}: decode", image.shape, np.uint8)
        header = codec.header_bytes(file)
        expect(0 <= header <= len(file), f"{name}: header_bytes: {header} of a file of {len(file)} bytes")
        error = np.mean(np.square(decoded.astype(float) - image))
        files.append(file)
        quality_db.append(10 * np.log10(255**2 / max(error, 1e-3)))
    worst, best = quality_db
    expect(best > _BEST_PSNR_DB, f"{name}: the best quality has a PSNR of {best:.1f} dB, expected {_BEST_PSNR_DB:g}")
    expect(
        len(files[0]) < len(files[1]) and worst < best or len(qualities) == 1,
        f"{name}: qualities: the first is not the smallest file and worst image: {len(files[0])} and {len(files[1])} "
        f"bytes, {worst:.1f} and {best:.1f} dB",
    )


def _check_budgets(codec: ImageCodec, image: np.ndarray) -> None:
    name, sizes = (
        codec.name,
        [len(codec.encode(image, quality)) for quality in (codec.qualities[0], codec.qualities[-1])],
    )
    budgets = [1, sizes[0], sum(sizes) // 2, sizes[1]]
    found = codec.encode_to_budgets(image, budgets)
    for budget, file in zip(budgets, found, strict=True):
        expect(file is None or len(file) <= budget, f"{name}: a file of {len(file or b'')} bytes for {budget}")
        expect(file == codec.encode_to_budget(image, budget), f"{name}: a file depends on the other budgets")
    expect(all(found[1:]), f"{name}: no file for a budget that the worst quality fits")
    decoded = codec.decode(found[2])
    expect(decoded.shape == image.shape, f"{name}: a file within a budget is decoded to {list(decoded.shape)}")


def _check_damage(codec: ImageCodec, file: bytes) -> None:
    rng = np.random.default_rng(0)
    cut = [file[: len(file) * i // 8] for i in range(8)]
    changed = []
    for _ in range(24):
        content = bytearray(file)
        for place in rng.integers(0, len(file), 3):
            content[place] = rng.integers(256)
        changed.append(bytes(content))
    for data in [*cut, *changed, rng.bytes(len(file)), file + file]:
        try:
            image = codec.decode(data)
        except CodecError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{codec.name}: a damaged file raises {type(error).__name__} ({error}), expected CodecError"
            ) from error
        fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        expect(fits, f"{codec.name}: a damaged file is decoded to something else than uint8 [H, W, 3]")
        expect(data, f"{codec.name}: an empty file is decoded, expected CodecError")
