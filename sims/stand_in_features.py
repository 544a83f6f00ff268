"""Make features that stand in for CLIP's where there are none: python sims/stand_in_features.py FILE.npz [--seed N]

Unit vectors of 512 dimensions in 100 classes of 20 superclasses, with CIFAR-100's counts, for `features.file`. They are
not CLIP features: rankings and timings carry over, absolute accuracies do not. Of seed 0 are results/original, of
seeds 0 to 2 some of results/adaptive.

    x = sqrt(.65) m + sqrt(.05) s + sqrt(.05) c + sqrt(.1875) U sqrt(lam) g + sqrt(.0625 / 512) n, divided by its length

m: direction of all; s, c: directions of the superclass and the class, nine tenths of their energy within U; U: 64
orthonormal axes of variance lam_i ~ 1/i; g, n: standard normal, new for every feature.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

DIMENSIONS, CLASSES, SUPERCLASSES, AXES = 512, 100, 20, 64
COMMON, SUPERCLASS, CLASS, WITHIN, ISOTROPIC = 0.65, 0.05, 0.05, 0.1875, 0.0625  # shares of the energy
INSIDE = 0.9  # of the energy of class directions that lies within the axes
TRAINING, HALF = 40_000, 5_000


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def stand_in_features(seed: int) -> dict[str, np.ndarray]:
    """Return the arrays of a feature file.

    Parameters
    ----------
    seed : int
        The same seed gives the same features.

    Returns
    -------
    dict
        ``PART_x`` [N, 512] float32 and ``PART_y`` [N] int64 of train (40,000), val_send, val_recv, test_send and
        test_recv (5,000 each).
    """
    rng = np.random.default_rng(seed)
    common = _unit(rng.standard_normal(DIMENSIONS))
    outside = [rng.standard_normal((count, DIMENSIONS)) for count in (SUPERCLASSES, CLASSES)]
    axes, _ = np.linalg.qr(rng.standard_normal((DIMENSIONS, AXES)))
    variances = np.arange(1, AXES + 1.0) ** -1
    scales = np.sqrt(variances / variances.sum())

    def within(count: int) -> np.ndarray:
        return (rng.standard_normal((count, AXES)) * scales) @ axes.T

    superclasses, classes = (
        _unit(np.sqrt(INSIDE) * within(len(free)) + np.sqrt((1 - INSIDE) / DIMENSIONS) * free) for free in outside
    )

    def draw(labels: np.ndarray) -> np.ndarray:
        x = np.sqrt(COMMON) * common + np.sqrt(SUPERCLASS) * superclasses[labels // (CLASSES // SUPERCLASSES)]
        x = x + np.sqrt(CLASS) * classes[labels] + np.sqrt(WITHIN) * within(len(labels))
        x = x + np.sqrt(ISOTROPIC / DIMENSIONS) * rng.standard_normal((len(labels), DIMENSIONS))
        return _unit(x).astype(np.float32)

    every = np.arange(CLASSES)
    training = rng.permutation(np.repeat(every, (TRAINING + 2 * HALF) // CLASSES))
    labels = {"train": training[:TRAINING], "val_send": training[TRAINING:-HALF], "val_recv": training[-HALF:]}
    labels |= {part: rng.permutation(np.repeat(every, HALF // CLASSES)) for part in ("test_send", "test_recv")}
    arrays = {}
    for part, classes_of in labels.items():
        arrays |= {f"{part}_x": draw(classes_of), f"{part}_y": classes_of.astype(np.int64)}
    return arrays


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE.npz")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if not chosen.file.parent.is_dir():
        parser.error(f"{chosen.file.parent} is not a folder; make it, or name another file")
    np.savez(chosen.file, **stand_in_features(chosen.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
