"""The best of several modulation and coding schemes (MCSs) for every image, chosen with the outcome known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.coded.block_outcomes import Outcomes
from kbsc_tf.schemes.coded.scheme import CodedScheme
from kbsc_tf.transmission import SourceBatch, Transmission


class GenieScheme(Scheme):
    """Best MCS by outcome: for every image one by which it is decided correctly, as if the sender knew the future.

    A real sender knows the past, at best. Fixed schemes meet the same noise, so an image is correct here exactly if it
    is correct by one of them: no fixed MCS, and no choice among them, has a higher top-1 accuracy on these trials. The
    receiver's decisions are for `kbsc_tf.study.trial` to know; `transmit` alone, without them, takes the highest
    delivered rate.

    Parameters
    ----------
    schemes : list of CodedScheme
        One per modulation and coding scheme; fitted by themselves.
    outcomes : Outcomes, optional
        Where they leave what they send, so that it need not be sent again here; shared by the genies of a run.
    """

    mcs = "genie"

    def __init__(self, schemes: list[CodedScheme], outcomes: Outcomes | None = None) -> None:
        self.name, self.k, self.needs_images = schemes[0].name, schemes[0].k, schemes[0].needs_images
        self._schemes, outcomes = schemes, outcomes or Outcomes()
        for scheme in schemes:
            scheme.outcomes = outcomes

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        sent = self.alternatives(batch, snr_db, seed)
        return merge(sent, choose(sent))

    def alternatives(self, batch: SourceBatch, snr_db: float, seed: int | None) -> list[Transmission]:
        """The batch sent by each MCS, the largest payload first, all over the same noise."""
        ranked = sorted(self._schemes, key=lambda scheme: -scheme.plan.payload_bits)
        return [scheme.transmit(batch, snr_db, seed) for scheme in ranked]

    def save(self, folder: Path) -> None:
        super().save(folder)
        for number, scheme in enumerate(self._schemes):
            (folder / str(number)).mkdir()
            scheme.save(folder / str(number))

    def load(self, folder: Path) -> None:
        super().load(folder)
        for number, scheme in enumerate(self._schemes):
            scheme.load(folder / str(number))

    def forget(self) -> None:
        for scheme in self._schemes:
            scheme.forget()


def choose(sent: Sequence[Transmission], correct: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Which of M transmissions of the same B images to take for each image, int64 [B].

    Parameters
    ----------
    sent : sequence of Transmission
        The largest payload first.
    correct : sequence of [B], bool
        Of each transmission, whether the receiver decides the image correctly; empty where nobody knows.

    Returns
    -------
    choice : [B], int64
        The first that is decided correctly; else the first that is delivered; else the most robust, the last, whose
        block is sent.
    """
    last = len(sent) - 1
    # What is not sent is the worst of all; the last one is taken even then.
    robust = last - np.array([one.blocks.sent for one in sent])[::-1].argmax(axis=0)
    choice = _first([one.delivered for one in sent], robust)
    return _first(correct, choice) if len(correct) else choice


def merge(sent: Sequence[Transmission], choice: np.ndarray) -> Transmission:
    """One transmission, in which image b is as in ``sent[choice[b]]``."""
    return replace(
        # One behind another, blocks of different modulations and code rates are different blocks, as they should be.
        Transmission.concat(sent).take(rows_of(choice)),
        feasible=np.any([one.feasible for one in sent], axis=0),
        groups=_coarsest([one.groups for one in sent]),
    )


def rows_of(choice: np.ndarray) -> np.ndarray:
    """Where the chosen rows [B], int64, are when M parts of B rows stand one behind another."""
    return choice * len(choice) + np.arange(len(choice))


def _first(marks: Sequence[np.ndarray], otherwise: np.ndarray) -> np.ndarray:
    """The first of M marks [B] that is set, int64 [B]; ``otherwise`` where none is."""
    marks = np.array(marks)
    return np.where(marks.any(axis=0), marks.argmax(axis=0), otherwise)


def _coarsest(groups: list[np.ndarray | None]) -> np.ndarray | None:
    """Of the groupings [B] the one with the fewest groups: an image's outcome here depends on all of its grids."""
    return min((one for one in groups if one is not None), key=lambda one: len(np.unique(one)), default=None)
