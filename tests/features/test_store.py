import errno

import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.features import ClipEncoder, extract, zero_shot
from kbsc_tf.features import store as module


class FakeEncoder:
    """Makes features out of mean colours and counts what it does; ``fails_after`` batches raises ``error``."""

    name, dim, batch_size = "fake", 3, 4

    def __init__(self, fingerprint="f", fails_after=None, error=KeyboardInterrupt):
        self.fingerprint, self.fails_after, self.error = fingerprint, fails_after, error
        self.embedded = self.texts = 0

    def embed_batches(self, batches, padded_to=None):
        for i, batch in enumerate(batches):
            if i == self.fails_after:
                raise self.error
            x = np.array([image.mean(axis=(0, 1)) for image in batch], np.float32)
            self.embedded += len(batch)
            yield x / np.linalg.norm(x, axis=1, keepdims=True)

    def embed_texts(self, texts):
        self.texts += len(texts)
        return np.eye(len(texts), 3, dtype=np.float32)


def files(tmp_path):
    names = (path.name.split(".", 1)[1] for path in (tmp_path / "features").iterdir())
    return sorted(name for name in names if name != "lock")  # which stays, for the next to hold


def test_second_run_embeds_nothing(image_set, tmp_path):
    encoder = FakeEncoder()
    first, second = (extract(encoder, image_set, tmp_path) for _ in range(2))
    assert encoder.embedded == 23
    assert first.images_per_s > 0 and second.images_per_s is None
    assert isinstance(second.x, np.memmap) and not second.x.flags.writeable
    assert second.x.shape == (23, 3) and second.x.dtype == np.float32 and np.array_equal(first.x, second.x)
    assert second.labels is image_set.labels and second.images is image_set and second.encoder == "f"
    assert second.coarse_labels.tolist() == [0] * 23 and second.dim == 3 and len(second) == 23
    assert files(tmp_path) == ["npy"]


def test_real_clip_is_not_loaded_for_stored_features(clips, image_set, tmp_path, monkeypatch):
    x = extract(ClipEncoder(str(clips.h5), 8), image_set, tmp_path).x
    assert np.abs(x - ClipEncoder(str(clips.h5)).embed_images(image_set.read(range(23)))).max() < 1e-6
    monkeypatch.setattr("kbsc_tf.features.clip.load_towers", lambda *files: pytest.fail("loaded"))
    assert np.array_equal(extract(ClipEncoder(str(clips.h5), 8), image_set, tmp_path).x, x)


def test_other_encoder_or_images_are_other_features(image_set, tmp_path):
    for encoder, images in (
        (FakeEncoder("f"), image_set),
        (FakeEncoder("g"), image_set),
        (FakeEncoder("f"), image_set.subset(range(10), "ten")),
    ):
        extract(encoder, images, tmp_path)
        assert encoder.embedded == len(images)


def test_a_stopped_run_goes_on_where_it_was(image_set, tmp_path):
    whole = np.array(extract(FakeEncoder(), image_set, tmp_path / "other").x)
    with pytest.raises(KeyboardInterrupt):
        extract(FakeEncoder(fails_after=3), image_set, tmp_path)
    assert files(tmp_path) == ["partial"]
    (partial,) = (tmp_path / "features").glob("*.partial")
    partial.write_bytes(partial.read_bytes()[:-5])  # the last row is cut off
    encoder = FakeEncoder()
    features = extract(encoder, image_set, tmp_path)
    assert encoder.embedded == 23 - 11 and np.array_equal(features.x, whole)
    assert files(tmp_path) == ["npy"]


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_a_broken_partial_file_is_begun_again(image_set, tmp_path, content):
    with pytest.raises(KeyboardInterrupt):
        extract(FakeEncoder(fails_after=3), image_set, tmp_path)
    (partial,) = (tmp_path / "features").glob("*.partial")
    partial.write_bytes(content)
    encoder = FakeEncoder()
    extract(encoder, image_set, tmp_path)
    assert encoder.embedded == 23


def test_a_corrupt_store_file_is_made_again(image_set, tmp_path):
    whole = np.array(extract(FakeEncoder(), image_set, tmp_path).x)
    (path,) = (tmp_path / "features").glob("*.npy")
    good = path.read_bytes()
    holed = np.array(whole)
    holed[7] = 0
    nan = np.array(whole)
    nan[3, 1] = np.nan
    for corrupt in (b"", good[:-8], b"x" * len(good), good[:128] + holed.tobytes(), good[:128] + nan.tobytes()):
        path.write_bytes(corrupt)
        encoder = FakeEncoder()
        assert np.array_equal(extract(encoder, image_set, tmp_path).x, whole)
        assert encoder.embedded == 23


def test_disk_full_names_the_path_and_leaves_nothing(image_set, tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UserError, match=r"features/\w+\.npy: cannot write .the disk is full"):
        extract(FakeEncoder(fails_after=2, error=full), image_set, tmp_path)
    assert files(tmp_path) == []


def test_disk_full_while_writing_prompts(image_set, tmp_path, monkeypatch):
    features = extract(FakeEncoder(), image_set, tmp_path)

    def full(file, array):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.np, "save", full)
    with pytest.raises(UserError, match="the disk is full"):
        zero_shot(FakeEncoder(), features, store=tmp_path)
    assert files(tmp_path) == ["npy"]


def test_a_store_that_cannot_be_made_is_named(image_set, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/features: cannot write"):
        extract(FakeEncoder(), image_set, tmp_path / "file")


def test_default_place_is_the_environments(image_set, tmp_path, monkeypatch):
    monkeypatch.setenv("KBSC_CACHE", str(tmp_path / "here"))
    extract(FakeEncoder(), image_set)
    assert files(tmp_path / "here") == ["npy"]


def test_zero_shot_counts_and_keeps_the_prompts(image_set, tmp_path):
    encoder = FakeEncoder()
    features = extract(encoder, image_set, tmp_path)
    expected = np.argmax(np.array(features.x)[:, :2], axis=1)
    for _ in range(2):
        correct, total, predictions = zero_shot(encoder, features, "a {}", tmp_path)
        assert np.array_equal(predictions, expected) and total == 23
        assert correct == np.sum(expected == image_set.labels)
    assert encoder.texts == 2
    zero_shot(encoder, features, "the {}", tmp_path)
    assert encoder.texts == 4


def test_fewer_large_images_are_held_at_once(image_set, tmp_path, monkeypatch):
    class Counting(FakeEncoder):
        batch_size, sizes = 16, ()

        def embed_batches(self, batches, padded_to=None):
            for batch in batches:
                self.sizes += (len(batch),)
                yield from super().embed_batches([batch])

    usual, few = Counting("a"), Counting("b")
    x = extract(usual, image_set, tmp_path).x
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    assert np.array_equal(extract(few, image_set, tmp_path).x, x)
    assert usual.sizes == (16, 7) and few.sizes == (8, 8, 7)
