"""OFDM links as a user of Sionna writes them after its tutorials: what the package's own link is tested against.

bits ─► LDPC ─► QPSK ─► resource grid ─► channel, in frequency ─► CSI ─► equalise, demap ─► decode ─► errors per grid

Nothing here comes from kbsc_tf. `python tests/channel/ofdm/plain_sionna.py` prints block error rates.
SNR is Es/N0 in dB per resource element and receive antenna, for a total transmit power of 1 over all streams.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import math
from functools import lru_cache

import numpy as np
import sionna.phy
import tensorflow as tf
from sionna.phy.channel import OFDMChannel, RayleighBlockFading
from sionna.phy.channel.tr38901 import TDL
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import BinarySource, Demapper, Mapper
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import (
    EPDetector,
    KBestDetector,
    LMMSEEqualizer,
    LSChannelEstimator,
    RemoveNulledSubcarriers,
    ResourceGrid,
    ResourceGridMapper,
)

BATCH = 64  # grids per call of the compiled function
BITS_PER_SYMBOL = 2  # QPSK
CARRIER_HZ = 3.5e9


def make_grid(streams=1):
    """14 OFDM symbols, two of them pilots, on 86 of 96 subcarriers: 1032 data elements per stream."""
    return ResourceGrid(
        num_ofdm_symbols=14,
        fft_size=96,
        subcarrier_spacing=30e3,
        num_tx=1,
        num_streams_per_tx=streams,
        cyclic_prefix_length=7,
        num_guard_carriers=(5, 4),
        dc_null=True,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[2, 11],
    )


@lru_cache(maxsize=16)
def make_link(
    csi="perfect",
    detector="lmmse",
    fading="tdl",
    streams=1,
    rx_antennas=1,
    coded=True,
    k=None,
    n=None,
    speed_m_s=3 / 3.6,
    delay_spread_s=100e-9,
    interleave=False,
    jit_compile=True,
):
    """A compiled function of ``no``, tf.float32: bit errors of `BATCH` grids, [BATCH], and information bits of a grid.

    Parameters
    ----------
    csi : {"perfect", "ls"}
    detector : {"lmmse", "k_best", "ep"}
        K-best keeps 16 paths: with two streams of QPSK all, so it is maximum likelihood (max-log).
    fading : {"tdl", "rayleigh"}
        TDL-A, or one h per antenna pair and grid.
    streams : int
        As many transmit antennas. The code word's symbols fill one stream after the other.
    rx_antennas : int
    coded : bool
        False: k = n bits without code, hard decisions.
    k, n : int, optional
        One code word per grid, by default of rate 1/2; n must fill the grid.
    speed_m_s, delay_spread_s : float
        Of the TDL model; the delay spread is RMS.
    interleave : bool
        Scatter the code word's symbols over time, frequency and streams, the same way in every grid.

    Notes
    -----
    The encoder interleaves as TS 38.212, clause 5.4.2.2: symbol i holds bits i and i + n/2. With XLA the same seed
    gives other random numbers than without.
    """
    grid = make_grid(streams)
    capacity = streams * int(grid.num_data_symbols) * BITS_PER_SYMBOL
    n = n or capacity
    k = (k or n // 2) if coded else n
    if n != capacity:
        raise ValueError(f"n = {n}, but a grid holds {capacity} coded bits")
    management = StreamManagement(np.array([[1]]), streams)

    order = (
        np.random.default_rng(7).permutation(n // BITS_PER_SYMBOL) if interleave else np.arange(n // BITS_PER_SYMBOL)
    )
    source = BinarySource()
    mapper = Mapper("qam", BITS_PER_SYMBOL)
    grid_mapper = ResourceGridMapper(grid)
    if coded:
        encoder = LDPC5GEncoder(k, n, num_bits_per_symbol=BITS_PER_SYMBOL)
        decoder = LDPC5GDecoder(encoder, num_iter=20)

    if fading == "rayleigh":
        model = RayleighBlockFading(1, rx_antennas, 1, streams)
    else:
        model = TDL(
            "A", delay_spread_s, CARRIER_HZ, min_speed=speed_m_s, num_rx_ant=rx_antennas, num_tx_ant=streams
        )  # without antenna correlation
    channel = OFDMChannel(model, grid, normalize_channel=False, return_channel=True)

    remove_nulled = RemoveNulledSubcarriers(grid)
    estimator = LSChannelEstimator(grid, interpolation_type="lin") if csi == "ls" else None  # slow to construct
    if detector == "lmmse":
        equalizer, demapper = LMMSEEqualizer(grid, management), Demapper("app", "qam", BITS_PER_SYMBOL)

        def detect(*received):
            return demapper(*equalizer(*received))

    elif detector == "k_best":
        detect = KBestDetector(
            "bit", streams, 16, grid, management, constellation_type="qam", num_bits_per_symbol=BITS_PER_SYMBOL
        )
    else:
        detect = EPDetector("bit", grid, management, num_bits_per_symbol=BITS_PER_SYMBOL)

    @tf.function(jit_compile=jit_compile)
    def run(no):
        # Streams of unit power each, so that `streams` times the noise gives a total transmit power of 1 at noise `no`.
        no = streams * no
        bits = source([BATCH, k])
        word = encoder(bits) if coded else bits
        symbols = tf.gather(mapper(word), order, axis=1)
        x = grid_mapper(tf.reshape(symbols, [BATCH, 1, streams, -1]))
        y, h = channel(x, no)
        h_hat, err_var = estimator(y, no) if estimator else (remove_nulled(h), 0.0)
        llr = tf.reshape(detect(y, h_hat, err_var, no), [BATCH, -1, BITS_PER_SYMBOL])
        llr = tf.reshape(tf.gather(llr, np.argsort(order), axis=1), [BATCH, n])
        decided = decoder(llr) if coded else tf.cast(llr > 0, tf.float32)
        return tf.math.count_nonzero(decided != bits, axis=-1, dtype=tf.int32)

    return run, k


def simulate(snr_db, grids, seed, **link):
    """Bit errors of every grid [grids], int, and information bits of a grid. ``link``: arguments of `make_link`."""
    sionna.phy.config.seed = seed
    run, bits_per_grid = make_link(**link)
    no = tf.constant(10 ** (-snr_db / 10), tf.float32)
    errors = [run(no).numpy() for _ in range(math.ceil(grids / BATCH))]
    return np.concatenate(errors)[:grids], bits_per_grid


def count(errors, bits_per_grid):
    """Errors over all grids."""
    return {
        "block_errors": int(np.count_nonzero(errors)),
        "blocks": len(errors),
        "bit_errors": int(errors.sum()),
        "bits": len(errors) * bits_per_grid,
    }


def coded_bler(
    snr_db, csi="perfect", blocks=1024, seed=1, k=1032, n=2064, speed_m_s=3 / 3.6, delay_spread_s=100e-9, fading="tdl"
):
    """One antenna at each end, one LDPC code word of QPSK per grid: dict of block and bit errors."""
    link = {"csi": csi, "k": k, "n": n, "speed_m_s": speed_m_s, "delay_spread_s": delay_spread_s, "fading": fading}
    return count(*simulate(snr_db, blocks, seed, **link))


def mimo_coded_bler(
    snr_db,
    detector="lmmse",
    blocks=1024,
    seed=1,
    csi="perfect",
    k=2064,
    n=4128,
    speed_m_s=3 / 3.6,
    delay_spread_s=100e-9,
    fading="tdl",
):
    """Two streams on 2x2 antennas, one code word over both, total transmit power 1: dict of block and bit errors."""
    link = {"csi": csi, "k": k, "n": n, "speed_m_s": speed_m_s, "delay_spread_s": delay_spread_s, "fading": fading}
    return count(*simulate(snr_db, blocks, seed, detector=detector, streams=2, rx_antennas=2, **link))


def uncoded_ber(snr_db, csi="perfect", grids=6400, seed=1, rx_antennas=1):
    """QPSK without code over block Rayleigh fading: bit errors of every grid [grids], int, and bits of a grid.

    Errors are per grid, because all bits of a grid share one h: grids are independent, bits are not.
    """
    return simulate(snr_db, grids, seed, csi=csi, fading="rayleigh", rx_antennas=rx_antennas, coded=False)


def qpsk_ber_rayleigh(snr_db):
    """Proakis, Digital Communications, 5th edition, equation 13.3-7, with an SNR per bit of Es/N0 / 2."""
    snr_per_bit = 10 ** (snr_db / 10) / 2
    return 0.5 * (1 - math.sqrt(snr_per_bit / (1 + snr_per_bit)))


def qpsk_ber_rayleigh_mrc(snr_db, antennas):
    """Maximum ratio combining of L independent antennas, SNR per antenna: Proakis, 4th edition, equation 14.4-15."""
    p = qpsk_ber_rayleigh(snr_db)
    return p**antennas * sum(math.comb(antennas - 1 + i, i) * (1 - p) ** i for i in range(antennas))


def main(blocks=512):
    """Print block error rates of the link with one antenna at each end, TDL-A at 3 km/h."""
    print("snr_db  csi      BLER")
    for csi, snrs_db in (("perfect", (3.0, 7.5, 11.5)), ("ls", (6.0, 10.5, 14.5))):
        for snr_db in snrs_db:
            result = coded_bler(snr_db, csi, blocks)
            rate = result["block_errors"] / result["blocks"]
            print(f"{snr_db:6.1f}  {csi:8s} {rate:.3f}  ({result['block_errors']} of {result['blocks']})", flush=True)


if __name__ == "__main__":
    main()
