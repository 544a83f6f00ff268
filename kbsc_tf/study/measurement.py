"""What a point's trials add up to: the columns of records.csv."""

from dataclasses import fields

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.metrics import cosine, mse, top_k_correct
from kbsc_tf.metrics.tally import Estimand, Tally
from kbsc_tf.results.metric import METRICS, QUALITIES, columns_of
from kbsc_tf.study.trial import Outcome
from kbsc_tf.transmission import Overhead, Transmission


class Measurement:
    """The metrics of a point, trial by trial; memory does not grow with their number.

    Coded schemes also have three of their transport blocks, the others leave these empty:

    bler
        Share of the transport blocks whose checks failed, of those sent. A block shared by several images counts once;
        an image that nothing fits sends none.
    throughput
        Payload bits delivered per complex channel use, header and padding included, CRCs not: of the blocks that passed
        their checks. All channel uses count, also those of images that nothing fits.
    goodput
        Bits delivered per complex channel use that mean the image, its file or code word, without length field and
        padding: those of delivered images.

    Parameters
    ----------
    sender, knowledge : FeatureSet
        What is sent, and the entries of the knowledge base in its order.
    image_shape : (H, W)
        Of the source images, for the channel bandwidth ratio n / (3 H W).
    estimand : {"population", "test_set"}
        What the intervals are of; see `kbsc_tf.metrics.tally.Tally`.
    """

    def __init__(
        self,
        sender: FeatureSet,
        knowledge: FeatureSet,
        image_shape: tuple[int, int],
        estimand: Estimand = "population",
    ) -> None:
        self.sender, self.knowledge, self.image_shape, self.estimand = sender, knowledge, image_shape, estimand
        self.trials = 0
        self._tallies: dict[str, Tally] = {}
        self._means: dict[str, _Mean] = {}
        self._bits = {"throughput": _Mean(), "goodput": _Mean()}  # per image
        self._stand_ins: int | None = None

    def add(self, outcome: Outcome) -> np.ndarray:
        """Take in a trial; returns whether each image's category was right, [B] bool."""
        self.trials += 1
        sent, transmission, candidates = self.sender, outcome.transmission, outcome.decision.labels
        delivered, groups = transmission.delivered, transmission.groups
        correct = top_k_correct(sent.labels, candidates[:, :1], delivered)
        self._tally("top1", correct, groups)
        if candidates.shape[1] >= 5:
            self._tally("top5", top_k_correct(sent.labels, candidates[:, :5], delivered), groups)
        if sent.coarse_of_class is not None:
            coarse = top_k_correct(sent.labels, candidates[:, :1], delivered, sent.coarse_of_class)
            self._tally("coarse1", coarse, groups)
        if outcome.quality is not None:
            for name in QUALITIES:
                self._tally(name, outcome.quality[name], groups)
            self._stand_ins = (self._stand_ins or 0) + int(outcome.quality["stand_in"].sum())
        self._mean("channel_uses", transmission.channel_uses)
        self._mean("delivered", delivered)
        self._mean("answered", candidates[:, 0] >= 0)
        self._mean("feasible", np.ones(len(sent)) if transmission.feasible is None else transmission.feasible)
        self._mean("thumbnails", transmission.thumbnail)
        for field in fields(Overhead):
            part = None if transmission.overhead is None else getattr(transmission.overhead, field.name)
            self._mean(f"{field.name.removesuffix('s')}_uses", part)  # pilots become pilot_uses
        self._mean("papr_db", transmission.papr_db)
        self._add_blocks(transmission)
        ids = outcome.decision.ids[:, 0]
        there = delivered & (ids >= 0)
        received = outcome.features[there]
        pairs = {
            "sent_received": (np.asarray(sent.x)[there], received),
            "received_retrieved": (received, np.asarray(self.knowledge.x)[ids[there]]),
        }
        for name, (a, b) in pairs.items():
            self._mean(f"mse_{name}", mse(a, b))
            self._mean(f"cosine_{name}", cosine(a, b))
        return correct

    def row(self) -> dict[str, float | int | None]:
        """The columns of records.csv that are measured, of all trials so far."""
        uses = self._means["channel_uses"].value
        row: dict[str, float | int | None] = {name: mean.value for name, mean in self._means.items()}
        row |= {"cbr": uses / (3 * self.image_shape[0] * self.image_shape[1]), "stand_ins": self._stand_ins}
        row |= {"n": len(self.sender) * self.trials, "trials": self.trials}
        for name, bits in self._bits.items():
            row[name] = None if bits.value is None else bits.value / uses
        for name in METRICS:
            tally, figures = self._tallies.get(name), (None, None, None)
            if tally is not None:
                figures = tally.interval() if name in QUALITIES else tally.share()
            row |= dict(zip(columns_of(name), figures, strict=True))
        return row

    def accuracy(self) -> tuple[float, float]:
        """Top-1 accuracy so far, and half the width of its 95 % interval."""
        share, low, high = self._tallies["top1"].share()
        return share, (high - low) / 2

    def floor(self) -> float:
        """Half width of the top-1 accuracy's interval that more trials cannot get below."""
        return self._tallies["top1"].floor()

    def _add_blocks(self, transmission: Transmission) -> None:
        blocks = transmission.blocks
        if blocks is None:
            return self._mean("bler", None)
        _, first = np.unique(blocks.number, return_index=True)
        first = first[blocks.sent[first]]
        self._mean("bler", blocks.failed[first])
        self._bits["throughput"].add(blocks.payload_bits * ~blocks.failed)
        self._bits["goodput"].add(blocks.data_bits * transmission.delivered)

    def _tally(self, name: str, values: np.ndarray, groups: np.ndarray | None) -> None:
        self._tallies.setdefault(name, Tally(len(self.sender), self.estimand)).add(values, groups)

    def _mean(self, name: str, values: np.ndarray | None) -> None:
        self._means.setdefault(name, _Mean()).add(values)


class _Mean:
    """Mean of what there is; None without anything."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, values: np.ndarray | None) -> None:
        if values is not None:
            self._sum += float(np.sum(values, dtype=np.float64))
            self._count += len(values)

    @property
    def value(self) -> float | None:
        return self._sum / self._count if self._count else None
