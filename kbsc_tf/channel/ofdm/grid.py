"""The resource grid, its pilots, and where the data symbols of rows lie in it."""

import numpy as np
import tensorflow as tf
from sionna.phy.ofdm import PilotPattern, ResourceGrid

from kbsc_tf.config import OfdmConfig

_SEED = 0  # of pilots and interleaver, which sender and receiver both know


def build_grid(config: OfdmConfig) -> ResourceGrid:
    """The resource grid of one transmitter with ``config.streams`` streams."""
    grid = ResourceGrid(
        config.num_ofdm_symbols,
        config.fft_size,
        config.subcarrier_spacing_khz * 1e3,
        num_streams_per_tx=config.streams,
        cyclic_prefix_length=config.cyclic_prefix,
        num_guard_carriers=config.guard_carriers,
        dc_null=config.dc_null,
        pilot_pattern="kronecker" if config.pilots.type == "kronecker" else "empty",
        pilot_ofdm_symbol_indices=sorted(config.pilots.symbols),
    )
    if config.pilots.type == "block":
        grid.pilot_pattern = _block_pilots(config)
    return grid


def _block_pilots(config: OfdmConfig) -> PilotPattern:
    """Streams take turns: a whole OFDM symbol of random QPSK pilots for one stream, then one for the next."""
    streams, symbols = config.streams, sorted(config.pilots.symbols)
    mask = np.zeros([1, streams, config.num_ofdm_symbols, config.subcarriers], bool)
    mask[:, :, symbols] = True
    quarter = np.random.default_rng(_SEED).integers(4, size=[streams, len(symbols), config.subcarriers])
    pilots = np.exp(1j * np.pi * (quarter / 2 + 1 / 4)).astype(np.complex64)
    for stream in range(streams):
        pilots[stream, np.arange(len(symbols)) % streams != stream] = 0
    return PilotPattern(mask, pilots.reshape(1, streams, -1), normalize=True)


class SlotMap:
    """Where the symbols of rows lie in resource grids.

    rows [B, n] ─► grids [G, 1, S, D]: ``per_grid`` rows one after another, in the order of the slots

    With ``realisation: per_row`` each grid goes out as often as it has rows, and every row is read from another one.

    The slots of a grid are its data resource elements on all S streams; without interleaving subcarrier after
    subcarrier, OFDM symbol after OFDM symbol, with the streams taking turns. Interleaving permutes them at random, the
    same way in every grid, so that a row sees the fading of the whole grid. Slots that no row needs stay silent.

    Parameters
    ----------
    config : OfdmConfig
    """

    def __init__(self, config: OfdmConfig) -> None:
        self.config = config
        order = np.arange(config.slots)
        if config.interleave:
            order = np.random.default_rng(_SEED).permutation(config.slots)
        self._slot_of_symbol, self._symbol_of_slot = order, np.argsort(order)

    def to_grids(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows [B, n] to the data symbols [G, 1, S, D] of their grids, the last filled up with zeros."""
        n, slots, streams = rows.shape[1], self.config.slots, self.config.streams
        per_grid = self.config.per_grid(n)
        grids = -(-_length(rows) // per_grid)
        rows = tf.pad(rows, [[0, grids * per_grid - _length(rows)], [0, 0]])
        filled = tf.pad(tf.reshape(rows, [grids, per_grid * n]), [[0, 0], [0, slots - per_grid * n]])
        if self.config.realisation == "per_row":
            filled = tf.repeat(filled, per_grid, axis=0)
        in_slots = tf.gather(filled, self._symbol_of_slot, axis=1)
        return tf.transpose(tf.reshape(in_slots, [-1, slots // streams, streams]), [0, 2, 1])[:, None]

    def to_rows(self, grids: tf.Tensor, count: int | tf.Tensor, n: int) -> tf.Tensor:
        """What `to_grids` placed: [G, 1, S, D, ...] to the first ``count`` rows [count, n, ...]."""
        per_grid, slots = self.config.per_grid(n), self.config.slots
        rest = list(grids.shape[4:])
        in_slots = tf.reshape(tf.transpose(grids[:, 0], [0, 2, 1, *range(3, 3 + len(rest))]), [-1, slots, *rest])
        places = self.places(per_grid * n)
        if self.config.realisation == "per_row":
            # Row i of a grid is read from the i-th of its transmissions.
            by_row = tf.reshape(in_slots, [-1, per_grid, slots, *rest])
            rows = tf.gather(
                by_row, tf.tile(places.reshape(1, per_grid, n), [_length(by_row), 1, 1]), axis=2, batch_dims=2
            )
        else:
            rows = tf.gather(in_slots, places, axis=1)
        return tf.reshape(rows, [-1, n, *rest])[:count]

    def places(self, count: int) -> np.ndarray:
        """Slots of the first ``count`` symbols of a grid: data element times streams, plus the stream."""
        return self._slot_of_symbol[:count]

    def rows_per_realisation(self, n: int) -> int:
        """Rows of n symbols that see one realisation of channel and noise."""
        return 1 if self.config.realisation == "per_row" else self.config.per_grid(n)


def _length(rows: tf.Tensor) -> int | tf.Tensor:
    """Rows, as a number where the graph knows it."""
    return tf.shape(rows)[0] if rows.shape[0] is None else rows.shape[0]
