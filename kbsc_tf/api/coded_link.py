"""A coded link alone: its block error rate, throughput and goodput. TensorFlow is loaded to send."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field, ValidationError

from kbsc_tf.api.channel import Channel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.selection import code_of
from kbsc_tf.config import ChannelConfig, ChannelSettings, CodingConfig
from kbsc_tf.config.reading.problems import explain, location_of
from kbsc_tf.config.strict import Strict, unknown_name
from kbsc_tf.config.units import SnrDb, SomeNumbers
from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.figures.bler_figure import bler_figure
from kbsc_tf.metrics.tally import Tally
from kbsc_tf.progress import Progress, terminal
from kbsc_tf.study.start import prepare_tensorflow

if TYPE_CHECKING:
    from kbsc_tf.coding.transport_link import TransportLink

COLUMNS = [
    "mcs", "channel", "snr_db", "blocks", "block_errors", "bler", "bler_low", "bler_high", "ber",
    "throughput", "goodput", "rate", "payload_bits", "channel_uses",
]  # fmt: skip
_DECODING = (
    "code",
    "crc",
    "block_length",
    "iterations",
    "schedule",
    "check_node",
)  # of the section coding: what a link alone uses


class _LinkSettings(Strict):
    channel: ChannelConfig
    uses: int | None = Field(ge=1)
    payload_bits: int | None = Field(ge=1)
    coding: CodingConfig


class _SweepSettings(Strict):
    snr_db: SomeNumbers[SnrDb]
    blocks: int = Field(ge=1)
    errors: int = Field(ge=1)
    seed: int = Field(ge=0)


class CodedLink:
    """Transport blocks of random bits over a channel: 5G codes with CRCs, QAM, and a receiver that knows the noise.

    payload ─► CRC ─► LDPC or polar ─► QAM ─► channel ─► LLRs ─► decoder ─► CRCs ─► payload, or a block error

    Parameters
    ----------
    mcs : str
        Modulation and code rate, such as "qpsk-1/2", "16qam-2/3" or "qpsk-120/1024".
    channel : str, dict, function or channel of an experiment
        "awgn", "rayleigh", "tdl-a", ...; or settings such as ``{"fading": "rayleigh", "coherence": "block"}``; or a
        function as `kbsc_tf.Channel` takes it.
    uses : int, optional
        Complex symbols that a transport block may take: it carries what fits. As few as the payload needs, unless
        given.
    payload_bits : int, optional
        Bits of data in a block. What more fits is filled up with zeros; as many as fit, unless given.
    coding : dict, optional
        ``code``, ``crc``, ``block_length``, ``iterations``, ``schedule``, ``check_node``, as in the section
        ``coding`` of an experiment.

    Attributes
    ----------
    mcs : Mcs
    channel : ChannelSettings
    plan : TransportPlan
        CRCs, code blocks, and what they take on the air.
    payload_bits : int
        Bits of data in a block, without CRCs and filler.

    Raises
    ------
    UserError
        No such code or channel, or nothing fits; said before TensorFlow is loaded.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.CodedLink("qpsk-1/2", "awgn", uses=256)
    >>> link.sweep(snr_db=[1, 2, 3], blocks=200).frame()[["bler", "goodput"]].round(2).values.tolist()
    [[0.39, 0.57], [0.02, 0.92], [0.0, 0.94]]
    """

    def __init__(
        self,
        mcs: str | Mcs,
        channel: str | dict | Callable | ChannelSettings = "awgn",
        uses: int | None = None,
        payload_bits: int | None = None,
        coding: Mapping[str, Any] | CodingConfig | None = None,
    ) -> None:
        if callable(channel) and not isinstance(channel, ChannelSettings):
            channel = Channel(channel)
        for key in coding if isinstance(coding, Mapping) else ():
            if key not in _DECODING:
                raise UserError(f"CodedLink: {unknown_name('key of coding', key, _DECODING)}")
        settings = _checked(
            _LinkSettings, "CodedLink", channel=channel, uses=uses, payload_bits=payload_bits, coding=coding or {}
        )
        self.mcs = mcs if isinstance(mcs, Mcs) else Mcs.parse(mcs)
        self.channel, self._coding = settings.channel, settings.coding
        self.plan = self._plan(uses, payload_bits)
        self.payload_bits = self.plan.payload_bits if payload_bits is None else payload_bits
        if shortfall := self.channel.shortfall(self.plan.channel_uses, self.mcs.name):
            raise Infeasible(f"{self.channel.label}: {shortfall}, or give fewer uses")

    def _plan(self, uses: int | None, payload_bits: int | None) -> TransportPlan:
        length, code = self._coding.block_length, code_of(self._coding)
        if uses is None:
            if payload_bits is None:
                raise UserError("CodedLink: expected uses, payload_bits or both; give uses=256, say")
            return TransportPlan.for_payload(self.mcs, payload_bits, length, code)
        plan = TransportPlan.for_uses(self.mcs, uses, length, code)
        if payload_bits is not None and payload_bits > plan.payload_bits:
            raise Infeasible(
                f"CodedLink: {payload_bits} payload bits do not fit into {uses} channel uses of {self.mcs.name}, which "
                f"hold {plan.payload_bits}; give more uses, fewer payload_bits or a higher MCS"
            )
        return plan

    @cached_property
    def channel_uses(self) -> float:
        """Complex channel uses of a transport block, everything counted: pilots, guard carriers, cyclic prefix."""
        return self._link.channel.channel_uses(self.plan.channel_uses)

    def sweep(
        self,
        snr_db: float | Iterable[float] | dict[str, float],
        blocks: int = 10_000,
        errors: int = 100,
        seed: int = 0,
        progress: bool = True,
    ) -> "BlerCurve":
        """Measure error rates; Ctrl-C ends the measurement and returns what there is.

        The same arguments give the same numbers, and more ``blocks`` or ``errors`` go on with the same noise.

        Parameters
        ----------
        snr_db : float, list or range ``{"from": 0, "to": 3, "step": 0.5}``
            Es/N0 in dB; infinite without noise.
        blocks, errors : int
            Each SNR is left at so many transport blocks, or after the batch with the last of so many block errors.
        seed : int
        progress : bool
            Tell on the standard error how far it is.

        Returns
        -------
        BlerCurve
        """
        limits = _checked(_SweepSettings, "sweep", snr_db=snr_db, blocks=blocks, errors=errors, seed=seed)
        levels = list(dict.fromkeys(limits.snr_db))
        shown = Progress(terminal(stderr=True, quiet=not progress))
        measured: dict[float, _Errors] = {}
        try:
            with shown.job(f"{self.mcs.name}, {self.channel.label}", len(levels)) as report:
                for number, level in enumerate(levels):
                    errors_here = measured[level] = _Errors()
                    while errors_here.count < limits.blocks and errors_here.lost < limits.errors:
                        self._send_batch(errors_here, level, limits)
                        now = {"dB": level, "blocks": errors_here.count, "errors": errors_here.lost}
                        report(number, len(levels), now)
                report(len(levels), len(levels), {})
        except KeyboardInterrupt:
            shown.say("interrupted: the curve holds what was measured")
        return BlerCurve([self._row(level, found) for level, found in measured.items() if found.count])

    @cached_property
    def _link(self) -> "TransportLink":
        prepare_tensorflow()
        from kbsc_tf.channel import build_channel
        from kbsc_tf.coding.ldpc.decoder import DecoderSettings
        from kbsc_tf.coding.transport_link import TransportLink

        decoder = DecoderSettings(self._coding.iterations, self._coding.check_node, self._coding.schedule)
        return TransportLink(self.plan, build_channel(self.channel), decoder)

    def _send_batch(self, found: "_Errors", snr_db: float, limits: _SweepSettings) -> None:
        """Send the next transport blocks, at most as many as the link takes at once, all in one compiled shape."""
        link = self._link
        from kbsc_tf.coding.transport_link import batch_seeds

        sent, noise = batch_seeds(limits.seed, snr_db, found.batches)
        rows = min(link.rows_per_call, limits.blocks - found.count)
        bits = np.zeros((rows, self.plan.payload_bits), np.uint8)
        bits[:, : self.payload_bits] = np.random.default_rng(sent).integers(0, 2, (rows, self.payload_bits), np.uint8)
        received, delivered = link(bits, snr_db, noise)
        wrong = (received != bits)[:, : self.payload_bits]
        groups = np.arange(rows) // link.channel.rows_per_realisation(self.plan.channel_uses)
        # Where a wrong block passes its checks, it is lost all the same.
        found.add(~delivered | wrong.any(axis=1), groups, wrong.mean(axis=1))

    def _row(self, snr_db: float, found: "_Errors") -> dict[str, Any]:
        bler, low, high = found.share()
        return {
            "mcs": self.mcs.name,
            "channel": self.channel.label,
            "snr_db": snr_db,
            "blocks": found.count,
            "block_errors": found.lost,
            "bler": bler,
            "bler_low": low,
            "bler_high": high,
            "ber": found.wrong_bits / found.count,
            "throughput": (1 - bler) * self.plan.payload_bits / self.channel_uses,
            "goodput": (1 - bler) * self.payload_bits / self.channel_uses,
            "rate": self.plan.rate,
            "payload_bits": self.payload_bits,
            "channel_uses": self.channel_uses,
        }

    def __repr__(self) -> str:
        return (
            f"CodedLink({self.mcs.name} over {self.channel.label}: {self.payload_bits} bits in "
            f"{self.plan.channel_uses} symbols, code rate {self.plan.rate:.3f})"
        )


class BlerCurve:
    """What `CodedLink.sweep` has measured.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.CodedLink("qpsk-1/2", "awgn", uses=64)
    >>> curve = link.sweep(snr_db=[-6, 6], blocks=50, progress=False)
    >>> curve.frame()["bler"].tolist()
    [1.0, 0.0]
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._frame = pd.DataFrame(rows, columns=COLUMNS)

    def frame(self) -> pd.DataFrame:
        """A row per SNR.

        Returns
        -------
        DataFrame
            ``mcs``, ``channel``; ``snr_db`` (Es/N0 in dB); transport ``blocks`` sent and ``block_errors``: blocks whose
            CRCs fail, or hold with wrong bits; their share ``bler`` with its 95 % Wilson interval
            ``bler_low`` to ``bler_high``, in which blocks of one channel realisation are not independent; ``ber``, the
            share of wrong data bits in the decoder's decisions, those of lost blocks included; ``throughput``, payload
            bits delivered per complex channel use, filler included, CRCs not; ``goodput``, the data among them;
            ``rate`` of the code, ``payload_bits`` of data in a block, and its ``channel_uses`` (complex, everything
            counted).
        """
        return self._frame.copy()

    def plot(self, *others: "BlerCurve") -> Figure:
        """Draw the block error rate over the SNR with its intervals, beside that of other links.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.savefig("bler.pdf")`` writes it.

        Raises
        ------
        UserError
            There is no point with a finite SNR.
        """
        return bler_figure([curve.frame() for curve in (self, *others)])

    def __repr__(self) -> str:
        return repr(self._frame)

    def _repr_html_(self) -> str:
        return self._frame.to_html(index=False)


class _Errors:
    """What became of the transport blocks of one SNR."""

    def __init__(self) -> None:
        self.count, self.lost, self.batches, self.wrong_bits = 0, 0, 0, 0.0
        self._lost: list[np.ndarray] = []
        self._groups: list[np.ndarray] = []

    def add(self, lost: np.ndarray, groups: np.ndarray, wrong_share: np.ndarray) -> None:
        """Take in a batch [B]: which blocks are lost, which share a channel realisation, their share of wrong bits."""
        self._lost.append(lost)
        self._groups.append(groups + self.count)  # a batch has no more groups than blocks
        self.count, self.batches = self.count + len(lost), self.batches + 1
        self.lost, self.wrong_bits = self.lost + int(lost.sum()), self.wrong_bits + float(wrong_share.sum())

    def share(self) -> tuple[float, float, float]:
        """Share of lost blocks with its 95 % interval."""
        tally = Tally(self.count, "test_set")
        tally.add(np.concatenate(self._lost), np.concatenate(self._groups))
        return tally.share()


def _checked(model: type[Strict], owner: str, **values: Any) -> Any:
    """The values as a model; what is wrong in one sentence."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{owner}: {explain(first, location_of(first, values))}") from None
