"""How far the receiver's confidence can be trusted, and what abstaining buys. Imports no TensorFlow."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.metrics import Tally, wilson
from kbsc_tf.results.outcomes import per_image_points, read_per_image
from kbsc_tf.results.points import KEY, Point
from kbsc_tf.results.records import shortened
from kbsc_tf.results.run_json import estimand_of, read_run, shown

FILE, ALL = "confidence.csv", "all"  # ALL: in place of an SNR, pooled over all of them


class Abstaining(NamedTuple):
    """Errors with and without the least confident deliveries, with 95 % intervals; as fractions.

    ``n_kept``, the share ``coverage``, have a confidence of at least ``threshold`` and are answered; ``cut`` is
    1 - error_kept / error_all, NaN where there are no errors.
    """

    threshold: float
    coverage: float
    n_kept: int
    error_all: float
    error_all_low: float
    error_all_high: float
    error_kept: float
    error_kept_low: float
    error_kept_high: float
    cut: float


COLUMNS = [
    "scheme", "mcs", "channel", "k", "snr_db", "n", "accuracy", "accuracy_low", "accuracy_high", "confidence", "ece",
    "largest_gap", "share", *Abstaining._fields,
]  # fmt: skip


def reliability(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10, clusterings: Sequence[np.ndarray] = ()
) -> pd.DataFrame:
    """Accuracy against confidence, in bins of equal count.

    Parameters
    ----------
    confidence, correct : [n], float (0 to 1) and bool
    bins : int
        At most so many: equal confidences share a bin, and one that this leaves less than half full joins the lower.
    clusterings : sequence of [n], int
        As in `share_of`.

    Returns
    -------
    DataFrame
        A row per bin, low to high: its edges ``low`` (outside, but for the first bin) and ``high`` (inside), n, mean
        ``confidence``, ``accuracy`` and its interval ``accuracy_low``, ``accuracy_high``; all but n as fractions.
    """
    confidence, correct = np.asarray(confidence, np.float64), np.asarray(correct, bool)
    ranked, n = np.sort(confidence), len(confidence)
    ends = np.unique(ranked[-(-np.arange(1, bins + 1) * n // bins) - 1])
    counts = np.diff(np.searchsorted(ranked, ends, side="right"))
    ends = ends[np.append(counts >= n / bins / 2, True)]
    places, rows = np.searchsorted(ends, confidence), []
    for place, edges in enumerate(zip([ranked[0], *ends[:-1]], ends, strict=True)):
        there = places == place
        shares = share_of(correct[there], [one[there] for one in clusterings])
        rows.append((*edges, int(there.sum()), confidence[there].mean(), *shares))
    return pd.DataFrame(rows, columns=["low", "high", "n", "confidence", "accuracy", "accuracy_low", "accuracy_high"])


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean |accuracy - confidence| over the deliveries in the bins of `reliability`; by chance alone above 0."""
    return float(np.average((table["accuracy"] - table["confidence"]).abs(), weights=table["n"]))


def largest_gap(table: pd.DataFrame) -> float:
    """Largest |accuracy - confidence| of the bins of `reliability`."""
    return float((table["accuracy"] - table["confidence"]).abs().max())


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> pd.DataFrame:
    """Share of wrong among the answered, when the most confident are answered first; equal ones together.

    Parameters
    ----------
    confidence, correct : [n], float and bool

    Returns
    -------
    DataFrame
        A row per different confidence, the ``threshold``, highest first; ``coverage`` (share answered), ``risk``.
    """
    confidence, correct = np.asarray(confidence, np.float64), np.asarray(correct, bool)
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~correct[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    answered = last + 1
    return pd.DataFrame({"coverage": answered / len(ranked), "risk": wrong[last] / answered, "threshold": ranked[last]})


def abstaining(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, share: float = 0.2, clusterings: Sequence[np.ndarray] = ()
) -> Abstaining:
    """Abstain on the least confident deliveries: on ``share`` of them, or fewer where equal ones stand at the border.

    ``confidence``, ``correct`` and ``clusterings`` are as in `reliability`; ``share`` is between 0 and 1, exclusive.
    """
    if not 0 < share < 1:
        raise UserError(f"share: {share:g} is not between 0 and 1; name the share of deliveries to abstain on, as 0.2")
    curve, wrong = risk_coverage(confidence, correct), ~np.asarray(correct, bool)
    coverage, _, threshold = curve[curve["coverage"] >= 1 - share - 1e-9].iloc[0]  # 1 - 0.9 is a little below 0.1
    kept = np.asarray(confidence, np.float64) >= threshold
    before, after = share_of(wrong, clusterings), share_of(wrong[kept], [one[kept] for one in clusterings])
    cut = 1 - after[0] / before[0] if before[0] else np.nan
    return Abstaining(float(threshold), float(coverage), int(kept.sum()), *before, *after, cut)


def share_of(outcomes: npt.ArrayLike, clusterings: Sequence[np.ndarray] = ()) -> tuple[float, float, float]:
    """Share of outcomes [n], bool, that are true, and its 95 % Wilson interval.

    Each of ``clusterings`` ([n], int) numbers the outcomes so that those with one number may be correlated: those of an
    image at all SNRs, seeds and trials, or those that shared a channel realisation. The interval is then Wilson's at
    the effective number of outcomes, see `kbsc_tf.metrics.Tally`; of several clusterings the widest.
    """
    outcomes, found = np.asarray(outcomes, bool), []
    for clusters in clusterings:
        tally = Tally(len(outcomes), "test_set")  # all as one trial: its groups are then the only clusters
        tally.add(outcomes, clusters)
        found.append(tally.share())
    plain = float(outcomes.mean()), *wilson(int(outcomes.sum()), len(outcomes))
    return max(found, key=lambda one: one[2] - one[1], default=plain)


def confidence_points(folder: Path | str, everything: bool = False) -> list[Point]:
    """Points whose outcomes are kept, sorted; a UserError if there are none, or the receiver records scores.

    Those that have left the folder's configuration are among them with ``everything``.
    """
    points = sorted(per_image_points(folder))
    if not points:
        raise UserError(f"{folder}: no outcomes of single images; set sweep.per_image: true and run again")
    run = read_run(folder)
    if not everything:
        points = [Point(*row) for row in shown(pd.DataFrame(points, columns=KEY), run).itertuples(index=False)]
    if (run["config"].get("receiver") or {}).get("decision") == "nearest":
        raise _no_probabilities(folder)  # cosines may all lie within 0 and 1
    return points


def read_outcomes(folder: Path | str, points: Sequence[Point]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Outcomes of points of one scheme, and the clusterings for `share_of`.

    Returns
    -------
    DataFrame and list of [n], int
        snr_db, confidence (float64, 0 to 1), correct; what did not arrive or was withheld is wrong with confidence 0.
    """
    tables = [
        read_per_image(folder, one).assign(snr_db=one.snr_db, seed=one.seed, training_seed=one.training_seed)
        for one in points
    ]
    rows = pd.concat(tables, ignore_index=True)
    answered = rows["delivered"] & (rows["shown"] >= 0)
    confidence = rows["confidence"].astype(np.float64).where(answered, 0.0)
    if not confidence.between(-1e-5, 1 + 1e-5).all():  # kept in float32; NaN is not between
        raise _no_probabilities(folder)
    groups = rows.groupby(["snr_db", "seed", "training_seed", "trial", "group"], sort=False).ngroup().to_numpy()
    images = [] if estimand_of(read_run(folder)) == "test_set" else [rows["image"].to_numpy()]
    rows = rows.assign(confidence=confidence.clip(0, 1), correct=rows["correct"] & answered)
    return rows[["snr_db", "confidence", "correct"]], [*images, groups]


def write_confidence(folder: Path | str, share: float = 0.2, everything: bool = False) -> list[Path]:
    """Write confidence.csv: ``COLUMNS``, a row per (scheme, mcs, channel, k, snr_db or "all").

    Seeds and trainings are pooled: ``n`` counts images times trials, seeds and trainings, whether anything is shown or
    not; ``share`` is that of `abstaining`.
    """
    rows = []
    for key, points in groupby(confidence_points(folder, everything), lambda point: point.curve[:4]):
        outcomes, clusterings = read_outcomes(folder, list(points))
        for snr in (ALL, *outcomes["snr_db"].unique()):
            there = outcomes["snr_db"].eq(snr).to_numpy() | (snr == ALL)
            measured = _measure(outcomes[there], share, [one[there] for one in clusterings])
            rows.append(dict(zip(COLUMNS, (*key, snr), strict=False)) | {"share": share} | measured)
    table = pd.DataFrame(rows)[COLUMNS].to_csv(index=False, lineterminator="\n", float_format=shortened)
    write_atomically(Path(folder) / FILE, table)
    return [Path(folder) / FILE]


def _measure(outcomes: pd.DataFrame, share: float, clusterings: list[np.ndarray]) -> dict[str, float]:
    confidence, correct = outcomes["confidence"].to_numpy(), outcomes["correct"].to_numpy()
    table = reliability(confidence, correct, clusterings=clusterings)
    accuracy = dict(zip(COLUMNS[6:9], share_of(correct, clusterings), strict=True))
    kept = abstaining(confidence, correct, share, clusterings)._asdict()
    gaps = {"ece": expected_calibration_error(table), "largest_gap": largest_gap(table)}
    return {"n": len(outcomes), "confidence": confidence.mean()} | accuracy | gaps | kept


def _no_probabilities(folder: Path | str) -> UserError:
    score = "its confidences are no probabilities, for decision: nearest records a score"
    return UserError(f"{folder}: {score}; run again with receiver.decision: posterior or vote")
