"""Scores of an exported model: zero-shot, nearest neighbours, and how many directions its features use."""

import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # transformers' TensorFlow models are tf_keras models

import numpy as np
import tensorflow as tf
from transformers import AutoTokenizer, CLIPImageProcessor, TFCLIPModel

from small_clip.data import ImageSet

DIRECTIONS = (16, 32, 64, 128)
NEIGHBOURS = 10
_BATCH = 250


@dataclass(frozen=True)
class Score:
    """A count of hits among trials."""

    name: str
    hits: int
    trials: int

    @property
    def rate(self) -> float:
        """Share of hits."""
        return self.hits / self.trials

    def interval(self) -> tuple[float, float]:
        """Return the 95 % Wilson interval of the share of hits."""
        z, n, p = 1.959964, self.trials, self.rate
        middle, spread = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def neighbour_scores(features: np.ndarray, labels: np.ndarray) -> list[Score]:
    """Score nearest neighbours: the first half of every class is asked, the second half is the knowledge base.

    Parameters
    ----------
    features : [N, D], float32
        Normalised features.
    labels : [N], int
        Classes.

    Returns
    -------
    list of Score
        One neighbour; ten that vote with one voice each (ties go to the lower class number); ten weighted by
        exp(20 x cosine).
    """
    counts = np.bincount(labels)
    order = np.argsort(labels, kind="stable")
    rank = np.concatenate([np.arange(count) for count in counts])
    first = rank < counts[labels[order]] // 2
    queries, entries = order[first], order[~first]
    known, asked = labels[entries], labels[queries]
    similar = features[queries] @ features[entries].T
    rows = np.arange(len(asked))[:, None]
    best = np.argpartition(-similar, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    votes, weighted = np.zeros((2, len(asked), labels.max() + 1))
    np.add.at(votes, (rows, known[best]), 1)
    np.add.at(weighted, (rows, known[best]), np.exp(20 * similar[rows, best]))
    decisions = {
        "1-NN": known[similar.argmax(1)],
        "10-NN majority": votes.argmax(1),
        "10-NN weighted": weighted.argmax(1),
    }
    return [Score(name, int((decided == asked).sum()), len(asked)) for name, decided in decisions.items()]


def spectrum(features: np.ndarray) -> np.ndarray:
    """Return the share of the centred features' variance in the first 16, 32, 64 and 128 principal directions."""
    variances = np.linalg.eigvalsh(np.cov(features.T))[::-1]
    return np.cumsum(variances)[np.array(DIRECTIONS) - 1] / variances.sum()


def evaluate_sets(folder: Path, sets: list[ImageSet]) -> dict[str, tuple[list[Score], np.ndarray]]:
    """Score the exported model on the test images of every set.

    Parameters
    ----------
    folder : Path
        Hugging Face folder.
    sets : list of ImageSet
        Image sets; the images are taken through the folder's own image processor.

    Returns
    -------
    dict
        Name of the set -> its scores and its spectrum.
    """
    model, tokenizer = TFCLIPModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    processor = CLIPImageProcessor.from_pretrained(folder)
    embed = tf.function(lambda pixels: tf.math.l2_normalize(model.get_image_features(pixel_values=pixels), -1))
    results = {}
    for one in sets:
        prompts = tokenizer([f"a photo of a {name}" for name in one.classes], padding=True, return_tensors="tf")
        texts = tf.math.l2_normalize(model.get_text_features(**prompts), -1).numpy()
        images, labels = one.test.images[:, 0], one.test.labels
        parts = np.split(images, range(_BATCH, len(images), _BATCH))
        features = np.concatenate(
            [embed(processor(list(part), return_tensors="np").pixel_values).numpy() for part in parts]
        )
        hits = int(((features @ texts.T).argmax(1) == labels).sum())
        scores = [Score("zero-shot", hits, len(labels)), *neighbour_scores(features, labels)]
        results[one.name] = scores, spectrum(features)
    return results


def as_table(results: dict[str, tuple[list[Score], np.ndarray]]) -> str:
    """Return the scores as two Markdown tables."""
    lines = ["| images | score | hits / n | % | 95 % interval |", "|---|---|---|---|---|"]
    for name, (scores, _) in results.items():
        for score in scores:
            low, high = score.interval()
            lines.append(
                f"| {name} | {score.name} | {score.hits} / {score.trials} | {100 * score.rate:.1f} "
                f"| {100 * low:.1f} to {100 * high:.1f} |"
            )
    lines += ["", "| share of the feature variance in | " + " | ".join(f"{n} directions" for n in DIRECTIONS) + " |"]
    lines.append("|---" * (len(DIRECTIONS) + 1) + "|")
    lines += [f"| {name} | " + " | ".join(f"{x:.3f}" for x in shares) + " |" for name, (_, shares) in results.items()]
    return "\n".join(lines)
