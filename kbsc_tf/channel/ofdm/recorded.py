"""Impulse responses recorded in a file, by measurement, ray tracing or another simulator."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from sionna.phy import config as sionna_config

from kbsc_tf.errors import UserError
from kbsc_tf.files import load_arrays, write_atomically


class RecordedModel:
    """Draw impulse responses, with replacement, from an .npz file.

    The file holds ``a``, complex [N, rx_ant, tx_ant, paths, time] or, if nothing moves, [N, rx_ant, tx_ant, paths];
    ``tau``, [N, paths] in s; and, if known, ``sampling_frequency`` of the time axis in Hz: OFDM symbols per second for
    ``domain: frequency``, samples per second for ``domain: time``. `save_recording` writes one.

    One factor scales the whole file to unit power, the mean of sum over paths |a|^2 over responses, antenna pairs and
    time; differences between responses and between antenna pairs stay.

    Parameters
    ----------
    path : Path
        The .npz file.
    rx_antennas, tx_antennas : int
        Must be the file's.
    num_time_steps : int, optional
        Least number of time steps that will be asked for, if known: checked now, not at the first call.
    sampling_frequency : float, optional
        Likewise, in Hz.

    Attributes
    ----------
    longest_delay_s : float
        Largest delay of a path that has power.

    Raises
    ------
    UserError
        The file is missing or is no recording for these antennas, time steps or sampling frequency.

    Notes
    -----
    Sionna's ``CIRDataset`` is the same thing for a Python generator of ``a`` [1, rx_ant, 1, tx_ant, paths, time] and
    ``tau`` [1, 1, paths], for data that do not fit into memory. `OFDMLink` takes it, as any Sionna channel model, but
    its batch size is fixed, its power is the generator's, XLA cannot compile it, and its ``tf.data`` shuffle ignores
    ``sionna.phy.config.seed``. Here the draw depends on that seed alone.
    """

    xla = True

    def __init__(
        self,
        path: Path,
        rx_antennas: int,
        tx_antennas: int,
        num_time_steps: int | None = None,
        sampling_frequency: float | None = None,
    ) -> None:
        self.path = Path(path)
        a, tau, self.sampling_frequency = _read(self.path)
        if a.shape[1:3] != (rx_antennas, tx_antennas):
            raise UserError(
                f"{self.path}: a is for {a.shape[1]} receive and {a.shape[2]} transmit antennas, the configuration has "
                f"{rx_antennas} and {tx_antennas}; set rx_antennas and tx_antennas to the file's or record again"
            )
        power = np.sum(np.square(np.abs(a)), axis=3)
        self.longest_delay_s = float(np.max(tau, where=np.any(a != 0, axis=(1, 2, 4)), initial=0.0))
        self._a = tf.constant((a / np.sqrt(np.mean(power)))[:, None, :, None], tf.complex64)
        self._tau = tf.constant(tau[:, None, None], tf.float32)
        self._check(num_time_steps, sampling_frequency)

    def __call__(
        self, batch_size: int, num_time_steps: int, sampling_frequency: float | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The first ``num_time_steps`` of ``batch_size`` recorded responses.

        Returns
        -------
        a : [B, 1, rx_ant, 1, tx_ant, paths, time], tf.complex64
            Path gains.
        tau : [B, 1, 1, paths], tf.float32
            Path delays in s.
        """
        self._check(_static(num_time_steps), _static(sampling_frequency))
        drawn = sionna_config.tf_rng.uniform([batch_size], 0, self._a.shape[0], tf.int32)
        a = tf.gather(self._a, drawn)
        a = tf.repeat(a, num_time_steps, axis=-1) if a.shape[-1] == 1 else a[..., :num_time_steps]
        return a, tf.gather(self._tau, drawn)

    def _check(self, num_time_steps: int | None, sampling_frequency: float | None) -> None:
        steps = self._a.shape[-1]
        if steps == 1:  # nothing moves: any number of steps at any rate
            return
        if num_time_steps is not None and num_time_steps > steps:
            raise UserError(
                f"{self.path}: a has {steps} time steps, {num_time_steps} are needed; record longer, or shorten the "
                "grid (num_ofdm_symbols; in domain time also fft_size and cyclic_prefix)"
            )
        recorded = self.sampling_frequency
        if recorded and sampling_frequency and abs(recorded / sampling_frequency - 1) > 0.01:
            raise UserError(
                f"{self.path}: sampling_frequency is {recorded:g} Hz, the grid needs {sampling_frequency:g} Hz (OFDM "
                "symbols per second, in domain time samples per second); resample the recording or change "
                "subcarrier_spacing_khz"
            )


def save_recording(path: Path, a: np.ndarray, tau: np.ndarray, sampling_frequency: float | None = None) -> None:
    """Write impulse responses for `RecordedModel`.

    Parameters
    ----------
    path : Path
        The .npz file to write.
    a : [N, rx_ant, tx_ant, paths, time] or [N, rx_ant, tx_ant, paths], complex
        Path gains, of any power.
    tau : [N, paths], float
        Path delays in s.
    sampling_frequency : float, optional
        Of the time axis, in Hz.

    Raises
    ------
    UserError
        The arrays are no recording, or the file cannot be written.
    """
    arrays = {"a": np.asarray(a), "tau": np.asarray(tau)}
    if sampling_frequency is not None:
        arrays["sampling_frequency"] = np.asarray(sampling_frequency)
    _validate(Path(path), arrays)
    write_atomically(Path(path), lambda file: np.savez(file, **arrays), "free space or give another path")


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, float | None]:
    """``a`` [N, rx_ant, tx_ant, paths, time], ``tau`` [N, paths] and the sampling frequency of a file."""
    remedy = "give an .npz of the arrays a and tau, as save_recording of kbsc_tf.channel.ofdm.recorded writes it"
    return _validate(path, load_arrays(path, remedy))


def _validate(path: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, float | None]:
    missing = [key for key in ("a", "tau") if key not in arrays]
    if missing:
        found = ", ".join(arrays) or "nothing"
        raise UserError(f"{path}: expected the arrays a and tau, {missing[0]} is missing; found {found}, rename it")
    a, tau = arrays["a"], arrays["tau"]
    if a.ndim not in (4, 5) or a.dtype.kind not in "fc" or not a.size:
        raise UserError(
            f"{path}: a has shape {list(a.shape)} and type {a.dtype}, expected complex [N, rx_ant, tx_ant, paths, "
            "time] or [N, rx_ant, tx_ant, paths]; reorder its axes"
        )
    if tau.shape != (a.shape[0], a.shape[3]) or tau.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: tau has shape {list(tau.shape)} and type {tau.dtype}, expected real [N, paths], "
            f"[{a.shape[0]}, {a.shape[3]}] as in a; give one delay in s per response and path"
        )
    for name, values in (("a", a), ("tau", tau)):
        if not np.all(np.isfinite(values)):
            raise UserError(f"{path}: {name} has values that are not finite; remove those responses")
    if np.min(tau) < 0:
        raise UserError(f"{path}: tau has negative delays; subtract the smallest delay of each response")
    if not np.any(a):
        raise UserError(f"{path}: a is 0 everywhere, expected path gains; record again")
    rate = arrays.get("sampling_frequency")
    if rate is not None and (rate.size != 1 or rate.dtype.kind not in "fiu" or not 0 < rate.item() < np.inf):
        raise UserError(f"{path}: sampling_frequency must be one positive number of Hz, got {rate}; correct or omit it")
    return a[..., None] if a.ndim == 4 else a, tau, None if rate is None else float(rate.item())


def _static(value: object) -> object:
    """What a tensor is known to be while a graph is traced, or None; anything else as it is."""
    return tf.get_static_value(value) if tf.is_tensor(value) else value
