"""Two schemes on the same images, point by point: ``kbsc compare A B``. Imports no TensorFlow."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.config.identity import changes
from kbsc_tf.config.strict import unknown_name
from kbsc_tf.errors import UserError
from kbsc_tf.metrics.paired import holm, mcnemar, paired_difference
from kbsc_tf.results.envelope import envelope, is_fixed, is_in_hindsight
from kbsc_tf.results.names import named
from kbsc_tf.results.outcomes import class_names, per_image_points, read_per_image
from kbsc_tf.results.points import KEY, PLACE, Point
from kbsc_tf.results.run_json import estimand_of, read_run, read_shown, run_if_any, told

COLUMNS = [
    "scheme_a", "mcs_a", "chosen_on_a", "training_seed_a", "scheme_b", "mcs_b", "chosen_on_b", "training_seed_b",
    "channel", "k", "snr_db", "seed",
    "n", "trials", "top1_a", "top1_b", "difference", "low", "high", "only_a", "only_b", "mcnemar_p", "p", "p_holm",
    "estimand",
]  # fmt: skip
_ALIKE = ("features", "receiver", "channels")  # sections of two folders that have to agree
_DRAWN_BY = [  # what chooses the sender's images
    "source", "fingerprint", "seed", "test_images", "test_ratio", "ratios", "per_class",
]  # fmt: skip


class NothingInCommon(UserError):
    """The two have outcomes, but none at the same point."""


class Side(NamedTuple):
    """What is compared: a results folder, and of it one scheme, and of that one MCS, if they are given."""

    folder: Path
    scheme: str | None = None
    mcs: str | None = None

    @classmethod
    def parse(cls, text: str | Path) -> "Side":
        """From ``DIR``, ``DIR:SCHEME`` or ``DIR:SCHEME:MCS``; a folder's own name may hold colons."""
        parts = str(text).split(":")
        for taken in range(len(parts), max(0, len(parts) - 3), -1):
            folder = Path(":".join(parts[:taken]))
            if folder.is_dir():
                return cls(folder, *parts[taken:])
        raise UserError(f"{text}: no such results folder; give DIR, DIR:SCHEME or DIR:SCHEME:MCS")

    @property
    def text(self) -> str:
        return ":".join(str(part) for part in self if part is not None)


def compare(a: str | Path | Side, b: str | Path | Side, differing: Collection[str] = ()) -> pd.DataFrame:
    """Compare top-1 accuracies where both have the outcome of every image, paired by trial and image.

    Parameters
    ----------
    a, b : str, Path or Side
        ``DIR``, ``DIR:SCHEME`` or ``DIR:SCHEME:MCS``; both may be of one folder. Without a scheme, the other side's, or
        every scheme that both folders hold. Without an MCS, the fixed one of a coded scheme that does best at the
        point on validation images (in records of earlier versions on the test images, which favours that scheme a
        little); the best MCS by outcome, where it has no other.
    differing : collection of {"features", "receiver", "channels"}
        Sections of two folders whose settings may differ, because their effect is what is compared. What chooses the
        images may never.

    Returns
    -------
    DataFrame
        ``COLUMNS``, a row per point (channel, k, SNR and seed) that both hold, and of what is trained per training:
        those of equal seeds face each other, and each faces what is not trained. Accuracies, ``difference`` (a less b)
        and its 95 % interval as fractions; ``only_a`` and ``only_b`` count the images that only one got right, and
        ``mcnemar_p`` is McNemar's exact test of them. ``p`` is the test that allows for images that share a channel
        realisation or a code block, or that were sent in several trials; where there are none, it is McNemar's.
        ``p_holm`` is p corrected for the number of rows. Of unequal numbers of trials the common ones are used.
        ``chosen_on_a`` and ``chosen_on_b`` say which images an MCS was chosen on, if it was chosen. ``estimand`` is
        what the interval is of: other images ("population") or these, other noise ("test_set").

    Raises
    ------
    UserError
        A folder has no outcomes of images, or not of this scheme or MCS; other images, features, receivers or channels;
        no common point.
    """
    if odd := sorted(set(differing) - set(_ALIKE)):
        raise UserError(f"differing: {unknown_name('section', odd[0], _ALIKE)}")
    a, b = (one if isinstance(one, Side) else Side.parse(one) for one in (a, b))
    with named(*(run_if_any(one.folder) for one in (a, b))):
        return _compare(a, b, differing)


def _compare(a: Side, b: Side, differing: Collection[str]) -> pd.DataFrame:
    offers = {one.folder: records_with_outcomes(one.folder) for one in (a, b)}
    a, b = a._replace(scheme=a.scheme or b.scheme), b._replace(scheme=b.scheme or a.scheme)
    if a == b:
        raise UserError(f"{a.text}: compared with itself; name two schemes, as in {a.folder}:kbsc {a.folder}:pca")
    if a.folder != b.folder:
        _check_same_images(a.folder, b.folder)
        _check_alike(a.folder, b.folder, differing)
    estimand = _estimand(a.folder, b.folder)
    schemes = [a.scheme] if a.scheme else [s for s in _schemes(offers[a.folder]) if s in _schemes(offers[b.folder])]
    rows = []
    for scheme in schemes:
        here, there = a._replace(scheme=scheme), b._replace(scheme=b.scheme or scheme)
        ours, theirs = (chosen_points(side, offers[side.folder]) for side in (here, there))
        chosen = {f"chosen_on_{x}": _chosen_on(side, offers[side.folder]) for x, side in (("a", here), ("b", there))}
        rows += [
            chosen | _compare_point(a.folder, one, b.folder, other, estimand)
            for place in ours
            for one in ours[place]
            for other in theirs.get(place, [])
            if one.training_seed == other.training_seed or "" in (one.training_seed, other.training_seed)
        ]
    if not rows:
        raise NothingInCommon(_nothing_common(a, offers[a.folder], b, offers[b.folder]))
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"]))[COLUMNS]


def records_with_outcomes(folder: Path, everything: bool = True) -> pd.DataFrame:
    """Records of a results folder whose outcomes are kept, of every image.

    Parameters
    ----------
    folder : Path
    everything : bool
        Also those of schemes, channels, k, SNRs and seeds that have left the folder's configuration.

    Raises
    ------
    UserError
        There are none.
    """
    kept = set(per_image_points(folder))
    if not kept:
        raise UserError(
            f"{folder}: has no outcomes of single images to compare; run the sweep with --set sweep.per_image=true "
            "into a new --out"
        )
    records = read_shown(folder, everything)
    is_kept = [Point(*row) in kept for row in records[KEY].itertuples(index=False, name=None)]
    return records[is_kept].reset_index(drop=True)


def _schemes(records: pd.DataFrame) -> list[str]:
    return list(records["scheme"].unique())


def chosen_points(side: Side, records: pd.DataFrame) -> dict[tuple, list[Point]]:
    """The points that stand for a scheme at every (channel, k, snr_db, seed): of its MCSs the best fixed one.

    There is one for each of its trainings.

    Parameters
    ----------
    side : Side
        A scheme, and an MCS if it is to be that one.
    records : DataFrame
        As `records_with_outcomes` returns them.
    """
    rows = records[records["scheme"] == side.scheme]
    if rows.empty:
        there = ", ".join(_schemes(records))
        raise UserError(f"{side.folder}: no outcomes of the scheme {side.scheme}; there are those of {there}")
    if side.mcs is not None:
        there = ", ".join(mcs or "none" for mcs in rows["mcs"].unique())
        rows = rows[rows["mcs"] == side.mcs]
        if rows.empty:
            raise UserError(f"{side.folder}: no outcomes of {side.scheme} with the MCS {side.mcs}; there are: {there}")
    elif is_fixed(rows["mcs"]).any():
        best = envelope(rows)
        rows = best.assign(mcs=best["best_mcs"])
    found: dict[tuple, list[Point]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(tuple(row[name] for name in PLACE), []).append(Point(*(row[name] for name in KEY)))
    return found


def _chosen_on(side: Side, records: pd.DataFrame) -> str:
    """Which images the MCS of `chosen_points` was chosen on; "" where there was no choice."""
    rows = records[records["scheme"] == side.scheme]
    if side.mcs is not None or rows["mcs"][is_fixed(rows["mcs"])].nunique() < 2:
        return ""
    return "test images" if is_in_hindsight(envelope(rows)["mcs"]).any() else "validation images"


def _compare_point(folder_a: Path, a: Point, folder_b: Path, b: Point, estimand: str) -> dict[str, Any]:
    rows = {}
    for name, folder, point in (("a", folder_a, a), ("b", folder_b, b)):
        table = read_per_image(folder, point)
        rows[name] = table.set_index(["trial", "image"])[["label", "correct", "group"]].sort_index()
    last = min(one.index[-1][0] for one in rows.values())
    rows = {name: one.loc[:last] for name, one in rows.items()}
    ours, theirs = rows["a"], rows["b"]
    if not ours.index.equals(theirs.index) or not ours["label"].equals(theirs["label"]):
        raise UserError(
            f"{folder_a} and {folder_b}: not the same images at {a.text}; compare runs that send the same images"
        )
    trial, image = (ours.index.get_level_values(name).to_numpy() for name in ("trial", "image"))
    clusterings = [pd.MultiIndex.from_arrays([trial, one["group"]]).factorize()[0] for one in (ours, theirs)]
    if estimand == "population":
        clusterings.append(image)
    right_a, right_b = ours["correct"].to_numpy(), theirs["correct"].to_numpy()
    found = paired_difference(right_a, right_b, clusterings)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return {
        "scheme_a": a.scheme, "mcs_a": a.mcs, "training_seed_a": a.training_seed,
        "scheme_b": b.scheme, "mcs_b": b.mcs, "training_seed_b": b.training_seed, "channel": a.channel, "k": a.k,
        "snr_db": a.snr_db, "seed": a.seed, "n": len(ours), "trials": len(np.unique(trial)),
        "top1_a": right_a.mean(), "top1_b": right_b.mean(), "only_a": only_a, "only_b": only_b,
        "mcnemar_p": mcnemar(only_a, only_b), "estimand": estimand, **found._asdict(),
    }  # fmt: skip


def _check_same_images(a: Path, b: Path) -> None:
    """Labels alone do not tell: splits of another seed have the same ones."""
    ours, theirs = (read_run(folder)["config"].get("data") or {} for folder in (a, b))
    differ = [f"data.{name}" for name in _DRAWN_BY if ours.get(name) != theirs.get(name)]
    if class_names(a) != class_names(b):
        differ = ["the classes"]
    if differ:
        raise UserError(
            f"{a} and {b}: not the same images, as {', '.join(differ)} differ; compare runs that send the same images"
        )


def _check_alike(a: Path, b: Path, differing: Collection[str]) -> None:
    """Labels alone do not tell either: a channel's name may be given, and no record names the receiver."""
    ours, theirs = (read_run(folder)["settings"] for folder in (a, b))
    for change in changes(ours, theirs):
        section = change.key.partition(".")[0]
        if section in _ALIKE and section not in differing:
            raise UserError(
                f"{a} and {b}: {change.key} differs, {told(change.before)} against {told(change.now)}; compare runs "
                f"that have the same, or say --differing {section} if that is what you compare"
            )


def _estimand(*folders: Path) -> str:
    """The narrower claim only where both runs make it."""
    claims = {estimand_of(read_run(folder)) for folder in folders}
    return "test_set" if claims == {"test_set"} else "population"


def _nothing_common(a: Side, ours: pd.DataFrame, b: Side, theirs: pd.DataFrame) -> str:
    """The sentence that says why no point is in both."""
    if a.scheme:
        ours, theirs = ours[ours["scheme"] == a.scheme], theirs[theirs["scheme"] == b.scheme]
    elif not set(ours["scheme"]) & set(theirs["scheme"]):
        return f"{a.folder} and {b.folder}: no scheme is in both; name one of each, as in DIR:SCHEME"
    for name in [*PLACE, "training_seed"]:
        if not set(ours[name]) & set(theirs[name]):
            here, there = (", ".join(f"{v:g}" if name == "snr_db" else str(v) for v in dict.fromkeys(rows[name]))
                           for rows in (ours, theirs))  # fmt: skip
            return f"{a.text} and {b.text}: no point in common, for {name} is {here} against {there}; compare others"
    return f"{a.text} and {b.text}: no point (channel, k, snr_db, seed, training_seed) in common; compare others"
