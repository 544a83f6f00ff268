"""Presets that send images: images in, images and PSNR out, of any size that the networks divide."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import kbsc_tf as kbsc
from kbsc_tf.config import ExperimentConfig, FunctionEncoderConfig
from kbsc_tf.data.procedural import procedural_labels, render
from kbsc_tf.features import build_encoder
from kbsc_tf.metrics.image import psnr
from kbsc_tf.presets.card import Card, Score, read_card, write_card
from kbsc_tf.presets.catalogue import find_preset
from kbsc_tf.presets.packing import WEIGHTS, pack
from kbsc_tf.schemes.jscc.scheme import DeepJsccScheme, SwinJsccScheme
from kbsc_tf.schemes.restore import TrainingShape

ROOT = Path(__file__).parents[2]
CIFAR10 = Path(os.environ.get("SETS", ROOT.parent / "sets")) / "cifar10"
NAMES = [name for name in kbsc.list_presets() if read_card(find_preset(name)).sends_images]
IMAGES = render(procedural_labels(4, 7), 7, 0)
TINY = {"source": "procedural", "training_images": 400, "test_images": 200}
SWIN = {
    "scheme": "swinjscc",
    "variant": "sa_ra",
    "size": {"widths": [8], "depths": [2], "heads": [2], "window": 4},
}


def untrained(folder, entry="deepjscc", k=(512,)):
    """A preset of drawn weights in a folder; returns the scheme too."""
    shape = TrainingShape(100, 512, (32, 32))
    config = ExperimentConfig(name="t", schemes=[entry], k=[*k], sweep={"queries": 20, "chunk": 20})
    kind = SwinJsccScheme if config.schemes[0].scheme == "swinjscc" else DeepJsccScheme
    fitted = {}
    for one in k:
        scheme = kind(one, config.channels[0], config.schemes[0], shape.features().images, [*k])
        networks = scheme.networks()
        scheme._use(*networks, scheme._around(*networks, scheme.channel).favour)
        (folder / f"link{one}").mkdir()
        scheme.save(folder / f"link{one}")
        fitted[one] = json.loads((folder / f"link{one}" / "scheme.json").read_text())
    pack({"codec.npz": folder / f"link{one}" / "codec.npz"}, folder / WEIGHTS)
    said = read_card(find_preset("pca_real_clip_k64")).model_dump()
    said |= {"name": "drawn", "scheme": config.schemes[0].scheme, "k": [*k], "training_seed": "0", "fitted": fitted}
    said |= {"scores": [Score(k=k[0], snr_db=5.0, images=20, top1=0.1, low=0.0, high=0.2)]}
    said |= {"training": shape._asdict(), "experiment": config.model_dump(mode="json"), "decision": "nearest"}
    write_card(Card(**said), folder)
    return scheme


def thumbnails(images):
    """Features that take no CLIP."""
    return np.stack([image[::8, ::8].reshape(-1) + 1.0 for image in images])


@pytest.fixture
def without_clip(tmp_path, monkeypatch):
    """The small CLIP takes a minute on a busy core; see `test_it_delivers_what_its_card_says`."""
    known = {"encoder": "function", "function": thumbnails, "name": "t", "fingerprint": "t", "dimension": 48}
    encoder = build_encoder(FunctionEncoderConfig(**known))
    monkeypatch.setenv("KBSC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("kbsc_tf.api.preset.build_encoder", lambda config: encoder)


def test_what_is_packed_sends_as_the_scheme_did(tmp_path, eager):
    scheme = untrained(tmp_path)
    before = scheme.transmit(kbsc.SourceBatch(None, list(IMAGES)), 10.0, 3).images
    preset = kbsc.from_preset(tmp_path)
    received = preset.transmit(IMAGES, 10.0, seed=3)
    assert preset.delivers_images and preset.image_shape == (32, 32)
    assert np.abs(np.int16(received.images) - np.int16(before)).mean() < 1
    np.testing.assert_array_equal(received.psnr, psnr(IMAGES, received.images))
    as_float = preset.transmit(IMAGES.astype(np.float32) / 255, 10.0, seed=3)
    np.testing.assert_array_equal(as_float.images, received.images)
    [alone] = preset.transmit(IMAGES[0] / 255, 10.0).images
    assert alone.shape == (32, 32, 3)
    fading = kbsc.from_preset(tmp_path, channel="rayleigh").transmit(IMAGES, 10.0, seed=3)
    assert not np.array_equal(fading.images, received.images)


@pytest.mark.parametrize(("entry", "k"), [("adjscc", [512]), pytest.param(SWIN, [512, 1024], marks=pytest.mark.long)])
def test_other_sizes_keep_the_bandwidth_ratio(entry, k, tmp_path, eager):
    untrained(tmp_path, entry, k)
    large = render(procedural_labels(2, 7), 7, 0).repeat(2, axis=1)
    preset = kbsc.from_preset(tmp_path, k=k[-1], image_shape=(64, 32))
    received = preset.transmit(large, np.inf, seed=0)
    assert preset.k == 2 * k[-1] and received.channel_uses.tolist() == [k[-1]] * 2
    assert received.images[0].shape == (64, 32, 3)
    with pytest.raises(kbsc.UserError, match="multiples of [48] pixels"):
        kbsc.from_preset(tmp_path, image_shape=(34, 32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_shape": (30, 32)}, r"image_shape: preset drawn takes .* multiples of 4 pixels, got \(30, 32\)"),
        ({"image_shape": 32}, "image_shape: preset drawn takes .* multiples of 4 pixels, got 32"),
        ({"image_shape": (0, 32)}, "image_shape: preset drawn takes .* multiples of 4 pixels"),
        ({"k": 1024}, "preset drawn: has no k = 1024; there are 512"),
    ],
)
def test_what_it_cannot_be_is_refused(settings, message, tmp_path):
    untrained(tmp_path)
    with pytest.raises(kbsc.UserError, match=message):
        kbsc.from_preset(tmp_path, **settings)


def test_features_have_no_size():
    with pytest.raises(kbsc.UserError, match="image_shape: preset pca_real_clip_k64 sends features, not images"):
        kbsc.from_preset("pca_real_clip_k64", image_shape=(64, 64))


def test_images_that_do_not_fit_are_one_sentence(tmp_path):
    untrained(tmp_path)
    preset = kbsc.from_preset(tmp_path)
    for wrong, message in [
        ([IMAGES[0], IMAGES[0, :16]], r"image 1 has 16x32 pixels, expected 32x32; .* by image_shape=\(16, 32\)"),
        (IMAGES * 1.0, "expected float values from 0 to 1, got [0-9]+ to [0-9]+; scale them, or give uint8"),
        (np.full((1, 32, 32, 3), np.nan), "expected float values from 0 to 1, got nan to nan"),
        (IMAGES.astype(np.int64), r"expected uint8, or float from 0 to 1, \[H, W, 3\] in RGB, got int64"),
        (IMAGES[..., 0], r"expected uint8, .* got uint8 \[32, 32\]|expected uint8, .* got uint8 \[4, 32, 32\]"),
        (np.zeros((2, 512), np.float32), "deepjscc: sends images, not features"),
        (IMAGES[:0], "images: there are none to send"),
    ]:
        with pytest.raises(kbsc.UserError, match=message):
            preset.transmit(wrong)


def test_a_receiver_with_an_encoder_of_ones_own(tmp_path, eager):
    """Received images are embedded by it, and so are the entries."""
    untrained(tmp_path)
    link = kbsc.from_preset(tmp_path).link(IMAGES, ["a", "b", "c", "d"], encoder=thumbnails)
    one = link.send(IMAGES[2], 10.0, seed=0)
    assert one.label in set("abcd") and one.received.shape == (32, 32, 3) and one.received_feature.shape == (48,)
    assert one.image.shape == (32, 32, 3)


def test_scores_are_of_an_experiments_data(tmp_path, eager, without_clip):
    untrained(tmp_path)
    preset = kbsc.from_preset(tmp_path)
    frame = preset.score(TINY)
    assert [*frame.columns] == ["snr_db", "images", "top1", "low", "high", "psnr", "psnr_low", "psnr_high"]
    [row] = frame.to_dict("records")
    assert (row["snr_db"], row["images"]) == (5.0, 20) and row["psnr_low"] < row["psnr"] < row["psnr_high"]
    assert preset.score(TINY, [5.0], queries=10).images.tolist() == [10]
    with pytest.raises(kbsc.UserError, match="data: expected a folder of images, a dict or kbsc_tf.Images, got int"):
        preset.score(3)
    with pytest.raises(kbsc.UserError, match="nowhere"):
        preset.score(tmp_path / "nowhere")
    with pytest.raises(kbsc.UserError, match="data: expected a feature file, .npz, got dict"):
        kbsc.from_preset("pca_real_clip_k64").score(TINY)


@pytest.mark.parametrize("name", NAMES)
def test_images_arrive_as_the_snr_lets_them(name, eager):
    preset = kbsc.from_preset(name)
    received = [preset.transmit(IMAGES, snr_db, seed=1) for snr_db in (-5, 5, 15)]
    assert received[0].psnr.mean() + 1 < received[1].psnr.mean() < received[2].psnr.mean()
    assert (received[2].channel_uses == preset.k / 2).all()


@pytest.mark.parametrize("name", NAMES)
def test_cards_have_both_scores(name):
    card = read_card(find_preset(name))
    assert all(one.psnr_low < one.psnr < one.psnr_high for one in card.scores)
    for k in card.k:
        values = [one.psnr for one in card.scores if one.k == k]
        assert values == sorted(values) and len(values) >= 5


@pytest.mark.long
def test_the_python_of_the_page_runs(eager, without_clip):
    """As it stands there, but for the images that it is measured on, and their encoder."""
    page = (ROOT / "docs/reference/presets.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    assert code.count('preset.score({"source": "cifar10"})') == 1
    code = code.replace('score({"source": "cifar10"})', f"score({TINY}, [5], queries=20)")
    features = np.random.default_rng(0).standard_normal((4, 512)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    known = {"features": features, "entries": features, "images": IMAGES, "labels": ["a", "b", "c", "d"]}
    exec(compile(code, "presets.md", "exec"), known)
    assert known["received"].psnr.shape == (4,)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_delivers_what_its_card_says(name):
    if not CIFAR10.exists():
        pytest.skip(f"{CIFAR10} is not here; SETS names the folder of the data sets")
    card = read_card(find_preset(name))
    for k in card.k:
        for row in kbsc.from_preset(name, k=k).score(CIFAR10, [0, 10]).to_dict("records"):
            score = card.score(row["snr_db"], k)
            assert row["images"] == score.images and abs(row["psnr"] - score.psnr) < 0.02
            assert abs(row["top1"] - score.top1) < 0.01
