"""Seconds by part: parts within parts count once, threads by themselves."""

import threading
import time

import pytest

from kbsc_tf import stopwatch


@pytest.fixture(autouse=True)
def fresh():
    stopwatch.read()


def test_a_part_within_a_part_counts_for_itself_alone():
    started = time.perf_counter()
    with stopwatch.part("outer"):
        time.sleep(0.02)
        with stopwatch.part("inner"):
            time.sleep(0.05)
        with stopwatch.part("inner"):
            time.sleep(0.05)
    total = time.perf_counter() - started
    seconds = stopwatch.read()
    assert set(seconds) == {"outer", "inner"}
    assert 0.1 <= seconds["inner"] < total and 0.02 <= seconds["outer"] < total - 0.1 + 1e-6
    assert sum(seconds.values()) == pytest.approx(total, abs=1e-3)
    assert stopwatch.read() == {}


def test_an_error_ends_the_part_and_what_comes_after_counts_right():
    with pytest.raises(ValueError), stopwatch.part("outer"), stopwatch.part("inner"):
        raise ValueError
    with stopwatch.part("next"):
        time.sleep(0.02)
    seconds = stopwatch.read()
    assert seconds["next"] >= 0.02 and seconds["outer"] < 0.01


def test_another_thread_has_a_clock_of_its_own():
    def work():
        with stopwatch.part("elsewhere"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "elsewhere" not in stopwatch.read()
