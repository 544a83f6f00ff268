"""CLIP, frozen: images and texts to L2-normalised features on the unit sphere they share."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.config import ClipConfig
from kbsc_tf.data.decode import BadImageError, check_shape
from kbsc_tf.errors import UserError
from kbsc_tf.features.clip_files import find_clip
from kbsc_tf.features.clip_weights import Towers, load_towers, quiet

Image = NDArray[np.uint8]


class ClipEncoder:
    """A Hugging Face ``TFCLIPModel`` with its image processor and tokenizer.

    images uint8 [H, W, 3] ─► CLIPImageProcessor (PIL bicubic) ─► float32 [B, 3, S, S] ─► vision tower ─► x [B, D]

    Constructing it finds the files only (a hub model is downloaded once). TensorFlow, transformers and the weights are
    loaded by the first embedding, so a run that finds all its features in the store pays for none of them.

    Parameters
    ----------
    model : str
        "small" for the CLIP inside the package, a local folder in Hugging Face format (``tf_model.h5``, or
        ``model.safetensors`` of TF or PyTorch, which needs no PyTorch), or a hub id.
    batch_size : int
        Images per call of the model. Batches are padded to this size, so the model is traced once.

    Attributes
    ----------
    name : str
        ``model`` as given.
    fingerprint : str
        SHA-256 (hex) of weights, configuration, preprocessing and tokenizer.
    dim : int
        Length D of a feature.
    image_size : int
        Height and width S of the pixels the vision tower takes.
    has_tokenizer : bool
        Whether `embed_texts` can work.

    Raises
    ------
    UserError
        The model's files are missing, of another kind, or cannot be fetched.
    """

    def __init__(self, model: str = "small", batch_size: int = 256) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.name = model
        self.batch_size = batch_size
        self._files = find_clip(model)
        config = self._files.config
        self.dim = int(config.get("projection_dim", 512))
        self.image_size = int(config.get("vision_config", {}).get("image_size", 224))
        self.has_tokenizer = self._files.has_tokenizer

    @cached_property
    def fingerprint(self) -> str:
        return self._files.fingerprint()

    def preprocess(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Turn images into the pixels the vision tower takes.

        Parameters
        ----------
        images : sequence of N arrays, uint8 [H, W, 3]
            RGB images of any sizes.

        Returns
        -------
        [N, 3, S, S], float32
            Resized (PIL bicubic, shorter edge to S), centre-cropped, scaled and normalised.
        """
        if not len(images):
            return np.empty((0, 3, self.image_size, self.image_size), np.float32)
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(f"expected RGB images uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
            try:
                check_shape(*image.shape[:2])
            except BadImageError as error:
                raise UserError(f"CLIP: cannot resize an image of {error}; crop it") from None
        pixels = self._processor(list(images), return_tensors="np", input_data_format="channels_last")["pixel_values"]
        if pixels.shape[2:] != (self.image_size, self.image_size):
            raise UserError(
                f"{self._files.folder}/preprocessor_config.json: makes images of {pixels.shape[2]}x{pixels.shape[3]} "
                f"pixels, but config.json asks for {self.image_size}x{self.image_size}; make the two agree"
            )
        return np.asarray(pixels, np.float32)

    def embed_images(
        self, images: Sequence[Image], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Embed images.

        Parameters
        ----------
        images : sequence of N arrays, uint8 [H, W, 3]
            RGB images of any sizes.
        progress : callable, optional
            Called with the number of images just done.

        Returns
        -------
        [N, D], float32
            Features of length 1.

        Raises
        ------
        UserError
            The model makes a feature with NaN or of length 0; gives the image's index.
        """
        features = np.empty((len(images), self.dim), np.float32)
        reads = (images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size))
        done = 0
        for batch in self.embed_batches(reads, min(self.batch_size, _power_of_two(len(images)))):
            features[done : done + len(batch)] = batch
            done += len(batch)
            if progress is not None:
                progress(len(batch))
        return features

    def embed_batches(
        self, batches: Iterator[Sequence[Image]], padded_to: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Embed batches of at most ``batch_size`` images one after another; the next is read while one is embedded.

        Parameters
        ----------
        batches : iterator of sequences of images
            Consumed in a second thread, one batch ahead.
        padded_to : int, optional
            Size to which each batch is padded; ``batch_size`` by default.

        Yields
        ------
        [B, D], float32
            Features of length 1 of each batch.
        """
        size = padded_to or self.batch_size
        embed, done = self._towers.images, 0
        import tensorflow as tf

        with ThreadPoolExecutor(1) as pool:

            def prepare() -> tuple[int, NDArray[np.float32]] | None:
                batch = next(batches, None)
                return None if batch is None else (len(batch), _pad(self.preprocess(batch), size))

            ready = pool.submit(prepare)
            while (batch := ready.result()) is not None:
                ready = pool.submit(prepare)
                count, pixels = batch
                yield _unit(embed(tf.constant(pixels)).numpy()[:count], "image", done, self.name)
                done += count

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, for example class prompts; texts beyond the model's context are cut.

        Parameters
        ----------
        texts : sequence of C str
            At least one.

        Returns
        -------
        [C, D], float32
            Features of length 1.

        Raises
        ------
        UserError
            The model has no tokenizer, or makes a feature with NaN.
        """
        if not self.has_tokenizer:
            raise UserError(
                f"{self._files.folder}: has no tokenizer, so texts cannot be embedded; add vocab.json and merges.txt"
            )
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._context, return_tensors="np"
        )
        return self.embed_tokens(tokens["input_ids"], tokens["attention_mask"])

    def embed_tokens(self, token_ids: NDArray, mask: NDArray | None = None) -> NDArray[np.float32]:
        """Embed texts given as tokens.

        Parameters
        ----------
        token_ids : [C, L], int
            Start, text, end, and any padding after the first end token.
        mask : [C, L], int, optional
            1 where there is a token, 0 where there is padding; all 1 by default (padding after the end token cannot
            be seen by it).

        Returns
        -------
        [C, D], float32
            Features of length 1.
        """
        token_ids = np.asarray(token_ids, np.int32)
        mask = np.ones_like(token_ids) if mask is None else np.asarray(mask, np.int32)
        embed = self._towers.texts
        import tensorflow as tf

        parts = (slice(i, i + 64) for i in range(0, len(token_ids), 64))
        features = [embed(tf.constant(token_ids[part]), tf.constant(mask[part])).numpy() for part in parts]
        return _unit(np.concatenate(features), "text", 0, self.name)

    @property
    def _context(self) -> int:
        return int(self._files.config.get("text_config", {}).get("max_position_embeddings", 77))

    @cached_property  # two encoders that take turns must not load each other's away
    def _towers(self) -> Towers:
        return load_towers(self._files, self.fingerprint)

    @cached_property
    def _processor(self):
        with quiet():
            from transformers import CLIPImageProcessor

            return CLIPImageProcessor(**self._files.preprocessor)

    @cached_property
    def _tokenizer(self):
        with quiet():
            from transformers import AutoTokenizer

            try:
                return AutoTokenizer.from_pretrained(self._files.folder, local_files_only=True)
            except Exception as error:
                reason = " ".join(str(error).split())
                raise UserError(
                    f"{self._files.folder}: cannot load its tokenizer ({reason:.150}); fetch it again"
                ) from None


def build_clip(config: ClipConfig) -> ClipEncoder:
    """The CLIP of an experiment."""
    return ClipEncoder(config.model, config.batch_size)


def _power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _pad(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    if len(pixels) == size:
        return pixels
    return np.concatenate([pixels, np.zeros((size - len(pixels), *pixels.shape[1:]), np.float32)])


def _unit(features: NDArray[np.float32], kind: str, start: int, model: str) -> NDArray[np.float32]:
    """L2-normalise features [B, D], float32."""
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise UserError(
            f"CLIP model {model!r}: the feature of {kind} {start + bad[0]} is not finite or has length 0; its weights "
            "are damaged, fetch them again or use another model"
        )
    return (features / lengths).astype(np.float32, copy=False)
