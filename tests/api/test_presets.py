"""Presets: what comes along is small, sends and is received, and is as good as its card says."""

import doctest
import importlib
import json
import os
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.numpy import load_file, save_file

import kbsc_tf as kbsc
from kbsc_tf.data.procedural import procedural_labels, render
from kbsc_tf.presets.card import read_card
from kbsc_tf.presets.catalogue import find_preset
from kbsc_tf.presets.packing import WEIGHTS, pack, unpack
from kbsc_tf.presets.table import page
from kbsc_tf.receiver import Posterior

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "kbsc_tf" / "presets" / "models"
SETS = Path(os.environ.get("SETS", ROOT.parent / "sets"))
ALL = kbsc.list_presets()
NAMES = [name for name in ALL if not read_card(MODELS / name).sends_images]  # of ready features
IMAGES = render(procedural_labels(4, 7), 7, 0)


def drawn(count, dim=512, seed=0):
    x = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def as_trained(name, count, folder):
    """Features drawn as the receiver's axes say that those of training are spread."""
    unpack(MODELS / name / WEIGHTS, folder)
    axes = Posterior.load(folder / "posterior.npz", "").axes
    rng = np.random.default_rng(0)
    x = axes.mean + rng.standard_normal((count, len(axes.variance))) * np.sqrt(axes.variance) @ axes.basis.T
    return np.float32(x / np.linalg.norm(x, axis=1, keepdims=True))


def test_what_comes_along_is_small_and_has_a_card():
    assert {"kbsc_real_clip_k64", "adaptive_real_clip", "pca_real_clip_k64"} <= set(NAMES)
    sizes = {name: sum(file.stat().st_size for file in (MODELS / name).iterdir()) for name in ALL}
    assert max(sizes.values()) < 2e6 and sum(sizes.values()) < 8.5e6
    for name in ALL:
        card = read_card(MODELS / name)
        assert card.name == name and len(card.commit) == 40 and card.licence and card.data
        assert {one.k for one in card.scores} == set(card.k)
        assert all(one.low < one.top1 < one.high and one.images >= 1000 for one in card.scores)


def test_the_page_is_up_to_date():
    """If not: python sims/write_presets.py."""
    assert (ROOT / "docs/reference/presets.md").read_text(encoding="utf-8") == page(MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_features_arrive(name, eager, tmp_path):
    preset = kbsc.from_preset(name)
    x = as_trained(name, 40, tmp_path)
    sent = preset.transmit(x, np.inf)
    assert sent.features.shape == x.shape and sent.channel_uses[0] == preset.k / 2
    loud, quiet = preset.transmit(x, -10, seed=1).features, preset.transmit(x, 20, seed=1).features
    error = [np.mean(np.square(received - sent.features)) for received in (loud, quiet)]
    assert error[0] > 10 * error[1] > 0
    link = preset.link(x, [f"class {i}" for i in range(40)])
    shown = [one.label for one in link.send(x, 20, seed=0)]
    assert np.mean([label == f"class {i}" for i, label in enumerate(shown)]) > 0.9
    assert link.send(x[0], 20, seed=0).image is None


@pytest.mark.parametrize("module", ["kbsc_tf.api.preset", "kbsc_tf.presets.catalogue"])
def test_the_examples_are_right(module, eager):
    failed, attempted = doctest.testmod(importlib.import_module(module))
    assert not failed and attempted


def test_symbols_have_unit_power():
    symbols = kbsc.from_preset("kbsc_real_clip_k64").symbols(drawn(5))
    np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_good_as_its_card_says(name):
    file = SETS / "features" / "real_0.npz"
    if not file.exists():
        pytest.skip(f"{file} is not here; SETS names the folder of the data sets")
    card = read_card(MODELS / name)
    for k in card.k:
        for row in kbsc.from_preset(name, k=k).score(file, [-5, 0, 10]).to_dict("records"):
            score = card.score(row["snr_db"], k)
            assert row["images"] == score.images and abs(row["top1"] - score.top1) < 2e-3


@pytest.mark.long
def test_a_few_images_of_the_cards_data_are_within_its_interval():
    file = SETS / "features" / "real_0.npz"
    if not file.exists():
        pytest.skip(f"{file} is not here; SETS names the folder of the data sets")
    [row] = kbsc.from_preset("adaptive_real_clip").score(file, [5], queries=400).to_dict("records")
    score = read_card(MODELS / "adaptive_real_clip").score(5)
    assert row["images"] == 400 and row["low"] <= score.top1 <= row["high"]


def test_another_k_and_channel(eager):
    preset = kbsc.from_preset("adaptive_real_clip", k=128, channel="rayleigh")
    assert (preset.k, preset.channel) == (128, "rayleigh_fast")
    assert preset._scheme.calibration is None, "that of the card's channel"
    assert kbsc.from_preset("adaptive_real_clip", k=128)._scheme.calibration is not None
    received = preset.transmit(drawn(3), 0.0, seed=0)
    assert received.channel_uses.tolist() == [64] * 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "kbsc_real_clip_k46"}, "unknown preset kbsc_real_clip_k46; did you mean kbsc_real_clip_k64"),
        ({"name": "kbsc_real_clip_k64", "k": 32}, "preset kbsc_real_clip_k64: has no k = 32; there are 64"),
        ({"name": "kbsc_real_clip_k64", "channel": "rayliegh"}, "channel: .*did you mean rayleigh"),
    ],
)
def test_what_is_not_there_is_named(asked, message):
    with pytest.raises(kbsc.UserError, match=message):
        kbsc.from_preset(**asked)


def test_entries_that_cannot_be_are_refused():
    preset = kbsc.from_preset("pca_real_clip_k64")
    with pytest.raises(kbsc.UserError, match="labels: expected one for each of 3 entries, got 2"):
        preset.link(drawn(3), ["a", "b"])
    with pytest.raises(kbsc.UserError, match="trained on ready features, 512-d image features of OpenAI's CLIP"):
        preset.link(IMAGES, ["a"] * 4)
    with pytest.raises(kbsc.UserError, match="decision: expected nearest or posterior, got vote"):
        preset.link(drawn(3), ["a", "b", "c"], decision="vote")


def test_images_by_an_encoder_of_ones_own(eager):
    encoder = kbsc.Encoder(lambda images: np.stack([np.resize(image, 512) + 1.0 for image in images]), "pixels")
    link = kbsc.from_preset("pca_real_clip_k64").link(IMAGES, [3, 1, 2, 0], encoder=encoder, decision="nearest")
    one = link.send(IMAGES[0], np.inf)
    assert one.label in {"0", "1", "2", "3"} and one.image.shape == (32, 32, 3)


def test_a_hub_is_asked_for_two_files(monkeypatch):
    asked = []

    def snapshot(name, **settings):
        asked.append((name, settings))
        return str(MODELS / "pca_real_clip_k64")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert find_preset("owner/large") == MODELS / "pca_real_clip_k64"
    assert asked == [("owner/large", {"allow_patterns": ["card.json", WEIGHTS]})]

    def fail(name, **settings):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(kbsc.UserError, match=r"^preset owner/large: cannot be downloaded from the hub \(no network\)"):
        find_preset("owner/large")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **settings: str(ROOT / "docs"))
    with pytest.raises(kbsc.UserError, match="is no preset of kbsc_tf"):
        find_preset("owner/large")


def cached(root, name, source):
    """A repository as `huggingface_hub` keeps what it downloaded: blobs, a snapshot of links to them, a reference."""
    place = root / f"models--{name.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = place / "snapshots" / commit
    for folder in (snapshot, place / "blobs", place / "refs"):
        folder.mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    for number, file in enumerate(sorted(source.iterdir())):
        shutil.copyfile(file, place / "blobs" / f"{number}")
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", f"{number}"))


def test_a_preset_of_the_hub_is_found_where_the_hub_keeps_it(tmp_path, monkeypatch, eager):
    """The real call, off line: what was downloaded once is loaded without a network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "owner/mine", MODELS / "pca_real_clip_k64")
    preset = kbsc.from_preset("owner/mine")
    assert preset.card == read_card(MODELS / "pca_real_clip_k64")
    sent = [one.transmit(drawn(3), 0.0, seed=0).features for one in (preset, kbsc.from_preset("pca_real_clip_k64"))]
    np.testing.assert_array_equal(*sent)
    with pytest.raises(kbsc.UserError, match="^preset owner/other: cannot be downloaded from the hub"):
        kbsc.from_preset("owner/other")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "config.json").write_text("{}")
    cached(tmp_path, "owner/strange", tmp_path / "strange")
    with pytest.raises(kbsc.UserError, match="holds no card.json, so it is no preset of kbsc_tf"):
        kbsc.from_preset("owner/strange")


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(MODELS / "pca_real_clip_k64", tmp_path / "copy"))


def change(path, tensors=None, **metadata):
    """Change tensors and metadata of a packed file."""
    from safetensors import safe_open

    with safe_open(path, "numpy") as packed:
        said = packed.metadata()
    save_file({**load_file(path), **(tensors or {})}, path, {**said, **metadata})


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"abc"), "no weights of a preset"),
        (lambda folder: (folder / WEIGHTS).unlink(), "no weights of a preset"),
        (lambda folder: (folder / "card.json").write_text("{}"), "no card of a preset .name: Field required"),
        (
            lambda folder: change(folder / WEIGHTS, kinds=json.dumps({})),
            "no weights of a preset",
        ),
    ],
)
def test_damage_is_one_sentence(copy, harm, message):
    harm(copy)
    with pytest.raises(kbsc.UserError, match=message):
        kbsc.from_preset(copy)


def test_a_preset_is_data_and_no_program(copy, tmp_path):
    stranger = {"module": "os", "class_name": "system", "registered_name": None, "config": {}}
    change(copy / WEIGHTS, texts=json.dumps({"codec.npz/encoder/config": json.dumps({"inner": [stranger]})}))
    with pytest.raises(kbsc.UserError, match="its network has a class of os"):
        kbsc.from_preset(copy)
    change(copy / WEIGHTS, texts=json.dumps({"../evil.npz/a": "{}"}))
    with pytest.raises(kbsc.UserError, match="holds a file '..'"):
        unpack(copy / WEIGHTS, tmp_path)


def test_numbers_are_kept_exactly_or_in_half_precision(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "matrix": rng.standard_normal((80, 80)).astype(np.float32),
        "large": np.full((80, 80), 1e6, np.float32),
        "vector": rng.standard_normal(9000).astype(np.float32),
        "places": np.arange(300, dtype=np.int32),
        "one": np.float64(0.1),
        "text": "{}",
    }
    np.savez(tmp_path / "in.npz", **arrays)
    pack({"codec.npz": tmp_path / "in.npz"}, tmp_path / WEIGHTS)
    unpack(tmp_path / WEIGHTS, tmp_path)
    back = np.load(tmp_path / "codec.npz")
    for name, array in arrays.items():
        assert back[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(back[name], array.astype(np.float16) if name == "matrix" else array)
    assert (tmp_path / WEIGHTS).stat().st_size < 80 * 80 * 6 + 9000 * 4 + 4000
