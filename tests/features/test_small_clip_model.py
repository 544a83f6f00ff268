"""The towers that train the small CLIP, and the Hugging Face model they become."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[2] / "sims"))

from small_clip import finish
from small_clip.data import TEMPLATES, Examples, load_procedural
from small_clip.export import export
from small_clip.model import ClipSizes, Tower, initial_weights
from small_clip.shifts import NEIGHBOURS, attention_weights, place_code, shifted
from small_clip.tokenizer import save_tokenizer
from small_clip.train import Trainer


def test_a_head_reads_its_neighbour_and_at_an_edge_the_edge():
    rows, columns = np.divmod(np.arange(30), 6)
    places = np.stack([rows, columns], -1).reshape(1, 5, 6, 2).astype(np.float32)
    values = tf.constant(np.tile(places, (1, 1, 1, 8)))  # each of eight heads holds row and column
    read = shifted(values).numpy().reshape(5, 6, 8, 2)
    for head, (down, right) in enumerate(NEIGHBOURS):
        expected = np.stack([np.clip(rows + down, 0, 4), np.clip(columns + right, 0, 5)], -1).reshape(5, 6, 2)
        np.testing.assert_array_equal(read[:, :, head], expected)


def test_gradients_of_a_shift_are_its_transpose():
    x, y = (tf.random.stateless_normal((2, 4, 3, 16), seed=(1, i)) for i in (0, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(shifted(x) * y)
    assert float(tf.reduce_sum(tape.gradient(product, x) * x)) == pytest.approx(float(product), rel=1e-5)


def test_attention_with_the_constructed_weights_is_a_shift():
    """Through softmax as it is, on places as a layer sees them: of any height, less a mean that differs by patch."""
    grid, width, rng = 8, 192, np.random.default_rng(0)
    rows, columns = np.divmod(np.arange(grid**2), grid)
    heights = rng.uniform(0.2, 1.5, (1 + grid**2, 1))
    seen = (place_code(grid, width, 1.0) - rng.uniform(-0.5, 0.5, (1 + grid**2, 1))) * heights
    queries, keys = attention_weights(grid, width, float(np.mean(heights**2)))
    size = width // len(NEIGHBOURS)
    for head, (down, right) in enumerate(NEIGHBOURS):
        part = slice(head * size, (head + 1) * size)
        scores = (seen @ queries[:, part]) @ (seen @ keys[:, part]).T / np.sqrt(size)
        share = np.exp(scores - scores.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        target = np.clip(rows + down, 0, grid - 1) * grid + np.clip(columns + right, 0, grid - 1)
        assert share[1 + np.arange(grid**2), 1 + target].min() > 0.99
        np.testing.assert_allclose(share[0], 1 / (1 + grid**2), rtol=1e-3)


@pytest.mark.slow
def test_the_exported_model_computes_the_features_of_the_training_code(tmp_path):
    tokenizer = save_tokenizer(["a photo of a bee", "the striped star"] * 20, 32, tmp_path / "tokenizer")
    sizes = ClipSizes(vocabulary=len(tokenizer), vision=Tower(192, 3, 8, 64), text=Tower(32, 1, 2, 64))
    weights = initial_weights(sizes, seed=1)
    samples = np.random.default_rng(2).integers(0, 256, (16, 32, 32, 3), np.uint8)
    assert export(weights, sizes, tokenizer, samples, tmp_path / "export") < 2e-3


@pytest.mark.slow
def test_features_are_spread_though_sets_hold_out_unequal_numbers_of_images(tmp_path, monkeypatch):
    """As where a held-out image is a test image too, and was left out: features stay of length one on average."""
    monkeypatch.setattr(finish, "REFIT_STEPS", 2)
    drawn = [load_procedural(60, 0.5), load_procedural(60, 0.5)]
    fewer = Examples(drawn[1].held_out.images[:-1], drawn[1].held_out.labels[:-1])
    sets = [replace(drawn[0], name="A"), replace(drawn[1], name="B", held_out=fewer)]
    texts = [template.format(name) for one in sets for name in one.classes for template in TEMPLATES]
    trainer = Trainer(sets, save_tokenizer(texts, 32, tmp_path / "tokenizer"), tmp_path, 0)
    finish.spread_features(trainer, sets)
    projection = trainer.weights["vision.projection"].numpy()
    pooled = [finish.pooled_features(trainer.weights, trainer.sizes, one.held_out) for one in sets]
    lengths = np.linalg.norm(np.concatenate(pooled) @ projection, axis=1)
    assert lengths.mean() == pytest.approx(1, abs=0.02)
