"""The training loop of the small CLIP: image and text tower together, from scratch, within a given time."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from transformers import PreTrainedTokenizerBase

from small_clip.data import TEMPLATES, WINDOW, Batches, ImageSet
from small_clip.model import ClipSizes, Weights, encode_images, encode_prompts, initial_weights
from small_clip.optimizer import MuonAdam

HALVES = 2  # of a batch; each runs on a core of its own, which is a third faster than both cores on each product
BATCH = 256
TWINS = 64
TEXT_EVERY = 4  # steps between two updates of the text tower
WINDOW_PART = 0.7  # of the time, at the beginning, images are cut to windows: about 1.7 times faster
WARM_UP = 0.02
SMOOTHING = 0.1
TWIN_WEIGHT, TWIN_TEMPERATURE = 0.1, 0.1
SAVE_EVERY_S = 300


def one_core_each() -> None:
    """Give every product one core, and every half of a batch its own; to be called before TensorFlow computes."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(HALVES)


def prompt_tokens(tokenizer: PreTrainedTokenizerBase, sets: list[ImageSet]) -> np.ndarray:
    """Return the tokens of every template filled with every class of all sets, [templates, C, T] int32."""
    names = [name for one in sets for name in one.classes]
    texts = [template.format(name) for template in TEMPLATES for name in names]
    tokens = tokenizer(texts, padding="longest", return_tensors="np").input_ids
    return tokens.reshape(len(TEMPLATES), len(names), -1).astype(np.int32)


class Trainer:
    """A model in training, with all that is needed to go on after an interruption.

    Parameters
    ----------
    sets : list of ImageSet
        Image sets; an image is compared with the prompts of its own set.
    tokenizer : PreTrainedTokenizerBase
        Turns prompts into tokens.
    folder : Path
        Where checkpoints go.
    minutes : float
        Length of the whole training; learning rates fall to zero towards its end.
    """

    def __init__(self, sets: list[ImageSet], tokenizer: PreTrainedTokenizerBase, folder: Path, minutes: float):
        self.seconds, self.folder = 60 * minutes, folder
        self.end_token = tokenizer.eos_token_id
        self.prompts = prompt_tokens(tokenizer, sets)
        self.sizes = ClipSizes(vocabulary=len(tokenizer))
        self.weights: Weights = initial_weights(self.sizes, seed=0)
        images = {name: weight for name, weight in self.weights.items() if not name.startswith("text.")}
        texts = {name: weight for name, weight in self.weights.items() if name.startswith("text.")}
        self.image_optimizer = MuonAdam(images, muon_rate=0.02, adam_rate=3e-3, decay=0.1)
        self.text_optimizer = MuonAdam(texts, muon_rate=0.01, adam_rate=2e-3, decay=0.1)
        owner = np.repeat(np.arange(len(sets)), [len(one.classes) for one in sets])
        self.same_set = owner[:, None] == owner[None, :]  # [C, C]
        self.elapsed, self.step, self.seen = tf.Variable(0.0), tf.Variable(0), tf.Variable(0)
        self.features = tf.Variable(tf.zeros((len(owner), self.sizes.projection)), trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            weights=_Bag(self.weights),
            image=_Bag(self.image_optimizer.state()),
            text=_Bag(self.text_optimizer.state()),
            counters=_Bag({"elapsed": self.elapsed, "step": self.step, "seen": self.seen, "features": self.features}),
        )
        self._manager = tf.train.CheckpointManager(self._checkpoint, folder / "checkpoints", max_to_keep=1)

    def save(self) -> None:
        """Write a checkpoint."""
        self._manager.save()

    def resume(self) -> bool:
        """Load the newest checkpoint; return whether there was one."""
        if not self._manager.latest_checkpoint:
            return False
        self._checkpoint.restore(self._manager.latest_checkpoint).assert_existing_objects_matched()
        return True

    def prompt_loss(self, features: tf.Tensor, labels: tf.Tensor, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Compare images with the prompts of their own set.

        Parameters
        ----------
        features : [B, 512], float32
            Normalised features of images.
        labels : [B], int32
            Their classes, counted through all sets.
        texts : [C, 512], float32
            Normalised features of the prompts of all classes.

        Returns
        -------
        loss, accuracy : [], float32
        """
        scale = tf.exp(tf.minimum(self.weights["logit_scale"], np.log(100.0)))
        logits = scale * tf.matmul(features, texts, transpose_b=True)
        own = tf.gather(tf.constant(self.same_set), labels)
        log_p = tf.nn.log_softmax(tf.where(own, logits, -1e4), -1)
        uniform = tf.cast(own, tf.float32) / tf.reduce_sum(tf.cast(own, tf.float32), -1, keepdims=True)
        target = (1 - SMOOTHING) * tf.one_hot(labels, len(self.same_set)) + SMOOTHING * uniform
        loss = -tf.reduce_mean(tf.reduce_sum(tf.where(own, target * log_p, 0.0), -1))
        hits = tf.equal(tf.argmax(log_p, -1, output_type=tf.int32), labels)
        return loss, tf.reduce_mean(tf.cast(hits, tf.float32))

    def _image_loss(
        self, images: tf.Tensor, labels: tf.Tensor, corner: tf.Tensor, texts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the loss, the accuracy among the own set's prompts and the twins' loss."""
        whole = images.shape[1] == self.sizes.image_size
        features = encode_images(self.weights, self.sizes, images, None if whole else corner)
        loss, accuracy = self.prompt_loss(features, labels, texts)
        # Two views of an image find each other among the batch. Without this, features would keep nothing but the
        # class, that is as many directions as there are classes.
        count = TWINS // HALVES
        distinct = images.shape[0] - count
        similar = tf.matmul(features[distinct:], features[:distinct], transpose_b=True) / TWIN_TEMPERATURE
        twins = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(count), similar))
        return loss + TWIN_WEIGHT * twins, accuracy, twins

    def _mean_loss(self, halves, corner: tf.Tensor, texts: tf.Tensor) -> list[tf.Tensor]:
        """Return the means of what `_image_loss` says of the halves, which do not wait for each other."""
        figures = [self._image_loss(images, labels, corner, texts) for images, labels in halves]
        return [tf.add_n(list(values)) / len(figures) for values in zip(*figures, strict=True)]

    @tf.function
    def _image_step(self, halves, corner, factor):
        trained = self.image_optimizer.weights
        with tf.GradientTape() as tape:
            loss, accuracy, twins = self._mean_loss(halves, corner, self.features)
        gradients = tape.gradient(loss, trained)
        self.image_optimizer.apply({name: g for name, g in gradients.items() if g is not None}, factor)
        return accuracy, twins

    @tf.function
    def _joint_step(self, halves, corner, factor, tokens):
        with tf.GradientTape() as tape:
            texts = encode_prompts(self.weights, self.sizes, tokens, self.end_token)
            loss, accuracy, twins = self._mean_loss(halves, corner, texts)
        gradients = tape.gradient(loss, self.weights)
        gradients = {name: g for name, g in gradients.items() if g is not None}
        self.image_optimizer.apply({n: g for n, g in gradients.items() if not n.startswith("text.")}, factor)
        self.text_optimizer.apply({n: g for n, g in gradients.items() if n.startswith("text.")}, factor)
        self.features.assign(texts)
        return accuracy, twins

    @tf.function
    def _text_step(self, one, other):
        """Let two templates of a class find each other: prompts start out alike, and images need a target."""
        with tf.GradientTape() as tape:
            first = encode_prompts(self.weights, self.sizes, one, self.end_token)
            second = encode_prompts(self.weights, self.sizes, other, self.end_token)
            logits = 14 * tf.matmul(first, second, transpose_b=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(len(self.same_set)), logits)
        gradients = tape.gradient(loss, self.text_optimizer.weights)
        self.text_optimizer.apply(gradients, 1.0)
        self.features.assign(first)
        return tf.reduce_mean(loss)

    def pretrain_texts(self, seconds: float) -> None:
        """Train the text tower alone for some seconds."""
        rng, started = np.random.default_rng(1), time.monotonic()
        while time.monotonic() - started < seconds:
            one, other = rng.choice(len(self.prompts), 2, replace=False)
            loss = self._text_step(self.prompts[one], self.prompts[other])
        print(f"text tower alone: loss {float(loss):.3f}", flush=True)

    def run(self, batches: Batches) -> None:
        """Train until the time is over or Ctrl-C; either way the last state is saved."""
        stop = _Interrupt()
        rng = np.random.default_rng(int(self.step))
        recent: list[tuple[float, float]] = []
        last = saved = shown = time.monotonic()
        shown_at = int(self.seen)
        while float(self.elapsed) < self.seconds and not stop.asked:
            progress = float(self.elapsed) / self.seconds
            factor = tf.constant(min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP)) + 1e-3, tf.float32)
            corner = np.zeros(2, np.int32)  # in patches
            window = None
            if progress < WINDOW_PART:
                corner = rng.integers((self.sizes.image_size - WINDOW) // self.sizes.patch + 1, size=2).astype(np.int32)
                window = tuple(corner * self.sizes.patch)
            halves = [tuple(map(tf.constant, batches.draw(window))) for _ in range(HALVES)]
            arguments = [halves, tf.constant(corner), factor]
            if int(self.step) % TEXT_EVERY:
                figures = self._image_step(*arguments)
            else:
                tokens = self.prompts[rng.integers(len(self.prompts))]
                figures = self._joint_step(*arguments, tf.constant(tokens))
            recent.append(tuple(map(float, figures)))
            now = time.monotonic()
            self.elapsed.assign_add(now - last)
            self.step.assign_add(1)
            self.seen.assign_add(BATCH)
            last = now
            if now - shown > 15:
                accuracy, twins = np.mean(recent, axis=0)
                rate = (int(self.seen) - shown_at) / (now - shown)
                print(
                    f"{float(self.elapsed) / 60:5.1f}/{self.seconds / 60:.0f} min  step {int(self.step):6d}  "
                    f"{rate:4.0f} images/s  accuracy {accuracy:.3f}  twins {twins:.2f}",
                    flush=True,
                )
                recent, shown, shown_at = [], now, int(self.seen)
            if now - saved > SAVE_EVERY_S:
                self.save()
                saved = last = time.monotonic()
        self.save()
        if stop.asked:
            raise KeyboardInterrupt

    def summary(self) -> dict:
        """Return what the model card states about the training."""
        return {"minutes": round(float(self.elapsed) / 60, 1), "steps": int(self.step), "images_seen": int(self.seen)}

    def write_summary(self) -> None:
        """Write the summary beside the checkpoints."""
        (self.folder / "training.json").write_text(json.dumps(self.summary(), indent=2) + "\n")


class _Bag(tf.Module):
    """A dictionary of variables that a checkpoint can follow; names may contain dots."""

    def __init__(self, variables: dict[str, tf.Variable]):
        super().__init__()
        self.held = [variables[name] for name in sorted(variables)]


class _Interrupt:
    """Remember Ctrl-C instead of breaking off in the middle of a step; a second one does break off."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, *_):
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
