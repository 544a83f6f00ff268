"""The scripts beside the experiments: they load, and what they run are experiments of today's keys."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

from kbsc_tf.config import load_config
from kbsc_tf.errors import UserError
from kbsc_tf.figures.equal_uses import plot_by_cbr
from kbsc_tf.figures.output import Output
from kbsc_tf.results.records import read_records

SIMS = Path(__file__).parents[1] / "sims"


@pytest.fixture
def script(monkeypatch):
    """Load a script by its name, as Python does that is started in its folder."""
    monkeypatch.syspath_prepend(SIMS)
    return importlib.import_module


@pytest.mark.parametrize(
    "name", ["bench", "bench_gpu", "deepjscc_published", "growth", "plot_ber", "stand_in_features", "write_readmes"]
)
def test_scripts_load(script, name):
    assert callable(script(name).main)


def test_a_specialist_has_one_snr_and_k(script):
    specialists = script("adaptive_specialists")
    config = specialists.of_one_model(load_config(SIMS / "adaptive.yaml", ["schemes.adaptive.axes=variance"]))
    assert (config.titles, len(config.channels), max(config.snr_db)) == (["adaptive"], 1, 10)
    own = specialists.specialist(config, 64, -7.0)
    [entry] = own.schemes
    assert (own.k, own.snr_db, entry.axes) == ([64], [-7], "variance")
    assert (entry.validation_symbols, entry.validation_snr_db) == ([64], [-7])
    assert type(own).model_validate(own.model_dump(mode="json")) == own
    with pytest.raises(UserError, match="expected adaptive among pca; add it"):
        specialists.of_one_model(load_config(SIMS / "adaptive.yaml", ["schemes=pca"]))


def test_crops_come_together_again(script):
    kodak = script("kodak")
    image = np.random.default_rng(0).integers(0, 256, (70, 100, 3), np.uint8)
    crops = kodak.cut(image, 32)
    assert crops.shape == (6, 32, 32, 3)
    np.testing.assert_array_equal(crops[4], image[32:64, 32:64])
    np.testing.assert_array_equal(kodak.joined(crops, image.shape), image[:64, :96])


def test_networks_alone_send_kodak(script):
    """An ideal code has no MCS either, and its thumbnails have another size; a published network no training seed."""
    rows = [("deepjscc", 512, 30.0), ("kbsc", 512, np.nan), ("bpg_capacity", 512, 31.0)]
    records = pd.DataFrame([*rows, *rows], columns=["scheme", "k", "psnr"])
    assert script("kodak").networks(records) == [("deepjscc", 512)]


def test_bd_rate_of_a_tenth_more_bits_at_every_quality_is_a_tenth(script):
    rates = np.array([0.2, 0.4, 0.9, 1.7])
    theirs = pd.DataFrame({"bits_per_pixel": rates, "psnr": [28.0, 31.0, 34.5, 38.0]})
    ours = theirs.assign(bits_per_pixel=1.1 * rates)
    assert script("kodak").bd_rate(ours, theirs) == pytest.approx(0.1, abs=1e-9)


def test_kodak_rates_of_a_folder(script, tmp_path):
    """Each row holds what the codec itself says of the image; better quality takes more bits."""
    kodak = script("kodak")
    rng = np.random.default_rng(1)
    smooth = np.kron(rng.integers(0, 256, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "one.png")
    kodak.rate(tmp_path, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv", dtype={"chroma": str})
    assert len(table) == len(kodak.QP) * len(kodak.CHROMAS) and set(table["image"]) == {"one"}
    row = table[table["chroma"].eq("420") & table["qp"].eq(32)].iloc[0]
    file = kodak.BpgCodec(chroma="420").encode(smooth, 32)
    assert (row["bytes"], row["bits_per_pixel"]) == (len(file), pytest.approx(8 * len(file) / (64 * 96)))
    assert all(part.sort_values("qp")["bytes"].is_monotonic_decreasing for _, part in table.groupby("chroma"))


def test_kodak_names_a_folder_without_images(script, tmp_path):
    with pytest.raises(UserError, match="holds no .png files; give the folder of the images"):
        script("kodak").rate(tmp_path, tmp_path / "out.csv")


@pytest.mark.long
def test_stand_in_features_have_the_properties_that_they_state(script):
    arrays = script("stand_in_features").stand_in_features(0)
    x, labels = arrays["test_send_x"], arrays["test_send_y"]
    assert {name: len(values) for name, values in arrays.items() if name.endswith("_y")} == {
        "train_y": 40_000, "val_send_y": 5000, "val_recv_y": 5000, "test_send_y": 5000, "test_recv_y": 5000,
    }  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)
    assert np.bincount(labels).tolist() == [50] * 100
    nearest = arrays["test_recv_y"][(x @ arrays["test_recv_x"].T).argmax(1)]
    assert np.mean(nearest == labels) == pytest.approx(0.6996, abs=1e-4)  # what results/original states without noise


def test_remake_says_what_can_be_remade():
    done = subprocess.run([SIMS / "remake.sh", "nothing"], capture_output=True, text=True)
    assert done.returncode == 2 and "one of: adaptive adaptive_parts baselines_cifar10" in done.stderr


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "agrees"),
    [
        ([1.0, 2.0], [1.0, 2.009], 1e-2, True),
        ([1.0, 2.0], [1.0, 2.011], 1e-2, False),
        (range(1000), [*range(999), -1], "ids", True),
        (range(1000), [*range(998), -1, -1], "ids", False),
        ([100, 1000], [150, 1000], "counts", True),  # four standard errors are 59 of 1,000
        ([100, 1000], [170, 1000], "counts", False),
    ],
)
def test_devices_agree_within_the_tolerance(script, one, other, tolerance, agrees):
    arrays = ({"x": np.array(one)}, {"x": np.array(other)})
    assert script("bench_gpu").agree(*arrays, tolerance)[0] is agrees


def test_a_part_that_fails_on_a_device_is_said_and_the_others_go_on(script, monkeypatch):
    bench, until = script("bench_gpu"), float("inf")

    def run_part(name, device, size, seconds):
        if device == "gpu":
            raise RuntimeError("no kernel image")
        return {"queries_per_s": 1.0}, {"ids": np.zeros(3)}

    monkeypatch.setattr(bench, "run_part", run_part)
    assert bench.check("search", ("cpu", "gpu"), "small", until) == {
        "cpu": {"queries_per_s": 1.0}, "failed": "no kernel image",
    }  # fmt: skip
    assert bench.check("search", ("cpu", "cpu"), "small", until)["agrees"]
    assert bench.check("search", ("cpu", "cpu"), "small", 0.0) == {"not_run": "the time was over"}


def test_a_wide_picture_is_made_small_and_a_small_one_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 2100, 3), np.uint8)
    (tmp_path / "inner").mkdir()
    for name, width in (("inner/wide", 2100), ("narrow", 1000)):
        Image.fromarray(pixels[:, :width]).save(tmp_path / f"{name}.png")
    narrow = (tmp_path / "narrow.png").read_bytes()
    subprocess.run([sys.executable, SIMS / "shrink_pictures.py", tmp_path], check=True)
    with Image.open(tmp_path / "inner/wide.png") as picture:
        assert picture.size == (1000, 14) and len(picture.getcolors()) <= 64
    assert (tmp_path / "narrow.png").read_bytes() == narrow


@pytest.mark.long
def test_lines_of_a_small_picture_keep_their_colours(tmp_path):
    """Of many schemes, whose pale bands are far larger; at 95 % of the coloured pixels, of 255."""
    records = read_records(SIMS.parent / "results" / "baselines_cifar10").query("k == 1024")
    [path] = plot_by_cbr(records, tmp_path, output=Output(("png",)))
    with Image.open(path) as picture:
        size = 1000, round(picture.height * 1000 / picture.width)
        before = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)).astype(int)
    subprocess.run([sys.executable, SIMS / "shrink_pictures.py", tmp_path], check=True)
    with Image.open(path) as picture:
        after = np.asarray(picture.convert("RGB")).astype(int)
    is_coloured = np.ptp(before, axis=2) > 90
    assert np.percentile(np.abs(after - before).max(axis=2)[is_coloured], 95) <= 25


def test_a_part_of_the_bench_replaces_its_figures_and_keeps_the_others(script, monkeypatch, tmp_path, capsys):
    bench, out = script("bench"), tmp_path / "bench.json"
    monkeypatch.setattr(bench, "features_of", lambda folder, file: None)
    monkeypatch.setattr(bench, "bench_clip", lambda: {"images_per_s": 2.0})
    out.write_text('{"parts": {"clip": {"figures": 1}, "search": {"figures": {"single_per_s": 3.0}}}}')
    bench.main(tmp_path, part=["clip"], out=out)
    written = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert written["parts"]["search"] == {"figures": {"single_per_s": 3.0}}
    clip = written["parts"]["clip"]
    assert clip["figures"] == {"images_per_s": 2.0} and clip["took_s"] >= 0
    assert clip["machine"]["cores"] >= 1 and clip["machine"]["versions"]["tensorflow"]
    with pytest.raises(typer.Exit):
        bench.main(tmp_path, part=["clop"], out=out)
    assert capsys.readouterr().err.startswith("--part: no part clop; there are original, adaptive, clip")


def test_calls_take_turns_and_may_time_themselves(script):
    timing, order = script("timing"), []
    seconds = timing.alternating({"a": lambda: order.append("a"), "b": lambda: float(order.append("b") or 7)}, 3)
    assert order == ["a", "b"] * 3 and seconds["b"] == [7.0] * 3 and max(seconds["a"]) < 1
    assert timing.medians({"a": [3.0, 1.0, 2.0]}) == {"a_s": 2.0}
    assert timing.median_seconds(lambda: 7.0, 3) < 1, "a training step returns its loss, no time"
