"""Damaged and odd files, drawn by seed: each is read, or refused in one sentence, soon and in bounded memory."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from mutations import ODD, fuzz, mutated_bytes, mutated_json, mutated_text, often
from PIL import Image
from synthetic_records import write_folder

from kbsc_tf.channel.ofdm.recorded import RecordedModel, save_recording
from kbsc_tf.config import load_config
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.features import load_feature_file
from kbsc_tf.figures.table import accuracy_rows
from kbsc_tf.results.names import named
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.sweep.status import show_status, status

ROOT = Path(__file__).parents[2]


@often(700, 10_000)
def test_experiments(tmp_path, count):
    files = [path.read_text() for path in sorted((ROOT / "sims").glob("*.yaml")) if "\ntype: " not in path.read_text()]

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


@pytest.mark.long
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
