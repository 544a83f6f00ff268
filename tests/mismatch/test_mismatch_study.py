"""The study of mismatch: states of the knowledge base, updates, rows that resume, refusals, and the figures."""

import json

import numpy as np
import pytest
import yaml
from rich.console import Console

from kbsc_tf.config import NearestConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet, load_feature_file
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.mismatch import study as mismatch
from kbsc_tf.mismatch.check import check
from kbsc_tf.mismatch.config import MismatchConfig, load_mismatch
from kbsc_tf.mismatch.knowledge import (
    class_counts,
    first_of_each,
    missing_classes,
    most_entries,
    poisoned,
    stale,
    without,
)
from kbsc_tf.mismatch.parts import break_even
from kbsc_tf.mismatch.table import KEY, OWN, TABLE
from kbsc_tf.progress import Progress

CLASSES, D = 10, 16


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Features of the same images by two encoders that differ by a rotation, and of others."""
    folder, rng = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    means, turn = rng.standard_normal((CLASSES, D)), np.linalg.qr(rng.standard_normal((D, D)))[0]
    ours, theirs = {}, {}
    for part, count in {"train": 400, "val_send": 60, "val_recv": 60, "test_send": 200, "test_recv": 200}.items():
        labels = np.arange(count) % CLASSES
        x = unit(means[labels] + 0.6 * rng.standard_normal((count, D)))
        ours |= {f"{part}_x": x, f"{part}_y": labels}
        theirs |= {f"{part}_x": unit(x @ turn), f"{part}_y": labels}
    np.savez(folder / "ours.npz", **ours)
    np.savez(folder / "theirs.npz", **theirs)
    np.savez(folder / "others.npz", **{**theirs, "test_send_y": theirs["test_send_y"][::-1]})
    np.savez(folder / "short.npz", **{name: one[:, :8] if one.ndim == 2 else one for name, one in theirs.items()})
    return folder


def settings(files, **changes):
    experiment = {
        "features": {"file": str(files / "ours.npz")}, "schemes": ["pca"], "k": 8, "snr_db": 8,
        "receiver": {"decision": "posterior"}, "coding": {"mcs": ["qpsk-1/3", "16qam-1/2"]},
    }  # fmt: skip
    return {
        "type": "mismatch", "name": "small", "experiment": {**experiment, **changes.pop("experiment", {})},
        "senders": {"theirs": {"file": str(files / "theirs.npz")}}, "anchors": [5, 40], "imbalances": [1, 20],
        "missing": [0, 0.3], "flipped": [0, 0.4], "update": {"entries": [1, 5], "codes": ["pq-16"]}, "draws": 2,
        **changes,
    }  # fmt: skip


def small(files, **changes):
    return MismatchConfig.model_validate(settings(files, **changes))


@pytest.fixture
def progress():
    return Progress(Console(quiet=True))


@pytest.fixture(scope="module")
def entries():
    labels = np.arange(400) % CLASSES
    return FeatureSet("kb", np.eye(400, D, dtype="f4"), labels, tuple(map(str, range(CLASSES))), ("",) * 400, "e")


def test_a_stale_knowledge_base_has_the_size_it_has_at_all_imbalances(entries):
    total = most_entries(entries.labels, [1, 10, 100])
    for imbalance in (1, 10, 100):
        counts = np.sort(np.bincount(stale(entries, imbalance, total, 0).labels, minlength=CLASSES))
        assert counts[-1] / counts[0] == pytest.approx(imbalance, rel=0.7) and abs(counts.sum() - total) <= CLASSES
    assert class_counts(np.full(3, 40), 4, 70).tolist() == [40, 20, 10]
    one, other = (np.bincount(stale(entries, 100, total, draw).labels).argmax() for draw in (0, 1))
    assert one != other


def test_missing_classes_grow(entries):
    fewer, more = missing_classes(entries, 0.2, 0), missing_classes(entries, 0.5, 0)
    assert len(fewer) == 2 and len(more) == 5 and set(fewer) < set(more)
    left = without(entries, more)
    assert len(left) == 200 and not set(left.labels) & set(more)
    assert len(missing_classes(entries, 0.99, 0)) == 9  # one stays
    assert np.bincount(first_of_each(entries, fewer, 3).labels)[fewer].tolist() == [3, 3]


def test_of_poisoned_labels_the_nearest_entry_repeats_the_share(entries):
    """Entries that are asked for themselves: right with probability 1 - share."""
    for share in (0.0, 0.1, 0.4):
        flipped = poisoned(entries, share, 0)
        assert (flipped.labels != entries.labels).mean() == share
    rng = np.random.default_rng(0)
    x = unit(rng.standard_normal((400, D)))
    base = KnowledgeBase.build(
        FeatureSet("kb", x, flipped.labels, entries.class_names, ("",) * 400, "e"), NearestConfig()
    )
    assert (base.decide(x, 1, "nearest").labels[:, 0] == entries.labels).mean() == 0.6


def test_break_even():
    """1,000 uses for an update that makes 50 % of 10-use answers 60 %: 500 queries."""
    row = {
        "update_uses": 1_000.0,
        "query_uses": 10.0,
        "difference": 0.1,
        "difference_low": -0.1,
        "difference_high": 0.2,
    }
    found = break_even(row, 0.5)
    assert found["break_even"] == pytest.approx(500) and found["break_even_low"] == pytest.approx(250)
    assert np.isnan(found["break_even_high"])
    spent = (1_000 + 500 * 10) / (500 * 0.6), 10 / 0.5
    assert spent[0] == pytest.approx(spent[1])


def cells(rows, part, name="accuracy"):
    part = rows[rows["part"].eq(part) & (rows["sender"].eq(OWN) | rows["part"].eq("encoders"))]
    return part.set_index(["method", "amount"])[name].groupby(level=[0, 1]).last()


@pytest.mark.long
def test_the_study_stops_resumes_and_says_what_it_should(files, tmp_path, progress, monkeypatch):
    add, config = mismatch.StudyFolder.add, small(files)

    def stop(self, row):
        add(self, row)
        if len(self.done()) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(mismatch.StudyFolder, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            mismatch.run_mismatch(config, tmp_path, progress)
    before = (tmp_path / "mismatch.csv").read_text()
    figures = mismatch.run_mismatch(config, tmp_path, progress)
    assert (tmp_path / "mismatch.csv").read_text().startswith(before)
    assert [one.name for one in figures if one.suffix == ".png"] == ["mismatch_encoders.png", "mismatch_knowledge.png"]
    rows = TABLE.read(tmp_path)
    assert not rows.duplicated(KEY).any() and json.loads((tmp_path / "run.json").read_text())["complete"]
    # An exact rotation: without an aligner chance, with enough anchors as if both had one encoder.
    encoders = cells(rows, "encoders")
    assert encoders["none", 0] < 0.3 < 0.7 < encoders["matched", 0]
    for kind in ("procrustes", "least_squares"):
        assert encoders[kind, 40] == pytest.approx(encoders["matched", 0], abs=0.01)
        assert encoders[kind, 5] < encoders[kind, 40]
    poison = cells(rows, "poisoned")
    assert poison["nearest", 0.4] == pytest.approx(0.6 * poison["nearest", 0], abs=0.08)
    assert poison["posterior", 0.4] > poison["nearest", 0.4] + 0.1
    assert cells(rows, "stale")["equal shares", 20] >= cells(rows, "stale")["posterior", 20]
    for rule in ("nearest", "posterior"):
        assert cells(rows, "partial", "abstained_known")[rule, 0.3] < 0.2  # promised: 0.1
        assert cells(rows, "partial", "abstained_missing")[rule, 0.3] > 0.3
    update = cells(rows, "update")
    assert update["none", 0] <= 0.8 and update["clean", 5] > update["none", 0] + 0.1
    assert update["pq-16", 5] > update["none", 0] + 0.1 and update["clean, unequal shares", 1] < update["clean", 1]
    # 2 classes of 5 entries, 16 + 4 bits each: 200 bits of payload, so more than 200 / log2(1 + SNR) uses.
    assert cells(rows, "update", "update_uses")["pq-16", 5] > 200 / np.log2(1 + 10**0.8)
    more = small(files, flipped=[0, 0.2, 0.4], parts=["poisoned"])
    mismatch.run_mismatch(more, tmp_path, progress)
    assert len(TABLE.read(tmp_path)) == len(rows) + 2
    with pytest.raises(UserError, match="other settings: mismatch.draws was 2, now 4"):
        check(small(files, draws=4), tmp_path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ridge": 0}, "anchors: 5 are fewer than the 16 dimensions of a feature, and ridge is 0, .* leave ridge out"),
        ({"senders": {"theirs": {"file": "nowhere.npz"}}}, "nowhere.npz: cannot read"),
        ({"senders": {"theirs": {"model": "nowhere"}}}, "nowhere"),
        ({"senders": {"theirs": {"file": "short.npz"}}}, "senders: theirs has features of 8 dimensions, .* of 16"),
    ],
)
def test_what_cannot_work_is_said_before_any_work(files, tmp_path, changes, sentence, monkeypatch):
    monkeypatch.chdir(files)
    with pytest.raises(UserError, match=sentence):
        check(small(files, **changes), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_images_are_refused(files):
    ours, others = (load_feature_file(files / name) for name in ("ours.npz", "others.npz"))
    with pytest.raises(UserError, match="senders: theirs has 200 features in sender, .* the same images in the same"):
        mismatch._check_images("theirs", ours, others, small(files))
    with pytest.raises(UserError, match="anchors: 999 are more than the 400 training images"):
        mismatch._check_images("theirs", ours, ours, small(files, anchors=[999]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"experiment": {"schemes": ["pqa"]}}, "unknown scheme pqa; did you mean pca"),
        ({"experiment": {"schemes": ["index_ldpc"]}}, "index_ldpc does not send a feature as symbols"),
        ({"experiment": {"schemes": ["feature_ldpc_pq"]}}, "feature_ldpc_pq does not send a feature as symbols"),
        ({"aligners": ["rotation"]}, "aligners"),
        ({"anchors": [1]}, "anchors.0"),
        ({"anchors": [10, 10]}, "anchors: a value stands twice"),
        ({"flipped": [1.0]}, "flipped.0"),
        ({"update": {"codes": ["pq"]}}, "update.codes.0"),
        ({"ancors": [3]}, "unknown key ancors; did you mean anchors"),
    ],
)
def test_mistakes_in_the_file(files, tmp_path, changes, sentence):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(settings(files, **changes)))
    with pytest.raises(UserError, match=sentence):
        load_mismatch(tmp_path / "a.yaml")
