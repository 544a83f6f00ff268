"""Damaged links and trainings of a run: refused by the name of the file, or what they were."""

import json

import keras
import numpy as np
import pytest
from clustered import write_features
from mutations import fuzz, mutated_bytes, mutated_json, often

from kbsc_tf import Link
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.schemes.kbsc.network import SemanticEncoder
from kbsc_tf.study import experiment
from kbsc_tf.training import CheckpointFolder


def files_in(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def damaged(path, whole, rng):
    """Another content for a file: changed, that of its namesake in another folder, or none at all."""
    namesakes = [other for other in whole if other.name == path.name and whole[other] != whole[path]]
    if namesakes and rng.random() < 0.3:
        return whole[rng.choice(namesakes)]
    if rng.random() < 0.05:
        return None
    if path.suffix == ".json" and rng.random() < 0.5:
        return json.dumps(mutated_json(json.loads(whole[path]), rng)).encode()
    return mutated_bytes(whole[path], rng)


def put(path, content):
    """Write a file anew: another may be the same one by a hard link."""
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def run(tmp_path_factory, quiet):
    folder = tmp_path_factory.mktemp("run")
    config = ExperimentConfig(
        name="t",
        features={"file": write_features(folder / "features.npz")},
        receiver={"decision": "posterior"},
        schemes=["pca", "feature_ldpc_sq"],
        k=[8, 64],
        coding={"mcs": ["qpsk-1/2"], "iterations": 2},
    )
    study = experiment.prepare(config, folder, False, quiet)
    experiment.open_results(study, quiet)
    experiment.fit(study, quiet)
    return folder, study.features.sender.x[:3]


@pytest.mark.long
@often(80, 500)
def test_links(run, eager, codes_as_graphs, count):
    folder, features = run
    whole = {**files_in(folder / "links"), **files_in(folder / "kb")}
    names = [*whole, folder / "run.json"]
    whole[names[-1]] = names[-1].read_bytes()
    wanted = [("pca", 8), ("pca", 64), ("feature_ldpc_sq", 64)]

    def send(scheme, k):
        received = Link.load(folder, scheme=scheme, k=k).send(features, 3.0, seed=1)
        return [(one.label, one.confidence, [n.entry for n in one.neighbours]) for one in received]

    expected = {one: send(*one) for one in wanted}
    last = []

    def read(rng):
        for path in last:
            put(path, whole[path])
        path = rng.choice(names)
        last[:] = [path]
        put(path, damaged(path, whole, rng))
        one = rng.choice(wanted)
        assert send(*one) == expected[one]

    try:
        fuzz(count, read)
    finally:
        for path in last:
            put(path, whole[path])


@often(60, 1_000)
def test_trainings(tmp_path, count):
    """A forged one has a training.json that fits what was changed: Keras itself has to refuse, or to read a network."""
    for k in (4, 6):
        folder = CheckpointFolder(tmp_path / str(k), f"k{k}")
        with folder.claimed():
            encoder = SemanticEncoder(k, 16, 8)
            encoder.adapt(np.random.default_rng(k).standard_normal((40, 16)).astype(np.float32))
            encoder.save(folder.best)
            folder.history.write_text("epoch,loss,val_top1\n0,1.0,0.5\n1,0.5,0.25\n")
            (folder.path / "resume").mkdir()
            folder.finish()
    whole = files_in(tmp_path)
    x = np.ones((2, 16), np.float32)
    expected = {
        k: np.asarray(keras.saving.load_model(tmp_path / str(k) / "best.keras", compile=False)(x)) for k in (4, 6)
    }

    def read(rng):
        for path, content in whole.items():
            put(path, content)
        k, name = rng.choice((4, 6)), rng.choice(("best.keras", "best.keras", "training.json", "history.csv"))
        folder, path = CheckpointFolder(tmp_path / str(k), f"k{k}"), tmp_path / str(k) / name
        content = damaged(path, whole, rng)
        put(path, content)
        is_forged = name == "best.keras" and content and rng.random() < 0.3
        if is_forged:
            put(path.with_name("training.json"), _training(path, f"k{k}"))
        with folder.claimed():
            if folder.is_done():
                found = np.asarray(folder.load()(x))
                assert is_forged or np.array_equal(found, expected[k])
            folder.logged("val_top1")
            folder.losses()

    fuzz(count, read)


def _training(path, identity):
    from kbsc_tf.seals import training_state

    return training_state(identity, path).encode()
