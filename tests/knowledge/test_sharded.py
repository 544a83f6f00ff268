"""Search shard by shard: what a flat index finds, bit for bit, in the memory of a shard; lists on disk."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.knowledge.disk_space import check_memory
from kbsc_tf.knowledge.index import build_index
from kbsc_tf.knowledge.sharded import ExactSearch, ShardedIndex, Workspace, check_parameters

METRICS = ["inner_product", "l2"]
PLENTY = 10**9


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5_000, 64)).astype(np.float32)
    x[1_500:1_540], x[4_000:4_020] = x[0], x[1]  # equal scores, across shards
    return x


@pytest.fixture(scope="module")
def queries(features):
    rng = np.random.default_rng(1)
    return np.concatenate([features[:30], rng.standard_normal((30, 64)).astype(np.float32)])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [3, 60])  # FAISS takes another way for fewer than 20 queries
@pytest.mark.parametrize("top_k", [1, 10, 50])
def test_shards_find_what_a_flat_index_finds(features, queries, metric, count, top_k):
    scores, ids = build_index(features, "Flat", metric).search(queries[:count], top_k)
    found, found_ids = ExactSearch(features, metric, shard=1_500).search(queries[:count], top_k)
    np.testing.assert_array_equal(found_ids, ids)
    np.testing.assert_array_equal(found, scores if metric == "inner_product" else -scores)


def test_a_last_shard_with_fewer_entries_than_candidates(features, queries):
    ids = build_index(features[:1_030], "Flat", "l2").search(queries, 20)[1]
    np.testing.assert_array_equal(ExactSearch(features[:1_030], "l2", shard=1_024).search(queries, 20)[1], ids)


_SEARCH_IN_LITTLE_MEMORY = """
import re, resource, sys
import numpy as np
from kbsc_tf.knowledge.sharded import ExactSearch
x = np.memmap(sys.argv[1], np.float32, "r", shape=(100_000, 256))
search = ExactSearch(x, "inner_product", int(sys.argv[2]))
queries = np.array(x[::1_000]) + 0.0
ExactSearch(x[:4_096], "inner_product").search(queries, 10)  # threads start, buffers are made
used = 1024 * int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_DATA, (used + 40_000_000,) * 2)
if sys.argv[3] == "copy":
    x = np.array(x)
print((search.search(queries, 10)[1][:, 0] == np.arange(0, 100_000, 1_000)).mean())
"""


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's RLIMIT_DATA")
def test_memory_stays_flat(tmp_path):
    """100 MB of features are searched within 40 MB; a copy of them does not fit."""
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(100_000, 256))
    rng = np.random.default_rng(0)
    for start in range(0, 100_000, 10_000):
        x[start : start + 10_000] = rng.standard_normal((10_000, 256), np.float32)
    x.flush()

    def search(how):
        command = [sys.executable, "-c", _SEARCH_IN_LITTLE_MEMORY, str(tmp_path / "x"), "4096", how]
        return subprocess.run(command, capture_output=True, text=True)

    mapped = search("map")
    assert mapped.stdout.strip() == "1.0", mapped.stderr
    assert "MemoryError" in search("copy").stderr


@pytest.mark.parametrize("factory", ["IVF20,Flat", "IVF20,SQ8", "PCA16,IVF20,Flat"])
def test_lists_on_disk_are_those_in_ram(features, queries, factory, tmp_path):
    in_ram = ShardedIndex(features, factory, "inner_product", Workspace(PLENTY, tmp_path, shard=1_100))
    on_disk = ShardedIndex(features, factory, "inner_product", Workspace(1_000, tmp_path, shard=1_100))
    assert (in_ram.on_disk, on_disk.on_disk) == (False, True)
    assert on_disk.nbytes == pytest.approx(in_ram.nbytes, rel=0.02)
    for one, other in zip(in_ram.search(queries, 10), on_disk.search(queries, 10), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(tmp_path.iterdir())
    on_disk.close()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("factory", ["IVF20,Flat", "HNSW16", "SQ8"])
def test_filling_in_shards_is_filling_at_once(features, queries, factory, tmp_path):
    index = ShardedIndex(features, factory, "l2", Workspace(PLENTY, tmp_path, shard=1_024))
    scores, ids = index.search(queries, 1)
    nearest = build_index(features, "Flat", "l2").search(queries, 1)[1]
    assert (ids == nearest).mean() > 0.5 and (scores <= 0).all()
    assert index.nbytes > 5_000 * 64 and index.add_s > 0


def test_lists_are_not_begun_without_room(features, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    with pytest.raises(UserError, match=f"{tmp_path}: IVF20,Flat takes 0.0 GB and 0.0 GB are free; .* set scratch"):
        ShardedIndex(features, "IVF20,Flat", "l2", Workspace(1_000, tmp_path))
    assert not any(tmp_path.iterdir())


def test_an_interrupted_build_leaves_nothing(features, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ShardedIndex(features, "IVF20,Flat", "l2", Workspace(1_000, tmp_path, shard=1_024), interrupt)
    assert not any(tmp_path.iterdir())


def test_codewords_are_not_renumbered(tmp_path):
    """FAISS would spend minutes on it for a filter that no search here uses."""
    rng = np.random.default_rng(0)
    index = ShardedIndex(rng.standard_normal((600, 16)).astype(np.float32), "PQ2", "l2", Workspace(PLENTY, tmp_path))
    assert index.train_s + index.add_s < 20 and index.nbytes < 600 * 64


def test_search_parameters(features, queries, tmp_path):
    index = ShardedIndex(features, "IVF20,Flat", "l2", Workspace(PLENTY, tmp_path))
    one_list = index.search(queries, 1)[1]
    index.set("nprobe=20")
    assert (index.search(queries, 1)[1] != one_list).any()
    assert index.serves("IVF20,Flat", "nprobe=3")
    assert not index.serves("IVF20,Flat", "") and not index.serves("IVF21,Flat", "nprobe=3")
    check_parameters(64, "HNSW16", "l2", "efSearch=30")
    for parameters in ("nprobe=3", "eff=3"):
        with pytest.raises(UserError, match=f"indices: FAISS cannot set {parameters} here"):
            check_parameters(64, "HNSW16", "l2", parameters)


@pytest.mark.parametrize("factory", ["HNSW32", "PQ16", "SQ8", "IVF20,PQ16,RFlat"])
def test_what_has_to_be_in_ram_is_refused_beyond_the_limit(factory):
    assert not check_memory(10_000, 64, factory, "l2", 10**8)
    with pytest.raises(UserError, match=rf"indices: {factory} over 10000000 entries takes .* GB of RAM .*memory_gb"):
        check_memory(10_000_000, 64, factory, "l2", 10**8)


def test_the_estimate_of_memory_holds(features, tmp_path):
    for factory in ("HNSW16", "IVF20,Flat", "SQ8", "IVF20,SQ8"):
        needed = ShardedIndex(features, factory, "l2", Workspace(PLENTY, tmp_path)).nbytes
        check_memory(len(features), 64, factory, "l2", int(1.1 * needed))
        try:
            assert check_memory(len(features), 64, factory, "l2", int(0.85 * needed))
        except UserError:
            continue


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("Sponge", "indices.index: FAISS makes no index of 'Sponge'"),
        ("PQ7", "FAISS makes no index of 'PQ7'|FAISS cannot build 'PQ7'"),
        ("IVF6000,Flat", "'IVF6000,Flat' needs at least 6000 entries for training, there are 5000"),
    ],
)
def test_impossible_indices(features, factory, message, tmp_path):
    with pytest.raises(UserError, match=message):
        ShardedIndex(features, factory, "l2", Workspace(PLENTY, tmp_path))
