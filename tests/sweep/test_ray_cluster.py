"""Ray on several machines: one is lost in the midst of a sweep, another comes, and the records are those of `local`."""

import os
import signal
from collections import defaultdict
from pathlib import Path

import counting
import pytest
from test_killed_sweeps import contents, write_experiment

from kbsc_tf.config import ExperimentConfig, RayConfig, load_config
from kbsc_tf.registry import schemes
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.study import experiment
from kbsc_tf.sweep.executors import ray_cluster
from kbsc_tf.sweep.executors.local import LocalExecutor
from kbsc_tf.sweep.runner import run_points

if "counted" in schemes:
    schemes.remove("counted")  # from all other tests' lists
pytest.importorskip("ray", reason="ray is an extra")
pytestmark = pytest.mark.slow

SNRS = range(16)
_NODE = {"include_dashboard": False, "object_store_memory": 80 << 20}
# A lost machine is noticed within a second or two; Ray's defaults take 15.
_WATCHFUL = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """Three nodes of one core each, whose workers find the modules of these tests."""
    from ray.cluster_utils import Cluster

    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv(counting.LOG, str(tmp_path / "log"))
    monkeypatch.setenv(counting.TRIAL_S, "0.2")
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "_system_config": _WATCHFUL, **_NODE},
        shutdown_at_exit=False,
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, **_NODE)
        yield cluster
    finally:
        cluster.shutdown()


class Disturbed(ray_cluster.RayExecutor):
    """Once some points are done, a node is killed in the midst of one, and a node of two cores comes."""

    def __init__(self, job, settings, cluster):
        super().__init__(job, settings)
        self.cluster, self.done, self.killed, self.added = cluster, 0, None, None
        self.slots_seen = [self.slots]

    def events(self, timeout_s):
        for event in super().events(timeout_s):
            self.done += event.record is not None
            yield event
        at_work = {line["node"] for line in counting.read_log()[-1:]}
        victims = [node for node in self.cluster.worker_nodes if node.node_id in at_work]
        if self.killed is None and self.done >= 4 and victims:
            os.kill(victims[0].all_processes["raylet"][0].process.pid, signal.SIGKILL)
            self.killed = victims[0].node_id
            self.added = self.cluster.add_node(num_cpus=2, **_NODE).node_id
        self.slots_seen.append(self.slots)


def check_computations(executor, points):
    """Every point was computed once; only what the killed node had in flight was computed again, elsewhere."""
    nodes = defaultdict(dict)
    for line in counting.read_log():
        nodes[tuple(line["point"])][line["pid"]] = line["node"]
    assert sorted(nodes) == sorted(points), "a point is lost"
    again = [list(found.values()) for found in nodes.values() if len(found) > 1]
    assert len(again) == 1 and len(again[0]) == 2 and again[0][0] == executor.killed != again[0][1]
    assert executor.added in {node for found in nodes.values() for node in found.values()}, "the new node takes part"
    assert executor.slots_seen[0] == 3 and executor.slots_seen[-1] == 4


def test_a_node_is_killed_and_one_added_and_the_records_are_those_of_local(cluster, tmp_path, quiet, monkeypatch):
    points, made = [Point("pca", "", "awgn", 8, float(snr), 0) for snr in SNRS], []

    def sweep(folder, build):
        results = ResultsFolder(folder, ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=SNRS))
        run_points(points, results, build, quiet)
        results.finish(points)
        return contents(folder)

    def on_cluster():
        made.append(Disturbed(counting.CountingJob(), RayConfig(address=cluster.address), cluster))
        return made[0]

    records = sweep(tmp_path / "ray", on_cluster)
    check_computations(made[0], [(point.snr_db, point.seed) for point in points])
    monkeypatch.setenv(counting.TRIAL_S, "0")
    assert records == sweep(tmp_path / "local", lambda: LocalExecutor(counting.CountingJob()))


def test_a_study_with_a_plug_in_outlives_a_node(cluster, tmp_path, quiet, monkeypatch, request):
    """Workers of all nodes import what registers its scheme."""
    request.addfinalizer(lambda: schemes.remove("counted"))
    schemes.add(counting.CountedSpec)
    changes = {"schemes": ["counted"], "channels": ["awgn"], "seeds": [0], "snr_db": list(SNRS)}
    sweep = {"chunk": 60, "latency": False, "trials": 4, "per_image": True}
    file, made = write_experiment(tmp_path, **changes, sweep=sweep), []

    def disturbed(job, settings):
        made.append(Disturbed(job, settings, cluster))
        return made[0]

    monkeypatch.setattr(ray_cluster, "RayExecutor", disturbed)
    config = load_config(file, [f"executor={{kind: ray, address: '{cluster.address}'}}"])
    experiment.run(config, tmp_path / "ray", False, quiet)
    check_computations(made[0], [(float(snr), 0) for snr in SNRS])
    monkeypatch.setenv(counting.TRIAL_S, "0")
    experiment.run(load_config(file), tmp_path / "local", False, quiet)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
