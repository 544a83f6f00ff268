"""Who else is told how a training goes: TensorBoard, W&B and MLflow, each imported only where it is asked for."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

import keras

from kbsc_tf.config import TrainingSettings
from kbsc_tf.errors import UserError

_PROJECT = "kbsc_tf"


def loggers(config: TrainingSettings, folder: Path, identity: str) -> Iterator[keras.callbacks.Callback]:
    """Callbacks for ``config.log_to``.

    Parameters
    ----------
    config : TrainingSettings
        Its values are logged too.
    folder : Path
        Of the training: files go into its ``tensorboard``, ``wandb`` and ``mlruns``.
    identity : str
        Of the training: an interrupted one goes on in the run that it began.
    """
    for name in config.log_to:
        if name == "tensorboard":
            yield keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)
        elif name == "wandb":
            yield WandbLogger(config, folder, identity)
        else:
            yield MlflowLogger(config, folder, identity)


class _Logger(keras.callbacks.Callback):
    """Begins a run with a training, tells it the figures of every epoch, and ends it.

    Parameters
    ----------
    config : TrainingSettings
    folder : Path
    identity : str
    """

    service: str

    def __init__(self, config: TrainingSettings, folder: Path, identity: str) -> None:
        super().__init__()
        self._config, self._folder, self._identity = config.model_dump(mode="json"), folder, identity

    @abstractmethod
    def begin(self) -> None:
        """Open the run of this training, a new one or that of before an interruption."""

    @abstractmethod
    def tell(self, epoch: int, figures: dict[str, float]) -> None:
        """Log the figures after ``epoch`` epochs."""

    @abstractmethod
    def end(self) -> None:
        """Close the run."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        try:
            self.begin()
        except Exception as error:  # whatever a service says of its account, its server or the network
            why = " ".join(str(error).split())[:160]
            raise UserError(f"log_to: {self.service} does not work here ({why}); mend that, or leave it out") from error

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.tell(epoch + 1, {name: float(value) for name, value in (logs or {}).items()})

    def on_train_end(self, logs: dict | None = None) -> None:
        self.end()


class WandbLogger(_Logger):
    """A run of the W&B project kbsc_tf; ``WANDB_MODE=offline`` keeps it in the folder, for ``wandb sync``."""

    service = "wandb"

    def begin(self) -> None:
        import wandb

        self._run = wandb.init(
            project=_PROJECT,
            name=self._folder.name,
            id=f"{self._folder.name}-{self._identity}"[:128],
            resume="allow",
            dir=self._folder,
            config=self._config,
            settings=wandb.Settings(silent=True, console="off"),
        )

    def tell(self, epoch: int, figures: dict[str, float]) -> None:
        self._run.log(figures, step=epoch)

    def end(self) -> None:
        self._run.finish()


class MlflowLogger(_Logger):
    """A run of the MLflow experiment kbsc_tf, on the server of ``MLFLOW_TRACKING_URI`` or in the folder's ``mlruns``.

    ``MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri FOLDER/mlruns`` shows the latter.
    """

    service = "mlflow"

    def begin(self) -> None:
        from mlflow.tracking import MlflowClient

        self._client = client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or self._store())
        known = client.get_experiment_by_name(_PROJECT)
        experiment = known.experiment_id if known else client.create_experiment(_PROJECT)
        found = client.search_runs([experiment], f"tags.kbsc_training = '{self._identity}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            return
        tags = {"kbsc_training": self._identity}
        self._run = client.create_run(experiment, tags=tags, run_name=self._folder.name).info.run_id
        for name, value in self._config.items():
            client.log_param(self._run, name, value)

    def tell(self, epoch: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def end(self) -> None:
        self._client.set_terminated(self._run)

    def _store(self) -> str:
        """Files, which the small package mlflow-skinny can write; MLflow 3 wants to be told that they will do."""
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        return (self._folder / "mlruns").resolve().as_uri()
