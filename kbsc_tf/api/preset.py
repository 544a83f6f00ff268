"""Trained networks that come along, or from a hub: senders and receivers without a run."""

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from kbsc_tf.api.link import Link
from kbsc_tf.api.source_images import Images, are_features, read_image
from kbsc_tf.api.transmitter import Fitted, Transmitter, read_features
from kbsc_tf.config import ExperimentConfig, FunctionEncoderConfig, NearestConfig, parse_channel
from kbsc_tf.config.strict import name_of
from kbsc_tf.data.memory import Images as ImagesInMemory
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.features.encoder import Encoder, build_encoder
from kbsc_tf.files import write_atomically
from kbsc_tf.presets.card import REMEDY, Card, read_card
from kbsc_tf.presets.catalogue import find_preset
from kbsc_tf.presets.packing import WEIGHTS, unpack
from kbsc_tf.receiver import Posterior, Receiver
from kbsc_tf.registry import schemes
from kbsc_tf.results.points import Curve
from kbsc_tf.revisit.preset_score import measure, read_test_sets
from kbsc_tf.schemes.base import COMMON, Scheme
from kbsc_tf.schemes.restore import TrainingShape, restore

POSTERIOR = "posterior.npz"


def from_preset(
    name: str | Path, k: int | None = None, channel: Any = None, image_shape: tuple[int, int] | None = None
) -> "Preset":
    """A trained sender and receiver, ready to send: nothing is fitted, and no training data are needed.

    Parameters
    ----------
    name : str or Path
        One of `kbsc_tf.list_presets`; the id, ``OWNER/NAME``, of one on the Hugging Face hub; or a folder.
    k : int, optional
        Real channel symbols, of those that its card names; the card's first unless given.
    channel : str or dict, optional
        As in an experiment, ``"rayleigh"`` for instance; the card's unless given. The networks stay as they are, and
        the card's scores and calibrated confidences are of its own channel.
    image_shape : (int, int), optional
        Height and width, in pixels, of the images that a preset of images is to send, if not those of its card. Its
        networks send as many values per pixel as ever: the CBR stays, k grows with the image. The card's scores are
        of its own size, and the networks have seen no other.

    Returns
    -------
    Preset

    Raises
    ------
    UserError
        There is no such preset, k is not one of its, its networks cannot divide images of this size, or a file is
        damaged.

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> preset = kbsc.from_preset("kbsc_real_clip_k64")
    >>> x = np.random.default_rng(0).standard_normal((3, 512)).astype("float32") / 512**0.5
    >>> preset.symbols(x).shape, preset.transmit(x, snr_db=0).features.shape
    ((3, 32), (3, 512))

    One that sends images, [B, H, W, 3]:

    >>> preset = kbsc.from_preset("deepjscc_cifar10_k512")
    >>> received = preset.transmit(np.full((2, 32, 32, 3), 0.5), snr_db=5)
    >>> received.images[0].shape, received.psnr.shape, received.channel_uses
    ((32, 32, 3), (2,), array([256., 256.]))
    """
    folder = find_preset(name)
    card = read_card(folder)
    k = card.k[0] if k is None else k
    if k not in card.k:
        raise UserError(f"preset {card.name}: has no k = {k}; there are {', '.join(map(str, card.k))}")
    return Preset(folder, card, k, channel, image_shape)


class Preset(Transmitter):
    """A fitted scheme over a channel, and what its receiver needs except a knowledge base; see `from_preset`.

    Attributes
    ----------
    card : Card
        What it is, and its scores: ``card.scores``, ``card.data``, ``card.licence``.
    scheme, channel : str
        Names as in records.
    k : int
        Real channel symbols per image; two to a complex channel use.
    image_shape : (int, int)
        Height and width, in pixels, of the images that it sends, or whose features it sends.
    """

    def __init__(
        self, folder: Path, card: Card, k: int, channel: Any = None, image_shape: tuple[int, int] | None = None
    ) -> None:
        self.card, self._card_k = card, k
        shape, config, changes = TrainingShape(**card.training), card.config, {}
        if channel is not None:
            changes["channels"] = [_channel(channel)]
        if image_shape is not None:
            own, other = math.prod(shape.image_shape), _checked_size(image_shape, card)
            shape = shape._replace(image_shape=other)
            changes["k"] = [one * math.prod(other) // own for one in config.k]
            k = k * math.prod(other) // own
        if changes:
            config = ExperimentConfig.model_validate(config.model_copy(update=changes))
        self._config = config
        curve = Curve(card.scheme, "", config.channels[0].label, k, card.training_seed)
        self._restoring = folder, curve, shape
        fitted = Fitted(Path(card.name), config, curve, self._restored(None, None), shape.image_shape)
        super().__init__(fitted, shape.dim)
        self.image_shape = tuple(fitted.image_shape)

    def link(
        self,
        entries: Images,
        labels: Sequence[Any],
        encoder: Callable | None = None,
        decision: str | None = None,
    ) -> Link:
        """The whole link, whose receiver has these entries as its knowledge base.

        Parameters
        ----------
        entries : features float [N, D] or images, as for `Link.send`
            Images are embedded, and shown when they are retrieved.
        labels : sequence of N str or int
            The class of each.
        encoder : callable, optional
            Embeds images: a list of B arrays, uint8 [H, W, 3], to [B, D]. For a preset of ready features it must be the
            encoder that the card names; one of images has the CLIP of its card unless this is given.
        decision : {"nearest", "posterior"}, optional
            How the receiver decides; the card's unless given. The confidence of ``"posterior"`` is calibrated for the
            card's knowledge base, not for another.

        Raises
        ------
        UserError
            There are not as many labels as entries, or nothing embeds the images.

        Examples
        --------
        >>> import kbsc_tf as kbsc, numpy as np
        >>> preset = kbsc.from_preset("adaptive_real_clip")
        >>> x = np.random.default_rng(0).standard_normal((40, 512)).astype("float32") / 512**0.5
        >>> link = preset.link(x, ["cat", "dog"] * 20)
        >>> link.send(x[1], snr_db=20, seed=0).label
        'dog'
        """
        embeds = self._encoder(encoder)
        x, images = self._embedded(entries, embeds)
        if len(labels) != len(x):
            raise UserError(f"labels: expected one for each of {len(x)} entries, got {len(labels)}")
        names, numbers = np.unique(np.asarray(labels).astype(str), return_inverse=True)
        references = tuple(f"entry {i}" for i in range(len(x)))
        made_by = getattr(embeds, "fingerprint", "")
        known = FeatureSet("receiver", x, numbers.astype(np.int64), tuple(names.tolist()), references, made_by)
        return self._around(known, images, embeds, decision)

    def score(
        self,
        data: str | Path | Mapping[str, Any] | ImagesInMemory,
        snr_db: Sequence[float] | None = None,
        queries: int | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Measure it as its card was measured.

        Parameters
        ----------
        data : str, Path, dict or kbsc_tf.Images
            For a preset of features a feature file, as ``features.file`` of an experiment: its ``test_send`` is sent
            to its ``test_recv``. For one of images a folder of them, as ``data.path`` of an experiment, another section
            ``data``, such as ``{"source": "cifar10"}``, or images in memory: half of the test images is sent.
        snr_db : sequence of float, optional
            Es/N0 in dB; those of the card unless given.
        queries : int, optional
            So many are sent, evenly spread; as many as for the card unless given.
        seed : int
            Of the noise, which is that of an experiment.

        Returns
        -------
        DataFrame
            A row per SNR: ``snr_db``, ``images`` sent, ``top1`` with ``low`` and ``high`` of its 95 % interval; of a
            preset of images ``psnr`` too, in dB, with ``psnr_low`` and ``psnr_high``.

        Raises
        ------
        UserError
            The data cannot be read, or are not of the kind that it sends.
        """
        encoder = self._encoder(None)
        tests, chunk = read_test_sets(self._config, data, encoder), self._config.sweep.chunk
        queries = self._config.sweep.queries if queries is None else queries
        if queries is not None:
            tests = tests._replace(sender=tests.sender.spread(queries))
        link = self._around(tests.receiver, None, encoder, None)
        levels = [one.snr_db for one in self.card.scores if one.k == self._card_k] if snr_db is None else snr_db
        return measure(tests, link._receiver, link._scheme, chunk, levels, seed)

    def __repr__(self) -> str:
        return f"<Preset {self.card.name}: {self.name}; {self.card.size}>"

    def _around(self, entries: FeatureSet, images: Any, encoder: Encoder | None, decision: str | None) -> Link:
        """A link to a receiver of these entries."""
        receiver = self._receiver_of(entries, decision or self.card.decision)
        _, curve, shape = self._restoring
        scheme = self._restored(receiver, entries)
        return Link(Fitted(Path(), self._config, curve, scheme, shape.image_shape), receiver, _Held(images), encoder)

    def _receiver_of(self, entries: FeatureSet, decision: str) -> Receiver:
        top_k = min(self._config.receiver.top_k, len(entries))
        if decision == "nearest":
            return Receiver.around(entries, NearestConfig(top_k=top_k))
        by_posterior = self._config.receiver.decision == "posterior"
        if decision != "posterior" or not by_posterior:
            raise UserError(f"decision: expected nearest{' or posterior' * by_posterior}, got {decision}")
        with self._unpacked() as place:
            posterior = Posterior.load(Path(place) / POSTERIOR, REMEDY)
        return Receiver.around(entries, self._config.receiver.model_copy(update={"top_k": top_k}), posterior)

    def _restored(self, receiver: Receiver | None, entries: FeatureSet | None) -> Scheme:
        _, curve, shape = self._restoring
        said = self.card.fitted[self._card_k]
        if curve.channel != self.card.channel:
            said = {**said, "calibration": None}
        with self._unpacked() as place:
            write_atomically(Path(place) / COMMON, json.dumps(said))
            return restore(self._config, curve, Path(place), shape, receiver, entries)

    def _unpacked(self) -> "TemporaryDirectory[str]":
        place = TemporaryDirectory(prefix="kbsc_preset_")
        unpack(self._restoring[0] / WEIGHTS, Path(place.name))
        return place

    def _sized(self, image: np.ndarray, row: int) -> np.ndarray:
        if image.shape[:2] != self.image_shape:
            got, own = ("x".join(map(str, shape)) for shape in (image.shape[:2], self.image_shape))
            raise UserError(
                f"preset {self.card.name}: image {row} has {got} pixels, expected {own}; resize it, or load the preset "
                f"for images of this size by image_shape={image.shape[:2]}"
            )
        return image

    def _encoder(self, function: Callable | None) -> Encoder | None:
        """What embeds images: the function that is given, or the encoder that the preset was trained with."""
        if function is not None:
            # Received images are embedded by it too, so that its features may be as long as they like.
            dimension = None if self.delivers_images else self._dimension
            known = {"fingerprint": getattr(function, "fingerprint", name_of(function)), "dimension": dimension}
            return build_encoder(
                FunctionEncoderConfig(encoder="function", function=function, name=name_of(function), **known)
            )
        return None if self._config.features.file is not None else build_encoder(self._config.features)

    def _embedded(self, entries: Images, encoder: Encoder | None) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Features of entries [N, D], and the images that they are of."""
        if are_features(entries):
            return read_features(entries, self._dimension, self.scheme), None
        if encoder is None:
            raise UserError(
                f"preset {self.card.name}: was trained on ready features, {self.card.sends}, so nothing embeds images "
                "here; give features, float [N, D], or encoder="
            )
        images = [read_image(one) for one in entries]
        return encoder.embed_images(images), images


class _Held:
    """Images of entries, as `kbsc_tf.study.images.kb_images.KbImages` reads them from disk."""

    def __init__(self, images: list[np.ndarray] | None) -> None:
        self._images = images

    def read(self, entry: int) -> np.ndarray | None:
        return None if self._images is None else self._images[entry]


def _channel(channel: Any) -> Any:
    from pydantic import ValidationError

    try:
        return parse_channel(channel)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"channel: {reason}") from None


def _checked_size(image_shape: tuple[int, int], card: Card) -> tuple[int, int]:
    """A height and a width that a preset's networks can divide into places."""
    [entry], told = card.config.schemes, str(image_shape)
    multiple = schemes[entry.scheme].multiple(entry)
    if not card.sends_images:
        raise UserError(f"image_shape: preset {card.name} sends features, not images; leave it out")
    try:
        height, width = map(operator.index, image_shape)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1 or height % multiple or width % multiple:
        raise UserError(
            f"image_shape: preset {card.name} takes a height and a width that are multiples of {multiple} pixels, "
            f"got {told}; resize the images"
        )
    return height, width
