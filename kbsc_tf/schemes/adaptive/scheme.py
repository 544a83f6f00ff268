"""Adaptive: one code for every SNR and every number of symbols."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import tensorflow as tf

from kbsc_tf.channel import build_link, seed_noise
from kbsc_tf.config import ChannelConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec
from kbsc_tf.schemes.adaptive.adaptive_link import send
from kbsc_tf.schemes.adaptive.fit import AdaptiveFit, RoundedFit
from kbsc_tf.schemes.analogue.scheme import sent_uncoded
from kbsc_tf.schemes.base import ChannelScheme, Report, Validation, silent
from kbsc_tf.schemes.networks import load_networks, save_networks
from kbsc_tf.transmission import Observation, SourceBatch, Transmission

_CODEC = "codec.npz"


class AdaptiveScheme(ChannelScheme):
    """Send the first k symbols of the adaptive code.

    Parameters
    ----------
    k : int
        Real channel symbols that are received, even.
    channel : ChannelConfig
        That it is used on; it is fitted over AWGN.
    fitted : AdaptiveFit or RoundedFit
        Shared by all k and channels, so that the code is learned once.
    progressive : bool
        Start to send all symbols there are, of which the receiver uses the first k: the sender does not know k and
        cannot scale by it, so every symbol has the same mean power over all features. Else the k symbols of every
        feature have a mean power of 1. The first rule is the looser one, and a feature's loudness also tells something:
        up to some 24 symbols at low SNR it is worth up to half a point, at the same order and powers.
    """

    name, observing = "adaptive", True

    def __init__(
        self, k: int, channel: ChannelConfig, fitted: AdaptiveFit | RoundedFit, progressive: bool = False
    ) -> None:
        super().__init__(k, channel)
        self._fitted = fitted
        self._sent, self._used = (fitted.symbols, k) if progressive else (k, None)
        self._codec: AdaptiveCodec | None = None

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        if validation is None:
            raise ValueError(f"{self.name}: its order is chosen on validation features; fit needs them")
        self._use(self._fitted.codec(training, validation))
        self.summary = self._fitted.summary

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_networks(folder / _CODEC, {"codec": self._codec})

    def load(self, folder: Path) -> None:
        super().load(folder)
        networks, _ = load_networks(folder / _CODEC, "codec")
        self._use(networks["codec"])

    def _use(self, codec: AdaptiveCodec) -> None:
        self._codec, self._air = codec, build_link(self.channel, share_traces=True)
        self._transmit = tf.function(
            partial(send, codec, self._air, count=self._sent, used=self._used), autograph=False
        )

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if self._codec is None:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        seed_noise(seed)
        received = self._transmit(tf.constant(batch.features), tf.constant(snr_db, tf.float32))
        observation = Observation(received.code.values.numpy(), received.code.noise_var_per_axis.numpy(), self._codec)
        sent = sent_uncoded(self._air.channel, self._sent // 2, self.k // 2, received)
        return replace(sent, features=received.features.numpy(), observation=observation)
