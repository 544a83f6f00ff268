"""A random CLIP of a few thousand weights in each weight format, and image sets to embed."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clip_samples import image_list

from kbsc_tf.data.image_set import ImageSet, fingerprint

CONFIG = {
    "model_type": "clip",
    "projection_dim": 12,
    "text_config": {
        "vocab_size": 514,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 10,
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
        "projection_dim": 12,
    },
    "vision_config": {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
        "projection_dim": 12,
    },
}
PREPROCESSOR = {
    "size": {"shortest_edge": 16},
    "crop_size": {"height": 16, "width": 16},
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}


def write_settings(folder: Path) -> None:
    """Write all files of a model but the weights; its tokenizer knows single letters."""
    from transformers.models.clip.tokenization_clip import bytes_to_unicode

    folder.mkdir(parents=True, exist_ok=True)
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))


def pytorch_state(model) -> dict[str, np.ndarray]:
    """Return a TF model's weights under the names and in the layout of PyTorch."""
    from transformers.modeling_tf_pytorch_utils import apply_transpose, convert_tf_weight_name_to_pt_weight_name

    state = {}
    for weight in model.weights:
        name, transpose = convert_tf_weight_name_to_pt_weight_name(weight.name, tf_weight_shape=weight.shape)
        value = weight.numpy()
        if "CONV2D" in str(transpose).upper():
            value = value.transpose(3, 2, 0, 1)
        elif str(transpose) != "TransposeType.NO":
            value = apply_transpose(transpose, value, None)
        state[name.removeprefix("clip.")] = np.ascontiguousarray(value)
    return state


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Folders h5, tf, pytorch and sharded that hold the same random CLIP, and its PyTorch weights."""
    from safetensors.numpy import save_file
    from transformers import CLIPConfig, TFCLIPModel

    root = tmp_path_factory.mktemp("clips")
    folders = {kind: root / kind for kind in ("h5", "tf", "pytorch", "sharded")}
    for folder in folders.values():
        write_settings(folder)
    import tensorflow as tf

    tf.random.set_seed(0)
    model = TFCLIPModel(CLIPConfig.from_dict(CONFIG))
    model.build_in_name_scope()
    model.save_pretrained(root / "saved")
    (root / "saved" / "tf_model.h5").rename(folders["h5"] / "tf_model.h5")
    model.save_pretrained(root / "saved", safe_serialization=True)
    (root / "saved" / "model.safetensors").rename(folders["tf"] / "model.safetensors")
    state = pytorch_state(model)
    save_file(state, folders["pytorch"] / "model.safetensors", {"format": "pt"})
    names = sorted(state)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in shards.items():
        save_file({name: state[name] for name in part}, folders["sharded"] / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    (folders["sharded"] / "model.safetensors.index.json").write_text(json.dumps(index))
    return SimpleNamespace(**folders, state=state)


@pytest.fixture
def image_set():
    """An image set of 23 random images of two classes, with superclasses."""
    pixels = np.stack(image_list(23))
    labels = np.arange(23, dtype=np.int64) % 2
    return ImageSet(
        "some images",
        labels,
        ("cat", "dog"),
        tuple(f"set/{i}" for i in range(23)),
        lambda indices: list(pixels[indices]),
        fingerprint(pixels, labels),
        (16, 16),
        np.array([0, 0]),
        ("animal",),
    )
