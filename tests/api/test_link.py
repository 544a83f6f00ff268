"""A link from a run's folder: without training data, feature store or fit."""

import doctest
import inspect
import os
import shutil

import numpy as np
import pytest
from clustered import write_features
from PIL import Image

from kbsc_tf import Link
from kbsc_tf.api.run import Run
from kbsc_tf.cli import app
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.data.procedural import CLASS_NAMES, procedural_labels, render
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.linear.pca import PcaScheme
from kbsc_tf.study import experiment
from kbsc_tf.transmission import SourceBatch

pytestmark = pytest.mark.long

LABELS = procedural_labels(8, 77)
IMAGES = render(LABELS, 77, 0)


def train(folder, quiet, **settings):
    config = ExperimentConfig(name="t", **settings)
    study = experiment.prepare(config, folder, False, quiet)
    experiment.open_results(study, quiet)
    experiment.fit(study, quiet)
    return study


@pytest.fixture(scope="module")
def run(tmp_path_factory, quiet):
    """A folder that was trained in, whose features are gone."""
    folder = tmp_path_factory.mktemp("run")
    train(
        folder,
        quiet,
        data={"source": "procedural", "training_images": 800, "test_images": 800},
        features={"store": folder / "store"},
        channels=["awgn", "rayleigh"],
        schemes=["pca", "jpeg_ldpc"],
        k=[32, 2048],
        coding={"mcs": ["qpsk-1/2", "64qam-5/6"], "iterations": 5, "genie": False},
    )
    shutil.rmtree(folder / "store")
    return folder


@pytest.fixture
def alone(monkeypatch):
    """No training data, and no fit."""

    def refuse(*args, **settings):
        raise AssertionError("a link must not need this")

    monkeypatch.setattr("kbsc_tf.features.load_features", refuse)
    monkeypatch.setattr("kbsc_tf.data.load_splits", refuse)
    monkeypatch.setattr("kbsc_tf.study.images.kb_images.load_splits", refuse)
    monkeypatch.setattr(PcaScheme, "fit", refuse)


def test_what_is_sent_is_shown(run, alone):
    link = Link.load(run)
    assert (link.scheme, link.k, link.channel, link.mcs) == ("pca", 2048, "awgn", "")
    receptions = link.send(IMAGES, snr_db=np.inf)
    shown = [reception.label for reception in receptions]
    assert np.mean([CLASS_NAMES[label] == name for label, name in zip(LABELS, shown, strict=True)]) >= 0.75
    one = receptions[0]
    assert one.delivered and one.channel_uses == 1024 and one.received is None
    assert one.image.shape == (32, 32, 3) and one.image.dtype == np.uint8
    scores = [neighbour.score for neighbour in one.neighbours]
    assert len(scores) == 5 and scores == sorted(scores, reverse=True) and scores[0] == pytest.approx(one.confidence)
    assert np.array_equal(one.sent, IMAGES[0])


def test_paths_arrays_and_lists_are_images_alike(run, tmp_path, alone):
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    link = Link.load(str(run), k=32)
    one = link.send(tmp_path / "a.png", 0.0, seed=1)
    assert one.label == link.send(str(tmp_path / "a.png"), 0.0, seed=1).label
    for several in ([tmp_path / "a.png"], [IMAGES[0]], IMAGES[:1]):
        [same] = link.send(several, 0.0, seed=1)
        assert (same.label, same.confidence) == (one.label, one.confidence)
    assert link.send(IMAGES[0], 0.0, seed=1).confidence == one.confidence
    assert link.send(IMAGES[0], 0.0, seed=2).confidence != one.confidence
    assert link.send(IMAGES[0], 0.0).confidence != link.send(IMAGES[0], 0.0).confidence


def test_a_link_sends_what_the_run_sent(tmp_path, quiet):
    """The same features, noise and decisions as of the scheme that was fitted."""
    file = write_features(tmp_path / "features.npz")
    study = train(tmp_path / "run", quiet, features={"file": file}, schemes=["pca"], k=[8], snr_db=[0])
    link, features = Link.load(Run(tmp_path / "run")), study.features.sender.x
    [(_, scheme)] = study.schemes
    sent = scheme.transmit(SourceBatch(features), 0.0, 5)
    assert np.array_equal(link.transmit(features, 0.0, 5).features, sent.features)
    decision = study.receiver.decide(sent)
    received = link.send(features, 0.0, 5)
    assert [link.class_names.index(one.label) for one in received] == decision.labels[:, 0].tolist()
    assert [one.confidence for one in received] == decision.confidence.tolist()
    one = link.send(features[0], 0.0, 5)
    assert one.image is None and one.sent is None and one.label
    with pytest.raises(UserError, match=r"features.npz, so nothing embeds images here; send features, float \[B, D\]"):
        link.send(IMAGES[0])
    with pytest.raises(UserError, match=r"features: expected \[B, 64\], got \[2, 3\]"):
        link.transmit(np.zeros((2, 3)))
    with pytest.raises(UserError, match=r"pca: sends features; expected numbers \[B, 64\], got none; see embed"):
        link.transmit(["photo.png"])


def test_schemes_that_send_images_deliver_them_or_nothing(run, alone):
    link = Link.load(run, scheme="jpeg_ldpc", mcs="64qam-5/6")
    large = np.asarray(Image.fromarray(IMAGES[0]).resize((96, 64)))
    one = link.send(large, np.inf)
    assert one.sent.shape == one.received.shape == (32, 32, 3) and one.label
    lost = link.send(IMAGES[0], -10.0, seed=0)
    assert not lost.delivered and lost.label is lost.image is lost.received is None and lost.neighbours == ()
    assert lost.channel_uses == 1024 and "nothing delivered" in repr(lost)
    assert Link.load(run, scheme="jpeg_ldpc").mcs == "qpsk-1/2"
    again = link.transmit([large, IMAGES[0]], np.inf)
    assert np.array_equal(again.images[0], one.received) and again.delivered.all()
    with pytest.raises(UserError, match="jpeg_ldpc: sends images, not features; give images"):
        link.transmit(np.zeros((2, 512)))


def test_symbols_are_kept_where_asked_for(run, alone):
    link, plain = Link.load(run, k=32, symbols=True), Link.load(run, k=32)
    one = link.send(IMAGES[0], 10.0, seed=1)
    assert one.confidence == plain.send(IMAGES[0], 10.0, seed=1).confidence
    assert plain.send(IMAGES[0], 10.0).symbols is None
    sent, received = one.symbols
    np.testing.assert_allclose(sent, link.symbols(link.embed(IMAGES[:1]))[0], atol=1e-6)
    assert received.shape == (16,) and 0.02 < np.mean(np.abs(received - sent) ** 2) < 0.4  # N0 is 0.1
    several = link.send(IMAGES[:3], np.inf)
    for image, reception in zip(IMAGES, several, strict=False):
        np.testing.assert_allclose(reception.symbols.sent, link.send(image, np.inf).symbols.sent, atol=1e-5)
        np.testing.assert_allclose(reception.symbols.received, reception.symbols.sent, atol=1e-5)


def test_coded_links_keep_the_symbols_of_their_blocks(run, alone):
    link = Link.load(run, scheme="jpeg_ldpc", mcs="64qam-5/6", symbols=True)
    one = link.send(IMAGES[0], 30.0, seed=1)
    assert one.symbols.sent.shape == (one.channel_uses,)
    levels = one.symbols.sent.real * 42**0.5  # odd numbers of 64-QAM
    np.testing.assert_allclose(levels % 2, 1, atol=1e-4)
    assert np.abs(levels).max() == pytest.approx(7, abs=1e-4)
    assert one.delivered and 0.9 < one.cosine <= 1.0
    assert np.array_equal(one.received_feature, link.embed(one.received))


def test_features_are_told_before_and_behind_the_channel(run, alone):
    link = Link.load(run)
    one = link.send(IMAGES[0], np.inf)
    assert np.array_equal(one.sent_feature, link.embed(IMAGES[0]))
    cosine = one.sent_feature @ one.received_feature / np.linalg.norm(one.received_feature)
    assert one.cosine == pytest.approx(float(cosine)) and one.cosine > 0.99
    lost = Link.load(run, scheme="jpeg_ldpc", mcs="64qam-5/6").send(IMAGES[0], -10.0, seed=0)
    assert lost.received_feature is None is lost.cosine and lost.sent_feature.shape == (512,)


def test_a_run_lists_its_links_and_the_classes_of_its_images(run):
    links = Run(run).links()
    assert list(links) == ["scheme", "mcs", "channel", "k"] and len(links) == 12
    assert tuple(links.iloc[0]) == ("pca", "", "awgn", 2048)
    for name in links.itertuples(index=False):
        assert Link.load(run, name.scheme, name.k, name.channel, name.mcs).mcs == name.mcs
    labels = Run(run).labels()
    assert len(labels) == 400 and set(labels) <= set(CLASS_NAMES)
    assert len(Run(run).labels("receiver")) == 400
    with pytest.raises(UserError, match="unknown part"):
        Run(run).labels("middle")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"scheme": "pcs"}, "unknown scheme pcs; did you mean pca. Known: pca, jpeg_ldpc"),
        ({"channel": "rayleigh"}, "unknown channel of pca rayleigh; did you mean rayleigh_fast"),
        ({"k": 17}, "unknown k of pca 17.*known: 2048, 32"),
        ({"mcs": "qpsk-1/2"}, "unknown mcs of pca qpsk-1/2; known: none"),
        ({"scheme": "jpeg_ldpc", "mcs": "genie"}, "unknown mcs of jpeg_ldpc genie; known: qpsk-1/2, 64qam-5/6"),
    ],
)
def test_wrong_names_are_refused_with_those_there_are(run, wanted, message):
    with pytest.raises(UserError, match=message):
        Link.load(run, **wanted)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("nowhere.jpg", "nowhere.jpg: cannot read this image .No such file"),
        (np.zeros((4, 4), np.uint8), r"expected uint8, .* \[H, W, 3\] in RGB, got uint8 \[4\]"),
        (np.zeros((4, 4, 3), np.int32), "got int32"),
        ([], "there are none to send"),
    ],
)
def test_what_is_no_image_is_refused(run, images, message):
    with pytest.raises(UserError, match=message):
        Link.load(run, k=32).send(images)


def test_folders_without_links_say_how_to_get_them(run, tmp_path):
    with pytest.raises(UserError, match="run.json: cannot read"):
        Link.load(tmp_path)
    shutil.copy(run / "run.json", tmp_path)
    with pytest.raises(UserError, match="links: holds no links; run kbsc train"):
        Link.load(tmp_path)


@pytest.mark.slow
def test_large_images_are_read_where_they_were(tmp_path, quiet):
    """They are not copied: only the knowledge base's own files must stay."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        for name, colour in (("red", 0), ("blue", 2)):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(count):
                image = rng.integers(0, 60, (80, 80, 3), np.uint8)
                image[..., colour] += 180
                Image.fromarray(image).save(tmp_path / "data" / split / name / f"{number}.png")
    train(
        tmp_path / "run",
        quiet,
        data={"source": "folder", "path": tmp_path / "data"},
        features={"store": tmp_path / "store"},
        schemes=["pca"],
        k=[4],
    )
    assert not (tmp_path / "run" / "links" / "receiver" / "images.npy").exists()
    shutil.rmtree(tmp_path / "data" / "train")
    shutil.rmtree(tmp_path / "store")
    link = Link.load(tmp_path / "run")
    image = np.asarray(Image.open(tmp_path / "data" / "test" / "red" / "0.png"))
    one = link.send(image, np.inf)
    assert one.label == "red" and one.image.shape == (80, 80, 3)
    shutil.rmtree(tmp_path / "data")
    one = link.send(image, np.inf)
    assert one.label == "red"
    with pytest.raises(UserError, match="test/red/.*: this image of the knowledge base cannot be read"):
        _ = one.image


def test_growing_adds_links(tmp_path, quiet):
    settings = {"features": {"file": write_features(tmp_path / "features.npz")}, "schemes": ["pca"]}
    train(tmp_path / "run", quiet, **settings, k=[4])
    before = {file: file.read_bytes() for file in (tmp_path / "run" / "links").rglob("*.npz")}
    train(tmp_path / "run", quiet, **settings, k=[8])
    assert {file: file.read_bytes() for file in before} == before
    assert Link.load(tmp_path / "run").k == 8 and Link.load(tmp_path / "run", k=4).k == 4


def test_kbsc_send_draws_and_says_what_arrived(run, tmp_path, monkeypatch, capsys):
    for number in range(2):
        Image.fromarray(IMAGES[number]).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    common = ["--run", str(run), "--seed", "1", "--out", str(tmp_path / "sent.png")]
    app(["send", *files, *common, "--snr", "20"], standalone_mode=False)
    said = capsys.readouterr().out.replace("\n", "")
    assert "0.png: " in said and "1.png: " in said and "1024 channel uses at 20 dB" in said
    with Image.open(tmp_path / "sent.png") as picture:
        wide, high = picture.size
    app(["send", files[0], *common, "--scheme", "jpeg_ldpc", "--snr", "-10"], standalone_mode=False)
    assert "nothing delivered" in capsys.readouterr().out
    with Image.open(tmp_path / "sent.png") as picture:
        assert picture.size[0] < wide and picture.size[1] < high  # no neighbours, one image
    with pytest.raises(UserError, match="format gif: figures are written as png, pdf, svg"):
        app(["send", files[0], "--run", str(run), "--out", "x.gif"], standalone_mode=False)


def test_the_example_runs(run, tmp_path, monkeypatch):
    """That of the docstring, on this run and an image by its name."""
    (tmp_path / "results").mkdir()
    os.symlink(run, tmp_path / "results" / "quickstart")
    Image.fromarray(IMAGES[0]).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    source = inspect.getdoc(Link.load).replace("k=64", "k=32")
    [test] = [doctest.DocTestParser().get_doctest(source, {"Link": Link}, "load", None, 0)]
    assert 1 <= len(test.examples) <= 5
    for example in test.examples:
        exec(example.source, test.globs)
    assert test.globs["reception"].label in CLASS_NAMES
