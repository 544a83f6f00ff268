"""The last touch, after training: spread the features over more directions and fit the prompts to them again.

Trained features crowd into the few directions that tell classes apart. Here the class token is centred and partly
whitened by the scatter inside classes (as in linear discriminant analysis): the map is linear, so it goes into the
last normalisation's offset and the visual projection, at no cost. The text tower then learns the moved classes from
stored features, which takes a minute, since no image is embedded again.
"""

import numpy as np
import tensorflow as tf

from small_clip.data import Examples, ImageSet
from small_clip.evaluate import DIRECTIONS, neighbour_scores, spectrum
from small_clip.model import ClipSizes, Weights, encode_prompts, pool_images
from small_clip.optimizer import MuonAdam
from small_clip.train import Trainer

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # 1 makes the scatter inside classes equal in all directions
TOLERANCE = 0.005  # accuracy of neighbours given away, at most, for a flatter spectrum
REFIT_IMAGES = 12_000  # training images of each set that the prompts are fitted to again, beside those held out
REFIT_STEPS = 2000
REFIT_BATCH = 1024
_EMBED_BATCH = 250


def pooled_features(weights: Weights, sizes: ClipSizes, examples: Examples, variant: int = 0) -> np.ndarray:
    """Return the class tokens of one variant of every image, [N, width] float32."""
    embed = tf.function(lambda part: pool_images(weights, sizes, part))
    images = examples.images[:, variant]
    parts = np.split(images, range(_EMBED_BATCH, len(images), _EMBED_BATCH))
    return np.concatenate([embed(part).numpy() for part in parts])


def scatter_within(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the covariance of features [N, D] around their class means, [D, D]."""
    counts = np.bincount(labels)
    means = np.stack([np.bincount(labels, column) for column in features.T], 1) / counts[:, None]
    residual = features - means[labels]
    return residual.T @ residual / (len(labels) - (counts > 0).sum())


def whitening(scatter: np.ndarray, strength: float) -> np.ndarray:
    """Return scatter^(-strength / 2), [D, D], with weak directions limited to a hundredth of the mean."""
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values, 0.01 * values.mean())
    return (vectors * values ** (-strength / 2)) @ vectors.T


def _normalised(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def choose_map(held: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Choose the strongest whitening that costs neighbours next to nothing, on held-out images.

    Parameters
    ----------
    held : list of ([N, D] float32, [N] int)
        Class tokens and labels of every set.

    Returns
    -------
    mean : [D], float32
        To subtract.
    matrix : [D, D], float32
        To multiply with.
    """
    mean = np.mean([features.mean(0) for features, _ in held], axis=0)
    scatters = [scatter_within(*one) for one in held]
    scatter = np.mean([one * len(one) / np.trace(one) for one in scatters], axis=0)  # every set counts the same
    accuracies, matrices = [], []
    for strength in STRENGTHS:
        matrix = whitening(scatter, strength)
        moved = [(_normalised((features - mean) @ matrix), labels) for features, labels in held]
        rates = np.array([[score.rate for score in neighbour_scores(*one)[:2]] for one in moved])
        shares = np.mean([spectrum(features) for features, _ in moved], axis=0)
        print(
            f"whitening {strength:.2f}: held-out 1-NN and 10-NN {np.round(100 * rates, 1).tolist()}, "
            f"variance in {DIRECTIONS} directions {np.round(shares, 2).tolist()}",
            flush=True,
        )
        accuracies.append(rates.mean())
        matrices.append(matrix)
    chosen = max(i for i, accuracy in enumerate(accuracies) if accuracy >= max(accuracies) - TOLERANCE)
    print(f"chosen: {STRENGTHS[chosen]}", flush=True)
    return mean.astype(np.float32), matrices[chosen].astype(np.float32)


def spread_features(trainer: Trainer, sets: list[ImageSet]) -> None:
    """Spread the features of a trained model and fit its prompts to them again, in place.

    Parameters
    ----------
    trainer : Trainer
        The trained model; its weights are changed.
    sets : list of ImageSet
        The image sets of the training.
    """
    weights, sizes = trainer.weights, trainer.sizes
    held = [(pooled_features(weights, sizes, one.held_out), one.held_out.labels) for one in sets]
    mean, matrix = choose_map(held)

    # Keep the directions of the projection, without its scales, so that the prompts have a short way to go.
    left, _, right = np.linalg.svd(weights["vision.projection"].numpy(), full_matrices=False)
    projection = matrix @ left @ right
    weights["vision.final.beta"].assign_sub(mean)
    length = np.mean(np.concatenate([np.linalg.norm((x - mean) @ projection, axis=1) for x, _ in held]))
    weights["vision.projection"].assign(projection / length)

    features, labels, offset = [], [], 0
    rng = np.random.default_rng(0)
    for one in sets:
        some = rng.permutation(len(one.training.labels))[:REFIT_IMAGES]
        training = Examples(one.training.images[some, :1], one.training.labels[some])
        for examples in (training, one.held_out):
            features.append(pooled_features(weights, sizes, examples) @ weights["vision.projection"].numpy())
            labels.append(examples.labels + offset)
        offset += len(one.classes)
    _refit_prompts(trainer, _normalised(np.concatenate(features)), np.concatenate(labels).astype(np.int32))


def _refit_prompts(trainer: Trainer, features: np.ndarray, labels: np.ndarray) -> None:
    """Train the text tower on fixed image features."""
    weights = {n: w for n, w in trainer.weights.items() if n.startswith("text.") or n == "logit_scale"}
    optimizer = MuonAdam(weights, muon_rate=0.01, adam_rate=2e-3, decay=0.1)

    @tf.function
    def step(rows: tf.Tensor, targets: tf.Tensor, tokens: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            texts = encode_prompts(trainer.weights, trainer.sizes, tokens, trainer.end_token)
            loss, hits = trainer.prompt_loss(rows, targets, texts)
        optimizer.apply(tape.gradient(loss, weights), factor)
        return hits

    rng = np.random.default_rng(2)
    for number in range(REFIT_STEPS):
        rows = rng.integers(len(labels), size=REFIT_BATCH)
        tokens = trainer.prompts[rng.integers(len(trainer.prompts))]
        factor = tf.constant(1 - number / REFIT_STEPS, tf.float32)
        hits = step(tf.constant(features[rows]), tf.constant(labels[rows]), tf.constant(tokens), factor)
        if number % 250 == 249:
            print(f"prompts, step {number + 1}: accuracy {float(hits):.3f}", flush=True)
