"""Genie link adaptation: the best of several modulation and coding schemes, chosen with the outcome known."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.coded.block_outcomes import Outcomes
from kbsc_tf.schemes.coded.scheme import CodedScheme
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission


class GenieScheme(Scheme):
    """For every image the delivered one of largest payload, as if the sender knew channel and noise in advance.

    An upper bound on link adaptation: a real sender knows the past, at best. Fixed schemes meet the same noise, so
    an image is delivered here exactly if one of them delivers it.

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
        ranked = sorted(self._schemes, key=lambda scheme: -scheme.plan.payload_bits)
        sent = [scheme.transmit(batch, snr_db, seed) for scheme in ranked]
        # The first that delivers; where none does, the most robust, the last.
        delivered = np.array([one.delivered for one in sent])
        choice = np.where(delivered.any(axis=0), delivered.argmax(axis=0), len(sent) - 1)
        images = np.arange(len(choice))

        def chosen(values: list[np.ndarray | None]) -> np.ndarray | None:
            return None if any(value is None for value in values) else np.stack(values)[choice, images]

        overheads = {f.name: chosen([getattr(one.overhead, f.name) for one in sent]) for f in fields(Overhead)}
        has_images = sent[0].images is not None
        return replace(
            sent[0],
            features=None if has_images else chosen([one.features for one in sent]),
            images=[sent[c].images[i] for i, c in enumerate(choice)] if has_images else None,
            delivered=delivered.any(axis=0),
            channel_uses=chosen([one.channel_uses for one in sent]),
            feasible=np.any([one.feasible for one in sent], axis=0),
            overhead=Overhead(**overheads),
            papr_db=chosen([one.papr_db for one in sent]),
            groups=_coarsest([one.groups for one in sent]),
            blocks=self._blocks([one.blocks for one in sent], delivered),
        )

    def _blocks(self, sent: list[Blocks], delivered: np.ndarray) -> Blocks:
        """Each image's block: the first that delivers; where none does, the most robust that is sent."""
        is_sent = np.array([one.sent for one in sent])
        last = len(sent) - 1 - is_sent[::-1].argmax(axis=0)
        choice = np.where(delivered.any(axis=0), delivered.argmax(axis=0), last)
        images = np.arange(len(choice))
        chosen = {f.name: np.array([getattr(one, f.name) for one in sent])[choice, images] for f in fields(Blocks)}
        # Blocks of different modulations and code rates are different blocks.
        return Blocks(**chosen | {"number": chosen["number"] * len(sent) + choice})

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


def _coarsest(groups: list[np.ndarray | None]) -> np.ndarray | None:
    """Of the groupings [B] the one with the fewest groups: an image's outcome here depends on all of its grids."""
    return min((one for one in groups if one is not None), key=lambda one: len(np.unique(one)), default=None)
