"""Adaptive with feedback: symbols are sent until the receiver is sure enough."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import ReceivedValues, build_link, seed_noise
from kbsc_tf.config import ChannelConfig
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.receiver import Calibration, CalibrationSet, CodeSearch, fit_calibration
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec, ReceivedCode
from kbsc_tf.schemes.adaptive.adaptive_link import AdaptiveReception
from kbsc_tf.schemes.adaptive.config import AdaptiveFeedbackConfig
from kbsc_tf.schemes.adaptive.fit import AdaptiveFit, RoundedFit
from kbsc_tf.schemes.adaptive.scheme import AdaptiveScheme
from kbsc_tf.schemes.analogue.scheme import sent_uncoded
from kbsc_tf.schemes.held_out import CALIBRATING_SNR_DB
from kbsc_tf.schemes.saved import REMEDY
from kbsc_tf.transmission import Observation, SourceBatch, Transmission

_ASKING = "asking.json"
Arrived = Callable[[int], Observation]
"""What has arrived after so many real symbols of every feature."""


class BlockLink:
    """The adaptive code over a channel, received block by block.

    Parameters
    ----------
    codec : AdaptiveCodec
    channel : ChannelConfig
    k : int
        Real symbols in all.
    block : int
        Real symbols of a block; the last may be shorter.

    Attributes
    ----------
    ends : list of int
        Real symbols that have been sent after each block.
    """

    def __init__(self, codec: AdaptiveCodec, channel: ChannelConfig, k: int, block: int) -> None:
        self.ends = [*range(block, k, block), k]
        self._codec, self._k = codec, k
        self._air = replace(build_link(channel, share_traces=True), power="per_symbol")
        self.channel = self._air.channel
        self._send = tf.function(self._over_the_air, autograph=False)
        self._combine = {end: tf.function(partial(codec.combine, used=end), autograph=False) for end in self.ends}

    def arrivals(self, features: np.ndarray, snr_db: float, seed: int | None) -> tuple[ReceivedValues, Arrived]:
        """All k symbols of features [B, D] behind the channel, and what a receiver that stops after some has."""
        seed_noise(seed)
        snr = tf.constant(snr_db, tf.float32)
        received = self._send(tf.constant(features), snr)

        @cache
        def arrived(end: int) -> Observation:
            code = self._combine[end](received, snr)
            length = np.full(len(features), end)
            return Observation(code.values.numpy(), code.noise_var_per_axis.numpy(), self._codec, length)

        return received, arrived

    def _over_the_air(self, features: tf.Tensor, snr_db: tf.Tensor) -> ReceivedValues:
        return self._air(self._codec.symbols_of(self._codec.code(features), snr_db, self._k), snr_db)


class Trust:
    """How far a receiver's confidence can be trusted after each block; learned once for all k and thresholds.

    Parameters
    ----------
    channel : ChannelConfig
    k, block : int
        The most symbols of any k, and those of a block.
    """

    def __init__(self, channel: ChannelConfig, k: int, block: int) -> None:
        self._over = channel, k, block
        self._known: tuple[CodeSearch, dict[int, Calibration]] | None = None

    def learned(self, codec: AdaptiveCodec, search: CodeSearch, calibrating: CalibrationSet, seed: int) -> dict:
        """A calibration of what has arrived after so many symbols, by their number."""
        if self._known is None or self._known[0] is not search:
            link = BlockLink(codec, *self._over)
            arrivals = [link.arrivals(calibrating.features, snr_db, seed)[1] for snr_db in CALIBRATING_SNR_DB]
            found = {}
            for end in link.ends:
                levels = [search.posterior(arrived(end)) for arrived in arrivals]
                found[end] = fit_calibration([(one[0], one[2], calibrating.labels) for one in levels])
            self._known = search, found
        return self._known[1]


class AdaptiveFeedbackScheme(AdaptiveScheme):
    """Send the adaptive code block by block until the receiver's confidence is high enough, at most k symbols.

    code ─► block of symbols ─► channel ─► combine with the blocks before ─► posterior ─► sure? ─no─► next block

    After every block but the last the receiver sends one bit back, over a channel of its own that costs no channel
    uses here. Every symbol has the same mean power over features, as the sender cannot know where it will end. Over
    block fading all blocks of an image meet one gain.

    Parameters
    ----------
    k : int
        Real channel symbols that are sent at most, even.
    channel : ChannelConfig
    fitted : AdaptiveFit or RoundedFit
    config : AdaptiveFeedbackConfig
    search : CodeSearch
        The receiver's, whose confidence it goes by.
    trust : Trust

    References
    ----------
    Y. Polyanskiy, H. V. Poor, S. Verdu, Feedback in the non-asymptotic regime, IEEE Trans. Inf. Theory 57(8), 2011:
    codes of variable length that are ended by feedback.
    """

    name = "adaptive_feedback"

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        fitted: AdaptiveFit | RoundedFit,
        config: AdaptiveFeedbackConfig,
        search: CodeSearch,
        trust: Trust,
    ) -> None:
        super().__init__(k, channel, fitted, progressive=True)
        self._config, self._search, self._trust = config, search, trust
        self._asking: list[Calibration] = []  # of the confidence after each block but the last

    @contextmanager
    def decided_by(self, search: CodeSearch, calibrating: CalibrationSet, seed: int) -> Iterator[None]:
        learned = self._trust.learned(self._codec, search, calibrating, seed)
        self._asking = [learned[end] for end in self._link.ends[:-1]]
        own, self._search = self._search, search
        try:
            yield
        finally:
            self._search = own

    def save(self, folder: Path) -> None:
        super().save(folder)
        write_atomically(folder / _ASKING, json.dumps([one.as_lists() for one in self._asking]) + "\n")

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._asking = [Calibration.of_lists(one) for one in read_json(folder / _ASKING, REMEDY)]

    def _use(self, codec: AdaptiveCodec) -> None:
        self._codec, self._link = codec, BlockLink(codec, self.channel, self.k, self._config.block)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if self._codec is None:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        received, arrived = self._link.arrivals(batch.features, snr_db, seed)
        # Feedback errs beside the noise of the channel.
        rng = np.random.default_rng(None if seed is None else [seed, 1])
        observation = self._stopped(arrived, len(batch.features), rng)
        code = ReceivedCode(observation.values, observation.noise_var_per_axis)
        noise = tf.reduce_mean(received.noise_var_per_symbol, axis=1)
        reception = AdaptiveReception(self._codec.restore(code), code, noise, received.papr_db)
        channel = self._link.channel
        sent = sent_uncoded(channel, self.k // 2, self.k // 2, reception)
        uses = {end: float(channel.channel_uses(end // 2)) for end in self._link.ends}
        return replace(
            sent,
            features=reception.features.numpy(),
            observation=observation,
            channel_uses=np.array([uses[end] for end in observation.length.tolist()]),
        )

    def _stopped(self, arrived: Arrived, count: int, rng: np.random.Generator) -> Observation:
        """What has arrived of each feature when its sender has stopped."""
        ends, going, parts, places = self._link.ends, np.arange(count), [], []
        for number, (end, calibration) in enumerate(zip(ends, [*self._asking, None], strict=True)):
            stops = np.ones(len(going), bool)
            if calibration is not None:
                confidence = self._search.decide(arrived(end).take(going), calibration).confidence
                heard = rng.random(len(going)) >= self._config.feedback_error
                stops = (confidence >= self._config.confidence) == heard
            # The sender hears of it when further blocks have been sent.
            last = ends[min(number + self._config.delay, len(ends) - 1)]
            parts.append(arrived(last).take(going[stops]))
            places.append(going[stops])
            going = going[~stops]
            if not len(going):
                break
        return Observation.concat(parts).take(np.argsort(np.concatenate(places)))
