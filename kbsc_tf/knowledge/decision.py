"""Decision rules over search results: plain numpy, no index."""

from dataclasses import dataclass

import numpy as np

from kbsc_tf.transmission import Rows

_FEW = 16  # so many maxima are found sooner than all classes are sorted


@dataclass(frozen=True)
class Decision(Rows):
    """What the receiver delivers for each received feature.

    Attributes
    ----------
    ids : [B, top_k], int64
        Knowledge base entries, best first. With a vote: the nearest entry of each of the ``top_k`` best classes, so the
        image that is shown belongs to the class that won. -1: no candidate (see :meth:`KnowledgeBase.search`).
    labels : [B, top_k], int64
        Class of each candidate, -1 where there is none. Never equal to a sent class then, so it counts as wrong.
    confidence : [B], float32
        Nearest: score of the nearest entry, inner product or negative squared distance (-inf without a candidate).
        Vote: the winning class's share of the vote, 0 to 1 (0 without a candidate).
    scores : [B, top_k], float32, or None
        How each candidate was ranked, higher is better: by score of the entry, or by the share of its class. None: not
        by the receiver.
    """

    ids: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    scores: np.ndarray | None = None


def decide_nearest(scores: np.ndarray, ids: np.ndarray, labels: np.ndarray) -> Decision:
    """Take the found entries as they are ranked.

    Parameters
    ----------
    scores : [B, top_k], float32
        Higher is nearer.
    ids : [B, top_k], int64
        Entries, -1 where the search found none.
    labels : [N], int64
        Class of every entry of the knowledge base.
    """
    return Decision(ids, np.where(ids >= 0, labels[ids], -1), scores[:, 0], scores)


def soft_vote(
    scores: np.ndarray, ids: np.ndarray, labels: np.ndarray, num_classes: int, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Let the neighbours vote: each weighs exp((score - best score) / temperature) for its class.

    Parameters
    ----------
    scores : [B, M], float32
        Scores of the M neighbours, nearest first.
    ids : [B, M], int64
        Their entries, -1 where the search found none: those do not vote.
    labels : [N], int64
        Class of every entry of the knowledge base.
    num_classes : int
        Number of classes C.
    temperature : float
        Softness: towards infinity every neighbour counts the same, towards 0 only the nearest counts.

    Returns
    -------
    class_scores : [B, C], float32
        Shares of the vote, each row sums to 1 (to 0 if no neighbour was found).
    nearest_ids : [B, C], int64
        The nearest voting entry of each class, -1 for a class without voters.
    """
    found = ids >= 0
    best = np.where(found[:, :1], scores[:, :1], 0.0).astype(np.float64)
    weights = np.where(found, np.exp((scores - best) / temperature), 0.0)
    # One flat bincount over (row, class) pairs: np.add.at takes many times as long.
    classes = np.where(found, labels[ids], 0)
    cells = np.arange(len(ids))[:, None] * num_classes + classes
    totals = np.bincount(cells.ravel(), weights.ravel(), minlength=len(ids) * num_classes).reshape(-1, num_classes)
    shares = totals / np.maximum(totals.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    nearest_ids = np.full(totals.size, -1, np.int64)
    # Farthest first: of repeated cells numpy keeps the last value written, which is the nearest neighbour's.
    order = found[:, ::-1]
    nearest_ids[cells[:, ::-1][order]] = ids[:, ::-1][order]
    return shares.astype(np.float32), nearest_ids.reshape(totals.shape)


def decide_vote(class_scores: np.ndarray, nearest_ids: np.ndarray, top_k: int) -> Decision:
    """Rank the classes by their votes; the ``top_k`` best, each shown by its nearest entry.

    Where fewer than ``top_k`` classes got votes, the remaining candidates are -1.

    Parameters
    ----------
    class_scores : [B, C], float32
    nearest_ids : [B, C], int64
        Both as :func:`soft_vote` returns them.
    top_k : int
    """
    # A class without voters ranks behind one whose vote underflowed to zero. Stable: ties go to the lower class.
    ranked = _ranked(np.where(nearest_ids >= 0, class_scores, -1.0), top_k)
    ids = np.take_along_axis(nearest_ids, ranked, axis=1)
    scores = np.take_along_axis(class_scores, ranked, axis=1)
    labels, best = np.where(ids >= 0, ranked, -1), scores[:, 0]
    missing = ((0, 0), (0, top_k - ids.shape[1]))
    if missing[1][1] > 0:  # fewer classes than top_k
        ids, labels = (np.pad(a, missing, constant_values=-1) for a in (ids, labels))
        scores = np.pad(scores, missing)
    return Decision(ids, labels, best, scores)


def _ranked(scores: np.ndarray, count: int) -> np.ndarray:
    """Columns [B, count] of the highest scores [B, C], of equal ones the first; all C where there are fewer.

    ``scores`` is used up.
    """
    if count > _FEW:
        return np.argsort(-scores, axis=1, kind="stable")[:, :count]
    rows, ranked = np.arange(len(scores)), []
    for _ in range(min(count, scores.shape[1])):
        ranked.append(scores.argmax(axis=1))
        scores[rows, ranked[-1]] = -np.inf
    return np.stack(ranked, axis=1)
