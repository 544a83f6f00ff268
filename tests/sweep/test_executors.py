"""Executors: the same records whoever computes them, and none lost when a worker is killed."""

import os
import signal
import threading

import dying_worker
import psutil
import pytest
from test_killed_sweeps import contents, write_experiment

from kbsc_tf.config import load_config
from kbsc_tf.errors import UserError
from kbsc_tf.results.records import read_records
from kbsc_tf.results.run_json import read_run
from kbsc_tf.study import experiment
from kbsc_tf.sweep.executors import processes
from kbsc_tf.sweep.executors.protocols import DEATHS

pytestmark = pytest.mark.long

MCS = "choose an MCS"
SETTINGS = {
    "channels": [{"fading": "rayleigh"}],
    "sweep": {"chunk": 50, "latency": False, "trials": 4, "per_image": True},
    "schemes": ["pca", {"scheme": "kbsc", "epochs": 1, "batch_size": 100, "validation_snr_db": [0]}, "feature_ldpc_pq"],
    "coding": {"mcs": ["qpsk-1/2", "qpsk-2/3"]},
    "k": [64],
    "snr_db": [-2, 8],
    "seeds": [0],
}


@pytest.fixture(scope="module")
def local(tmp_path_factory, quiet):
    """The experiment, and the folder of a run in this process."""
    folder = tmp_path_factory.mktemp("executors")
    file = write_experiment(folder, **SETTINGS)
    experiment.run(load_config(file), folder / "local", False, quiet)
    return file, folder / "local"


def run_and_kill(file, folder, overrides, victims, quiet):
    """Run the experiment, and once a point is recorded kill one of ``victims()``; whether that was done."""
    killed, over = threading.Event(), threading.Event()

    def kill():
        while not over.wait(0.01):
            path = folder / "records.csv"
            if path.exists() and path.read_bytes().count(b"\n") > 2 and (found := victims()):
                os.kill(found[0], signal.SIGKILL)
                killed.set()
                return

    thread = threading.Thread(target=kill)
    thread.start()
    # The networks of the other run: training is not what this is about, and need not be the same on other threads.
    folder.mkdir()
    (folder / "models").symlink_to(file.parent / "local" / "models")
    try:
        experiment.run(load_config(file, overrides), folder, False, quiet)
    finally:
        over.set()
        thread.join()
    return killed.is_set()


def test_processes_give_the_records_of_local_though_one_is_killed(local, tmp_path, quiet):
    file, folder = local

    def workers():
        return [child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]

    assert run_and_kill(file, tmp_path / "out", ["executor={kind: processes, workers: 2}"], workers, quiet)
    assert contents(tmp_path / "out") == contents(folder)
    assert not workers()
    one, several = (read_run(where) for where in (folder, tmp_path / "out"))
    assert set(one["sweep_parts_s"]) == {"transmit", "encode", "decode", "read", "embed", "decide", "measure", MCS}
    # Fitted schemes are the executor's own where it is this process.
    assert set(several["sweep_parts_s"]) == {*one["sweep_parts_s"], "fit"}
    assert 0.5 * one["stages_s"]["sweep"] < sum(one["sweep_parts_s"].values()) <= one["stages_s"]["sweep"]


@pytest.mark.slow
def test_ray_gives_the_records_of_local_though_a_worker_is_killed(local, tmp_path, quiet):
    pytest.importorskip("ray", reason="ray is an extra")
    file, folder = local

    def workers():
        names = {child.pid: child.name() for child in psutil.Process().children(recursive=True)}
        # Between two points a worker is idle for a moment.
        return sorted((pid for pid in names if names[pid] in ("ray::_compute", "ray::IDLE")), key=lambda p: names[p])

    assert run_and_kill(file, tmp_path / "out", ["executor={kind: ray, workers: 2}"], workers, quiet)
    assert contents(tmp_path / "out") == contents(folder)


def test_a_point_that_kills_every_worker_is_given_up_and_named(local, tmp_path, quiet, monkeypatch):
    file, _ = local
    monkeypatch.setattr(processes, "_serve", dying_worker.serve)
    with pytest.raises(
        UserError, match=rf"executor: PCA, Rayleigh.*{DEATHS} workers were lost.*SIGKILL.*goes on from here"
    ):
        experiment.run(load_config(file, ["executor=processes", "schemes=[pca]"]), tmp_path / "out", False, quiet)
    assert len(read_records(tmp_path / "out")) == 0 and not list((tmp_path / "out").glob(".sessions/*"))


def test_what_a_worker_cannot_do_is_one_sentence(local, tmp_path, quiet):
    """The features vanish after the main process has read them."""
    file, _ = local
    config = load_config(file, ["executor={kind: processes, workers: 1}", "schemes=[pca]"])
    study = experiment.prepare(config, tmp_path / "out", False, quiet)
    results = experiment.open_results(study, quiet)
    experiment.fit(study, quiet)
    features = file.parent / "features.npz"
    features.rename(file.parent / "elsewhere.npz")
    try:
        with pytest.raises(UserError, match="features.npz: "):
            experiment.sweep(study, results, quiet)
    finally:
        (file.parent / "elsewhere.npz").rename(features)
