"""The pool of processes: same files, same order; and it always comes to an end."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from codec_samples import SizesCodec, WebpCodec, picture

from kbsc_tf.codecs import BpgCodec, CodecPool, ImageCodec, JpegCodec
from kbsc_tf.errors import UserError
from kbsc_tf.threads import thread_count

CODEC = BpgCodec("420", preset="superfast")
BUDGETS = [40, 150]
IMAGES = [picture(32, 16 + 8 * (seed % 5), seed) for seed in range(80)]


class FailingCodec(SizesCodec):
    """Does, at the image whose first value is 255, what it is told to."""

    def __init__(self, how):
        super().__init__([10])
        self.how = how

    def encode(self, image, quality):
        if image[0, 0, 0] == 255:
            if self.how == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "user":
                raise UserError("this image cannot be encoded")
            raise ZeroDivisionError("a bug")
        return b"0123456789"


def failing_images():
    images = [picture(64, 64) // 2 for _ in range(40)]
    images[17][0, 0, 0] = 255
    return images


@pytest.fixture(scope="module")
def in_place():
    return [CODEC.encode_to_budgets(image, BUDGETS) for image in IMAGES]


@pytest.mark.long
def test_results_order_and_progress(in_place):
    done = []
    with CodecPool(CODEC, processes=2) as pool:
        assert pool.encode_to_budgets(IMAGES, BUDGETS, done.append) == in_place
        workers = multiprocessing.active_children()
        assert len(workers) == 2
        assert sum(done) == len(IMAGES)
        assert len(done) > 5
        assert pool.encode_to_budgets(IMAGES[::-1], BUDGETS) == in_place[::-1]
        assert multiprocessing.active_children() == workers
    assert not any(worker.is_alive() for worker in workers)
    assert all(worker.exitcode == 0 for worker in workers)


def test_one_process_and_few_images_stay_in_place(in_place):
    done = []
    with CodecPool(CODEC, processes=1) as pool:
        assert pool.encode_to_budgets(IMAGES, BUDGETS, done.append) == in_place
        assert not pool.is_started
        assert done == [1] * len(IMAGES)
    with CodecPool(CODEC, processes=2) as pool:
        assert pool.encode_to_budgets(IMAGES[:5], BUDGETS) == in_place[:5]
        assert pool.encode_to_budgets([], BUDGETS) == []
        assert not pool.is_started


@pytest.mark.parametrize("codec", [JpegCodec(), WebpCodec()], ids=lambda codec: codec.name)
def test_other_codecs(codec):
    images = [picture(64, 64, seed) for seed in range(20)]
    with CodecPool(codec, processes=2) as pool:
        assert pool.encode_to_budgets(images, [700]) == [codec.encode_to_budgets(image, [700]) for image in images]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        pytest.param("user", UserError, "^this image cannot be encoded$", marks=pytest.mark.long),
        ("bug", ZeroDivisionError, "a bug"),
        ("die", UserError, "a process of the codec pool ended before its work was done"),
    ],
)
def test_an_error_in_a_process_ends_the_call(how, error, message):
    pool = CodecPool(FailingCodec(how), processes=2)
    start = time.monotonic()
    with pytest.raises(error, match=message):
        pool.encode_to_budgets(failing_images(), [100])
    assert time.monotonic() - start < 20
    assert not pool.is_started
    good = [picture(64, 64) // 2] * 20
    assert pool.encode_to_budgets(good, [100, 5]) == [[b"0123456789", None]] * 20  # and it can be used again
    pool.close()


def test_a_worker_that_dies_between_two_calls_is_an_error_too():
    images = [picture(64, 64) // 2] * 20
    with CodecPool(SizesCodec([10]), processes=2) as pool:
        pool.encode_to_budgets(images, [100])
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        with pytest.raises(UserError, match="ended before its work was done"):
            pool.encode_to_budgets(images, [100])


def test_arguments():
    with pytest.raises(UserError, match="at least 1 process"):
        CodecPool(BpgCodec(), 0)
    assert CodecPool(BpgCodec()).processes == thread_count()
    assert issubclass(WebpCodec, ImageCodec)


SCRIPT = """
import signal
import sys
sys.path.insert(0, {folder!r})
from codec_samples import picture
from kbsc_tf.codecs import BpgCodec, CodecPool

{guard}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started deaf to it
    with CodecPool(BpgCodec(preset="placebo"), processes=2) as pool:
        pool.encode_to_budgets([picture(128, 128)] * 2000, [500], lambda n: print(n, flush=True))
"""


def write_script(folder, guard):
    path = folder / "script.py"
    path.write_text(SCRIPT.format(folder=str(Path(__file__).parent), guard=guard))
    return path


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
@pytest.mark.parametrize("when", ["while starting", pytest.param("at work", marks=pytest.mark.long)])
def test_ctrl_c(tmp_path, when):
    """As a terminal does it: SIGINT to the whole process group. One KeyboardInterrupt, and nobody is left."""
    script = write_script(tmp_path, 'if __name__ == "__main__":')
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        if when == "at work":
            assert process.stdout.readline().strip() == "1"
        else:
            wait_for_children(process.pid)
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - start < 10
        assert process.returncode == -signal.SIGINT
        assert errors.count("Traceback") == 1, errors
        assert errors.strip().endswith("KeyboardInterrupt")
        deadline = time.monotonic() + 5
        while group_is_alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not group_is_alive(process.pid)
    finally:
        if group_is_alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
@pytest.mark.parametrize("when", [pytest.param("while starting", marks=pytest.mark.long), "at work"])
def test_nobody_is_left_when_the_process_is_killed(tmp_path, when):
    script = write_script(tmp_path, 'if __name__ == "__main__":')
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True)
    try:
        if when == "at work":
            assert process.stdout.readline().strip() == b"1"
        else:
            wait_for_children(process.pid)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while group_is_alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not group_is_alive(process.pid)
    finally:
        process.stdout.close()
        if group_is_alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_script_without_main_guard_is_told(tmp_path):
    script = write_script(tmp_path, "if True:")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "UserError: a process of the codec pool ended before its work was done" in done.stderr
    assert "__main__" in done.stderr


def group_is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_children(parent):
    """Until the pool has started its processes, which then still import."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if not children.exists():
            pytest.skip("no /proc here")
        if len(children.read_text().split()) >= 2:
            return
        time.sleep(0.01)
    pytest.fail("no processes were started")
