"""Knowledge base against brute force in numpy."""

import errno
import json
import os

import numpy as np
import pytest

from kbsc_tf.config import NearestConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import KnowledgeBase, index, set_search_threads, storage
from kbsc_tf.knowledge.decision import decide_vote

PLAIN = {"metric": "l2", "centre": False}
CLASSES, DIMENSION, COUNT = 10, 32, 600


@pytest.fixture(scope="module")
def cloud():
    """Unit features of ten classes on a strong common mean, and noisy queries of known classes."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(CLASSES, DIMENSION)) + 2 * rng.normal(size=DIMENSION)
    labels = np.arange(COUNT) % CLASSES
    sent = np.arange(64) % CLASSES
    features, queries = (centres[c] + 0.7 * rng.normal(size=(len(c), DIMENSION)) for c in (labels, sent))
    features, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (features, queries))
    return features.astype(np.float32), labels, queries.astype(np.float32), sent


def entries(x, labels, class_names=tuple(f"class {c}" for c in range(CLASSES)), references=None):
    references = tuple(str(i) for i in range(len(x))) if references is None else references
    return FeatureSet("entries", x, labels, class_names, references, "clip-a")


def make(cloud, probes=None, **options):
    return KnowledgeBase.build(entries(*cloud[:2]), NearestConfig(**{**PLAIN, **options}), probes)


def brute_force(features, queries, metric, centre):
    x, q = features.astype(np.float64), queries.astype(np.float64)
    if centre:
        mean = x.mean(axis=0)
        x, q = ((a - mean) / np.linalg.norm(a - mean, axis=1, keepdims=True) for a in (x, q))
    return q @ x.T if metric == "inner_product" else -((q[:, None] - x[None]) ** 2).sum(axis=2)


def recall(ids, exact):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(ids, exact, strict=True)])


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_flat_equals_brute_force(cloud, metric, centre):
    base = make(cloud, metric=metric, centre=centre)
    scores, ids = base.search(cloud[2], 5)
    exact = brute_force(cloud[0], cloud[2], metric, centre)
    assert (scores.dtype, ids.dtype, ids.shape) == (np.float32, np.int64, (64, 5))
    assert recall(ids, np.argsort(-exact, axis=1)[:, :5]) == 1
    np.testing.assert_allclose(scores, np.take_along_axis(exact, ids, axis=1), atol=2e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_small_batches_agree_with_large_ones(cloud, metric):
    """FAISS takes another code path under 20 queries."""
    base = make(cloud, metric=metric, centre=True)
    scores, ids = base.search(cloud[2], 5)
    for size in (1, 19):
        few_scores, few_ids = base.search(cloud[2][:size], 5)
        np.testing.assert_array_equal(few_ids, ids[:size])
        np.testing.assert_allclose(few_scores, scores[:size], atol=2e-6)


@pytest.mark.parametrize(
    ("factory", "least"),
    [
        ("IVF16,Flat", 0.5),
        ("HNSW32", 0.95),
        ("PQ16x4", 0.5),
        ("IVF8,PQ8x4", 0.25),
        ("SQ8", 0.95),
        ("PQ8x4fs,Refine(SQ8)", 0.9),
        ("IVF8,RaBitQ,Refine(SQ8)", 0.6),
    ],
)
@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_approximate_indices_find_most_neighbours(cloud, factory, least, metric):
    base = make(cloud, index=factory, metric=metric, centre=True, probes=4 if "IVF" in factory else None)
    exact = np.argsort(-brute_force(cloud[0], cloud[2], metric, True), axis=1)[:, :5]
    scores, ids = base.search(cloud[2], 5)
    assert recall(ids, exact) >= least
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (base.decide(cloud[2], 5).labels[:, 0] == cloud[3]).mean() > 0.8


def test_more_probes_find_more(cloud):
    exact = np.argsort(-brute_force(cloud[0], cloud[2], "l2", False), axis=1)[:, :5]
    found = [recall(make(cloud, index="IVF32,Flat", probes=p).search(cloud[2], 5)[1], exact) for p in (1, 4, 32)]
    assert found[0] < found[1] < found[2] == 1


def test_centring_helps_on_a_common_mean(cloud):
    offset = 3 * np.ones(DIMENSION, np.float32)
    base = make((cloud[0] + offset, cloud[1]), metric="l2", centre=True)
    assert (base.decide(cloud[2] + offset, 1).labels[:, 0] == cloud[3]).mean() > 0.9
    assert np.isfinite(base.search(base.mean[None], 3)[0]).all()  # the mean itself: no division by zero


@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_vote_equals_the_plain_sum(cloud, metric):
    base = make(cloud, metric=metric, centre=True)
    shares, nearest = base.vote(cloud[2], temperature=1 / 8, neighbours=40)
    exact = brute_force(cloud[0], cloud[2], metric, True)
    for row in range(len(exact)):
        order = np.argsort(-exact[row])[:40]
        expected, first = np.zeros(CLASSES), np.full(CLASSES, -1)
        for entry in order:
            c = cloud[1][entry]
            expected[c] += np.exp(8.0 * (exact[row, entry] - exact[row, order[0]]))
            first[c] = entry if first[c] < 0 else first[c]
        np.testing.assert_allclose(shares[row], expected / expected.sum(), atol=1e-5)
        np.testing.assert_array_equal(nearest[row], first)
    decision = base.decide(cloud[2], 3, "vote", temperature=1 / 8, neighbours=40)
    np.testing.assert_array_equal(decision.labels[:, 0], shares.argmax(axis=1))
    np.testing.assert_allclose(decision.confidence, shares.max(axis=1))
    shown = decision.ids >= 0
    np.testing.assert_array_equal(cloud[1][decision.ids[shown]], decision.labels[shown])


def test_vote_with_more_neighbours_than_entries_and_more_top_k_than_classes(cloud):
    base = KnowledgeBase.build(entries(cloud[0][:20], cloud[1][:20] % 2, ("a", "b")), NearestConfig(**PLAIN))
    decision = base.decide(cloud[2], 5, "vote", neighbours=1000)
    assert decision.ids.shape == decision.labels.shape == (64, 5)
    assert (np.sort(decision.labels[:, :2], axis=1) == [0, 1]).all() and (decision.labels[:, 2:] == -1).all()


def test_a_sharp_vote_is_the_nearest_entry(cloud):
    base = make(cloud, metric="inner_product", centre=True)
    nearest, vote = base.decide(cloud[2], 1), base.decide(cloud[2], 1, "vote", temperature=1e-5)
    np.testing.assert_array_equal(nearest.ids, vote.ids)
    np.testing.assert_array_equal(nearest.labels, vote.labels)


def test_missing_candidates_stay_missing(cloud):
    """One probed list holds fewer entries than asked for."""
    base = make(cloud, index="IVF64,Flat", probes=1)
    scores, ids = base.search(cloud[2], 100)
    assert (ids == -1).any() and (scores[ids == -1] == -np.inf).all() and np.isfinite(scores[ids >= 0]).all()
    decision = base.decide(cloud[2], 100)
    np.testing.assert_array_equal(decision.labels == -1, ids == -1)
    shares, nearest = base.vote(cloud[2], neighbours=100)
    assert np.isfinite(shares).all() and (nearest[shares > 0] >= 0).all()


def test_no_candidate_at_all(cloud, monkeypatch):
    base = make(cloud)
    nothing = np.full((4, 5), -np.inf, np.float32), np.full((4, 5), -1)
    monkeypatch.setattr(base, "search", lambda *_: nothing)
    for rule, confidence in (("nearest", -np.inf), ("vote", 0)):
        decision = base.decide(cloud[2][:4], 5, rule)
        assert (decision.ids == -1).all() and (decision.labels == -1).all()
        assert (decision.confidence == confidence).all()


@pytest.mark.parametrize("factory", ["Flat", "IVF16,Flat", "HNSW32", "PQ16x4"])
def test_save_and_load(cloud, tmp_path, factory):
    base = make(cloud, index=factory, metric="inner_product", centre=True)
    base.save(tmp_path / "deep" / "kb")
    base.save(tmp_path / "deep" / "kb")  # replaces itself
    again = KnowledgeBase.load(tmp_path / "deep" / "kb")
    for a, b in zip(base.search(cloud[2], 5), again.search(cloud[2], 5), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(base.labels, again.labels)
    for name in ("class_names", "references", "encoder", "index", "metric", "centre", "device"):
        assert getattr(base, name) == getattr(again, name)
    assert os.listdir(tmp_path / "deep") == ["kb"]


def test_it_says_what_it_is_and_where_it_runs(cloud):
    base = make(cloud, metric="l2", gpu=False)
    assert base.device == "cpu"
    assert "600 entries x 32, 10 classes, FAISS Flat (L2) on CPU" in repr(base)


def break_file(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def edit(**changes):
    def damage(folder):
        description = json.loads((folder / storage.DESCRIPTION).read_text())
        (folder / storage.DESCRIPTION).write_text(json.dumps({**description, **changes}))

    return damage


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda f: (f / "index.faiss").unlink(), "index.faiss"),
        (lambda f: (f / storage.DESCRIPTION).unlink(), storage.DESCRIPTION),
        (break_file("index.faiss", b"abc"), "index.faiss"),
        (break_file("labels.npy", b""), "labels.npy"),
        (break_file(storage.DESCRIPTION, b"{"), storage.DESCRIPTION),
        (break_file(storage.DESCRIPTION, b'{"a": 1}'), storage.DESCRIPTION),
        (edit(version=99), "version 99"),
        (edit(references=[]), storage.DESCRIPTION),
        (edit(files={}), storage.DESCRIPTION),
        (edit(files=3), storage.DESCRIPTION),
    ],
)
def test_a_damaged_folder_is_refused_by_name(cloud, tmp_path, damage, named):
    make(cloud).save(tmp_path / "kb")
    damage(tmp_path / "kb")
    with pytest.raises(UserError, match=named):
        KnowledgeBase.load(tmp_path / "kb")


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        KnowledgeBase.load(tmp_path / "nowhere")


def test_saving_replaces_nothing_that_is_not_a_knowledge_base(cloud, tmp_path):
    base = make(cloud)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="thesis.tex"):
        base.save(tmp_path / "mine")
    with pytest.raises(UserError, match="thesis.tex"):
        base.save(tmp_path / "mine" / "thesis.tex")
    base.save(tmp_path / "kb")
    (tmp_path / "kb" / "records.csv").write_text("")
    with pytest.raises(UserError, match="records.csv"):
        base.save(tmp_path / "kb")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_a_full_disk_leaves_the_old_one(cloud, tmp_path, monkeypatch):
    make(cloud).save(tmp_path / "kb")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(UserError, match="the disk is full"):
        make(cloud, index="HNSW32").save(tmp_path / "kb")
    with pytest.raises(UserError, match="the disk is full"):
        make(cloud).save(tmp_path / "other")
    assert os.listdir(tmp_path) == ["kb"]
    assert KnowledgeBase.load(tmp_path / "kb").index == "Flat"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": "nonsense"}, "nonsense"),
        ({"index": "PQ7"}, "PQ7"),
        ({"index": "IDMap,Flat"}, "IDMap"),
        ({"index": "IVF4096,Flat"}, "at least 4096 .* there are 600"),
        ({"index": "PQ16x12"}, "at least 4096"),
        ({"gpu": True}, "no GPU"),
    ],
)
def test_an_impossible_index_is_refused_in_one_sentence(cloud, options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(cloud, **options)
    assert "\n" not in str(caught.value) and "std::" not in str(caught.value)


def test_an_unknown_metric_is_refused(cloud):
    with pytest.raises(UserError, match="receiver.metric: expected l2 or inner_product, got 'cosine'"):
        index.build_index(cloud[0], "Flat", "cosine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.full((3, 4), np.nan)}, "NaN"),
        ({"x": np.zeros((0, 4)), "labels": [], "references": []}, "no features"),
        ({"x": np.zeros(3)}, "shape"),
        ({"labels": [0, 1]}, "2 labels"),
        ({"labels": [0, 1, 2]}, "give every class a name"),
        ({"references": ["a"]}, "1 references"),
    ],
)
def test_bad_entries_are_refused(change, message):
    good = {"x": np.eye(3, 4), "labels": [0, 1, 0], "class_names": ["a", "b"], "references": list("abc")}
    with pytest.raises(UserError, match=message):
        KnowledgeBase.build(entries(**{**good, **change}), NearestConfig())


def test_bad_queries_are_refused(cloud):
    base = make(cloud)
    queries = cloud[2].copy()
    queries[3, 4] = np.inf
    for bad, message in ((queries, "row 3"), (cloud[2][:, :8], "8 dimensions"), (cloud[2][0], "shape")):
        with pytest.raises(UserError, match=message):
            base.search(bad, 1)
    with pytest.raises(UserError, match="601 candidates asked of a knowledge base of 600"):
        base.check(601)
    for top_k in (0, 601):
        for rule in ("nearest", "vote"):
            with pytest.raises(UserError, match="top_k"):
                base.decide(cloud[2], top_k, rule)
    with pytest.raises(UserError, match="clip-a.*clip-b"):
        base.decide(cloud[2], 1, encoder="clip-b")
    with pytest.raises(UserError, match="decision"):
        base.decide(cloud[2], 1, "guess")
    with pytest.raises(UserError, match="temperature"):
        base.vote(cloud[2], temperature=0)
    base.decide(cloud[2], 1, encoder="clip-a")


def test_a_gpu_index_is_written_from_the_cpu(cloud, monkeypatch):
    """No GPU here: a stand-in for faiss's calls shows the order of things."""
    calls = []

    class Resources:
        def setTempMemory(self, size):
            calls.append("resources")

    fake = {
        "get_num_gpus": lambda: 1,
        "StandardGpuResources": Resources,
        "index_cpu_to_gpu": lambda resources, device, i: calls.append("to gpu") or i,
        "index_gpu_to_cpu": lambda i: calls.append("to cpu") or i,
    }
    for name, stand_in in fake.items():
        monkeypatch.setattr(index.faiss, name, stand_in, raising=False)
    base = make(cloud)
    assert base.device == "gpu" and "on GPU" in repr(base)
    index.index_to_bytes(base._index, base.device)
    assert calls == ["resources", "to gpu", "to cpu"]

    def unsupported(*_):
        raise RuntimeError("Error in x at y.cpp:1: no GPU version")

    monkeypatch.setattr(index.faiss, "index_cpu_to_gpu", unsupported, raising=False)
    assert make(cloud).device == "cpu"
    with pytest.raises(UserError, match="no GPU version"):
        make(cloud, gpu=True)


def test_thread_count():
    before = index.faiss.omp_get_max_threads()
    set_search_threads(1)
    assert index.faiss.omp_get_max_threads() == 1
    set_search_threads(before)
    with pytest.raises(UserError):
        set_search_threads(0)


def test_classes_are_ranked_as_by_a_stable_sort():
    """Ties go to the lower class, classes without a voter come last; fewer classes than asked for are all ranked."""
    rng = np.random.default_rng(3)
    shares = rng.choice(np.float32([0, 0, 0.1, 0.2, 0.5]), (200, 30))
    nearest = np.where(shares > 0, 7, np.where(rng.random(shares.shape) < 0.3, 9, -1))
    expected = np.argsort(np.where(nearest >= 0, -shares, 1.0), axis=1, kind="stable")
    for top_k in (1, 5, 16, 17, 30, 40):
        decision, most = decide_vote(shares, nearest, top_k), min(top_k, 30)
        there = np.take_along_axis(nearest, expected[:, :most], axis=1) >= 0
        np.testing.assert_array_equal(decision.labels[:, :most], np.where(there, expected[:, :most], -1))
        assert decision.labels.shape == (200, top_k) and (decision.labels[:, most:] == -1).all()
