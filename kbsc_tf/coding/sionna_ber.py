"""Coded links for Sionna's own simulation of error rates, `sionna.phy.utils.sim_ber` and `PlotBER`."""

import math
from collections import Counter

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, build_channel
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.mcs import Mcs
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.coding.selection import code_of
from kbsc_tf.coding.transport_link import TransportLink, batch_seeds
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.errors import UserError


class BerLink:
    """A coded link as the function that `sim_ber` calls: (batch size, Eb/N0) -> bits that were sent and decided.

        link = BerLink.for_uses("qpsk-1/2", AwgnConfig(), 512)
        PlotBER().simulate(link, ebno_dbs, batch_size=500, max_mc_iter=20, num_target_block_errors=100)

    What is random follows from seed, Eb/N0 and the number of the batch at this Eb/N0: a new object repeats a simulation
    exactly, links of one seed are paired, and an object that is simulated again goes on with new batches.

    Parameters
    ----------
    link : TransportLink
    seed : int
    overhead : bool
        Pilots and cyclic prefix count in Eb. See `bits_per_energy`.

    Notes
    -----
    A block is a transport block, and wrong if a bit of its payload is. The link itself calls it lost if a CRC fails:
    also where only CRC bits are wrong. Batches are numpy arrays inside: leave ``graph_mode`` and ``distribute`` of
    `sim_ber` at None. The coding is compiled all the same.
    """

    def __init__(self, link: TransportLink, seed: int = 0, overhead: bool = False) -> None:
        self.link, self.seed, self.overhead = link, seed, overhead
        self._batches: Counter[float] = Counter()

    @classmethod
    def for_uses(
        cls,
        mcs: Mcs | str,
        channel: ChannelConfig,
        symbols: int,
        coding: CodingConfig | None = None,
        seed: int = 0,
        overhead: bool = False,
    ) -> "BerLink":
        """The largest transport block of a modulation and code rate in ``symbols`` complex data symbols.

        Parameters
        ----------
        mcs : Mcs or str
            For example "qpsk-1/2".
        channel : ChannelConfig
        symbols : int
        coding : CodingConfig, optional
            Code, CRC, block length, iterations and check node update.
        seed, overhead
            As above.

        Raises
        ------
        UserError
            No such code, or the channel's grid does not hold the symbols.
        """
        mcs, coding = Mcs.parse(mcs) if isinstance(mcs, str) else mcs, coding or CodingConfig()
        plan = TransportPlan.for_uses(mcs, symbols, coding.block_length, code_of(coding))
        if shortfall := channel.shortfall(plan.channel_uses, mcs.name):
            raise UserError(f"{channel.label}: {shortfall}, or lower symbols")
        decoder = DecoderSettings(coding.iterations, coding.check_node, coding.schedule)
        return cls(TransportLink(plan, build_channel(channel), decoder), seed, overhead)

    def __call__(self, batch_size: int | tf.Tensor, ebno_db: float | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Send the next batch of random payloads at an Eb/N0.

        Parameters
        ----------
        batch_size : int
            Transport blocks B.
        ebno_db : float
            Eb/N0 in dB.

        Returns
        -------
        bits, bits_hat : [B, payload_bits], tf.float32
            Zeros and ones.

        Raises
        ------
        UserError
            Called while TensorFlow traces a function, as with ``graph_mode="graph"``.
        """
        if not tf.executing_eagerly():
            raise UserError("graph_mode: a BerLink is numpy inside; leave graph_mode and distribute of sim_ber at None")
        ebno_db = float(ebno_db)
        sent, noise = batch_seeds(self.seed, ebno_db, self._batches[ebno_db])
        bits = np.random.default_rng(sent).integers(0, 2, (int(batch_size), self.link.plan.payload_bits), np.uint8)
        received, _ = self.link(bits, self.snr_db(ebno_db), noise)
        self._batches[ebno_db] += 1  # an interrupted batch is sent again
        return tf.constant(bits, tf.float32), tf.constant(received, tf.float32)

    def snr_db(self, ebno_db: float) -> float:
        """Es/N0 in dB per resource element and receive antenna, at which the link works, of an Eb/N0 in dB."""
        return float(ebno_db) + 10.0 * math.log10(self.bits_per_energy)

    @property
    def bits_per_energy(self) -> float:
        """Es / Eb: payload bits per energy that is sent, that of one resource element being 1 over all streams.

        Eb is the energy of the data symbols over the payload bits, which exclude CRCs and padding: bits per complex
        symbol times streams. ``overhead`` adds the energy of pilots and cyclic prefix, as
        `sionna.phy.utils.ebnodb2no` does with a resource grid; guard carriers and unused elements are silent. A channel
        that does not count its overhead (``count_overhead: false``) has none here either.
        """
        return self.link.plan.payload_bits / _energy(self.link.channel, self.link.plan.channel_uses, self.overhead)


def _energy(channel: Channel, symbols: int, overhead: bool) -> float:
    """What a row of symbols sends, in resource elements of power 1."""
    uses, idle = channel.channel_uses(symbols), channel.overhead(symbols)
    data = uses - sum(idle)
    if not overhead:
        return data
    # The prefix repeats samples, so its mean power is that of the grid.
    return (data + idle.pilots) * uses / (uses - idle.prefix)
