"""Neural joint source-channel coding of images: DeepJSCC, ADJSCC and SwinJSCC."""

import math
from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.channel import build_link, seed_noise
from kbsc_tf.config import ChannelConfig
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue.scheme import sent_uncoded
from kbsc_tf.schemes.base import ChannelScheme, Report, Validation, silent
from kbsc_tf.schemes.jscc.config import STRIDE, JsccConfig, SwinJsccConfig, check_size
from kbsc_tf.schemes.jscc.convert import load_deepjscc, load_swinjscc
from kbsc_tf.schemes.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.schemes.jscc.image_losses import image_loss
from kbsc_tf.schemes.jscc.image_training import GridQuality, image_batches, in_batches, to_uint8
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder
from kbsc_tf.schemes.networks import load_networks, save_networks
from kbsc_tf.training import CheckpointFolder, Trainer, fingerprint
from kbsc_tf.transmission import SourceBatch, Transmission

_CODEC = "codec.npz"
_MEASURED = 200  # training images that tell what published weights lack


class NeuralImageScheme(ChannelScheme):
    """Send k real values that a network makes of an image, uncoded, and restore the image by another network.

    Both ends know the SNR where the networks have an SNR input. No part of an image's power or of its choice of
    channels is handed to the receiver, unless the channel is ``preset: original``, which hands over the power.

    Parameters
    ----------
    k : int
        A multiple of the places of the latent.
    channel : ChannelConfig
        That it is used on.
    config : JsccConfig
    images : ImageSet
        Training images; all images have the size of the first.
    all_k : list of int
        Of the experiment, for networks that serve all of them.

    Raises
    ------
    Infeasible
        The network does not send k values.
    UserError
        Image size or checkpoint does not suit the network.
    """

    needs_images = True

    def __init__(self, k: int, channel: ChannelConfig, config: JsccConfig, images: ImageSet, all_k: list[int]) -> None:
        super().__init__(k, channel)
        self.name, self.config = config.title, config
        self.trained_on = channel if config.checkpoint else config.channel or channel
        self.image_shape = images.image_shape
        self.channels, self.rates = self._latent(all_k)
        self._published: tuple[keras.Model, keras.Model] | None = None
        self._link: ImageLink | None = None

    def check(self, training: FeatureSet) -> None:
        if self.config.checkpoint is not None:
            self._published = self.published(self.config.checkpoint)

    @property
    def model(self) -> str:
        """Name of the folder of its checkpoints."""
        return f"{self.name}_{self.trained_on.label}" + ("" if self.rates else f"_k{self.k}")

    @abstractmethod
    def _latent(self, all_k: list[int]) -> tuple[int, tuple[int, ...]]:
        """Channels per place that are sent, and for rate-adaptive networks those at all k."""

    @abstractmethod
    def networks(self) -> tuple[keras.Model, keras.Model]:
        """Encoder and decoder to be trained."""

    @abstractmethod
    def published(self, path: Path) -> tuple[keras.Model, keras.Model]:
        """Encoder and decoder from a published checkpoint."""

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        if self.config.checkpoint is not None:
            networks = self._published or self.published(self.config.checkpoint)
            link = self._around(*networks, self.trained_on)
            link.measure(in_batches(self._read(training.images.spread(_MEASURED))), self.config.validation_snr_db)
        elif validation is None or folder is None:
            raise ValueError(f"{self.name} is trained: fit needs validation and folder")
        else:
            link = self._train(training.images, validation.images, folder, report)
        self._use(link.encoder, link.decoder, link.favour)
        parameters = link.encoder.count_params() + link.decoder.count_params()
        self.summary = f"{parameters:,} parameters"

    def save(self, folder: Path) -> None:
        super().save(folder)
        link = self._link
        save_networks(folder / _CODEC, {"encoder": link.encoder, "decoder": link.decoder}, favour=link.favour.numpy())

    def load(self, folder: Path) -> None:
        super().load(folder)
        networks, arrays = load_networks(folder / _CODEC, "encoder", "decoder", "favour")
        self._use(**networks, **arrays)

    def _use(self, encoder: keras.Model, decoder: keras.Model, favour: np.ndarray | keras.Variable) -> None:
        self._link = self._around(encoder, decoder, self.channel)
        self._link.favour.assign(favour)
        air = build_link(self.channel, share_traces=True)
        rate = self.channels if self.rates else None
        self._transmit = tf.function(partial(self._link.transmit, rate=rate, air=air), autograph=False)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if self._link is None:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        images = self._stack(batch.images, "the source")
        seed_noise(seed)
        channel, symbols = self._link.air.channel, self.k // 2
        batches, snr = in_batches(images, channel.rows_per_realisation(symbols)), tf.constant(snr_db, tf.float32)
        received = _joined([self._transmit(batch, snr) for batch in batches])
        return replace(sent_uncoded(channel, symbols, symbols, received), images=[*to_uint8(received.images)])

    def _around(self, encoder: keras.Model, decoder: keras.Model, channel: ChannelConfig) -> ImageLink:
        return ImageLink(encoder, decoder, channel, self.config.told_snr_db, self.rates)

    def _train(self, training: ImageSet, validation: ImageSet, folder: Path, report: Report) -> ImageLink:
        # Seeds the initial weights, so that a training is reproducible whatever ran before it.
        keras.utils.set_random_seed(self.config.seed)
        link = self._around(*self.networks(), self.trained_on)
        # Images that share a grid share its SNR, at whichever rate.
        symbols = [rate * self.k // self.channels // 2 for rate in self.rates or (self.channels,)]
        per_snr = math.lcm(*(link.air.channel.rows_per_realisation(n) for n in symbols))
        judged = self._read(validation.spread(self.config.validation_images))
        trainer = Trainer(
            self.config,
            lambda epoch: image_batches(self._read(training), self.config, epoch, per_snr, len(self.rates)),
            GridQuality(judged, self.config),
            image_loss(self.config.loss),
            xla=False,  # takes minutes to compile for a CPU, and makes a step no faster
        )
        return trainer.fit(link, CheckpointFolder(folder, self._identity(training)), report)

    def _read(self, images: ImageSet) -> np.ndarray:
        return self._stack(images.read(np.arange(len(images))), images.name)

    def _stack(self, images: list[np.ndarray], owner: str) -> np.ndarray:
        """Images of one size as an array [B, H, W, 3], uint8."""
        for number, image in enumerate(images):
            if image.shape[:2] != self.image_shape:
                raise UserError(
                    f"{self.name}: image {number} of {owner} has {image.shape[0]}x{image.shape[1]} pixels, expected "
                    f"{self.image_shape[0]}x{self.image_shape[1]} as the first; bring all images to one size"
                )
        return np.stack(images)

    def _identity(self, training: ImageSet) -> str:
        """Fingerprint of what determines the trained weights."""
        own = {name: value for name, value in self.config.of_one_training().items() if name != "channel"}
        # A network for several rates is the same at all k, which share its folder.
        sent = self.rates or self.channels
        return fingerprint(training.fingerprint, own, self.trained_on.settings(), sent)

    def _channels(self, k: int, stride: int, multiple: int) -> int:
        """Values per place of the latent that k is."""
        check_size(self.name, self.image_shape, multiple)
        height, width = self.image_shape
        places = height * width // stride**2
        if k % places:
            raise Infeasible(f"{places} places at {height}x{width} pixels; give a multiple of {places}")
        return k // places

    def _of_this_k(self, path: Path, encoder: keras.Model, decoder: keras.Model) -> tuple[keras.Model, keras.Model]:
        """The networks of a file, if they send as many values."""
        if encoder.channels != self.channels:
            k = self.k // self.channels * encoder.channels
            raise UserError(f"{path}: makes k = {k}, the experiment has k = {self.k}; set k")
        return encoder, decoder


def _joined(parts):
    """Received images of one batch that was sent in parts."""
    if len(parts) == 1:
        return parts[0]
    return type(parts[0])(*(None if part[0] is None else tf.concat(part, axis=0) for part in zip(*parts, strict=True)))


class DeepJsccScheme(NeuralImageScheme):
    """DeepJSCC, or as ``adjscc`` the same with attention features that see the SNR."""

    def _latent(self, all_k: list[int]) -> tuple[int, tuple[int, ...]]:
        return self._channels(self.k, STRIDE, STRIDE), ()

    def networks(self) -> tuple[keras.Model, keras.Model]:
        settings = self.channels, self.config.scheme == "adjscc"
        return DeepJsccEncoder(*settings), DeepJsccDecoder(*settings)

    def published(self, path: Path) -> tuple[keras.Model, keras.Model]:
        return self._of_this_k(path, *load_deepjscc(path))


class SwinJsccScheme(NeuralImageScheme):
    """SwinJSCC in the variant that its configuration says; with the rate ModNet, one network for all k."""

    config: SwinJsccConfig

    def _latent(self, all_k: list[int]) -> tuple[int, tuple[int, ...]]:
        if not self.config.rate_adaptive:
            return self._channels(self.k, self.config.dimensions.stride, self.config.dimensions.multiple), ()
        rates = []
        for k in sorted(all_k):
            with suppress(Infeasible):
                rates.append(self._rate(k))
        return self._rate(self.k), tuple(rates)

    def _rate(self, k: int) -> int:
        """Channels at k of those that a rate-adaptive network has to choose from."""
        size = self.config.dimensions
        rate = self._channels(k, size.stride, size.multiple)
        if rate > size.widths[-1]:
            raise Infeasible(
                f"{rate} channels are needed, there are {size.widths[-1]} to choose from; lower k, or take another "
                "swinjscc.size or variant"
            )
        return rate

    def networks(self) -> tuple[keras.Model, keras.Model]:
        size = self.config.dimensions
        channels = size.widths[-1] if self.rates else self.channels
        settings = size, channels, self.config.snr_adaptive, self.config.rate_adaptive
        return SwinJsccEncoder(*settings), SwinJsccDecoder(*settings)

    def published(self, path: Path) -> tuple[keras.Model, keras.Model]:
        config = self.config
        networks = load_swinjscc(path, config.dimensions, config.snr_adaptive, config.rate_adaptive)
        return networks if self.rates else self._of_this_k(path, *networks)
