"""Encode many images in several processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.image_codec import ImageCodec
from kbsc_tf.codecs.source_coder import SourceCoder
from kbsc_tf.errors import UserError
from kbsc_tf.threads import thread_count
from kbsc_tf.workers import begin_worker, starting_workers

IN_PLACE_PIXELS = 1 << 16  # about a second's work: less than this is done before the processes have started
CHUNK_PIXELS = 1 << 13  # of one message to a process: 8 images of 32x32


class CodecPool:
    """Processes that encode images with one codec.

    images ─► chunks ─► processes, each with its own encoders ─► files, in the order of the images

    The processes are spawned, not forked (encoders and TensorFlow do not survive a fork), when there is work for them,
    and kept until `close`. A script that uses a pool needs the usual ``if __name__ == "__main__":``. Ctrl-C stops
    them without a word from them, and they end when this process is killed; if one dies, e.g. for want of memory, the
    call ends with an error.

    Parameters
    ----------
    codec : ImageCodec or SourceCoder
        Goes to the processes by pickle.
    processes : int, optional
        By default one for each core that it may use. With 1, or little work, everything is done in this process.
    """

    def __init__(self, codec: ImageCodec | SourceCoder, processes: int | None = None) -> None:
        if processes is not None and processes < 1:
            raise UserError(f"a codec pool needs at least 1 process, got {processes}")
        self.codec, self.processes = codec, processes or thread_count()
        self._executor: ProcessPoolExecutor | None = None

    @property
    def is_started(self) -> bool:
        """Whether there are processes."""
        return self._executor is not None

    def encode_to_budgets(
        self,
        images: Sequence[NDArray[np.uint8]],
        budgets: Sequence[int],
        progress: Callable[[int], None] | None = None,
    ) -> list[list[bytes | None]]:
        """The best file of every image within each of several budgets.

        Parameters
        ----------
        images : sequence of [H, W, 3], uint8
            RGB; sizes may differ. May be an array [B, H, W, 3].
        budgets : sequence of int
            In bytes.
        progress : callable, optional
            Called with the number of images just done.

        Returns
        -------
        list of list of bytes or None
            One list for each image, in their order; what `ImageCodec.encode_to_budgets` returns.
        """
        budgets, report = list(budgets), progress or (lambda count: None)
        if self.processes == 1 or len(images) < 2 or sum(map(_pixels, images)) < IN_PLACE_PIXELS:
            results = []
            for image in images:
                results.append(self.codec.encode_to_budgets(image, budgets))
                report(1)
            return results
        try:
            return self._distribute(images, budgets, report)
        except BrokenProcessPool:
            self._stop()
            raise UserError(
                "a process of the codec pool ended before its work was done: out of memory, or a script without "
                'if __name__ == "__main__":'
            ) from None
        except BaseException:  # Ctrl-C too; the processes may be in the midst of something
            self._stop()
            raise

    def close(self) -> None:
        """End the processes; the pool can be used again, which starts new ones."""
        self._stop()

    def __enter__(self) -> "CodecPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _distribute(self, images, budgets: list[int], report: Callable[[int], None]) -> list[list[bytes | None]]:
        results: list = [None] * len(images)
        with starting_workers():  # the first work starts the processes
            if self._executor is None:
                context = multiprocessing.get_context("spawn")
                self._executor = ProcessPoolExecutor(self.processes, context, _begin, (self.codec,))
            work = {
                self._executor.submit(_encode, [images[i] for i in chunk], budgets): chunk for chunk in _chunks(images)
            }
        for done in as_completed(work):
            for index, files in zip(work[done], done.result(), strict=True):
                results[index] = files
            report(len(work[done]))
        return results

    def _stop(self) -> None:
        """Drop what is waiting, and wait for what is being encoded: a chunk takes a moment."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


_codec: ImageCodec | SourceCoder | None = None  # of a process of a pool


def _begin(codec: ImageCodec | SourceCoder) -> None:
    global _codec
    begin_worker()
    _codec = codec


def _encode(images: list[NDArray[np.uint8]], budgets: list[int]) -> list[list[bytes | None]]:
    return [_codec.encode_to_budgets(image, budgets) for image in images]


def _pixels(image: NDArray[np.uint8]) -> int:
    return image.shape[0] * image.shape[1]


def _chunks(images) -> Iterator[range]:
    """Ranges of indices with about CHUNK_PIXELS each; at least one image."""
    start = pixels = 0
    for index, image in enumerate(images):
        pixels += _pixels(image)
        if pixels >= CHUNK_PIXELS:
            yield range(start, index + 1)
            start, pixels = index + 1, 0
    if start < len(images):
        yield range(start, len(images))
