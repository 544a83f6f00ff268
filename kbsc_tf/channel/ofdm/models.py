"""The channel model of an OFDM link, on Sionna, with unit average power; its longest delay; what it leaves out."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.channel import RayleighBlockFading
from sionna.phy.channel.tr38901 import CDL, TDL

from kbsc_tf.channel.ofdm.recorded import RecordedModel
from kbsc_tf.channel.ofdm.topology import TopologyModel, linear_array
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.config.channels.ofdm_models import OnePathConfig, ScenarioConfig, TdlConfig

ChannelModel = Callable[[int, int, float], tuple[tf.Tensor, tf.Tensor]]
"""model(batch_size, num_time_steps, sampling_frequency in Hz) -> (a, tau), as Sionna's; with an attribute ``xla``.

a [B, 1, rx_ant, 1, tx_ant, paths, time], tf.complex64; tau [B, 1, 1, paths], tf.float32, in s.
"""

DROPS = 256
"""Terminals whose longest delay stands for a scenario, which has no bound on it."""

WEAKEST = 10**-2.5
"""Share of the strongest path's power that a path of a drop must have to count. TR 38.901, clause 7.5, step 6, removes
weaker ones, Sionna does not: all paths of 256 drops of RMa end at 49 us, these at 5 us."""

DOPPLER_SHARE = 0.02
"""Of the subcarrier spacing: above it intercarrier interference may exceed pi^2/6 * 0.02^2 = 7e-4 (-32 dB) of the
signal for Jakes' spectrum (Y. Li and L. Cimini, Bounds on the interchannel interference of OFDM in time-varying
impairments, IEEE Trans. Commun. 49 (3), 2001)."""


class ConstantModel:
    """No fading: one path without delay, unit-modulus gains.

    The gains are DFT entries, exp(-j 2 pi r t / max(rx_ant, tx_ant)): rows or columns of the matrix are orthogonal, so
    it has full rank and carries as many streams as there are antennas. All-one gains would carry one.
    """

    xla = True

    def __init__(self, rx_antennas: int, tx_antennas: int) -> None:
        product = np.outer(np.arange(rx_antennas), np.arange(tx_antennas))
        gains = np.exp(-2j * np.pi * product / max(rx_antennas, tx_antennas))
        self._gains = tf.constant(gains[None, None, :, None, :, None, None], tf.complex64)

    def __call__(
        self, batch_size: int, num_time_steps: int, sampling_frequency: float | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gains [B, 1, rx_ant, 1, tx_ant, 1, time] and delays [B, 1, 1, 1], all 0."""
        return tf.tile(self._gains, [batch_size, 1, 1, 1, 1, 1, num_time_steps]), tf.zeros([batch_size, 1, 1, 1])


def build_model(config: OfdmConfig) -> ChannelModel:
    """Build the model that ``config`` describes, with E[sum over paths |a|^2] = 1 for every antenna pair.

    Random numbers come from ``sionna.phy.config.tf_rng``; every model runs in eager, graph and XLA mode (``xla``).
    A recording has unit power on average over its antenna pairs.

    Raises
    ------
    UserError
        The file of a recording is missing or does not fit ``config``.
    """
    rx, tx = config.rx_antennas, config.tx_antennas
    chosen = config.model
    if chosen.type == "awgn":
        return ConstantModel(rx, tx)
    if chosen.type == "recorded":
        # In the time domain the steps also depend on the filter's taps: the first call checks them.
        steps = config.num_ofdm_symbols if config.domain == "frequency" else config.samples
        return RecordedModel(chosen.path, rx, tx, steps, _sampling_frequency(config))
    if chosen.type == "rayleigh":
        model = RayleighBlockFading(1, rx, 1, tx)
        model.xla = True
        return model
    carrier_hz, speed = chosen.carrier_ghz * 1e9, chosen.speed_m_s
    if isinstance(chosen, ScenarioConfig):
        return TopologyModel(chosen.type, carrier_hz, tx, rx, chosen.direction, speed)
    if isinstance(chosen, TdlConfig):
        model = TDL(
            chosen.type[-1].upper(),
            chosen.delay_spread_ns * 1e-9,
            carrier_hz,
            min_speed=speed,
            max_speed=speed,
            num_rx_ant=rx,
            num_tx_ant=tx,
        )
    else:
        terminal, station = (tx, rx) if chosen.direction == "uplink" else (rx, tx)
        # Sionna's default orientations turn arrays about the vertical only: vertical polarisation stays matched.
        model = CDL(
            chosen.type[-1].upper(),
            chosen.delay_spread_ns * 1e-9,
            carrier_hz,
            linear_array(terminal, carrier_hz),
            linear_array(station, carrier_hz),
            chosen.direction,
            min_speed=speed,
            max_speed=speed,
        )
    model.xla = True
    return model


def longest_delay_s(config: OfdmConfig) -> float:
    """Largest delay in s of a model's paths, of a file's paths with power, or of the paths of 256 drops of a scenario.

    Of a scenario's paths those more than 25 dB below the drop's strongest do not count (`WEAKEST`). The same for the
    same ``config``; leaves Sionna's random numbers as they were.
    """
    if isinstance(config.model, OnePathConfig):
        return 0.0
    if not isinstance(config.model, ScenarioConfig):
        model = build_model(config)
        return model.longest_delay_s if config.model.type == "recorded" else float(tf.reduce_max(model.delays))
    # Delays do not depend on the antennas: one at each end saves memory.
    model = build_model(config.model_copy(update={"tx_antennas": 1, "rx_antennas": 1}))
    state = tf.identity(sionna_config.tf_rng.state)
    try:
        sionna_config.tf_rng.reset_from_seed(1)
        a, tau = model(DROPS, 1, config.bandwidth_hz)
    finally:
        sionna_config.tf_rng.reset(state)
    power = np.square(np.abs(a))[:, 0, 0, 0, 0, :, 0]
    strong = power > WEAKEST * np.max(power, axis=1, keepdims=True)
    return float(np.max(tau[:, 0, 0], where=strong, initial=0.0))


def warnings(config: OfdmConfig) -> list[str]:
    """What the receiver suffers from, or this simulation leaves out, in a sentence each; empty if all is well."""
    found = []
    longest = longest_delay_s(config)
    # Delays are float32: a prefix of exactly the longest delay is long enough.
    needed = math.ceil(longest * config.bandwidth_hz - 1e-3)
    if needed > config.cyclic_prefix:
        of = f" of {DROPS} drops" if isinstance(config.model, ScenarioConfig) else ""
        text = (
            f"cyclic_prefix: {config.prefix_ns:.0f} ns are {longest * 1e9 - config.prefix_ns:.0f} ns "
            f"({_samples(needed - config.cyclic_prefix)}) shorter than the longest delay{of} of model "
            f"{config.model.type}, {longest * 1e9:.0f} ns; "
        )
        if needed <= config.fft_size:
            text += f"raise cyclic_prefix to at least {needed} samples"
        else:
            text += f"a prefix of the {needed} samples needs a larger fft_size"
        if config.domain == "frequency":
            text += " (domain frequency leaves out the interference between symbols and carriers, domain time has it)"
        found.append(text)
    doppler_hz = config.model.doppler_hz if config.model.moves else 0.0
    share = doppler_hz / (1e3 * config.subcarrier_spacing_khz)
    if config.domain == "frequency" and share > DOPPLER_SHARE:
        found.append(
            f"speed_kmh: the Doppler shift of {doppler_hz:.0f} Hz is {share:.1%} of the subcarrier spacing, and "
            "domain frequency leaves out the interference between carriers it causes; domain time has it"
        )
    return found


def _samples(count: int) -> str:
    return f"{count} sample" + "s" * (count != 1)


def _sampling_frequency(config: OfdmConfig) -> float:
    """At which an OFDM channel samples its model, in Hz: once per OFDM symbol, in domain time once per sample."""
    per_step = 1 if config.domain == "time" else config.fft_size + config.cyclic_prefix
    return config.bandwidth_hz / per_step
