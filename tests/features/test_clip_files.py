import json
import shutil

import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.features import ClipEncoder
from kbsc_tf.features.clip_files import find_clip


@pytest.fixture
def folder(clips, tmp_path):
    shutil.copytree(clips.h5, tmp_path / "clip")
    return tmp_path / "clip"


def test_fingerprint_follows_weights_preprocessing_and_tokenizer(folder, tmp_path):
    def edit(file, old, new):
        path = folder / file
        path.write_bytes(path.read_bytes().replace(old, new))

    prints = [find_clip(str(folder)).fingerprint()]
    shutil.copytree(folder, tmp_path / "copy")
    assert find_clip(str(tmp_path / "copy")).fingerprint() == prints[0]
    edit("preprocessor_config.json", b"0.48145466", b"0.5")
    prints.append(find_clip(str(folder)).fingerprint())
    edit("merges.txt", b"0.2", b"0.3")
    prints.append(find_clip(str(folder)).fingerprint())
    weights = bytearray((folder / "tf_model.h5").read_bytes())
    weights[-1] ^= 1
    (folder / "tf_model.h5").write_bytes(weights)
    prints.append(find_clip(str(folder)).fingerprint())
    assert len(set(prints)) == 4


def test_without_preprocessor_settings_clips_own_are_used(folder):
    (folder / "preprocessor_config.json").unlink()
    files = find_clip(str(folder))
    assert files.preprocessor == {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}


def test_a_folder_that_is_no_clip_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        find_clip(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="is a file"):
        find_clip(str(folder / "config.json"))
    (folder / "tf_model.h5").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"has no weights \(PyTorch pickles"):
        find_clip(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="model_type is 'bert', expected 'clip'"):
        find_clip(str(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: damaged, not valid JSON"):
        find_clip(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match="has no config.json"):
        find_clip(str(folder))


def test_a_missing_shard_is_named(clips, tmp_path):
    shutil.copytree(clips.sharded, tmp_path / "clip")
    (tmp_path / "clip" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-00002-of-00002\.safetensors: this shard"):
        find_clip(str(tmp_path / "clip"))


def test_a_model_without_tokenizer_still_embeds_images(folder):
    (folder / "vocab.json").unlink()
    encoder = ClipEncoder(str(folder))
    assert not encoder.has_tokenizer
    with pytest.raises(UserError, match="has no tokenizer"):
        encoder.embed_texts(["a"])


def test_without_network_it_says_what_to_fetch(monkeypatch, tmp_path):
    import huggingface_hub as hub

    def unreachable(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    monkeypatch.setattr(hub.HfApi, "list_repo_files", unreachable)
    with pytest.raises(UserError) as caught:
        ClipEncoder("someone/some-clip")
    message = str(caught.value)
    assert "someone/some-clip" in message and "https://huggingface.co/someone/some-clip" in message
    assert "tf_model.h5" in message and "config.json" in message and "folder" in message and "\n" not in message


def test_hub_files_are_fetched_once_and_only_those_needed(clips, monkeypatch, tmp_path):
    import huggingface_hub as hub

    asked = []

    def snapshot(model, allow_patterns=None, local_files_only=False):
        if local_files_only and not asked:
            raise hub.errors.LocalEntryNotFoundError("not cached")
        if not local_files_only:
            asked.append(allow_patterns)
        return str(clips.h5)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    monkeypatch.setattr(hub.HfApi, "list_repo_files", lambda self, model: ["pytorch_model.bin", "tf_model.h5"])
    first, second = ClipEncoder("someone/some-clip"), ClipEncoder("someone/some-clip")
    assert first.name == "someone/some-clip" and first.fingerprint == second.fingerprint
    assert len(asked) == 1 and "tf_model.h5" in asked[0] and "pytorch_model.bin" not in asked[0]
