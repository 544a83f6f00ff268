"""Block error rates that are measured once, and a fast link that draws its errors from them."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kbsc_tf.channel import Channel
from kbsc_tf.coding.ldpc.decoder import DEFAULT_DECODER, DecoderSettings
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.data.cache import REMEDY, cache_root
from kbsc_tf.errors import UserError
from kbsc_tf.files import make_folder, write_atomically
from kbsc_tf.metrics import wilson
from kbsc_tf.seals import read_sealed, sealed

VERSION = 3
"""Raised when the link changes so that error rates change: old tables are then not found."""

MAX_MEASURED_BITS = 20_000_000
"""Information bits after which a measurement ends, which is some 20 s; long transport blocks need it."""


@dataclass(frozen=True)
class BlockErrorRate:
    """Transport blocks sent, lost, and delivered with wrong bits that their CRCs did not notice."""

    count: int
    errors: int
    undetected: int = 0

    @property
    def rate(self) -> float:
        return self.errors / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the rate."""
        return wilson(self.errors, self.count)


class StopRule(NamedTuple):
    """When enough transport blocks have been sent: at so many errors, or at so many blocks without them."""

    errors: int = 100
    blocks: int = 10_000

    def reached(self, count: int, errors: int) -> bool:
        """Whether ``count`` blocks, ``errors`` of them lost, are enough."""
        return errors >= self.errors or count >= self.blocks


DEFAULT_STOP = StopRule()


class BlerTable:
    """Block error rates of a coded link by SNR, measured with it and kept as JSON under ``<cache>/bler``.

    Parameters
    ----------
    plan, channel
        As in `TransportLink`.
    channel_key : str
        Names the channel with all its settings: two channels with one key share a table.
    decoder : DecoderSettings
    stop : StopRule
        Of a measurement, which also ends at `MAX_MEASURED_BITS`.
    store : Path, optional
        Cache folder; see `kbsc_tf.data.cache.cache_root`.
    """

    def __init__(
        self,
        plan: TransportPlan,
        channel: Channel,
        channel_key: str,
        decoder: DecoderSettings = DEFAULT_DECODER,
        stop: StopRule = DEFAULT_STOP,
        store: Path | None = None,
    ) -> None:
        self.plan = plan
        most = max(100, MAX_MEASURED_BITS // (plan.blocks * plan.info_bits))
        self.stop = stop._replace(blocks=min(stop.blocks, most))
        self.folder = cache_root(store) / "bler"
        # What changes no error rate has no place here.
        self._settings = {"channel": channel_key, "decoder": decoder._replace(jit=False)._asdict()}
        self._make_link = lambda: TransportLink(plan, channel, decoder, gives_up=True)
        self._link: TransportLink | None = None

    def __call__(self, snr_db: float) -> BlockErrorRate:
        """Error rate of a transport block at Es/N0 ``snr_db`` in dB, measured now unless it has been before.

        Raises
        ------
        UserError
            The measurement cannot be kept.
        """
        file = self.file(snr_db)
        try:
            kept = read_sealed(file, "")
            return BlockErrorRate(kept["count"], kept["errors"], kept["undetected"])
        except (UserError, KeyError, TypeError):
            pass  # not measured yet, or spoilt: measure
        measured = self._measure(snr_db, int(file.stem[:8], 16))
        low, high = measured.interval
        result = {**asdict(measured), "bler": measured.rate, "low": low, "high": high}
        make_folder(self.folder, REMEDY)
        write_atomically(file, sealed({**result, **self._determinants(snr_db)}), REMEDY)
        return measured

    def file(self, snr_db: float) -> Path:
        """Where the error rate at an SNR is kept: named by the hash of all that determines it."""
        content = json.dumps(self._determinants(snr_db), sort_keys=True)
        return self.folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"

    def _determinants(self, snr_db: float) -> dict:
        plan = asdict(self.plan)
        limits = {"max_errors": self.stop.errors, "max_blocks": self.stop.blocks}
        return {"version": VERSION, "plan": plan, "snr_db": float(snr_db), **self._settings, **limits}

    def _measure(self, snr_db: float, seed: int) -> BlockErrorRate:
        if self._link is None:
            self._link = self._make_link()
        rng, count, errors, undetected = np.random.default_rng(seed), 0, 0, 0
        while not self.stop.reached(count, errors + undetected):
            bits = rng.integers(0, 2, (self._link.rows_per_call, self.plan.payload_bits), np.uint8)
            received, delivered = self._link(bits, snr_db, int(rng.integers(2**31)))
            count, errors = count + len(bits), errors + int((~delivered).sum())
            undetected += int((delivered & (received != bits).any(axis=1)).sum())
        return BlockErrorRate(count, errors, undetected)


class FastLink:
    """In place of `TransportLink`: loses blocks at random, at the error rate measured for plan, channel and SNR.

    An approximation, never the default: which blocks are lost has nothing to do with the noise of other schemes, and
    wrong payloads that pass their CRCs are random bits.

    Parameters
    ----------
    table : BlerTable
    """

    def __init__(self, table: BlerTable) -> None:
        self.plan, self.table = table.plan, table

    def __call__(self, bits: np.ndarray, snr_db: float, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Send payloads [B, A], uint8, as `TransportLink` does; payloads that are not delivered come back as zeros."""
        bits = np.asarray(bits, np.uint8)
        # One draw per block whatever the SNR: a block that arrives also arrives at a higher SNR.
        rng, measured = np.random.default_rng(seed), self.table(snr_db)
        draws = rng.random(len(bits))
        delivered = draws >= measured.rate
        received = bits * delivered[:, None]
        wrong = delivered & (draws < measured.rate + measured.undetected / measured.count)
        received[wrong] = rng.integers(0, 2, (wrong.sum(), bits.shape[1]), np.uint8)
        return received, delivered
