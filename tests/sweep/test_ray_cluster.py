"""Ray on several machines: one is lost in the midst of a sweep, another comes, and the records are those of `local`."""

import json
import os
import signal
from collections import defaultdict
from pathlib import Path

import psutil
import pytest
from counting_job import CountingJob

from kbsc_tf.config import ExperimentConfig, RayConfig
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.executors.local import LocalExecutor
from kbsc_tf.sweep.executors.ray_cluster import RayExecutor
from kbsc_tf.sweep.runner import run_points

pytest.importorskip("ray", reason="ray is an extra")
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SNRS = range(24)
POINTS = [Point("pca", "", "awgn", 8, float(snr), 0) for snr in SNRS]
_PREPARED = {"include_dashboard": False, "object_store_memory": 80 << 20}
# A lost machine is noticed within about a second; by default Ray takes 15.
_WATCHFUL = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}


@pytest.fixture
def cluster(monkeypatch):
    """Three nodes of one core each, whose workers find the modules of these tests."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    head = {"num_cpus": 1, "_system_config": _WATCHFUL, **_PREPARED}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, **_PREPARED)
        yield cluster
    finally:
        cluster.shutdown()


class Disturbed(RayExecutor):
    """Once some points are done, a node is killed that computes one, and one of two cores comes."""

    def __init__(self, job, settings, cluster, log):
        super().__init__(job, settings)
        self.cluster, self.log, self.done = cluster, log, 0
        self.slots_seen, self.killed, self.added = [self.slots], None, None

    def events(self, timeout_s):
        for event in super().events(timeout_s):
            self.done += event.record is not None
            yield event
        if self.killed is None and self.done >= 5 and (busy := self._busy_node()):
            raylet = psutil.Process(busy.all_processes["raylet"][0].process.pid)
            os.kill(raylet.pid, signal.SIGKILL)
            self.killed = busy.node_id
            self.added = self.cluster.add_node(num_cpus=2, **_PREPARED).node_id
        if self.slots_seen[-1] != self.slots:
            self.slots_seen.append(self.slots)

    def _busy_node(self):
        """A node, not the head, that has begun a point and not ended it."""
        last = {entry["node"]: entry for entry in read_log(self.log)}
        others = (node for node in self.cluster.worker_nodes if "begin" in last.get(node.node_id, {}))
        return next(others, None)


def read_log(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def sweep(folder, build, quiet):
    results = ResultsFolder(folder, ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=SNRS))
    run_points(POINTS, results, build, quiet)
    results.finish(POINTS)
    return (folder / "records.csv").read_bytes()


def test_a_node_is_killed_and_one_added_and_the_records_are_those_of_local(cluster, tmp_path, quiet):
    expected = sweep(tmp_path / "local", lambda: LocalExecutor(CountingJob(tmp_path / "local_log", 0.0)), quiet)
    log, made = tmp_path / "log", []

    def build():
        made.append(Disturbed(CountingJob(log), RayConfig(address=cluster.address), cluster, log))
        return made[0]

    assert sweep(tmp_path / "ray", build, quiet) == expected
    (executor,) = made
    begun, ended = defaultdict(list), defaultdict(list)
    for entry in read_log(log):
        (begun if "begin" in entry else ended)[entry.get("begin", entry.get("end"))].append(entry["node"])
    assert sorted(begun) == sorted(SNRS), "a point is lost"
    again = {snr: nodes for snr, nodes in begun.items() if len(nodes) > 1}
    assert len(again) == 1, "the point in flight on the killed node is computed again, and no other"
    (nodes,) = again.values()
    assert len(nodes) == 2 and nodes[0] == executor.killed != nodes[1]
    assert all(len(nodes) == 1 or snr in again for snr, nodes in ended.items())
    assert executor.added in {node for nodes in ended.values() for node in nodes}, "the new node takes part"
    assert executor.slots_seen[0] == 3 and executor.slots_seen[-1] == 4
