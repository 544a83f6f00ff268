"""Random features in classes, as sets and as files: for tests that need data, whatever it shows."""

from pathlib import Path

import numpy as np

from kbsc_tf.features import FeatureSet, FeatureSplits
from kbsc_tf.metrics import Tally
from kbsc_tf.study.measurement import Measurement
from kbsc_tf.study.trial import Outcome

DIM, CLASSES = 64, 20
FILE_CLASSES = 10
SIZES = {"train": 300, "val_send": 40, "val_recv": 40, "test_send": 60, "test_recv": 60}


def feature_set(count: int, seed: int, noise: float, **fields) -> FeatureSet:
    """``count`` features around the same class centres for every seed; ``noise`` against 1 between the centres."""
    centres = np.random.default_rng(0).standard_normal((CLASSES, DIM)) + 2
    labels = np.arange(count) % CLASSES
    x = centres[labels] + noise * np.random.default_rng(seed).standard_normal((count, DIM))
    names, references = tuple(map(str, range(CLASSES))), tuple(map(str, range(count)))
    return FeatureSet("some", _unit(x), labels, names, references, "file:test", **fields)


def feature_splits(noise: float = 0.6) -> FeatureSplits:
    """Training features, 120 held out on either side, and 200 on either side of the test."""
    return FeatureSplits(*(feature_set(count, seed, noise) for seed, count in enumerate((600, 120, 120, 200, 200), 1)))


def write_features(path: Path, seed: int = 0, nan_in_row: int | None = None) -> Path:
    """Write a feature file of `SIZES`; ``nan_in_row`` spoils a value of test_send."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((FILE_CLASSES, DIM)) + 2
    arrays = {}
    for part, count in SIZES.items():
        labels = np.arange(count) % FILE_CLASSES
        arrays[f"{part}_x"] = _unit(centres[labels] + rng.standard_normal((count, DIM)))
        arrays[f"{part}_y"] = labels
    if nan_in_row is not None:
        arrays["test_send_x"][nan_in_row, 3] = np.nan
    np.savez(path, **arrays)
    return path


def measure(
    outcome: Outcome, sender: FeatureSet, knowledge: FeatureSet, image_shape: tuple[int, int]
) -> dict[str, float | int | None]:
    """The columns of a record that a point of one trial has."""
    measured = Measurement(sender, knowledge, image_shape)
    measured.add(outcome)
    return measured.row()


def clustered_wilson(correct: np.ndarray, groups: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Ends of the interval of a share, of one trial."""
    return _tally(correct, groups).share(confidence)[1:]


def clustered_mean(values: np.ndarray, groups: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """A mean and its interval, of one trial."""
    return _tally(values, groups).interval(confidence)


def _tally(values: np.ndarray, groups: np.ndarray) -> Tally:
    tally = Tally(len(values))
    tally.add(values, groups)
    return tally


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
