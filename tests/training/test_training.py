"""Training: resumable to the bit, best checkpoint, early stopping, refusals."""

import errno
import itertools
import os
import resource
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kbsc_tf.config import RayleighConfig
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.kbsc.config import KbscConfig
from kbsc_tf.schemes.kbsc.feature_losses import SemanticLoss
from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder
from kbsc_tf.training import CheckpointFolder, GridAccuracy, Trainer, training_batches

K, DIM, CLASSES = 8, 32, 10
CENTRES = np.random.default_rng(0).standard_normal((CLASSES, DIM))


def clustered(count, seed):
    labels = np.arange(count) % CLASSES
    x = CENTRES[labels] + 0.5 * np.random.default_rng(seed).standard_normal((count, DIM))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


FEATURES, _ = clustered(430, 1)
VALIDATION, LABELS = clustered(100, 2)


def nearest_centre(received):
    return float(np.mean(np.argmax(received @ CENTRES.T, axis=1) == LABELS))


def scripted(*scores):
    """A score that knows what it will say at each epoch."""
    rest = iter(scores)
    return lambda received: next(rest)


def run(folder, score=nearest_centre, report=lambda epoch, epochs, logs: None, identity="this", xla=False, **settings):
    """Train; as a graph, because XLA compiles for seconds every time."""
    settings = {"epochs": 4, "batch_size": 100, "learning_rate": 0.01, "validation_snr_db": [5.0], **settings}
    keras.utils.set_random_seed(0)
    encoder, decoder = SemanticEncoder(K, DIM, 16), SemanticDecoder(K, DIM, 16)
    encoder.adapt(FEATURES)
    decoder.adapt(FEATURES)
    link = SemanticLink(encoder, decoder, RayleighConfig())
    config = KbscConfig(scheme="kbsc", **settings)
    trainer = Trainer(
        config,
        lambda epoch: training_batches(FEATURES, config, epoch, link.features_per_realisation),
        GridAccuracy(VALIDATION, score, config.validation_snr_db, config.seed),
        SemanticLoss(config.loss, FEATURES.mean(axis=0)),
        xla,
    )
    return trainer.fit(link, CheckpointFolder(folder, identity), report)


def stop_at(last):
    """A report that is interrupted like by Ctrl-C when epoch ``last`` has run, before it is kept."""

    def report(epoch, epochs, logs):
        if epoch == last:
            raise KeyboardInterrupt

    return report


def assert_same(folder, link, uninterrupted):
    reference_folder, reference = uninterrupted
    pd.testing.assert_frame_equal(pd.read_csv(folder / "history.csv"), pd.read_csv(reference_folder / "history.csv"))
    for weight, expected in zip(link.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, run(folder)


@pytest.mark.long
def test_training_logs_every_epoch_and_keeps_the_best_model(uninterrupted):
    folder, link = uninterrupted
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] and history["val_top1"].max() > 3 / CLASSES
    assert sorted(path.name for path in folder.iterdir()) == ["best.keras", "history.csv", "training.json"]


@pytest.mark.long
@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "xla"])
def test_interrupted_training_ends_like_uninterrupted(uninterrupted, tmp_path, xla):
    """To the bit: weights, optimizer, learning rate, order, SNRs and noise all go on where they were."""
    folder, whole = tmp_path / "parts", tmp_path / "whole"
    with pytest.raises(KeyboardInterrupt):
        run(folder, report=stop_at(3), xla=xla)
    epochs = []
    link = run(folder, report=lambda epoch, epochs_, logs: epochs.append(epoch), xla=xla)
    assert epochs == [3, 4]
    assert_same(folder, link, (whole, run(whole, xla=True)) if xla else uninterrupted)


@pytest.mark.long
def test_a_torn_resume_state_falls_back_to_the_one_before(uninterrupted, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, report=stop_at(4))
    latest = tmp_path / "resume" / "000003.weights.h5"
    latest.write_bytes(latest.read_bytes()[: latest.stat().st_size // 2])
    assert_same(tmp_path, run(tmp_path), uninterrupted)


@pytest.mark.long
@pytest.mark.parametrize("torn", ["2", "2,5.07", "2,5.07,0."])
def test_a_line_of_the_history_that_was_cut_short_is_run_again(uninterrupted, tmp_path, torn):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, report=stop_at(3))
    with open(tmp_path / "history.csv", "a") as file:
        file.write(torn)
    assert_same(tmp_path, run(tmp_path), uninterrupted)


@pytest.mark.long
@pytest.mark.parametrize(
    "step", ["replace", *(pytest.param(step, marks=pytest.mark.slow) for step in ("save_weights", "fsync", "mark"))]
)
def test_a_disk_that_is_full_while_a_state_is_kept_costs_and_adds_no_epoch(uninterrupted, tmp_path, monkeypatch, step):
    """Keras' own backup would go on with an epoch too many where weights are written and their epoch is not."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def keep(folder, model, epochs):
        with monkeypatch.context() as patch:
            if epochs == 3 and step != "mark":
                patch.setattr(*{"save_weights": (model, step), "fsync": (os, step), "replace": (os, step)}[step], full)
            whole(folder, model, epochs)
            if epochs == 3:
                full()

    whole = CheckpointFolder.keep
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "keep", keep)
        with pytest.raises(UserError, match="cannot keep the training .the disk is full.; free space"):
            run(tmp_path)
    epochs = []
    link = run(tmp_path, report=lambda epoch, epochs_, logs: epochs.append(epoch))
    assert_same(tmp_path, link, uninterrupted)
    assert epochs == ([4] if step == "mark" else [3, 4])


@pytest.mark.long
def test_a_full_disk_is_one_sentence_and_training_goes_on_when_there_is_space(uninterrupted, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot keep the training .*free space"):
            run(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_same(tmp_path, run(tmp_path), uninterrupted)


@pytest.mark.long
def test_finished_training_is_loaded_not_repeated(uninterrupted):
    folder, link = uninterrupted
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = run(folder, report=lambda *_: pytest.fail("trained again"))
    for weight, expected in zip(again.get_weights(), link.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_model_of_other_settings_is_refused(uninterrupted):
    with pytest.raises(UserError, match="other features or settings"):
        run(uninterrupted[0], identity="that")


@pytest.mark.long
def test_a_lost_model_is_trained_anew(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted[0], tmp_path / "copy")
    (tmp_path / "copy" / "best.keras").unlink()
    assert_same(tmp_path / "copy", run(tmp_path / "copy"), uninterrupted)


def test_a_damaged_marker_is_refused(tmp_path):
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(UserError, match="training.json: damaged"):
        run(tmp_path)


@pytest.mark.long
def test_resuming_keeps_the_best_model_and_counts_on_to_the_early_stop(tmp_path):
    """The first epoch is the best and the patience 3: the fourth is the last, interrupted or not."""
    settings = {"patience": 3, "epochs": 20}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, scripted(0.9, 0.1, 0.1), stop_at(3), **settings)
    best = (tmp_path / "best.keras").read_bytes()
    run(tmp_path, scripted(0.1, *itertools.repeat(0.2, 20)), **settings)
    assert pd.read_csv(tmp_path / "history.csv")["val_top1"].tolist() == [0.9, 0.1, 0.1, 0.2]
    assert (tmp_path / "best.keras").read_bytes() == best


@pytest.mark.parametrize(
    "learning_rate", [1e9, pytest.param(1e30, marks=pytest.mark.long)], ids=["finite", "not a number"]
)
def test_divergence_is_one_sentence_and_never_done(tmp_path, learning_rate):
    for _ in range(2):
        with pytest.raises(UserError, match=r"diverged.*lower (the|its) learning_rate"):
            run(tmp_path, learning_rate=learning_rate, epochs=2)


@pytest.mark.parametrize("snr_db", [[-7.0, 3.5, "inf"], {"low": -2.0, "high": 1.5}], ids=["list", "range"])
def test_batches(snr_db):
    config = KbscConfig(scheme="kbsc", snr_db=snr_db, batch_size=100)
    epoch = tf.Variable(0, dtype=tf.int64)
    batches = training_batches(FEATURES, config, epoch)

    def draw(number):
        epoch.assign(number)
        inputs, targets = zip(*batches, strict=True)
        np.testing.assert_array_equal([i["feature"] for i in inputs], targets)
        return np.concatenate(targets), np.concatenate([i["snr_db"] for i in inputs])

    first, snrs = draw(0)
    assert len(batches) == 4 and first.shape == (400, DIM)
    assert len(np.unique(first, axis=0)) == 400  # no sample twice
    if isinstance(snr_db, list):
        values, counts = np.unique(snrs, return_counts=True)
        assert values.tolist() == [-7, 3.5, np.inf] and counts.min() > 90
    else:
        assert -2 <= snrs.min() < -1.9 and 1.4 < snrs.max() < 1.5 and abs(snrs.mean() + 0.25) < 0.2
    second, other_snrs = draw(1)
    assert not np.array_equal(first, second) and not np.array_equal(snrs, other_snrs)
    np.testing.assert_array_equal(draw(0)[0], first)
    np.testing.assert_array_equal(draw(0)[1], snrs)
