"""The noise power that the receiver reports against the error there is: pilots, antennas, impairments and SNRs."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.mapping import Mapper
from sionna.phy.ofdm import ResourceGridMapper

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm import OFDMLink
from kbsc_tf.channel.ofdm.estimation import PilotKnowledge
from kbsc_tf.channel.ofdm.grid import build_grid
from kbsc_tf.channel.ofdm.impairments import bussgang, clipped_streams, impair_transmitter
from kbsc_tf.config import OfdmConfig

SIGMAS = 4.4  # of P(|z| > 4.4) = 1e-5
SNRS_DB = (0.0, 15.0, 30.0)
IMPAIRMENTS = {
    "none": {},
    "clipping": {"clipping_db": 3.0},
    "offset": {"cfo_hz": 300.0},
    "phase_noise": {"linewidth_hz": 20.0},
}


def configure(antennas=(1, 1), csi="ls", pilots="kronecker", model="rayleigh", **fields):
    """28 subcarriers, pilots in symbols 2 and 11; nothing moves. As many streams as antennas at the sender."""
    sender, receiver = antennas
    fields |= {"streams": sender} | {"tx_antennas": sender, "rx_antennas": receiver} | fields
    return OfdmConfig(fft_size=32, guard_carriers=(2, 1), model=model, csi=csi, pilots=pilots, **fields)


def error_over_reported(config, snr_db, grids=100):
    """Mean of |error|^2 / no_eff over QPSK symbols of grids, and its standard error over grids."""
    bits = np.random.default_rng(1).integers(2, size=[grids, 2 * config.slots])
    symbols = Mapper("qam", 2)(bits.astype(np.float32))
    seed_noise(1)
    received = OFDMLink(config)(symbols, tf.constant(snr_db))
    errors = received.symbols.numpy() / received.bias.numpy() - symbols.numpy()
    ratio = np.mean(np.abs(errors) ** 2 / received.no_eff.numpy(), axis=1)
    return ratio.mean(), ratio.std() / math.sqrt(grids)


def known_deviation(config, snr_db):
    """How far the mean may be from 1 beside its sampling error, for two reasons that the receiver cannot mend.

    Least squares errors turn an equaliser of several antennas, which depends on them: by a second-order share of their
    variance, which differs with what the channel is. (One antenna at both ends divides by its estimate, and is exact.)
    Samples of 28 QPSK subcarriers are flatter than the Gaussian ones that the theory of clipping is of.
    """
    no = 10 ** (-snr_db / 10)
    turned = 0.0 if config.csi.type == "perfect" or config.rx_antennas == 1 else min(0.25, 2.5 * no)
    own = clipped_streams(config)[1]
    return turned + 0.08 * own / (own + no * config.streams)


def check(config, snr_db):
    mean, sampling = error_over_reported(config, snr_db)
    assert sampling < 0.03
    assert abs(mean - 1) < SIGMAS * sampling + known_deviation(config, snr_db), (mean, sampling)


CASES = [((1, 1), "perfect", "none"), ((1, 2), "perfect", "kronecker"), ((2, 2), "perfect", "kronecker")]
CASES += [(antennas, "ls", pilots) for antennas in ((1, 1), (1, 2), (2, 2)) for pilots in ("kronecker", "block")]


@pytest.mark.parametrize("antennas, csi, pilots, impairment, snr_db", [
    ((1, 2), "perfect", "kronecker", "clipping", 30.0), ((2, 2), "ls", "block", "clipping", 30.0),
    ((2, 2), "ls", "kronecker", "clipping", 30.0), ((2, 2), "ls", "block", "none", 0.0),
    ((1, 1), "ls", "kronecker", "clipping", 15.0),
])  # fmt: skip
def test_no_eff_is_the_noise_of_the_symbols(antennas, csi, pilots, impairment, snr_db):
    check(configure(antennas, csi, pilots, "awgn", **IMPAIRMENTS[impairment]), snr_db)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["awgn", "rayleigh"])
@pytest.mark.parametrize("impairment", ["none", "clipping"])
@pytest.mark.parametrize("antennas, csi, pilots", CASES)
@pytest.mark.parametrize("snr_db", SNRS_DB)
def test_no_eff_is_the_noise_of_the_symbols_everywhere(antennas, csi, pilots, impairment, snr_db, model):
    check(configure(antennas, csi, pilots, model, **IMPAIRMENTS[impairment]), snr_db)


@pytest.mark.slow
@pytest.mark.parametrize("impairment", ["offset", "phase_noise"])
@pytest.mark.parametrize("antennas, csi, pilots", CASES)
def test_what_an_oscillator_does_is_in_the_errors_alone(antennas, csi, pilots, impairment):
    """The receiver does not know how its own oscillator turns; what it knew, it would undo. So it reports the noise
    that there is without, and what is left of the turning shows where noise is low.
    """
    for snr_db in SNRS_DB:
        mean, sampling = error_over_reported(configure(antennas, csi, pilots, **IMPAIRMENTS[impairment]), snr_db)
        plain = configure(antennas, csi, pilots)
        assert mean > 1 - SIGMAS * sampling - known_deviation(plain, snr_db)
    assert mean > 1.3


@pytest.mark.slow
def test_distortion_in_directions_without_a_stream_is_noise():
    """Four antennas, two streams: on average over fading, as the receiver does not know those directions."""
    for csi in ("perfect", "ls"):
        fields = {"streams": 2, "clipping_db": 3.0}
        mean, sampling = error_over_reported(configure((4, 2), csi, **fields), 30.0, grids=400)
        assert abs(mean - 1) < SIGMAS * sampling + 0.08 and sampling < 0.05


def test_distortion_of_streams_is_all_that_clipping_adds():
    """Its power over all antennas is that of `bussgang`, wherever it goes."""
    alpha, distortion = bussgang(3.0)
    for sender, streams in ((1, 1), (4, 1), (2, 2), (4, 2), (5, 3), (4, 4)):
        config = configure((sender, streams), "perfect", "none", streams=streams, clipping_db=3.0)
        gain, own, elsewhere = clipped_streams(config)
        assert gain == alpha
        total = streams * own + elsewhere
        assert total == pytest.approx(streams * distortion * config.subcarriers / config.fft_size, rel=0.04)
        assert (elsewhere > 0.1 * total) == (1 < streams < sender)
    assert clipped_streams(configure()) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
@pytest.mark.parametrize("pilots, antennas", [
    ("kronecker", (1, 1)), ("block", (1, 2)), ("kronecker", (2, 2)), ("block", (2, 2)), ("kronecker", (3, 3)),
])  # fmt: skip
def test_clipped_pilots_are_known(pilots, antennas, interpolation):
    """Without noise the estimates of a flat channel are exact, as hard as the pilots were clipped."""
    symbols = (2, 6, 11)[: 3 if antennas[0] == 3 else 2]
    carriers = {"guard_carriers": (2, 2)} if antennas[0] == 3 else {"guard_carriers": (2, 1)}
    config = OfdmConfig(
        fft_size=32, model="awgn", csi={"type": "ls", "interpolation": interpolation}, clipping_db=1.0,
        pilots={"type": pilots, "symbols": symbols}, streams=antennas[0], tx_antennas=antennas[0],
        rx_antennas=antennas[1], **carriers,
    )  # fmt: skip
    grid, count = build_grid(config), 3
    random = np.random.default_rng(1)
    h = (random.normal(size=[count, antennas[1], antennas[0], 2]) @ [1, 1j]).astype(np.complex64)
    silence = tf.zeros([1, 1, antennas[0], grid.num_data_symbols], tf.complex64)
    sent = impair_transmitter(ResourceGridMapper(grid)(silence), config)[0, 0]
    y = tf.einsum("grs,stf->grtf", h, sent)[:, None]
    found, error = PilotKnowledge(config, grid, None)(y, tf.zeros([]), tf.fill([count], 1e-3))
    scale = np.abs(h).max()
    np.testing.assert_allclose(
        found[:, 0, :, 0], np.broadcast_to(h[..., None, None], found[:, 0, :, 0].shape), atol=2e-3 * scale
    )
    assert np.all(error.numpy() > 0)
