import pickle
import tarfile

import numpy as np
import pytest

from kbsc_tf.config import CifarConfig
from kbsc_tf.data import load_splits
from kbsc_tf.data.cifar import CIFAR10_NAMES, CIFAR100_COARSE_NAMES, CIFAR100_NAMES, load_cifar
from kbsc_tf.errors import UserError


def write_batch(path, count, classes, seed, coarse=False):
    rng = np.random.default_rng(seed)
    labels = [i % classes for i in range(count)]
    batch = {b"data": rng.integers(0, 256, (count, 3072), np.uint8)}
    batch[b"fine_labels" if coarse else b"labels"] = labels
    if coarse:
        batch[b"coarse_labels"] = [label * 7 % 20 for label in labels]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(batch, protocol=2))
    return batch


@pytest.fixture
def cifar100(tmp_path):
    folder = tmp_path / "files" / "cifar-100-python"
    batches = [write_batch(folder / split, n, 100, n, coarse=True) for split, n in (("train", 1000), ("test", 400))]
    return folder, batches


def test_names():
    assert len(CIFAR100_NAMES) == 100 and sorted(CIFAR100_NAMES) == list(CIFAR100_NAMES)
    assert len(CIFAR100_COARSE_NAMES) == 20 and sorted(CIFAR100_COARSE_NAMES) == list(CIFAR100_COARSE_NAMES)
    assert len(CIFAR10_NAMES) == 10
    assert CIFAR100_NAMES[51] == "mushroom" and CIFAR100_NAMES[99] == "worm"


def test_cifar100_from_folder_parent_and_archive_is_the_same(cifar100, tmp_path):
    folder, batches = cifar100
    archive = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    loaded = [load_cifar("cifar100", path) for path in (folder, folder.parent, archive, tmp_path)]
    assert len({images.fingerprint for images, _ in loaded}) == 1
    training, test = loaded[0]
    assert (len(training), len(test)) == (1000, 400)
    pixels = batches[0][b"data"][17].reshape(3, 32, 32)
    assert np.array_equal(training.read([17])[0], pixels.transpose(1, 2, 0))
    assert training.references[17] == "cifar100/train/17"
    assert training.coarse_of_class.tolist() == [c * 7 % 20 for c in range(100)]
    assert test.coarse_labels[:3].tolist() == [0, 7, 14]
    assert test.coarse_names[0] == "aquatic mammals"


def test_cifar10(tmp_path):
    for i in range(1, 6):
        write_batch(tmp_path / "cifar-10-batches-py" / f"data_batch_{i}", 20, 10, i)
    write_batch(tmp_path / "cifar-10-batches-py" / "test_batch", 40, 10, 9)
    splits = load_splits(CifarConfig(source="cifar10", path=tmp_path))
    assert [len(s) for s in vars(splits).values()] == [80, 10, 10, 20, 20]
    assert splits.sender.class_names == CIFAR10_NAMES
    assert splits.sender.references[0] == "cifar10/test/0"
    assert splits.sender.coarse_labels is None


@pytest.mark.parametrize("place", ["cifar-100-python-target/cifar-100-python", "cifar-100-python"])
def test_keras_cache_is_read_without_keras(cifar100, tmp_path, monkeypatch, place):
    target = tmp_path / "keras" / "datasets" / place
    target.parent.mkdir(parents=True)
    cifar100[0].rename(target)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert len(load_cifar("cifar100")[1]) == 400


def test_what_keras_downloads_is_found(cifar100, tmp_path, monkeypatch):
    import keras

    def load_data():  # leaves what Keras leaves
        target = tmp_path / "keras" / "datasets" / "cifar-100-python-target"
        target.mkdir(parents=True)
        cifar100[0].rename(target / "cifar-100-python")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(keras.datasets.cifar100, "load_data", load_data)
    assert len(load_cifar("cifar100")[0]) == 1000


def test_without_network_it_says_what_to_put_where(tmp_path, monkeypatch):
    import keras

    def load_data():
        raise Exception("URL fetch failure on https://www.cs.toronto.edu: None -- Name or service not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.datasets.cifar100, "load_data", load_data)
    with pytest.raises(UserError) as caught:
        load_cifar("cifar100")
    message = str(caught.value)
    assert str(tmp_path / "datasets" / "cifar-100-python.tar.gz") in message
    assert "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz" in message and "data.path" in message


def test_bad_files_are_named(cifar100, tmp_path):
    with pytest.raises(UserError, match=r"holds neither a folder cifar-100-python nor cifar-100-python\.tar\.gz"):
        load_cifar("cifar100", tmp_path / "nowhere")
    folder, _ = cifar100
    content = (folder / "train").read_bytes()
    (folder / "train").write_bytes(content[:1000])
    with pytest.raises(UserError, match="cifar-100-python/train is damaged"):
        load_cifar("cifar100", folder)
    write_batch(folder / "train", 50, 50, 0, coarse=True)
    with pytest.raises(UserError, match="does not hold the 100 classes"):
        load_cifar("cifar100", folder)
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(UserError, match=r"not a complete tar\.gz"):
        load_cifar("cifar100", tmp_path / "cifar-100-python.tar.gz")


def test_a_pickle_that_would_run_code_is_refused(cifar100, tmp_path):
    class Attack:
        def __reduce__(self):
            return (tmp_path / "hacked").mkdir, ()

    folder, _ = cifar100
    (folder / "train").write_bytes(pickle.dumps({b"data": Attack()}, protocol=2))
    with pytest.raises(UserError, match="refuses"):
        load_cifar("cifar100", folder)
    assert not (tmp_path / "hacked").exists()


def test_a_memo_place_beyond_all_steps_takes_no_memory(cifar100):
    folder, _ = cifar100
    content = pickle.dumps({b"data": 1}, protocol=2)
    (folder / "train").write_bytes(content[:-1] + b"r" + (2**31 - 1).to_bytes(4, "little") + b".")
    with pytest.raises(UserError, match="train is damaged .memo place 2147483647"):
        load_cifar("cifar100", folder)
