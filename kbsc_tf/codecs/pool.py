"""Encode many images in several processes."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.base import ImageCodec
from kbsc_tf.errors import UserError

IN_PLACE_PIXELS = 1 << 16  # about a second's work: less than this is done before the processes have started
CHUNK_PIXELS = 1 << 13  # of one message to a process: 8 images of 32x32
STOP_S = 5.0  # how long a process may take to end before it is killed


class CodecPool:
    """Processes that encode images with one codec.

    images ─► chunks ─► processes, each with its own encoders ─► files, in the order of the images

    The processes are spawned, not forked (encoders and TensorFlow do not survive a fork), when there is work for them,
    and kept until `close`. A script that uses a pool needs the usual ``if __name__ == "__main__":``. Ctrl-C stops
    them without a word from them; if one dies, e.g. for want of memory, the call ends with an error.

    Parameters
    ----------
    codec : ImageCodec
        Goes to the processes by pickle.
    processes : int, optional
        By default one for each core. With 1, or little work, everything is done in this process.
    """

    def __init__(self, codec: ImageCodec, processes: int | None = None) -> None:
        if processes is not None and processes < 1:
            raise UserError(f"a codec pool needs at least 1 process, got {processes}")
        self.codec, self.processes = codec, processes or os.cpu_count() or 1
        self._workers: dict[Connection, multiprocessing.process.BaseProcess] = {}

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
        except BaseException:  # Ctrl-C too; the processes may be in the midst of something
            self._kill()
            raise

    def close(self) -> None:
        """End the processes; the pool can be used again, which starts new ones."""
        for connection in self._workers:
            connection.close()  # a process that waits for work ends when it sees this
        for worker in self._workers.values():
            worker.join(STOP_S)
        self._kill()

    def __enter__(self) -> "CodecPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _distribute(self, images, budgets: list[int], report: Callable[[int], None]) -> list[list[bytes | None]]:
        results: list = [None] * len(images)
        chunks = _chunks(images)
        running: dict[Connection, range] = {}
        self._start(min(self.processes, len(images)))
        for connection in list(self._workers):
            self._send(connection, chunks, running, images, budgets)
        while running:
            for connection in wait(list(running)):  # a process that died has closed its end: that is an event too
                try:
                    done, error = connection.recv()
                except (EOFError, OSError):
                    raise _died(self._workers[connection]) from None
                if error is not None:
                    raise error
                for index, files in zip(running.pop(connection), done, strict=True):
                    results[index] = files
                report(len(done))
                self._send(connection, chunks, running, images, budgets)
        return results

    def _send(self, connection: Connection, chunks: Iterator[range], running: dict, images, budgets) -> None:
        """Give a process its next chunk, if there is one."""
        chunk = next(chunks, None)
        if chunk is not None:
            running[connection] = chunk
            try:
                connection.send(([images[index] for index in chunk], budgets))
            except OSError:
                raise _died(self._workers[connection]) from None

    def _start(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        codec = pickle.dumps(self.codec)
        with _interrupts_blocked():
            while len(self._workers) < count:
                ours, theirs = context.Pipe()
                worker = context.Process(target=_work, args=(theirs, codec), daemon=True)
                worker.start()
                theirs.close()  # or the end of the process would not close it
                self._workers[ours] = worker

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.kill()
        for connection, worker in self._workers.items():
            worker.join(STOP_S)
            connection.close()
        self._workers = {}


def _work(connection: Connection, codec: bytes) -> None:
    """What a process does: encode chunks until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    coder: ImageCodec | None = None
    while True:
        try:
            images, budgets = connection.recv()
        except (EOFError, OSError):
            return
        try:
            coder = coder or pickle.loads(codec)
            answer = [coder.encode_to_budgets(image, budgets) for image in images], None
        except UserError as error:
            answer = None, error
        except Exception:
            answer = None, RuntimeError(f"a process of the codec pool failed:\n{traceback.format_exc()}")
        with contextlib.suppress(OSError):
            connection.send(answer)


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


def _died(worker: multiprocessing.process.BaseProcess) -> UserError:
    worker.join(STOP_S)
    code = worker.exitcode
    why = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
    return UserError(
        f"a process of the codec pool {why} before its work was done: out of memory, or a script without "
        'if __name__ == "__main__":'
    )


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach while they import; for this one it waits."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Python's helper process is started with the first spawned one, and that start unblocks the signal again.
    resource_tracker.ensure_running()
    handler = signal.getsignal(signal.SIGINT)
    # Processes inherit the mask. Here it holds for this thread alone, and another one may take the signal: so the
    # handler, which always runs in the main thread, notes it for later.
    is_ours = handler is not None and threading.current_thread() is threading.main_thread()
    came: list[tuple] = []
    if is_ours:
        signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if is_ours:
            signal.signal(signal.SIGINT, handler)
            if came and callable(handler):
                handler(*came[0])
