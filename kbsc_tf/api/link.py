"""A link: images in, what a receiver shows for them out; from a run's folder, without training data or fit."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kbsc_tf.api.figures import Figures
from kbsc_tf.api.reception import Neighbour, Reception
from kbsc_tf.api.slider import Slider
from kbsc_tf.api.source_images import Images, are_features
from kbsc_tf.api.transmitter import Fitted, Transmitter
from kbsc_tf.config import FeaturesConfig, FunctionEncoderConfig
from kbsc_tf.config.strict import unknown_name
from kbsc_tf.errors import UserError
from kbsc_tf.features.encoder import Encoder, build_encoder
from kbsc_tf.figures.gallery import draw_arrivals
from kbsc_tf.kept import Kept
from kbsc_tf.knowledge import Decision
from kbsc_tf.receiver import Receiver
from kbsc_tf.results.names import snr_text
from kbsc_tf.schemes.saved import saved_links
from kbsc_tf.study.links import LinksFolder
from kbsc_tf.transmission import SourceBatch, Transmission

_ENCODERS = Kept(2)  # links of one run embed with one


class Link(Transmitter):
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
        self, fitted: Fitted, receiver: Receiver, images: Any, encoder: Encoder | None, symbols: bool = False
    ) -> None:
        super().__init__(fitted, receiver.knowledge_base.dimension, symbols)
        self._receiver, self._images = receiver, images
        self.class_names = receiver.knowledge_base.class_names
        receiver.encoder = encoder

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
        saved = links[0]
        folder.check(saved)
        receiver, entries = folder.receiver(saved.config)
        scheme, shape = folder.scheme(saved, receiver, entries), tuple(saved.content["training"]["image_shape"])
        fitted = Fitted(folder.folder, saved.config, saved.curve, scheme, shape)
        images = folder.images(saved.config, entries)
        return cls(fitted, receiver, images, _encoder(saved.config.features, encoder), symbols)

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

    def slider(self, image: Images, snr_db: Iterable[float] = range(-20, 11, 2), seed: int = 0) -> Slider:
        """One image at many SNRs, for a notebook: a slider over what the receiver shows.

        The noise is the same at every SNR, only stronger or weaker. All is computed at once, and the page needs no
        kernel afterwards.

        Parameters
        ----------
        image : path or array
            One image.
        snr_db : iterable of float
            Es/N0 in dB, a step of the slider each.
        seed : int
            Of the noise.

        Returns
        -------
        Slider
            Which a notebook shows.

        Raises
        ------
        UserError
            Several images, features instead of an image, or no SNR.

        Examples
        --------
        >>> link = Link.load("results/quickstart", scheme="pca", k=64)
        >>> link.slider("cat.jpg", snr_db=[-10, 0, 10])
        """
        receptions = [self.send(image, snr, seed) for snr in snr_db]
        return Slider(self.name, receptions)

    def embed(self, images: Images) -> np.ndarray:
        """Features [B, D], float32, of length 1, of images, as the run's encoder makes them; [D] of one image."""
        batch, is_one = self._batch(images)
        return batch.features[0] if is_one else batch.features

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
