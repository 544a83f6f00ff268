"""Damaged and odd files, drawn by seed: each is read, or refused in one sentence, soon and in bounded memory."""

import io
import json
import random
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_records import write_folder

from kbsc_tf.channel.ofdm.recorded import RecordedModel, save_recording
from kbsc_tf.config import load_config
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.errors import UserError
from kbsc_tf.features import load_feature_file
from kbsc_tf.figures.table import accuracy_rows
from kbsc_tf.results.names import named
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.sweep.status import show_status, status

ROOT = Path(__file__).parents[2]
ODD = [
    "-1",
    "0",
    "1e400",
    ".inf",
    ".nan",
    "~",
    "true",
    "'no'",
    "0x_",
    "1_000",
    "10:20",
    "020",
    "2025-02-30",
    "99999999999999999999",
    "-9223372036854775809",
    "[]",
    "{}",
    "[[]]",
    "[1,[2]]",
    "{a:1}",
    "*a",
    "&a",
    "!!python/object:os.system",
    "!!int",
    "<<",
    "|",
    ">",
    "?",
    "-",
    ":",
    ",",
    "]",
    "}",
    "'",
    '"',
    "%",
    "@",
    "`",
    "é",
    "字",
    "inf",
    "-inf",
    "1e-400",
    "{from:0,to:1e9,step:1e-9}",
    "{low:5,high:1}",
    "/dev/zero",
    "../../x",
    "%s",
    "$HOME",
]
ODD += ["\x00", "\ufeff", "\u2028", "# "]


def mutated_text(text, rng):
    """Some lines or words of a text taken away, doubled, moved or replaced."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 4)):
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(7):
            case 0:
                lines[i] = lines[j]
            case 1:
                lines.insert(i, lines[j])
            case 2:
                lines[i] = " " * rng.randrange(9) + lines[i].lstrip()
            case 3:
                key, colon, _ = lines[i].partition(":")
                lines[i] = key + colon + " " + rng.choice(ODD)
            case 4:
                place = rng.randrange(len(lines[i]) + 1)
                lines[i] = lines[i][:place] + rng.choice(ODD) + lines[i][place:]
            case 5:
                place = rng.randrange(len(lines[i]) + 1)
                lines[i] = lines[i][:place] + lines[i][place + rng.randint(1, 5) :]
            case 6:
                words = lines[i].split(" ")
                words[rng.randrange(len(words))] = rng.choice(ODD)
                lines[i] = " ".join(words)
    return "\n".join(lines) + "\n"


def mutated_bytes(content, rng):
    """Some bytes changed, cut out, doubled or cut off; lengths and sizes are hit more often than their share."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(min(len(content), rng.choice((64, 400, len(content)))))
        size = rng.randint(1, 16)
        match rng.randrange(6):
            case 0:
                content[place] ^= 1 << rng.randrange(8)
            case 1:
                content[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
            case 2:
                del content[place : place + size]
            case 3:
                content[place:place] = content[place : place + size]
            case 4:
                content[place : place + size] = rng.randbytes(size)
            case 5 if rng.random() < 0.2:
                del content[place + 1 :]
        content = content or bytearray(b"\0")
    return bytes(content)


def fuzz(count, read, errors=(UserError,)):
    """Call ``read`` with ``count`` generators; what is refused is one sentence, and none takes long or much memory."""
    refused, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(count):
        started = time.process_time()
        try:
            read(random.Random(seed))
        except errors as error:
            refused += 1
            assert str(error) and "\n" not in str(error) and len(str(error)) < 2000, (seed, str(error))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        assert time.process_time() - started < 5, f"seed {seed}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2e6  # kB
    assert 0.02 * count < refused < count, f"{refused} refused"


def often(few, many):
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.slow)])


@often(700, 10_000)
def test_experiments(tmp_path, count):
    files = [path.read_text() for path in sorted((ROOT / "sims").glob("*.yaml")) if path.stem != "kb_scaling"]

    def read(rng):
        text = mutated_text(rng.choice(files), rng)
        (tmp_path / "a.yaml").write_text(text, encoding=rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
        load_config(
            tmp_path / "a.yaml",
            [f"{rng.choice(('k', 'data.seed', 'schemes.pca.name'))}={rng.choice(ODD)}"][: rng.randrange(2)],
        )

    fuzz(count, read)


def image_files():
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (24, 32)).astype(np.uint16))
    options = {"save_all": True, "append_images": [rgb.rotate(90)]}
    for image, kind, given in (
        (rgb, "JPEG", {}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "PNG", {}),
        (deep, "PNG", {}),
        (rgb.convert("RGBA"), "PNG", {}),
        (rgb.quantize(16), "PNG", {"transparency": 3}),
        (rgb, "PNG", options),
        (rgb, "WEBP", {}),
        (rgb, "WEBP", options),
        (rgb.quantize(16), "GIF", options),
        (rgb, "TIFF", {}),
        (rgb, "BMP", {}),
        (rgb, "PPM", {}),
    ):
        image.save(file := io.BytesIO(), kind, **given)
        yield file.getvalue()


@often(1500, 5_000)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_images(count):
    files = [*image_files()]

    def read(rng):
        image = decode(mutated_bytes(rng.choice(files), rng))
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size

    fuzz(count, read, (BadImageError,))


@often(300, 1_000)
def test_feature_files(tmp_path, count):
    rng = np.random.default_rng(0)
    parts = ("train", "val_send", "val_recv", "test_send", "test_recv")
    arrays = {f"{part}_x": rng.standard_normal((8, 4)).astype(np.float32) for part in parts}
    labels = {f"{part}_y": np.arange(8) % 2 for part in parts}
    whole = []
    for save in (np.savez, np.savez_compressed):
        save(file := io.BytesIO(), **arrays, **labels, class_names=np.array(["a", "é"]))
        whole.append(file.getvalue())

    def read(rng):
        (tmp_path / "a.npz").write_bytes(mutated_bytes(rng.choice(whole), rng))
        load_feature_file(tmp_path / "a.npz")

    fuzz(count, read)


@often(200, 1_000)
def test_recordings(tmp_path, count):
    rng = np.random.default_rng(0)
    a = (rng.standard_normal((4, 1, 1, 3, 5)) + 0j).astype(np.complex64)
    save_recording(tmp_path / "a.npz", a, rng.random((4, 3)) * 1e-7, 15e3)
    whole = (tmp_path / "a.npz").read_bytes()

    def read(rng):
        (tmp_path / "a.npz").write_bytes(mutated_bytes(whole, rng))
        RecordedModel(tmp_path / "a.npz", 1, 1)

    fuzz(count, read)


@often(150, 2_000)
def test_results_folders(tmp_path, count):
    write_folder(tmp_path)
    names = ("records.csv", "run.json")
    whole = {name: (tmp_path / name).read_text() for name in names}

    def read(rng):
        for name in names:
            (tmp_path / name).write_text(whole[name])
        name = rng.choice(names)
        if rng.random() < 0.5:
            (tmp_path / name).write_text(mutated_text(whole[name], rng))
        elif name == "run.json" and rng.random() < 0.7:
            (tmp_path / name).write_text(json.dumps(mutated_json(json.loads(whole[name]), rng)))
        else:
            (tmp_path / name).write_bytes(mutated_bytes(whole[name].encode(), rng))
        show_status(status(tmp_path))
        with named(read_run(tmp_path)):
            accuracy_rows(read_shown(tmp_path))

    fuzz(count, read)


def mutated_json(value, rng):
    """A value of one key anywhere replaced, or the key taken away."""
    inside = [*(value if isinstance(value, dict) else range(len(value)))]
    key = rng.choice(inside) if inside else None
    if key is None:
        return value
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
        value[key] = mutated_json(value[key], rng)
    elif rng.random() < 0.3:
        del value[key]
    else:
        value[key] = rng.choice([None, -1, 1e99, 10**30, "x", [], {}, True, [[1]], {"a": {}}, "\u2028"])
    return value
