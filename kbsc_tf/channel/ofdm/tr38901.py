"""UMi, UMa and RMa of 3GPP TR 38.901 on Sionna, less four faults of Sionna 1.2.

The first three are issues 1107, 1108 and 1111 of NVlabs/sionna, mended for Sionna 2, which has no TensorFlow:

* table 7.5-3: the ray offset beside 1.1481 is -0.1481, so the rays of a cluster are not centred on it;
* clause 7.4.3.1: the indoor distance is one uniform number and not the smaller of two;
* table 7.4.1-1, note 1: the environment height of UMa is continuous and not 12, 15, ... m;
* figure 7.4.1-1: ``distance_3d`` is the horizontal distance.

TDL and CDL do not have them. As `TopologyModel` leaves out path loss, only the first one changes the fading there; the
last one turns the phase of the direct path.
"""

from typing import Any

import numpy as np
import sionna
import tensorflow as tf
from sionna.phy import SPEED_OF_LIGHT
from sionna.phy import config as sionna_config
from sionna.phy.channel import tr38901
from sionna.phy.utils import log10

from kbsc_tf.errors import UserError

VERSIONS = ("1.2.0", "1.2.1", "1.2.2")
"""Of Sionna, whose TR 38.901 is the same file for file."""

RAY_OFFSETS = np.outer(
    [0.0447, 0.1413, 0.2492, 0.3715, 0.5129, 0.6797, 0.8844, 1.1481, 1.5195, 2.1551], [1.0, -1.0]
).ravel()
"""Of the 20 rays of a cluster from its angle, for an angle spread of 1. TR 38.901, table 7.5-3."""


def build_scenario(scenario: str, **arguments: Any) -> tr38901.SystemLevelChannel:
    """One of TR 38.901's scenarios, as ``sionna.phy.channel.tr38901.UMi``, ``UMa`` and ``RMa`` build them.

    Parameters
    ----------
    scenario : {"umi", "uma", "rma"}
    **arguments
        Those of Sionna's class. Indoor terminals see low-loss buildings.

    Raises
    ------
    UserError
        Sionna is none of `VERSIONS`.
    """
    if sionna.__version__ not in VERSIONS:
        raise UserError(
            f"channels: model {scenario} corrects Sionna {VERSIONS[0]} to {VERSIONS[-1]}, and this is Sionna "
            f"{sionna.__version__}, whose faults are not known; pip install sionna-no-rt=={VERSIONS[-1]}, or use a "
            "tdl or cdl model"
        )
    kind = {"umi": UMiScenario, "uma": UMaScenario, "rma": RMaScenario}[scenario]
    buildings = {} if scenario == "rma" else {"o2i_model": "low"}  # RMa has no others
    channel = tr38901.SystemLevelChannel(kind(**buildings, **arguments))
    rays = channel._ray_sampler
    rays._ray_offsets = tf.constant(RAY_OFFSETS, rays.rdtype)
    return channel


class _Distances:
    """The distances of figure 7.4.1-1 and clause 7.4.3.1."""

    @property
    def distance_3d(self) -> tf.Tensor:
        """Between antennas, in m: [B, stations, terminals], tf.float32."""
        return self._distance_3d

    def _sample_indoor_distance(self) -> None:
        super()._sample_indoor_distance()
        # P(min(U1, U2) > x) = (1 - x)^2: one number gives it, so that later random numbers stay as they were.
        uniform = self._distance_2d_in / self.max_2d_in
        self._distance_2d_in = self.max_2d_in * (1.0 - tf.sqrt(1.0 - uniform))
        self._distance_2d_out = self._distance_2d - self._distance_2d_in
        self._distance_3d_in = self._distance_2d_in / self._distance_2d * self._distance_3d
        self._distance_3d_out = self._distance_3d - self._distance_3d_in


class UMiScenario(_Distances, tr38901.UMiScenario):
    """Urban microcells, street canyon."""


class RMaScenario(_Distances, tr38901.RMaScenario):
    """Rural macrocells."""


class UMaScenario(_Distances, tr38901.UMaScenario):
    """Urban macrocells."""

    def _compute_pathloss_basic(self) -> None:
        """Table 7.4.1-1: line of sight up to and beyond the breakpoint distance, and the larger of two without."""
        h_bs, h_ut = self.h_bs[:, :, None], self.h_ut[:, None]
        carrier_hz, distance, log_distance = self.carrier_frequency, self.distance_2d, log10(self.distance_3d)
        carrier_db = 20.0 * log10(carrier_hz / 1e9)
        height = draw_environment_height(distance, h_ut)
        breakpoint_m = 4.0 * (h_bs - height) * (h_ut - height) * carrier_hz / SPEED_OF_LIGHT
        near = 28.0 + 22.0 * log_distance + carrier_db
        far = 28.0 + 40.0 * log_distance + carrier_db - 9.0 * log10(breakpoint_m**2 + (h_bs - h_ut) ** 2)
        los = tf.where(distance <= breakpoint_m, near, far)
        nlos = tf.maximum(los, 13.54 + 39.08 * log_distance + carrier_db - 0.6 * (h_ut - 1.5))
        self._pl_b = tf.where(self.los, los, nlos)


def draw_environment_height(distance_m: tf.Tensor, h_ut: tf.Tensor) -> tf.Tensor:
    """Effective environment height h_E of UMa in m. TR 38.901, table 7.4.1-1, note 1.

    1 with probability 1 / (1 + C), else one of 12, 15, ..., h_UT - 1.5, equally likely.

    Parameters
    ----------
    distance_m : [B, stations, terminals], tf.float32
        Horizontal distance.
    h_ut : broadcastable to it, tf.float32
        Height of the terminal in m. The standard's are 1.5 m and 3 m for each floor; between them the set ends below.

    Returns
    -------
    [B, stations, terminals], tf.float32
    """
    grows = 1.25 * (distance_m / 100.0) ** 3 * tf.exp(-distance_m / 150.0)
    c = tf.maximum((h_ut - 13.0) / 10.0, 0.0) ** 1.5 * tf.where(distance_m <= 18.0, 0.0, grows)
    low, high = (sionna_config.tf_rng.uniform(tf.shape(distance_m), dtype=distance_m.dtype) for _ in range(2))
    choices = tf.maximum(tf.floor((h_ut - 13.5) / 3.0) + 1.0, 1.0)
    return tf.where(low < 1.0 / (1.0 + c), 1.0, 12.0 + 3.0 * tf.minimum(tf.floor(high * choices), choices - 1.0))
