"""Galleries of a run: sent images, what arrived of them, and what the receiver showed for them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.config import ChannelConfig
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.errors import UserError
from kbsc_tf.figures.gallery import OF_SCHEMES, Column, draw_gallery
from kbsc_tf.figures.references import is_reference
from kbsc_tf.figures.style import as_written
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.metrics import top_k_correct
from kbsc_tf.results.envelope import GENIE, envelope
from kbsc_tf.results.names import channel_text, mcs_text, named, names_of, scheme_text, snr_text
from kbsc_tf.results.records import read_records
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.prepare import Study
from kbsc_tf.study.trial import Outcome, Trials

_MARK = "galleries.json"
_ROWS = 6
_SCHEMES = 8  # beside each other
_COLUMNS = 4
_COLUMNS_OF_TWO = 3  # what arrived and what was retrieved: together as wide as a page


class _Choice(NamedTuple):
    """The scheme that stands for all of its name, by SNR, and what is said of its MCS."""

    channel: ChannelConfig
    by_snr: dict[float, Scheme]
    mcs: str


def galleries(study: Study) -> list[Path]:
    """Draw sent and retrieved images over the SNR, from trial 0 of the sweep's first seed.

    ``gallery`` is of the first scheme, at its largest k. Each scheme that delivers images has its own,
    ``gallery_SCHEME``, with what arrived beside what was retrieved; ``gallery_of_schemes`` has several schemes.
    A coded scheme is shown by its best MCS by outcome or, without that, by the fixed MCS that did best in the records.
    Without source images, or where nothing fits, there is nothing to draw. Galleries that were drawn of the same
    records stay: encoding whole chunks again takes its time.

    Parameters
    ----------
    study : Study
        Its schemes are fitted; its results folder holds the records.

    Returns
    -------
    list of Path
        PNG and PDF of each.
    """
    possible = [scheme for _, scheme in study.schemes if not scheme.shortfall]
    if study.features.sender.images is None or not possible:
        return []
    mark, now = study.folder / _MARK, {"drawn_from": _fingerprint(study)}
    with named({"names": names_of(study.config)}):
        files = list(_galleries(study, possible, _read(mark) == now))
    write_atomically(mark, json.dumps(now, indent=1) + "\n")
    return files


def _galleries(study: Study, possible: Sequence[Scheme], are_current: bool) -> Iterator[Path]:
    names = list(dict.fromkeys(scheme.name for scheme in possible))
    delivering = {scheme.name for scheme in possible if scheme.needs_images}
    yield from _gallery(study, names[0], "gallery", are_current, with_received=False)
    for name in (name for name in names if name in delivering):
        yield from _gallery(study, name, f"gallery_{name}", are_current, with_received=True)
    yield from _beside_each_other(study, possible, are_current)


def _gallery(study: Study, name: str, stem: str, is_current: bool, with_received: bool) -> list[Path]:
    files = [study.folder / f"{stem}.{kind}" for kind in ("png", "pdf")]
    if is_current and all(path.exists() for path in files):
        return files
    count = _COLUMNS_OF_TWO if with_received else _COLUMNS
    sender, config = study.features.sender, study.config
    rows = _one_per_class(sender.labels, config.seeds[0])
    snrs, trials = _spread(sorted(config.snr_db), count), Trials(study.receiver, sender, config.sweep.chunk)
    channel, by_snr, mcs = _choose(study, name, snrs)
    columns = {}
    for snr_db, scheme in by_snr.items():
        column = _column(study, trials, scheme, rows, snr_db, with_received)
        if column is None:
            return []  # it reads images, but delivers none
        columns[snr_db] = column
    over = as_written(channel_text(channel.label))
    parts = [as_written(scheme_text(name)), mcs, f"$k$ = {by_snr[snrs[0]].k}", over]
    names = [sender.class_names[label] for label in sender.labels[rows]]
    title = ", ".join(part for part in parts if part)
    return draw_gallery(sender.images.read(rows), names, columns, study.folder, stem, title)


def _beside_each_other(study: Study, possible: Sequence[Scheme], is_current: bool) -> list[Path]:
    """What several schemes retrieve at the middle SNR, with the k that most of them have: the largest of these."""
    of_k: dict[int, list[str]] = {}
    for scheme in (one for one in possible if not is_reference(one.name)):
        if scheme.name not in of_k.setdefault(scheme.k, []):
            of_k[scheme.k].append(scheme.name)
    k = max(of_k, key=lambda one: (len(of_k[one]), one), default=None)
    if k is None or len(of_k[k]) < 2:
        return []
    files = [study.folder / f"{OF_SCHEMES}.{kind}" for kind in ("png", "pdf")]
    if is_current and all(path.exists() for path in files):
        return files
    sender, config = study.features.sender, study.config
    snrs = sorted(config.snr_db)
    finite = [snr for snr in snrs if np.isfinite(snr)] or snrs
    snr_db, rows = finite[len(finite) // 2], _one_per_class(sender.labels, config.seeds[0])
    trials, columns = Trials(study.receiver, sender, config.sweep.chunk), {}
    for name in of_k[k][:_SCHEMES]:
        channel, by_snr, _ = _choose(study, name, [snr_db], k)
        columns[scheme_text(name)] = _column(study, trials, by_snr[snr_db], rows, snr_db)
    title = f"$k$ = {k}, {as_written(channel_text(channel.label))}, {snr_text(snr_db)}"
    names = [sender.class_names[label] for label in sender.labels[rows]]
    return draw_gallery(sender.images.read(rows), names, columns, study.folder, OF_SCHEMES, title)


def _column(
    study: Study, trials: Trials, scheme: Scheme, rows: np.ndarray, snr_db: float, with_received: bool = False
) -> Column | None:
    """What became of some images at an SNR; None where their arrival is wanted and the scheme delivers no images."""
    sender, receiver = study.features.sender, study.features.receiver
    outcome = _send(trials, scheme, rows, snr_db, study.config.seeds[0])
    received, decision = outcome.transmission, outcome.decision
    if with_received and received.images is None:
        return None
    ids, labels = decision.ids[:, 0], decision.labels[:, :1]
    return Column(
        retrieved=[receiver.images.read([i])[0] if i >= 0 else None for i in ids],
        correct=top_k_correct(sender.labels[rows], labels, received.delivered),
        names=[receiver.class_names[receiver.labels[i]] if i >= 0 else "nothing" for i in ids],
        received=received.images if with_received else None,
    )


def _fingerprint(study: Study) -> str:
    """Of what galleries are drawn from; times of files would follow a clock that may be set."""
    records = study.folder / "records.csv"
    content = records.read_bytes() if records.exists() else b""
    return fingerprint(content, study.config.model_dump_json(exclude={"executor"}).encode())


def _read(mark: Path) -> Any:
    try:
        return read_json(mark, "")
    except UserError:  # not there, or damaged: they are drawn again
        return None


def _choose(study: Study, name: str, snrs: Sequence[float], k: int | None = None) -> _Choice:
    """At this k, or the largest, on the first channel: the scheme, its genie, or at each SNR its best MCS.

    Of several trainings it is the first.
    """
    possible = [(channel, scheme) for channel, scheme in study.schemes if scheme.name == name and not scheme.shortfall]
    possible = [(c, scheme) for c, scheme in possible if scheme.training_seed == possible[0][1].training_seed]
    k = k or max(scheme.k for _, scheme in possible)
    channel = next(channel for channel, scheme in possible if scheme.k == k)
    found = {s.mcs: s for c, s in possible if s.k == k and c.label == channel.label}
    for mcs, text in (("", ""), (GENIE, "best MCS by outcome")):
        if mcs in found:
            return _Choice(channel, dict.fromkeys(snrs, found[mcs]), text)
    best = _best_mcs(study, name, channel.label, k)
    first = next(iter(found.values()))  # also where none is recorded to do better than those that are not possible
    by_snr = {snr_db: found.get(best.get(snr_db), first) for snr_db in snrs}
    used = list(dict.fromkeys(scheme.mcs for scheme in by_snr.values()))
    return _Choice(channel, by_snr, mcs_text(used[0]) if len(used) == 1 else "best fixed MCS")


def _best_mcs(study: Study, name: str, channel: str, k: int) -> dict[float, str]:
    """By SNR, from what is recorded of the first seed."""
    records = read_records(study.folder) if (study.folder / "records.csv").exists() else pd.DataFrame()
    if records.empty:
        return {}
    ours = records["scheme"].eq(name) & records["channel"].eq(channel) & records["k"].eq(k)
    best = envelope(records[ours & records["seed"].eq(study.config.seeds[0])])
    return dict(zip(best["snr_db"], best["best_mcs"], strict=True))


def _send(trials: Trials, scheme: Scheme, rows: np.ndarray, snr_db: float, seed: int) -> Outcome:
    """What becomes of some images in trial 0: their chunks are sent as in the sweep, others are not sent."""
    size = min(trials.chunk, len(trials.sender))
    parts = {number: trials.send(scheme, number, snr_db, seed) for number in dict.fromkeys((rows // size).tolist())}
    return Outcome.concat([parts[row // size].take(np.array([row % size])) for row in rows])


def _one_per_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices of the first images of some classes, drawn at random."""
    _, first = np.unique(labels, return_index=True)
    return np.random.default_rng(seed).permutation(first)[:_ROWS]


def _spread(items: Sequence, count: int) -> list:
    """At most ``count`` items, evenly spread, first and last included."""
    picks = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[i] for i in picks]
