"""What libraries write in workers stays out of the terminal."""

from noisy import NoisyJob

from kbsc_tf.results.points import Point
from kbsc_tf.sweep.executors.processes import ProcessExecutor


def test_noise_of_workers_never_reaches_the_terminal(capfd):
    executor, point = ProcessExecutor(NoisyJob(), 1, 1), Point("pca", "", "awgn", 8, 0.0, 0)
    try:
        executor.submit(point)
        [event] = executor.events(60)
    finally:
        executor.close()
    assert event.record["top1"] == 0.5
    assert capfd.readouterr() == ("", "")
