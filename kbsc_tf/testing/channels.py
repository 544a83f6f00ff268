"""The contract of channels."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, Received, build_channel, seed_noise
from kbsc_tf.config import ChannelSettings, parse_channel
from kbsc_tf.testing.expect import alike, expect, expect_array

_SNR_DB = 6.0
_LEAST_SYMBOLS = 20_000  # that a noise power is measured on


def check_channel(channel: str | dict[str, Any] | ChannelSettings, n: int = 96) -> None:
    """Check that every scheme can be sent over a channel.

    Shapes, and what is said of costs; the noise has the power that the receiver is told, where it is told; a seed
    repeats it; symbols of other rows, of another realisation, do not matter; eager, as a graph and, where ``xla`` says
    so, compiled it does the same; gradients reach the symbols.

    Parameters
    ----------
    channel : str, dict or ChannelSettings
        As in ``channels`` of an experiment.
    n : int, optional
        Complex symbols of a row.

    Raises
    ------
    AssertionError
        Says what does not hold.

    Examples
    --------
    >>> from kbsc_tf.testing import check_channel
    >>> check_channel("rayleigh")
    """
    config = parse_channel(channel)
    for what, text in (("label", config.label), ("text", config.text)):
        expect(isinstance(text, str) and text and "\n" not in text, f"{what}: expected one line, got {text!r}")
    air = build_channel(config)
    _Contract(config.label, air, n, config.knows_noise).check()


class _Contract:
    """All checks of one channel, on rows of n symbols of unit power."""

    def __init__(self, name: str, air: Channel, n: int, knows_noise: bool) -> None:
        self.name, self.air, self.n, self.knows_noise = name, air, n, knows_noise
        shared = air.rows_per_realisation(n)
        expect(
            isinstance(shared, int) and shared > 0, f"{name}: rows_per_realisation: expected at least 1, not {shared}"
        )
        self.shared, self.rows = shared, max(8, 2 * shared)
        rng = np.random.default_rng(0)
        self.symbols = np.exp(0.25j * np.pi * (1 + 2 * rng.integers(4, size=(self.rows, n)))).astype(np.complex64)

    def check(self) -> None:
        """Raise an AssertionError for the first that does not hold."""
        self._costs()
        graph = tf.function(self.air, autograph=False)
        self._shapes(self._run(self.air), "")
        same, other = self._run(graph), self._run(graph, seed=2)
        expect(
            alike(same.symbols, self._run(graph).symbols, 1e-6),
            f"{self.name}: a seed does not repeat the noise; draw from sionna.phy.config.tf_rng",
        )
        expect(not alike(same.symbols, other.symbols), f"{self.name}: another seed gives the same noise")
        for part in ("symbols", "no_eff", "bias"):
            equal = alike(getattr(self._run(self.air), part), getattr(same, part), 1e-2)
            expect(equal, f"{self.name}: {part} differ between eager mode and a graph")
        each = self._run(graph, snr_db=tf.fill([self.rows], _SNR_DB))
        expect(
            alike(each.symbols, same.symbols, 1e-3), f"{self.name}: an SNR of each row, [B], differs from one of all"
        )
        self._rows_are_apart(graph, same)
        for snr_db in (0.0, 12.0):
            self._noise_power(graph, snr_db, "")
        quiet = self._run(graph, snr_db=tf.constant(math.inf))
        expect(np.isfinite(quiet.symbols).all(), f"{self.name}: symbols are not finite at an infinite SNR")
        if getattr(self.air, "xla", False):
            compiled = tf.function(self.air, autograph=False, jit_compile=True)
            self._shapes(self._run(compiled), ", compiled by XLA")
            self._noise_power(compiled, _SNR_DB, ", compiled by XLA")
        self._gradient()

    def _run(self, call: Callable, seed: int = 1, snr_db: Any = None, symbols: np.ndarray | None = None) -> Received:
        """What a call makes of the symbols, as arrays."""
        seed_noise(seed)
        snr_db = tf.constant(_SNR_DB) if snr_db is None else snr_db
        received = call(tf.constant(self.symbols if symbols is None else symbols), snr_db)
        expect(isinstance(received, Received), f"{self.name}: expected kbsc_tf.channel.Received, got {type(received)}")
        return Received(*(None if part is None else part.numpy() for part in received))

    def _costs(self) -> None:
        for n in (1, self.n, 3 * self.n):
            uses, overhead = self.air.channel_uses(n), self.air.overhead(n)
            expect(min(overhead) >= 0, f"{self.name}: overhead({n}): expected no negative part, got {overhead}")
            expect(
                math.isclose(uses, n + sum(overhead), rel_tol=1e-6),
                f"{self.name}: channel_uses({n}) is {uses}, and symbols and overhead({n}) are {n + sum(overhead)}",
            )

    def _shapes(self, received: Received, how: str) -> None:
        shape = self.symbols.shape
        expect_array(received.symbols, f"{self.name}: symbols{how}", shape, np.complex64)
        expect_array(received.no_eff, f"{self.name}: no_eff{how}", shape, np.float32)
        expect_array(received.bias, f"{self.name}: bias{how}", shape, np.float32)
        expect((received.no_eff >= 0).all(), f"{self.name}: no_eff{how}: expected powers, one is negative or no number")
        expect((received.bias >= 0).all(), f"{self.name}: bias{how}: expected 0 or more, one is not")
        if received.papr_db is not None:
            expect_array(received.papr_db, f"{self.name}: papr_db{how}", shape[:1], np.float32)

    def _noise_power(self, call: Callable, snr_db: float, how: str) -> None:
        """The error behind the equaliser, against the power that the receiver is told."""
        if not self.knows_noise:
            return
        errors, told = [], []
        for seed in range(1 + _LEAST_SYMBOLS // self.symbols.size):
            received = self._run(call, seed, tf.constant(snr_db))
            heard = (received.bias > 1e-6) & np.isfinite(received.no_eff)
            error = received.symbols[heard] / received.bias[heard] - self.symbols[heard]
            errors.append(np.square(np.abs(error)))
            told.append(received.no_eff[heard])
        ratio = float(np.mean(np.concatenate(errors) / np.maximum(np.concatenate(told), 1e-12)))
        expect(
            0.9 < ratio < 1.1,
            f"{self.name}: at {snr_db:g} dB{how} the error has {ratio:.3g} times the power that no_eff says",
        )

    def _rows_are_apart(self, call: Callable, received: Received) -> None:
        symbols = self.symbols.copy()
        symbols[self.shared :] *= 1j
        changed = self._run(call, symbols=symbols)
        expect(
            alike(changed.symbols[: self.shared], received.symbols[: self.shared], 1e-3),
            f"{self.name}: what arrives of a row depends on rows that rows_per_realisation says are apart",
        )

    def _gradient(self) -> None:
        symbols = tf.constant(self.symbols)
        seed_noise(1)
        with tf.GradientTape() as tape:
            tape.watch(symbols)
            loss = tf.reduce_sum(tf.square(tf.abs(self.air(symbols, tf.constant(_SNR_DB)).symbols)))
        gradient = tape.gradient(loss, symbols)
        expect(gradient is not None, f"{self.name}: no gradient reaches the symbols")
        values = gradient.numpy()
        expect(np.isfinite(values).all() and np.any(values), f"{self.name}: the gradient is zero or not finite")
