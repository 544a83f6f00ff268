"""The folder of a training: its identity, best checkpoint, history, and the state to go on from."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, read_json, write_atomically


def fingerprint(*parts: np.ndarray | str | int | dict | list) -> str:
    """16 hex digits that are equal for equal parts: arrays, or what JSON can say."""
    digest = hashlib.sha256()
    for part in parts:
        content = np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else json.dumps(part).encode()
        digest.update(content)
    return digest.hexdigest()[:16]


class CheckpointFolder:
    """One training on disk; an interrupted one goes on where it stopped.

    Parameters
    ----------
    path : Path
        Receives ``best.keras``, ``history.csv``, the resume state and ``training.json``.
    identity : str
        Fingerprint of everything that determines the result; a folder with another one is refused.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity
        names = ("training.json", "best.keras", "history.csv", "resume")
        self._marker, self.best, self.history, self._resume = (path / name for name in names)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Use the folder within a ``with`` block: it is this training's, and a disk that is full has its sentence.

        Raises
        ------
        UserError
            The folder holds another training, is damaged, or cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._marker.exists():
                self._mark(done=False)
            if self._state()[0] != self.identity:
                raise UserError(
                    f"{self.path}: holds a model trained on other features or settings; "
                    "delete it or choose another --out"
                )
            yield
        except OSError as error:  # Keras writes checkpoints itself
            raise cannot("keep the training", self.path, error) from None

    def is_done(self) -> bool:
        """Whether the training has ended, and its best checkpoint is there."""
        return self._state()[1] and self.best.exists()

    def restore(self, model: keras.Model) -> int:
        """Put a compiled model into the last state that was kept; how many epochs it has seen, 0 without any.

        What an epoch logged that was not kept is dropped: it is run again.
        """
        states = self._states()
        for path in reversed(states):
            try:
                model.load_weights(path)
            except (OSError, ValueError, KeyError):  # damaged; the one before is there too
                continue
            epochs = int(path.name.partition(".")[0])
            write_atomically(self.history, _csv(self._epochs().query("epoch < @epochs")))
            return epochs
        if states:
            raise UserError(f"{self._resume}: damaged, no state of the training can be read; delete {self.path}")
        return 0

    def keep(self, model: keras.Model, epochs: int) -> None:
        """Keep the state of a model that has seen so many epochs: the file's name says it, so that both are of one."""
        self._resume.mkdir(exist_ok=True)
        writing = self._resume / "writing.weights.h5"
        model.save_weights(writing)
        with open(writing, "rb") as file:
            os.fsync(file)
        os.replace(writing, self._resume / f"{epochs:06}.weights.h5")
        for path in self._states()[:-2]:
            path.unlink()

    def logged(self, figure: str) -> list[float]:
        """What the judge said at the epochs that `restore` has found."""
        return self._epochs()[figure].tolist()

    def losses(self) -> pd.Series:
        """The loss of every epoch."""
        return self._epochs()["loss"]

    def finish(self) -> None:
        """Note that the training is done; what it could have gone on from is removed."""
        self._mark(done=True)
        shutil.rmtree(self._resume)

    def load(self) -> keras.Model:
        """The best checkpoint."""
        try:
            return keras.saving.load_model(self.best, compile=False)
        except Exception as error:  # Keras, zipfile and h5py have many for a damaged file
            why = " ".join(str(error).split())[:100]
            raise UserError(f"{self.best}: cannot be loaded ({why}); delete {self.path} to train anew") from None

    def _states(self) -> list[Path]:
        return sorted(self._resume.glob("[0-9]*.weights.h5"))

    def _epochs(self) -> pd.DataFrame:
        try:
            content = self.history.read_bytes()
            # A last line without its end was cut short by a full disk.
            return pd.read_csv(io.BytesIO(content[: content.rfind(b"\n") + 1]))
        except (ValueError, KeyError) as error:  # pandas' parser errors are ValueErrors
            raise UserError(f"{self.history}: damaged ({error}); delete {self.path} to train anew") from None

    def _mark(self, done: bool) -> None:
        write_atomically(self._marker, json.dumps({"identity": self.identity, "done": done}, indent=1))

    def _state(self) -> tuple[str, bool]:
        try:
            state = read_json(self._marker, "")
            return state["identity"], state["done"]
        except (UserError, KeyError, TypeError):
            raise UserError(f"{self._marker}: damaged; delete the folder {self.path} to train anew") from None


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
