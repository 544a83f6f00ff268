"""The OFDM link: rows of symbols in, equalised symbols with their noise out, through resource grids."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import EPDetector, KBestDetector, ResourceGridMapper

from kbsc_tf.channel.conversions import snr_db_to_no, squared_magnitude
from kbsc_tf.channel.ofdm.air import FrequencyDomainAir, TimeDomainAir
from kbsc_tf.channel.ofdm.equalise import as_complex, build_equaliser
from kbsc_tf.channel.ofdm.estimation import PerfectKnowledge, PilotKnowledge
from kbsc_tf.channel.ofdm.grid import SlotMap, build_grid
from kbsc_tf.channel.ofdm.impairments import clipped_streams, papr_db, receiver_no
from kbsc_tf.channel.ofdm.models import build_model
from kbsc_tf.channel.ofdm.precoding import precoder, to_antennas
from kbsc_tf.channel.received import AirOverhead, Received
from kbsc_tf.config import OfdmConfig

_LEAST_NO = 1e-6  # that the receiver believes in: 60 dB; matrices of a channel without noise are singular


class OFDMLink:
    """Send symbols over OFDM resource grids.

    s [B, n] ─► slots ─► pilots, streams ─► grids [G, 1, S, T, F] ─► channel, noise ─► y [G, 1, rx_ant, T, F]
             ─► channel knowledge ─► equalise ─► data elements ─► ŝ [B, n], no_eff [B, n], bias [B, n]

    SNR is Es/N0 per receive antenna and resource element: all streams together have power 1 on every element, pilots
    too, and E|h|^2 = 1 between any two antennas. So S streams have 1/S each; this is simulated as unit-power streams in
    S N0 of noise. Fewer streams than transmit antennas go out in the first columns of a chirped DFT matrix, which needs
    no channel knowledge at the sender and, chirped, forms no beam: none is stronger towards broadside than elsewhere.

    ``per_grid`` neighbouring rows share a grid (see `OfdmConfig`). Stateless and differentiable with respect to the
    symbols; runs in eager and graph mode, and in XLA where `xla` says so.

    Parameters
    ----------
    config : OfdmConfig
    model : callable, optional
        Any Sionna channel model of one transmitter and one receiver in place of ``config.model``, for example a
        `CIRDataset`; E|h|^2 = 1, or the SNR is not what it says.

    Notes
    -----
    The receiver's noise power includes the variance that noise gives its channel estimate on each resource element, and
    what an amplifier's clipping adds, but not interference between carriers or symbols: how far its oscillator is off,
    a receiver that could tell would correct.
    """

    heavy = True

    def __init__(self, config: OfdmConfig, model: Callable | None = None) -> None:
        self.config = config
        self.grid = build_grid(config)
        self.model = build_model(config) if model is None else model
        self._slots = SlotMap(config)
        self._map = ResourceGridMapper(self.grid)
        self._streams = StreamManagement(np.ones([1, 1], int), config.streams)
        self._precoder = precoder(config)
        air = FrequencyDomainAir if config.domain == "frequency" else TimeDomainAir
        self._air = air(config, self.grid, self.model)
        self._know = (
            PerfectKnowledge(self.grid)
            if config.csi.type == "perfect"
            else PilotKnowledge(config, self.grid, self.model)
        )
        self._equalise = build_equaliser(config.equaliser, config.streams, self.grid)
        self._detectors: dict[int, Callable] = {}
        self._gain, self._own, self._elsewhere = clipped_streams(config)
        # Sionna's LMMSE interpolator does not compile.
        lmmse_interpolation = config.csi.type == "ls" and config.csi.interpolation == "lmmse"
        self.detects_jointly = config.detector.type != "linear"
        self.xla = getattr(self.model, "xla", False) and not lmmse_interpolation

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit rows of symbols.

        Parameters
        ----------
        symbols : [B, n], tf.complex64
            Of average power 1.
        snr_db : [] or [B], tf.float32
            Es/N0 in dB. Rows of one grid have the SNR of its first row.

        Returns
        -------
        Received

        Raises
        ------
        ValueError
            A grid does not hold n symbols.
        """
        count, n = tf.shape(symbols)[0], symbols.shape[1]
        y, h_hat, error, no, papr = self._transmit(symbols, snr_db)
        # Clipping sends x + d in place of x. To the equaliser all streams are as much louder, and with each of them
        # only its own d comes through.
        louder = 1.0 + self._own / self._gain**2
        unbiased, no_eff = self._equalise(y, h_hat * louder**0.5, error * louder, no + self._elsewhere)
        unbiased, no_eff = unbiased * louder**0.5, no_eff * louder + (louder - 1.0)
        unbiased = self._slots.to_rows(unbiased, count, n)
        no_eff = self._slots.to_rows(no_eff, count, n)
        papr = tf.repeat(papr, self._slots.rows_per_realisation(n))[:count]
        if self.config.equaliser == "zf":
            return Received(unbiased, no_eff, tf.ones_like(no_eff), papr)
        bias = 1.0 / (1.0 + no_eff)
        return Received(unbiased * as_complex(bias), no_eff, bias, papr)

    def detect(self, symbols: tf.Tensor, snr_db: tf.Tensor, bits_per_symbol: int) -> tf.Tensor:
        """Transmit rows of QAM symbols and detect the streams jointly, as ``config.detector`` says.

        Parameters
        ----------
        symbols, snr_db
            As above.
        bits_per_symbol : int
            m, of Gray-mapped QAM: even.

        Returns
        -------
        llrs : [B, n, m], tf.float32
            log p(1)/p(0) of every bit.
        """
        if bits_per_symbol not in self._detectors:
            with tf.init_scope():  # out of the function that is being traced: its tensors are used by others too
                self._detectors[bits_per_symbol] = self._detector(bits_per_symbol)
        y, h_hat, error, no, _ = self._transmit(symbols, snr_db)
        # These detectors know of no noise that antennas share.
        error, no = error + self._own / self._gain**2 * squared_magnitude(h_hat), no + self._elsewhere
        llrs = self._detectors[bits_per_symbol](y, h_hat, error, no)
        llrs = tf.reshape(llrs, [-1, 1, self.config.streams, self.config.slots // self.config.streams, bits_per_symbol])
        return self._slots.to_rows(llrs, tf.shape(symbols)[0], symbols.shape[1])

    def channel_uses(self, n: int) -> float:
        """A row's share of its grid's time samples; without overhead, the resource elements of its n symbols."""
        if not self.config.count_overhead:
            return n / self.config.streams
        return self.config.samples / self._per_grid(n)

    def overhead(self, n: int) -> AirOverhead:
        """What of `channel_uses` carries no symbol of the row."""
        if not self.config.count_overhead:
            return AirOverhead()
        config, rows = self.config, self._per_grid(n)
        return AirOverhead(
            pilots=config.pilot_elements / rows,
            guards=config.num_ofdm_symbols * (config.fft_size - config.subcarriers) / rows,
            prefix=config.num_ofdm_symbols * config.cyclic_prefix / rows,
            unused=(config.slots - rows * n) / config.streams / rows,
        )

    def rows_per_realisation(self, n: int) -> int:
        """Rows that share a transmission of a grid."""
        return self._slots.rows_per_realisation(n)

    def elements_of_row(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the first row of n symbols lies in its grid.

        Returns
        -------
        elements : [E], int64
            Data resource elements that hold symbols of it, in the order of the grid's data.
        own : [E, S], bool
            Streams that carry them there.
        """
        slots = self._slots.places(self._per_grid(n) * n)[:n]
        held = np.zeros([self.config.data_elements, self.config.streams], bool)
        held[np.divmod(slots, self.config.streams)] = True
        elements = np.flatnonzero(held.any(axis=1))
        return elements, held[elements]

    def gains(self, count: int, elements: np.ndarray) -> tf.Tensor:
        """Channel between streams and receive antennas on these data elements [E], in ``count`` new grids.

        Of ``domain: frequency``, without impairments; random numbers come from Sionna's generator.

        Returns
        -------
        gains : [count, E, rx_ant, S], tf.complex64
            E|h|^2 = 1 for streams that have an antenna of their own.
        """
        h = self._air.channel(count)[:, 0, :, 0]  # [G, rx_ant, tx_ant, T, fft_size]
        if self._precoder is not None:
            h = tf.einsum("gratf,as->grstf", h, self._precoder)
        pilots = np.asarray(self.grid.pilot_pattern.mask)[0, 0].ravel()
        place = np.flatnonzero(~pilots.astype(bool))[elements]
        h = tf.gather(h, self.grid.effective_subcarrier_ind, axis=4)
        h = tf.gather(tf.reshape(h, [*h.shape[:3], -1]), place, axis=3)
        return tf.transpose(h, [0, 3, 1, 2])

    def _per_grid(self, n: int) -> int:
        rows = self.config.per_grid(n)
        if rows < 1:
            raise ValueError(
                f"{self.config.features_per_grid or 1} x {n} symbols do not fit the {self.config.slots} of a grid"
            )
        return rows

    def _transmit(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Received grids, what the receiver knows of channel and noise, and the PAPR of the sent signal [G].

        All noise powers are of streams of unit power.
        """
        config, n = self.config, symbols.shape[1]
        self._per_grid(n)  # refuses what does not fit
        grids = self._map(self._slots.to_grids(symbols))
        sent = to_antennas(grids, self._precoder)
        no = snr_db_to_no(snr_db)
        count = tf.shape(grids)[0]
        if no.shape.rank == 1:
            no = no[:: self._slots.rows_per_realisation(n)]
            no = tf.pad(no, [[0, count - tf.shape(no)[0]]], constant_values=1.0)  # grids without a row of their own
        else:
            no = tf.fill([count], no)
        y, h = self._air(sent, no * config.streams)
        if self._precoder is not None:
            h = tf.einsum("briajtf,js->briastf", h, self._precoder)
        no = tf.maximum(receiver_no(no, config.snr_error_db), _LEAST_NO) * config.streams
        h_hat, error = self._know(y, h, no)
        return y, h_hat * self._gain, error * self._gain**2, no, papr_db(sent)

    def _detector(self, bits_per_symbol: int) -> Callable:
        streams = self.config.streams
        if self.config.detector.type == "ep":
            return EPDetector("bit", self.grid, self._streams, bits_per_symbol)
        paths = min(self.config.detector.k, 2 ** (bits_per_symbol * streams))
        return KBestDetector("bit", streams, paths, self.grid, self._streams, "qam", bits_per_symbol)
