"""A link: images in, what a receiver shows for them out; from a run's folder, without training data or fit."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from kbsc_tf.api.figures import Figures
from kbsc_tf.api.reception import Neighbour, Reception, Symbols
from kbsc_tf.api.source_images import Images, are_features, of_size, read_image
from kbsc_tf.channel.tap import Tap
from kbsc_tf.config import FeaturesConfig, FunctionEncoderConfig
from kbsc_tf.config.strict import unknown_name
from kbsc_tf.errors import UserError
from kbsc_tf.features.encoder import Encoder, build_encoder
from kbsc_tf.figures.gallery import draw_arrivals
from kbsc_tf.kept import Kept
from kbsc_tf.knowledge import Decision
from kbsc_tf.results.names import channel_text, mcs_text, named, names_of, scheme_text, snr_text
from kbsc_tf.schemes.analogue.scheme import AnalogueScheme
from kbsc_tf.schemes.saved import SavedLink, saved_links
from kbsc_tf.study.links import LinksFolder
from kbsc_tf.transmission import SourceBatch, Transmission

_ENCODERS = Kept(2)  # links of one run embed with one


class Link:
    """A sender, a channel and a receiver with its knowledge base, as a run has fitted them; see `Link.load`.

    Attributes
    ----------
    scheme, mcs, channel : str
        Names as in the run's records.
    k : int
        Real channel symbols per image; two to a complex channel use.
    class_names : list of str
        What the receiver can decide for.
    """

    def __init__(
        self, folder: LinksFolder, saved: SavedLink, encoder: Callable | None = None, symbols: bool = False
    ) -> None:
        folder.check(saved)
        self.folder, self._config = folder.folder, saved.config
        self.scheme, self.mcs, self.channel, self.k, _ = saved.curve
        self._receiver, entries = folder.receiver(saved.config)
        self._scheme = folder.scheme(saved, self._receiver, entries)
        self._scheme.forget()  # what an image scheme has announced for a sweep
        self._images = folder.images(saved.config, entries)
        self._image_shape = tuple(saved.content["training"]["image_shape"])
        self.class_names = self._receiver.knowledge_base.class_names
        self._receiver.encoder = _encoder(saved.config.features, encoder)
        self._tap = Tap() if symbols else None

    @classmethod
    def load(
        cls,
        run: Any,
        scheme: str | None = None,
        k: int | None = None,
        channel: str | None = None,
        mcs: str = "",
        encoder: Callable | None = None,
        symbols: bool = False,
    ) -> "Link":
        """The link of a run: no training data and no fit are needed.

        Parameters
        ----------
        run : str, Path, or an object with a ``folder``
            Results folder.
        scheme : str, optional
            As in its records; the first of the experiment unless given. Of several trainings the first is taken.
        k : int, optional
            The largest unless given.
        channel : str, optional
            As in its records; the first unless given.
        mcs : str, optional
            Modulation and code rate of a coded scheme, or "genie"; the first unless given. A link does not know the
            right answer: there "genie" takes for every image the highest rate that arrives.
        encoder : callable, optional
            The function that embeds images, of a run that was given one, if images are to be sent.
        symbols : bool
            Keep the symbols that each image took on the air, see `Reception.symbols`.

        Raises
        ------
        UserError
            The folder holds no such link: lists those that there are.

        Examples
        --------
        >>> link = Link.load("results/quickstart", scheme="pca", k=64)
        >>> reception = link.send("cat.jpg", snr_db=0.0, seed=1)
        >>> reception.label, reception.confidence, reception.image.shape
        """
        folder = LinksFolder(Path(getattr(run, "folder", run)))
        links = saved_links(folder.folder)
        for field, value in {"scheme": scheme, "channel": channel, "k": k, "mcs": mcs or None}.items():
            known = list(dict.fromkeys(str(getattr(link.curve, field)) for link in links))
            if value is not None and str(value) not in known:
                of = "" if field == "scheme" else f" of {links[0].curve.scheme}"
                raise UserError(f"{folder.folder}: {unknown_name(field + of, value, [one or 'none' for one in known])}")
            links = [link for link in links if str(getattr(link.curve, field)) == (str(value) if value else known[0])]
        return cls(folder, links[0], encoder, symbols)

    def send(self, images: Images, snr_db: float = 0.0, seed: int | None = None) -> Reception | list[Reception]:
        """Send images and see what the receiver shows for them.

        Parameters
        ----------
        images : path, array or list
            See `Images`. What is no path is RGB. A scheme that sends images brings them to the size of the run's
            images, cutting off what is too wide or too high. A run on a feature file takes features only.
        snr_db : float
            Es/N0 in dB.
        seed : int, optional
            Of the noise; without it, every call meets other noise.

        Returns
        -------
        Reception, or a list of them for a list or an array of several

        Raises
        ------
        UserError
            An image cannot be read, or is none.
        """
        batch, is_one = self._batch(images)
        sent = self._transmit(batch, snr_db, seed)
        decision = self._receiver.decide(sent, self._scheme.calibration)
        features, rows = self._receiver.features(sent), range(len(decision.ids))
        receptions = [self._reception(batch, sent, features[row], decision, row, snr_db) for row in rows]
        return receptions[0] if is_one else receptions

    def draw(self, receptions: Reception | Sequence[Reception], path: str | Path | None = None) -> Figures:
        """Draw what `send` returned: a row per image with what was sent, what arrived, what is shown, its neighbours.

        Parameters
        ----------
        receptions : Reception or sequence of Reception
            Of images; where they were sent at several SNRs, the SNR stands over each.
        path : str or Path, optional
            PNG, PDF or SVG file; ``sent.png`` in the run's folder unless given.

        Returns
        -------
        Figures
            The one file, which a notebook shows.
        """
        receptions = [receptions] if isinstance(receptions, Reception) else receptions
        if not receptions or any(one.sent is None for one in receptions):
            raise UserError("receptions: there are no images to draw; give what send returned for images")
        snrs = {snr_text(one.snr_db) for one in receptions}
        title = f"{self.name}, {snrs.pop()}" if len(snrs) == 1 else self.name
        arrivals = [one.arrival(snr_text(one.snr_db) if len(snrs) > 1 else "") for one in receptions]
        path = Path(path or self.folder / "sent.png")
        return Figures([draw_arrivals(arrivals, path, title, self.delivers_images)])

    def embed(self, images: Images) -> np.ndarray:
        """Features [B, D], float32, of length 1, of images, as the run's encoder makes them; [D] of one image."""
        batch, is_one = self._batch(images)
        return batch.features[0] if is_one else batch.features

    def symbols(self, features: np.ndarray) -> np.ndarray:
        """What an uncoded scheme puts on the air for features [B, D]: complex64 [B, n], of average power 1 each.

        Raises
        ------
        UserError
            The scheme has no such symbols: it is coded, or sends images.
        """
        if not isinstance(self._scheme, AnalogueScheme):
            raise UserError(f"{self.scheme}: sends no real values of a feature uncoded; try pca or kbsc")
        return self._scheme.symbols(self._features(features))

    def transmit(self, source: Images, snr_db: float = 0.0, seed: int | None = None) -> Transmission:
        """Send features, or the images of a scheme that sends images, and get what arrives before the receiver decides.

        Nothing is embedded, so this is what measures many received images fastest.

        Parameters
        ----------
        source : features [B, D], float32, of length 1, or images as for `send`
            Whichever the scheme sends.
        snr_db : float
            Es/N0 in dB.
        seed : int, optional
            Of the noise; without it, every call meets other noise.

        Raises
        ------
        UserError
            The scheme sends the other of the two, the features are not [B, D], or an image cannot be read.
        """
        if not self._scheme.needs_images:
            return self._transmit(SourceBatch(self._features(source)), snr_db, seed)
        if are_features(source):
            raise UserError(f"{self.scheme}: sends images, not features; give images")
        images, _ = self._read(source)
        # A scheme that went by the features of its images would not get by with these.
        nothing = np.full((len(images), self._receiver.knowledge_base.dimension), np.nan, np.float32)
        return self._transmit(SourceBatch(nothing, images), snr_db, seed)

    @property
    def name(self) -> str:
        """For readers: "PCA, k = 64, AWGN"."""
        with named({"names": names_of(self._config)}):
            parts = [scheme_text(self.scheme), mcs_text(self.mcs), f"k = {self.k}", channel_text(self.channel)]
        return ", ".join(part for part in parts if part)

    @property
    def delivers_images(self) -> bool:
        """Whether what arrives is an image, or meant to be one."""
        return self._scheme.needs_images

    def __repr__(self) -> str:
        return f"<Link: {self.name}; {self._receiver.knowledge_base.describe()}>"

    def _reception(
        self,
        batch: SourceBatch,
        sent: Transmission,
        received_feature: np.ndarray,
        decision: Decision,
        row: int,
        snr_db: float,
    ) -> Reception:
        """What became of one image of a batch."""
        scores = decision.confidence[row : row + 1] if decision.scores is None else decision.scores[row]
        labels = self._receiver.knowledge_base.labels
        neighbours = tuple(
            Neighbour(self.class_names[labels[entry]], float(score), int(entry), self._images)
            for entry, score in zip(decision.ids[row], scores, strict=False)
            if entry >= 0
        )
        return Reception(
            label=neighbours[0].label if neighbours else None,
            confidence=float(decision.confidence[row]),
            delivered=bool(sent.delivered[row]),
            channel_uses=float(sent.channel_uses[row]),
            snr_db=float(snr_db),
            neighbours=neighbours,
            sent=None if batch.images is None else batch.images[row],
            received=None if sent.images is None else sent.images[row],
            sent_feature=batch.features[row],
            received_feature=received_feature if sent.delivered[row] else None,
            symbols=self._symbols(sent, row),
        )

    def _symbols(self, sent: Transmission, row: int) -> Symbols | None:
        """Those of an image; None where they are shared, or the channel was not told of one row for each of them."""
        if self._tap is None:
            return None
        count = len(sent.delivered)
        numbers, places = np.unique(
            np.arange(count) if sent.blocks is None else sent.blocks.number, return_inverse=True
        )
        if len(numbers) < count or len(self._tap.rows) != count:
            return None
        on_air, arrived = self._tap.rows[places[row]]
        used = math.ceil(sent.channel_uses[row])  # not those of blocks that need not be sent again
        return Symbols(on_air[:used], arrived[:used])

    def _transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if math.isnan(snr_db):
            raise UserError("snr_db: expected a number of dB, or inf for no noise, got nan")
        with self._tap.listening() if self._tap is not None else nullcontext():
            sent = self._scheme.transmit(batch, float(snr_db), seed)
        self._scheme.forget()  # a link lives on, and would keep the files of every image
        return sent

    def _batch(self, images: Images) -> tuple[SourceBatch, bool]:
        """What the scheme is given, and whether it is one image alone."""
        if are_features(images):
            if self._scheme.needs_images:
                raise UserError(f"{self.scheme}: sends images, not features; give images")
            return SourceBatch(self._features(np.atleast_2d(images))), images.ndim == 1
        if self._receiver.encoder is None:
            source = self._config.features.file or f"a function, {self._config.features.name}"
            raise UserError(
                f"{self.folder}: its features are those of {source}, so nothing embeds images here; send features, "
                "float [B, D], or load the link with encoder="
            )
        read, is_one = self._read(images)
        encoder = self._receiver.encoder
        self._receiver.knowledge_base.check(1, encoder.fingerprint)
        return SourceBatch(self._receiver.embed(read), read), is_one

    def _read(self, images: Images) -> tuple[list[np.ndarray], bool]:
        """Images as the scheme takes them, and whether it is one alone."""
        is_one = isinstance(images, (str, Path)) or (isinstance(images, np.ndarray) and images.ndim == 3)
        read = [read_image(image) for image in ([images] if is_one else images)]
        if not read:
            raise UserError("images: there are none to send")
        if self._scheme.needs_images:
            read = [of_size(image, self._image_shape) for image in read]
        return read, is_one

    def _features(self, features: np.ndarray) -> np.ndarray:
        dim = self._receiver.knowledge_base.dimension
        try:
            features = np.asarray(features, np.float32)
        except (TypeError, ValueError):
            raise UserError(
                f"{self.scheme}: sends features; expected numbers [B, {dim}], got none; see embed"
            ) from None
        if features.ndim != 2 or features.shape[1] != dim or not len(features):
            raise UserError(f"features: expected [B, {dim}], got {list(features.shape)}")
        return features


def _encoder(config: FeaturesConfig, function: Callable | None) -> Encoder | None:
    """What embeds images; None for a feature file, and for a function that is not given."""
    if isinstance(config, FunctionEncoderConfig):
        config = config.model_copy(update={"function": function})
        return None if function is None else build_encoder(config)
    if function is not None:
        raise UserError("encoder: the run was not given one, so it has its own; leave encoder out")
    if config.file is not None:
        return None
    [shared] = _ENCODERS([config.model_dump_json()], lambda _: [build_encoder(config)])
    return shared
