"""From training weights to a Hugging Face folder that `TFCLIPModel.from_pretrained` loads."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # transformers' TensorFlow models are tf_keras models

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessor, PreTrainedTokenizerBase, TFCLIPModel

from small_clip.model import (
    MEAN,
    PLACE_HEIGHT,
    STD,
    ClipSizes,
    Tower,
    Weights,
    encode_prompts,
    place_scales,
    pool_images,
)
from small_clip.shifts import attention_weights, content_mask, place_code

_ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj"}


def _tower_settings(tower: Tower, activation: str = "relu") -> dict:
    return {
        "hidden_size": tower.width,
        "num_hidden_layers": tower.layers,
        "num_attention_heads": tower.heads,
        "intermediate_size": tower.hidden,
        "hidden_act": activation,
    }


def clip_config(sizes: ClipSizes, tokenizer: PreTrainedTokenizerBase) -> CLIPConfig:
    """Return the Hugging Face configuration of a model of these sizes."""
    text = {
        **_tower_settings(sizes.text),
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "projection_dim": sizes.projection,
    }
    vision = {
        **_tower_settings(sizes.vision),
        "image_size": sizes.image_size,
        "patch_size": sizes.patch,
        "projection_dim": sizes.projection,
    }
    return CLIPConfig(
        text_config=text, vision_config=vision, projection_dim=sizes.projection, architectures=["CLIPModel"]
    )


def _named_like_hugging_face(weights: dict[str, np.ndarray], sizes: ClipSizes) -> dict[str, np.ndarray]:
    """Map every weight to the end of its Hugging Face name; biases that were left out of training are zero."""
    named = {
        "logit_scale": weights["logit_scale"].reshape(1),
        "vision_model/embeddings/class_embedding": weights["vision.class"],
        "vision_model/embeddings/patch_embedding/kernel": weights["vision.patch"].reshape(
            sizes.patch, sizes.patch, 3, sizes.vision.width
        ),
        "vision_model/embeddings/position_embedding/embeddings": weights["vision.position"],
        "text_model/embeddings/token_embedding/weight": weights["text.token"],
        "text_model/embeddings/position_embedding/embeddings": weights["text.position"],
    }

    def norm(place: str, source: str) -> None:
        named[place + "/gamma"], named[place + "/beta"] = weights[source + ".gamma"], weights[source + ".beta"]

    def dense(place: str, source: str) -> None:
        named[place + "/kernel"] = weights[source]
        named[place + "/bias"] = np.zeros(weights[source].shape[1], np.float32)

    norm("vision_model/pre_layrnorm", "vision.pre")
    norm("vision_model/post_layernorm", "vision.final")
    norm("text_model/final_layer_norm", "text.final")
    for kind, tower, projection in (
        ("vision", sizes.vision, "visual_projection"),
        ("text", sizes.text, "text_projection"),
    ):
        named[projection + "/kernel"] = weights[f"{kind}.projection"]
        for layer in range(tower.layers):
            source, place = f"{kind}.layer{layer}.", f"{kind}_model/encoder/layers_._{layer}/"
            norm(place + "layer_norm1", source + "norm1")
            norm(place + "layer_norm2", source + "norm2")
            for short, name in _ATTENTION.items():
                dense(place + "self_attn/" + name, source + short)
            for name in ("fc1", "fc2"):
                dense(place + "mlp/" + name, source + name)
    return named


def with_attention(weights: dict[str, np.ndarray], sizes: ClipSizes, scales: list[float]) -> dict[str, np.ndarray]:
    """Add the queries and keys that do what the image tower's shifts do, and the channels of the places.

    Parameters
    ----------
    weights : dict of str to array
        Of the training.
    sizes : ClipSizes
    scales : list of float
        Of `place_scales`.
    """
    width, grid = sizes.vision.width, sizes.grid
    mask, done = content_mask(grid, width), dict(weights)
    for name in ("vision.patch", "vision.class", "vision.position", "vision.pre.beta"):
        done[name] = weights[name] * mask
    done["vision.position"] = done["vision.position"] + place_code(grid, width, PLACE_HEIGHT)
    done["vision.pre.gamma"] = weights["vision.pre.gamma"] * mask + (1 - mask)
    for layer, scale in enumerate(scales):
        root = f"vision.layer{layer}."
        for name in ("out", "fc2", "norm1.beta"):
            done[root + name] = weights[root + name] * mask
        done[root + "norm1.gamma"] = weights[root + "norm1.gamma"] * mask + (1 - mask)
        done[root + "q"], done[root + "k"] = attention_weights(grid, width, scale)
    return done


def export(
    weights: Weights, sizes: ClipSizes, tokenizer: PreTrainedTokenizerBase, samples: np.ndarray, folder: Path
) -> float:
    """Write a model to a folder and check the written model against the trained one.

    Weights are stored in float16, which halves the folder; `from_pretrained` computes with them in float32.

    Parameters
    ----------
    weights : dict of str to tf.Variable
        The trained weights.
    sizes : ClipSizes
        Sizes of the model.
    tokenizer : PreTrainedTokenizerBase
        Written along.
    samples : [N, 32, 32, 3], uint8
        Training images, of which attention is scaled and on which the written model is checked.
    folder : Path
        Where to write.

    Returns
    -------
    float
        Largest difference between the features of the training code and of the written model, on the samples and
        a few prompts, both in float32 with the stored weights.
    """
    stored = {name: weight.numpy().astype(np.float16).astype(np.float32) for name, weight in weights.items()}
    scales = place_scales(weights, sizes, tf.constant(samples))
    named = _named_like_hugging_face(with_attention(stored, sizes, scales), sizes)
    model = TFCLIPModel(clip_config(sizes, tokenizer))
    model.build_in_name_scope()
    for variable in model.weights:
        name = variable.name.split(":")[0]
        matches = [end for end in named if name.endswith("/" + end)]
        if len(matches) != 1:
            raise RuntimeError(f"no weight for {name}")
        variable.assign(named.pop(matches[0]))
    if named:
        raise RuntimeError(f"weights without a place: {', '.join(named)}")
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    _halve(folder / "model.safetensors")
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": sizes.image_size},
        crop_size={"height": sizes.image_size, "width": sizes.image_size},
        image_mean=list(MEAN),
        image_std=list(STD),
    ).save_pretrained(folder)
    trained = {name: tf.Variable(value) for name, value in stored.items()}
    return _difference(trained, sizes, tokenizer, samples, folder)


def _halve(file: Path) -> None:
    """Rewrite a safetensors file in float16."""
    halves = {name: value.astype(np.float16) for name, value in load_file(file).items()}
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as scratch:
        temporary = Path(scratch.name)
    save_file(halves, temporary, metadata={"format": "tf"})
    temporary.chmod(0o644)
    temporary.replace(file)


def _difference(
    weights: Weights, sizes: ClipSizes, tokenizer: PreTrainedTokenizerBase, samples: np.ndarray, folder: Path
) -> float:
    model = TFCLIPModel.from_pretrained(folder)
    pixels = CLIPImageProcessor.from_pretrained(folder)(list(samples), return_tensors="np").pixel_values
    theirs = tf.math.l2_normalize(model.get_image_features(pixel_values=tf.constant(pixels)), -1)
    ours = pool_images(weights, sizes, tf.constant(samples), dtype=tf.float32) @ weights["vision.projection"]
    tokens = tokenizer(["a photo of a bee", "the striped star"], padding=True, return_tensors="tf")
    their_texts = tf.math.l2_normalize(model.get_text_features(**tokens), -1)
    our_texts = encode_prompts(weights, sizes, tokens["input_ids"], tokenizer.eos_token_id)
    pairs = ((theirs, tf.math.l2_normalize(ours, -1)), (their_texts, our_texts))
    return max(float(tf.reduce_max(tf.abs(one - other))) for one, other in pairs)
