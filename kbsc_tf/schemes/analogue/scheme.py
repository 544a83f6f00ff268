"""What the analogue schemes share: a semantic link whose symbols go over the air uncoded."""

from abc import abstractmethod
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, ReceivedValues, build_link, seed_noise
from kbsc_tf.channel.power import amplitude
from kbsc_tf.config import ChannelConfig
from kbsc_tf.errors import Infeasible
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.base import ChannelScheme, Report, Validation, silent
from kbsc_tf.schemes.cost import air_overhead, sharing
from kbsc_tf.schemes.linear.observer import LinearObserver
from kbsc_tf.schemes.networks import load_networks, save_networks
from kbsc_tf.transmission import Observation, Overhead, SourceBatch, Transmission

_CODEC, _OBSERVER = "codec.npz", "observer.npz"


def spread(k: int, dim: int) -> tuple[int, int]:
    """How k real channel symbols carry a feature of ``dim`` values: (symbols of the codec, times each is sent).

    A linear code has no more than ``dim`` different symbols to send. What is left of the budget repeats them, which
    the receiver combines: 3 dB for twice the channel uses.

    Raises
    ------
    Infeasible
        k is above ``dim`` and no multiple of it.
    """
    if k <= dim:
        return k, 1
    if k % dim:
        raise Infeasible(
            f"{k} symbols for features of {dim} values; give at most {dim}, or a multiple of it: symbols beyond are "
            "repeated"
        )
    return dim, k // dim


class AnalogueScheme(ChannelScheme):
    """Send k real values of a semantic codec in k/2 complex symbols; see `spread` for k above the feature's length.

    Parameters
    ----------
    k : int
        Real channel symbols per image, even.
    channel : ChannelConfig

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.Link.load("results/quickstart", scheme="pca", k=64)  # of an analogue scheme
    >>> link.symbols(link.embed(["cat.jpg"])).shape
    (1, 32)
    """

    def __init__(self, k: int, channel: ChannelConfig) -> None:
        super().__init__(k, channel)
        self._link: SemanticLink | None = None

    def check(self, training: FeatureSet) -> None:
        spread(self.k, training.dim)

    @property
    def link(self) -> SemanticLink:
        """The fitted encoder, channel and decoder."""
        if self._link is None:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        return self._link

    @link.setter
    def link(self, link: SemanticLink) -> None:
        self._link = link
        air = build_link(link.channel_config, link.repeats, share_traces=True)
        self._transmit = tf.function(partial(link.transmit, air=air), autograph=False)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        link = self.link
        seed_noise(seed)
        received = self._transmit(tf.constant(batch.features), tf.constant(snr_db, tf.float32))
        n = self.k // link.repeats // 2
        observation = self._observe(received.received) if self.observing else None
        sent = sent_uncoded(link.air.channel, n, n, received)
        return replace(sent, features=received.features.numpy(), observation=observation)

    def symbols(self, features: np.ndarray) -> np.ndarray:
        """What goes on the air for features [B, D], before it is repeated: complex64 [B, n], average power 1 each."""
        return self.link.air.symbols(self.link.encoder(tf.constant(features))).numpy()

    def save(self, folder: Path) -> None:
        super().save(folder)
        link = self.link
        save_networks(folder / _CODEC, {"encoder": link.encoder, "decoder": link.decoder}, repeats=link.repeats)

    def load(self, folder: Path) -> None:
        super().load(folder)
        networks, arrays = load_networks(folder / _CODEC, "encoder", "decoder", "repeats")
        self.link = SemanticLink(**networks, channel=self.channel, repeats=int(arrays["repeats"]))

    def _observe(self, received: ReceivedValues) -> Observation | None:
        """What the receiver knows about the coordinates of the code; None: nothing but the restored feature."""
        return None


def sent_uncoded(channel: Channel, symbols: int, used: int, received: Any) -> Transmission:
    """A transmission that cannot fail, and its cost; the caller adds what was delivered with `dataclasses.replace`.

    Parameters
    ----------
    channel : Channel
    symbols, used : int
        Complex symbols of an image that share a realisation, and those the receiver waits for, which are its cost.
    received : ReceivedFeatures, AdaptiveReception or ReceivedImages
        For what the receiver knows of noise and peaks.

    Returns
    -------
    Transmission
        Without features, images and observation.
    """
    count = len(received.noise_var_per_symbol)
    overhead = air_overhead(channel.overhead(used), count)
    return Transmission(
        features=None,
        images=None,
        delivered=np.ones(count, bool),
        channel_uses=np.full(count, float(channel.channel_uses(used))),
        noise_var_per_symbol=received.noise_var_per_symbol.numpy(),
        overhead=Overhead(**overhead) if overhead else None,
        papr_db=None if received.papr_db is None else received.papr_db.numpy(),
        groups=sharing(channel.rows_per_realisation(symbols), count),
    )


class ClosedFormScheme(AnalogueScheme):
    """An analogue scheme whose codec follows from the training features without training.

    It delivers observations along the receiver's axes where the receiver of `fit`'s validation decides by posterior.

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> class Leading(kbsc.ClosedFormScheme):
    ...     def codec(self, features, symbols):  # the first values of a feature
    ...         return kbsc.linear_codec(features.mean(0), np.eye(features.shape[1], symbols), np.eye(symbols, 512))
    >>> Leading(64, kbsc.load_config("quickstart").channels[0]).k
    64
    """

    @abstractmethod
    def codec(self, features: np.ndarray, symbols: int) -> tuple[keras.Model, keras.Model]:
        """Encoder [B, D] -> [B, symbols] and its inverse, a `LinearDecoder`, from training features [N, D]."""

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        features = np.asarray(training.x, np.float32)
        symbols, repeats = spread(self.k, features.shape[1])
        encoder, decoder = self.codec(features, symbols)
        link = SemanticLink(encoder, decoder, self.channel, repeats)
        values = encoder(features)
        # The decoder knows the amplitude of the average feature, not that of the one it receives.
        decoder.scale(float(link.air.received_amplitude(values)))
        self.link = link
        search = None if validation is None else validation.receiver.code_search
        self.observing = search is not None
        if self.observing:
            self._linear = LinearObserver.of(decoder, search.axes, (values / amplitude(values)).numpy())

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self.observing:
            self._linear.save(folder / _OBSERVER)

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.observing = (folder / _OBSERVER).exists()
        if self.observing:
            self._linear = LinearObserver.load(folder / _OBSERVER)

    def _observe(self, received: ReceivedValues) -> Observation:
        return self._linear(*(part.numpy() for part in received[:3]))
