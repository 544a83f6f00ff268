"""What TensorBoard, W&B and MLflow are told of a training, without a network."""

import keras
import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.schemes.kbsc.config import KbscConfig
from kbsc_tf.training.loggers import loggers


class Judged(keras.callbacks.Callback):
    """Adds the judge's figure, as `Validating` does."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_top1"] = 0.1 * (epoch + 1)


def train(folder, name, first=0, epochs=2):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.ones((8, 3), np.float32)
    callbacks = [Judged(), *loggers(KbscConfig(scheme="kbsc", log_to=name), folder, "0123abcd")]
    model.fit(x, x[:, :1], initial_epoch=first, epochs=epochs, callbacks=callbacks, verbose=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a training; nothing is written beside it."""
    for name in ("MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "models" / "kbsc_awgn_k64_seed0"
    place.mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield place
    assert not list((tmp_path / "here").iterdir())


def test_nobody_is_told_unless_asked(folder):
    train(folder, [])
    assert not list(folder.iterdir())


def test_tensorboard_has_the_figures(folder):
    pytest.importorskip("tensorboard", reason="TensorFlow no longer brings the package tensorboard")
    train(folder, "tensorboard")
    events = list((folder / "tensorboard").rglob("events.out.tfevents.*"))
    assert any(b"epoch_top1" in file.read_bytes() for file in events)


@pytest.mark.long
def test_wandb_offline_has_the_figures(folder, monkeypatch):
    pytest.importorskip("wandb", reason="comes with the extra wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    train(folder, "wandb")
    [file] = (folder / "wandb").glob("offline-run-*/run-kbsc_awgn_k64_seed0-0123abcd.wandb")
    assert b"val_top1" in file.read_bytes() and b"learning_rate" in file.read_bytes()


@pytest.mark.long
def test_mlflow_has_the_figures_and_goes_on_in_the_same_run(folder):
    pytest.importorskip("mlflow", reason="comes with the extra mlflow")
    from mlflow.tracking import MlflowClient

    train(folder, "mlflow")
    train(folder, "mlflow", first=2, epochs=3)
    client = MlflowClient((folder / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("kbsc_tf").experiment_id
    [found] = client.search_runs([experiment])
    assert (found.info.run_name, found.info.status) == (folder.name, "FINISHED")
    assert found.data.params["batch_size"] == "512"
    told = client.get_metric_history(found.info.run_id, "val_top1")
    assert [(one.step, round(one.value, 3)) for one in told] == [(1, 0.1), (2, 0.2), (3, 0.3)]


@pytest.mark.long
def test_what_does_not_work_is_one_sentence(folder, monkeypatch):
    pytest.importorskip("mlflow", reason="comes with the extra mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://127.0.0.1")
    with pytest.raises(UserError, match="^log_to: mlflow does not work here .*; mend that, or leave it out$"):
        train(folder, "mlflow")
