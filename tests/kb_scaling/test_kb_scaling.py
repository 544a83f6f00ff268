"""Accuracy at scale: entries from seeds, rows that resume, refusals, and the figure without TensorFlow."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from kbsc_tf.config import NearestConfig
from kbsc_tf.errors import UserError
from kbsc_tf.kb_scaling import study as kb_scaling
from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.kb_scaling.entries import BLOCK, entries_of, source_of
from kbsc_tf.kb_scaling.plot import index_looks, index_text
from kbsc_tf.kb_scaling.scaling_results import COLUMNS, read_rows
from kbsc_tf.kb_scaling.study import recall, run_kb_scaling
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.knowledge.preparation import centred
from kbsc_tf.progress import Progress

SMALL = {"classes": 10, "dimension": 32, "training": 400, "decay": 0.5}


def small(**changes):
    settings = {
        "type": "kb_scaling", "name": "small", "sizes": [600, 1_500], "indices": ["IVFsqrt,Flat nprobe=2"],
        "source": SMALL, "queries": 120, "k": 8, "snr_db": 5, "top_k": 5, "threads": 1,
    }  # fmt: skip
    return KbScalingConfig.model_validate({**settings, **changes})


def silent(*_):
    pass


@pytest.fixture
def progress():
    return Progress(Console(record=True, width=250, file=open("/dev/null", "w")))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, run_kb_scaling(small(), folder, Progress(Console(quiet=True)))


@pytest.fixture
def undrawn(monkeypatch):
    """Spend no seconds on figures that nobody looks at."""
    monkeypatch.setattr(kb_scaling, "draw_kb_scaling", lambda folder: [])


def some_features(tmp_path):
    rng = np.random.default_rng(0)
    means, arrays = rng.standard_normal((5, 16)), {}
    for part, count in {"train": 200, "val_send": 20, "val_recv": 20, "test_send": 50, "test_recv": 70}.items():
        labels = np.arange(count) % 5
        x = means[labels] + rng.standard_normal((count, 16))
        arrays |= {f"{part}_x": (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4"), f"{part}_y": labels}
    np.savez(tmp_path / "features.npz", **arrays)
    return tmp_path / "features.npz"


@pytest.mark.parametrize("kind", ["procedural", "tiled"])
def test_a_smaller_knowledge_base_begins_a_larger_one(kind, tmp_path):
    path = some_features(tmp_path)
    config = small(source=SMALL if kind == "procedural" else {"kind": "tiled", "features": path})
    large, small_one = source_of(config), source_of(config)
    with (
        entries_of(large, BLOCK + 1_000, False, 10**9, tmp_path, silent) as more,
        entries_of(small_one, 500, False, 10**9, tmp_path, silent) as fewer,
    ):
        np.testing.assert_array_equal(more.features[:500], fewer.features)
        np.testing.assert_array_equal(more.labels[:500], fewer.labels)
        assert len(np.unique(more.features, axis=0)) == BLOCK + 1_000  # no two are the same
        np.testing.assert_allclose(np.linalg.norm(more.features, axis=1), 1, rtol=1e-5)
    other = source_of(config.model_copy(update={"seed": 1})).block(1)[0]
    assert (other != large.block(1)[0]).any()


def test_the_first_tile_is_the_images_and_others_are_near_them(tmp_path):
    path = some_features(tmp_path)
    source = source_of(small(source={"kind": "tiled", "features": path, "perturbation": 0.3}))
    x, labels = source.block(0)
    images, classes = (np.load(path)[f"test_recv_{name}"] for name in "xy")
    np.testing.assert_allclose(x[:70], images, atol=1e-6)
    np.testing.assert_array_equal(labels[:140], np.tile(classes, 2))
    moved = np.linalg.norm(x[70:140] - images, axis=1)
    within = np.sqrt(np.mean([np.sum(images[classes == c].var(axis=0, ddof=1)) for c in range(5)]))
    assert 0 < np.sqrt(np.mean(moved**2)) < 0.6 * within


def test_an_experiment_can_be_the_source(tmp_path):
    path = some_features(tmp_path)
    (tmp_path / "images.yaml").write_text(f"features: {{file: {path}}}\n")
    ours = source_of(small(source={"kind": "tiled", "experiment": tmp_path / "images.yaml"}))
    theirs = source_of(small(source={"kind": "tiled", "features": path}))
    for one, other in zip(ours.block(1), theirs.block(1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(ours.sender) == 50  # no more than there are


def test_procedural_entries_have_the_statistics_they_say():
    source = source_of(small(source={"classes": 4, "dimension": 64, "training": 20_000, "common": 1.0, "noise": 1.0}))
    x, labels = source.training.x, source.training.labels
    power = 1 + np.mean(np.sum(source._means**2, axis=1)) / 64 + 1  # common, class, noise
    means = np.stack([x[labels == c].mean(axis=0) for c in range(4)])
    within = np.mean(np.sum((x - means[labels]) ** 2, axis=1))
    assert within == pytest.approx(1 / power, rel=0.1)
    decayed = source_of(small(source={**SMALL, "decay": 1.0})).training.x
    spread = np.linalg.eigvalsh(np.cov(decayed.T))[::-1]
    assert spread[:4].sum() > 0.6 * spread.sum()


def test_mapped_entries_are_those_in_ram_and_leave_nothing(tmp_path):
    source = source_of(small())
    with entries_of(source, 700, True, 1_000, tmp_path, silent) as mapped:
        assert mapped.on_disk and isinstance(mapped.features, np.memmap) and any(tmp_path.iterdir())
        with entries_of(source, 700, True, 10**9, tmp_path, silent) as held:
            assert not held.on_disk
            np.testing.assert_array_equal(mapped.features, held.features)
            np.testing.assert_array_equal(mapped.mean, held.mean)
    assert not any(tmp_path.iterdir())


def test_no_room_for_features(tmp_path, monkeypatch):
    monkeypatch.setattr(kb_scaling.os, "posix_fallocate", _full, raising=False)
    with (
        pytest.raises(UserError, match=f"{tmp_path}: cannot write .*; free space or set scratch"),
        entries_of(source_of(small()), 700, True, 1_000, tmp_path, silent),
    ):
        pass
    assert not any(tmp_path.iterdir())


def test_what_a_killed_run_left_is_cleared(finished, tmp_path, progress, undrawn):
    (tmp_path / ".kb-scratch-features-1").write_bytes(b"x")
    (tmp_path / ".kb-scratch-index-2").mkdir()
    run_kb_scaling(small(sizes=[600], indices=["Flat"]), tmp_path, progress)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb_scaling.csv", "run.json"]


def _full(*_):
    raise OSError(28, "No space left on device")


def test_exact_search_is_the_knowledge_base_of_the_package(finished):
    """Accuracy of the Flat rows is what KnowledgeBase makes of the same received features."""
    config, rows = small(), read_rows(finished[0])
    source = source_of(config)
    received = kb_scaling.transmit(source, config)
    x, labels = (part[:1_500] for part in source.block(0))
    kb = KnowledgeBase.build(replace(source.sender, x=x, labels=labels, references=("",) * 1_500), NearestConfig())
    correct = kb.decide(received, 1).labels[:, 0] == source.sender.labels
    flat = rows[(rows["index"] == "Flat") & (rows["entries"] == 1_500)].iloc[0]
    assert 0.15 < flat.accuracy < 0.95 and flat.accuracy == correct.mean()


def test_rows(finished):
    folder, figures = finished
    rows = read_rows(folder)
    assert list(zip(rows["entries"], rows["index"], strict=True)) == [
        (size, index) for size in (600, 1_500) for index in ("Flat", "IVFsqrt,Flat nprobe=2")
    ]
    flat, ivf = (rows[rows["index"].str.startswith(name)] for name in ("Flat", "IVF"))
    assert (flat[["recall_1", "recall_k"]] == 1).all(axis=None) and (flat["difference"] == 0).all()
    assert (flat["bytes_per_entry"] == 4 * 32).all() and list(ivf["factory"]) == ["IVF24,Flat", "IVF39,Flat"]
    assert ((ivf["recall_1"] < 1) & (ivf["recall_1"] > 0.1)).all() and (ivf["bytes_per_entry"] > 4 * 32).all()
    np.testing.assert_allclose(ivf["difference"].values, ivf["accuracy"].values - flat["accuracy"].values, atol=1e-6)
    assert ((ivf["difference_low"] <= ivf["difference"]) & (ivf["difference"] <= ivf["difference_high"])).all()
    assert (rows["accuracy_low"] < rows["accuracy"]).all() and (rows[["batch_s_per_query", "single_s"]] > 0).all(
        axis=None
    )
    assert [path.name for path in figures] == ["kb_scaling.png", "kb_scaling.pdf"]
    assert all(path.stat().st_size > 10_000 for path in figures)
    run = json.loads((folder / "run.json").read_text())
    assert run["complete"] and run["config"]["k"] == 8 and "faiss-cpu" in run["versions"] and "commit" in run
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


_STABLE = [c for c in COLUMNS if not re.search("_s$|_s_|load", c)]


def test_a_stopped_run_goes_on_and_finished_rows_stay(finished, tmp_path, progress, monkeypatch, undrawn):
    whole = read_rows(finished[0])
    add = kb_scaling.ScalingResults.add

    def stop(self, row):
        if len(self.done()) == 2:
            raise KeyboardInterrupt
        add(self, row)

    with monkeypatch.context() as stopping:
        stopping.setattr(kb_scaling.ScalingResults, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            run_kb_scaling(small(), tmp_path, progress)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb_scaling.csv", "run.json"]
    before = (tmp_path / "kb_scaling.csv").read_text()
    run_kb_scaling(small(), tmp_path, progress)
    assert (tmp_path / "kb_scaling.csv").read_text().startswith(before)
    assert "2 rows are in" in progress.console.export_text()
    assert read_rows(tmp_path)[_STABLE].equals(whole[_STABLE])
    assert len(json.loads((tmp_path / "run.json").read_text())["earlier_sessions"]) == 1


def test_sizes_and_indices_join_a_finished_folder(finished, tmp_path, progress, undrawn):
    run_kb_scaling(small(sizes=[1_500]), tmp_path, progress)
    run_kb_scaling(small(indices=["IVFsqrt,Flat nprobe=2", "SQ8"], sizes=[600, 1_500]), tmp_path, progress)
    rows, whole = read_rows(tmp_path), read_rows(finished[0])
    assert list(rows["index"]) == 2 * ["Flat", "IVFsqrt,Flat nprobe=2", "SQ8"]
    assert rows[rows["index"] != "SQ8"].reset_index(drop=True)[_STABLE].equals(whole[_STABLE])


def test_lists_and_features_on_disk_change_no_row(finished, tmp_path, progress, undrawn):
    run_kb_scaling(small(memory_gb=1e-6), tmp_path, progress)
    rows, whole = read_rows(tmp_path), read_rows(finished[0])
    assert (rows["storage"] == "disk").all() and (whole["storage"] == "ram").all()
    same = [c for c in _STABLE if c not in ("storage", "bytes", "bytes_per_entry")]
    assert rows[same].equals(whole[same])
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".json"]


def test_a_vote_decides_over_the_neighbours(tmp_path, progress, undrawn):
    config = small(sizes=[1_500], indices=["Flat"], decision="vote", neighbours=50)
    run_kb_scaling(config, tmp_path, progress)
    source = source_of(config)
    x, labels = (part[:1_500] for part in source.block(0))
    kb = KnowledgeBase.build(replace(source.sender, x=x, labels=labels, references=("",) * 1_500), NearestConfig())
    decision = kb.decide(kb_scaling.transmit(source, config), 1, "vote", config.temperature, 50)
    assert read_rows(tmp_path)["accuracy"][0] == np.mean(decision.labels[:, 0] == source.sender.labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 10}, "made with other settings: kb_scaling.k was 8, now 10; set them as they were"),
        ({"source": {**SMALL, "noise": 1.0}}, "settings: kb_scaling.source.noise was the default, now 1.0; set"),
    ],
)
def test_another_configuration_is_refused(finished, changes, message, progress):
    before = {path.name: path.read_bytes() for path in finished[0].iterdir()}
    with pytest.raises(UserError, match=message):
        run_kb_scaling(small(**changes), finished[0], progress)
    assert {path.name: path.read_bytes() for path in finished[0].iterdir()} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": ["HNSW32"], "memory_gb": 1e-4}, "indices: HNSW32 over 600 entries takes .* RAM .*memory_gb"),
        ({"indices": ["Sponge"]}, "FAISS makes no index of 'Sponge'"),
        ({"indices": ["SQ8 nprobe=3"]}, "indices: FAISS cannot set nprobe=3"),
    ],
)
def test_impossible_rows_are_refused_before_any_work(changes, message, tmp_path, progress):
    with pytest.raises(UserError, match=message):
        run_kb_scaling(small(**changes), tmp_path / "new", progress)
    assert not (tmp_path / "new").exists()


def test_rows_without_their_configuration_or_damaged_are_refused(finished, tmp_path, progress):
    (tmp_path / "kb_scaling.csv").write_bytes((finished[0] / "kb_scaling.csv").read_bytes())
    with pytest.raises(UserError, match="kb_scaling.csv: rows without the run.json"):
        run_kb_scaling(small(), tmp_path, progress)
    (tmp_path / "run.json").write_bytes((finished[0] / "run.json").read_bytes())
    text = (tmp_path / "kb_scaling.csv").read_text()
    (tmp_path / "kb_scaling.csv").write_text(text.replace("600,Flat,", "many,Flat,"))
    with pytest.raises(UserError, match="kb_scaling.csv: column entries has a cell that is not a number"):
        run_kb_scaling(small(), tmp_path, progress)


def test_recall_counts_the_exact_entries_that_were_found():
    exact = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    found = np.array([[3, 1, 9], [4, 5, 6], [-1, -1, -1]])
    np.testing.assert_allclose(recall(found, exact), [2 / 3, 1, 0])


def test_entries_are_centred_as_a_knowledge_base_centres_them(tmp_path):
    source = source_of(small())
    with entries_of(source, 800, True, 10**9, tmp_path, silent) as entries:
        x = source.block(0)[0][:800]
        np.testing.assert_array_equal(entries.mean, x.mean(axis=0, dtype=np.float64).astype(np.float32))
        np.testing.assert_array_equal(entries.features, centred(x, entries.mean))


@pytest.mark.long
def test_the_figure_needs_no_tensorflow(finished, tmp_path):
    (tmp_path / "kb_scaling.csv").write_bytes((finished[0] / "kb_scaling.csv").read_bytes())
    code = (
        "import sys\nfrom kbsc_tf.kb_scaling.plot import draw_kb_scaling\ndraw_kb_scaling(sys.argv[1])\n"
        "print([name for name in ('tensorflow', 'keras', 'faiss', 'sionna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    for name in ("kb_scaling.png", "kb_scaling.pdf"):
        assert (tmp_path / name).read_bytes() == (finished[0] / name).read_bytes()


def test_no_rows_no_figure(tmp_path):
    from kbsc_tf.kb_scaling.plot import draw_kb_scaling

    with pytest.raises(UserError, match="kb_scaling.csv: cannot read"):
        draw_kb_scaling(tmp_path)
    (tmp_path / "kb_scaling.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(UserError, match="kb_scaling.csv: no rows yet"):
        draw_kb_scaling(tmp_path)


def test_indices_have_names_and_looks_of_their_own():
    assert index_text("IVFsqrt,Flat nprobe=64") == r"IVF $\sqrt{N}$, Flat, nprobe 64"
    assert index_text("Flat") == "exact search" and index_text("PQ64") == "PQ64"
    looks = index_looks(["HNSW32 efSearch=64", "Flat", "HNSW32 efSearch=256", "IVFsqrt,PQ64", "PQ64", "SQ8", "NSG32"])
    assert next(iter(looks)) == "Flat" and len({(look.colour, look.line) for look in looks.values()}) == len(looks)
