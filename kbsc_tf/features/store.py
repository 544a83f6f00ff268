"""The feature store: what an encoder made of an image set, on disk, so that a second run embeds nothing.

``<root>/features/<key>.npy`` is written row by row under another name and put in place when it is whole. A run that is
stopped leaves the rows it made; the next one goes on after them.
"""

import contextlib
import io
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.data.cache import REMEDY, cache_root
from kbsc_tf.data.image_set import ImageSet, fingerprint
from kbsc_tf.errors import UserError
from kbsc_tf.features.encoder import Encoder, TextEncoder
from kbsc_tf.features.feature_set import FeatureSet
from kbsc_tf.files import cannot, load_array, make_folder, write_atomically
from kbsc_tf.locks import Lock
from kbsc_tf.progress import counting

_READ_AT_ONCE, _HELD_BYTES = 8, 1 << 28  # images read at once, and when a batch of them is large enough
_VERSION = b"kbsc features 1"  # change it with anything that changes features but not the encoder's files


def extract(
    encoder: Encoder, images: ImageSet, store: Path | None = None, progress: bool = True, batch_size: int = 256
) -> FeatureSet:
    """Return the features of an image set: from the store, else embedded now and kept there.

    Parameters
    ----------
    encoder : Encoder
        Asked to embed only if there is something to embed.
    images : ImageSet
        N images.
    store : Path, optional
        Cache folder; see `kbsc_tf.data.cache.cache_root`.
    progress : bool
        Show a bar with images done and images/s.
    batch_size : int
        Images that are embedded at once, for an encoder that has no ``batch_size`` of its own.

    Returns
    -------
    FeatureSet
        ``x`` is a read-only memory map.

    Raises
    ------
    UserError
        The store cannot be written (names the path; a full disk leaves no half file), an image has become unreadable,
        or the encoder makes features with NaN.
    """
    key = fingerprint(_VERSION, encoder.fingerprint.encode(), images.fingerprint.encode())
    path = cache_root(store) / "features" / f"{key}.npy"
    shape, images_per_s = (len(images), encoder.dim), None
    x = _open(path, shape)
    if x is None:
        make_folder(path.parent, REMEDY)
        with Lock(path.with_suffix(".lock"), REMEDY):  # one process at a time embeds the same images
            x = _open(path, shape)  # another process may have made it meanwhile
            if x is None:
                images_per_s = _embed(encoder, images, path, progress, batch_size)
                x = _open(path, shape)
    if x is None:
        raise UserError(f"{path}: the features just written cannot be read back; look at this disk or name another")
    return FeatureSet(
        name=images.name,
        x=x,
        labels=images.labels,
        class_names=images.class_names,
        references=images.references,
        encoder=encoder.fingerprint,
        coarse_of_class=images.coarse_of_class,
        coarse_names=images.coarse_names,
        images=images,
        images_per_s=images_per_s,
    )


def embed_prompts(encoder: TextEncoder, texts: Sequence[str], store: Path | None = None) -> NDArray[np.float32]:
    """Return the features [C, D], float32, of texts: from the store, else embedded now and kept there."""
    key = fingerprint(_VERSION, encoder.fingerprint.encode(), b"texts", list(texts))
    path = cache_root(store) / "features" / f"{key}.npy"
    x = _open(path, (len(texts), encoder.dim))
    if x is None:
        x = encoder.embed_texts(texts)
        make_folder(path.parent, REMEDY)
        write_atomically(path, lambda file: np.save(file, x), REMEDY)
    return x


def _open(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Map a store file, or None where it is missing, damaged, or not what it should be."""
    try:
        x = load_array(path, REMEDY, "r")
    except UserError:
        return None
    if x.shape != shape or x.dtype != np.float32 or not _unit_rows(x):
        return None
    return x


def _unit_rows(x: NDArray[np.float32]) -> bool:
    """Tell whether all rows have length 1 (so none is NaN, and none a hole a crash left in the file)."""
    blocks = (x[i : i + 8192] for i in range(0, len(x), 8192))
    return all(np.all(np.abs(np.einsum("nd,nd->n", block, block) - 1) < 1e-3) for block in blocks)


def _embed(encoder: Encoder, images: ImageSet, path: Path, progress: bool, batch_size: int) -> float | None:
    """Embed what an earlier, stopped run has not, then put the file in place.

    Returns images/s, without the first batch (it loads and traces the model) where there are more.
    """
    partial = path.with_suffix(".partial")
    header = _npy_header((len(images), encoder.dim))
    try:
        done = _resume(partial, header, encoder.dim)
        counted = 0
        with counting(f"embedding {images.name}", len(images), progress) as advance:
            advance(done)
            with partial.open("ab") as file:
                started = time.perf_counter()
                for batch, features in enumerate(_batches(encoder, images, done, batch_size)):
                    file.write(np.ascontiguousarray(features, np.float32).data)
                    file.flush()
                    done += len(features)
                    advance(len(features))
                    counted += len(features)
                    elapsed = time.perf_counter() - started
                    if batch == 0 and done < len(images):
                        counted, started = 0, time.perf_counter()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise cannot("write", path, error, REMEDY) from None
    return counted / max(elapsed, 1e-9) if counted else None


def _batches(encoder: Encoder, images: ImageSet, start: int, size: int) -> Iterator[NDArray[np.float32]]:
    size = getattr(encoder, "batch_size", size)
    reads = _reads(images, start, size)
    return encoder.embed_batches(reads) if hasattr(encoder, "embed_batches") else map(encoder.embed_images, reads)


def _reads(images: ImageSet, start: int, size: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Images from ``start`` on, at most ``size`` at a time; fewer of large ones, so that they fit into the memory."""
    held: list[NDArray[np.uint8]] = []
    while start < len(images):
        step = min(_READ_AT_ONCE, size - len(held), len(images) - start)
        held += images.read(range(start, start + step))
        start += step
        if len(held) == size or start == len(images) or sum(image.nbytes for image in held) > _HELD_BYTES:
            yield held
            held = []


def _npy_header(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _resume(partial: Path, header: bytes, dim: int) -> int:
    """Cut a partial file back to its whole rows, or start one; returns how many rows it has."""
    row = 4 * dim
    size = partial.stat().st_size if partial.exists() else 0
    if size >= len(header):
        rows = (size - len(header)) // row
        with partial.open("r+b") as file:
            if file.read(len(header)) == header:
                done = np.fromfile(file, "<f4", rows * dim).reshape(-1, dim)
                if _unit_rows(done):
                    file.truncate(len(header) + rows * row)
                    return rows
    partial.write_bytes(header)
    return 0
