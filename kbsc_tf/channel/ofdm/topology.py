"""UMi, UMa and RMa: 3GPP scenarios in which every call drops new terminals."""

import numpy as np
import tensorflow as tf
from sionna.phy.channel import gen_single_sector_topology
from sionna.phy.channel.tr38901 import PanelArray

from kbsc_tf.channel.ofdm.tr38901 import build_scenario


class TopologyModel:
    """A base station's sector with one terminal per grid, dropped anew at every call.

    Location, indoor state, line of sight, large-scale parameters and rays come from ``sionna.phy.config.tf_rng`` at
    every call, also of a compiled function (graph or XLA). Path loss and shadow fading are off: E[sum |a|^2] = 1.

    Parameters
    ----------
    scenario : {"umi", "uma", "rma"}
        3GPP TR 38.901, clause 7.2, by `build_scenario`. Indoor terminals see the low-loss buildings of UMi and UMa.
    carrier_hz : float
        Carrier frequency.
    tx_antennas, rx_antennas : int
        Uniform linear arrays, see `linear_array`.
    direction : {"uplink", "downlink"}
        The terminal sends, or receives.
    speed_m_s : float
        Speed of every terminal, in a random horizontal direction.

    Notes
    -----
    Sionna drops terminals that point anywhere and tilts the base station down. With vertically polarised antennas a
    tilt is polarisation mismatch: 54 % of UMi's power is left (2,000 drops), and the SNR would no longer be Es/N0 at
    the receiver. So antennas stay upright here; the terminal's bearing is random.
    """

    xla = True

    def __init__(
        self, scenario: str, carrier_hz: float, tx_antennas: int, rx_antennas: int, direction: str, speed_m_s: float
    ) -> None:
        self.scenario, self.speed_m_s = scenario, speed_m_s
        terminal, station = (tx_antennas, rx_antennas) if direction == "uplink" else (rx_antennas, tx_antennas)
        arguments = {
            "carrier_frequency": carrier_hz,
            "ut_array": linear_array(terminal, carrier_hz),
            "bs_array": linear_array(station, carrier_hz),
            "direction": direction,
            "enable_pathloss": False,
            "enable_shadow_fading": False,
        }
        self._model = build_scenario(scenario, **arguments)
        # Sionna branches on the carrier, a tensor there, and on nothing else. A number leaves AutoGraph nothing to
        # convert: tracing without it takes 10 s instead of 35 s.
        self._model._scenario._carrier_frequency = np.float32(carrier_hz)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, batch_size: int, num_time_steps: int, sampling_frequency: float) -> tuple[tf.Tensor, tf.Tensor]:
        """Impulse responses of ``batch_size`` new drops, sampled at ``sampling_frequency`` in Hz.

        Returns
        -------
        a : [B, 1, rx_ant, 1, tx_ant, paths, time], tf.complex64
            Path gains; those of paths that a drop does not have are 0.
        tau : [B, 1, 1, paths], tf.float32
            Path delays in s.
        """
        ut_loc, bs_loc, ut_orientations, bs_orientations, velocities, indoor = gen_single_sector_topology(
            batch_size, 1, self.scenario, min_ut_velocity=self.speed_m_s, max_ut_velocity=self.speed_m_s
        )
        upright = tf.constant([1.0, 0.0, 0.0])  # of bearing, downtilt and slant
        self._model.set_topology(
            ut_loc, bs_loc, ut_orientations * upright, bs_orientations * upright, velocities, indoor
        )
        a, tau = self._model(batch_size, num_time_steps, sampling_frequency)
        # Sionna gives paths that a drop lacks no power and delays of seconds, which would look like long echoes.
        there = tf.reduce_any(tf.not_equal(a, 0), axis=(2, 4, 6))
        return a, tf.where(there, tau, 0.0)


def linear_array(antennas: int, carrier_hz: float) -> PanelArray:
    """Uniform linear array: one row, half a wavelength apart, omnidirectional, vertical polarisation.

    Omnidirectional, because the 3GPP element pattern has gain in some directions and loss in others: E|h|^2 would not
    be 1.
    """
    return PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=antennas,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=carrier_hz,
    )
