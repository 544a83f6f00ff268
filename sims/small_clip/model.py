"""The two towers of a small CLIP as plain TensorFlow functions over a dictionary of weights.

The names of the weights are those of the Hugging Face model, so that an export is a copy. Written out because it has
to be fast on a CPU: matrix products and activations in bfloat16, normalisation and softmax in float32 with
hand-written gradients (automatic ones keep and move several float32 copies), no biases, shifts in the place of the
image tower's attention (`shifts`), and a last layer that computes only the class token, the one that is read.

    pixels [B, H, W, 3] ─► 4x4 patches ─► + position, class token ─► layers ─► class token ─► projection ─► x [B, 512]
    tokens [C, T] ─► embedding + position ─► causal layers ─► end token ─► projection ─► t [C, 512]
"""

from dataclasses import asdict, dataclass

import numpy as np
import tensorflow as tf

from small_clip.shifts import content_mask, place_code, shifted

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
EPSILON = 1e-5
PLACE_HEIGHT = 3.0  # of the one-hot rows and columns beside contents of variance one
_HALF = tf.bfloat16

Weights = dict[str, tf.Variable]


@dataclass(frozen=True)
class Tower:
    """Sizes of one transformer."""

    width: int
    layers: int
    heads: int
    hidden: int


@dataclass(frozen=True)
class ClipSizes:
    """Sizes of the model.

    Parameters
    ----------
    vision, text : Tower
        The two transformers.
    image_size, patch : int
        Height of an image and of a patch, in pixels.
    context : int
        Longest prompt in tokens.
    vocabulary : int
        Number of tokens.
    projection : int
        Length of a feature.
    """

    vocabulary: int
    vision: Tower = Tower(width=192, layers=8, heads=8, hidden=384)
    text: Tower = Tower(width=96, layers=2, heads=2, hidden=192)
    image_size: int = 32
    patch: int = 4
    context: int = 32
    projection: int = 512

    @property
    def grid(self) -> int:
        """Patches along one side of an image."""
        return self.image_size // self.patch

    def as_dict(self) -> dict:
        """Return the sizes as plain types."""
        return asdict(self)


def initial_weights(sizes: ClipSizes, seed: int) -> Weights:
    """Draw the weights of a fresh model: normal, with the variance divided by the inputs of each matrix."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}

    def add(name: str, *shape: int, scale: float | None = None) -> None:
        scale = shape[0] ** -0.5 if scale is None else scale
        weights[name] = tf.Variable(rng.normal(0, scale, shape).astype(np.float32), name=name)

    def add_norm(name: str, width: int) -> None:
        weights[name + ".gamma"] = tf.Variable(tf.ones(width), name=name + ".gamma")
        weights[name + ".beta"] = tf.Variable(tf.zeros(width), name=name + ".beta")

    for kind, tower in (("vision", sizes.vision), ("text", sizes.text)):
        width = tower.width
        for layer in range(tower.layers):
            root = f"{kind}.layer{layer}."
            for name in ("norm1", "norm2"):
                add_norm(root + name, width)
            for name in ("v",) if kind == "vision" else ("q", "k", "v"):
                add(root + name, width, width)
            # What writes into the residual stream starts small.
            add(root + "out", width, width, scale=(2 * tower.layers * width) ** -0.5)
            add(root + "fc1", width, tower.hidden)
            add(root + "fc2", tower.hidden, width, scale=(2 * tower.layers * tower.hidden) ** -0.5)
        add_norm(f"{kind}.final", width)
        add(f"{kind}.projection", width, sizes.projection)
    add("vision.patch", 3 * sizes.patch**2, sizes.vision.width)
    add("vision.class", sizes.vision.width, scale=0.5)
    add("vision.position", sizes.grid**2 + 1, sizes.vision.width, scale=0.3)
    add_norm("vision.pre", sizes.vision.width)
    add("text.token", sizes.vocabulary, sizes.text.width, scale=0.1)
    add("text.position", sizes.context, sizes.text.width, scale=0.05)
    weights["logit_scale"] = tf.Variable(np.float32(np.log(1 / 0.07)), name="logit_scale")
    return weights


@tf.function(jit_compile=True)
def _norm_forward(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(x, tf.float32)
    centred = wide - tf.reduce_mean(wide, -1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + EPSILON)
    return tf.cast(centred * scale * gamma + beta, x.dtype)


@tf.function(jit_compile=True)
def _norm_backward(x: tf.Tensor, gamma: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    wide, grad = tf.cast(x, tf.float32), tf.cast(upstream, tf.float32)
    centred = wide - tf.reduce_mean(wide, -1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + EPSILON)
    normal, inner = centred * scale, grad * gamma
    inner_mean = tf.reduce_mean(inner, -1, keepdims=True)
    inner -= inner_mean + normal * tf.reduce_mean(inner * normal, -1, keepdims=True)
    return tf.cast(inner * scale, x.dtype), tf.reduce_sum(grad * normal, 0), tf.reduce_sum(grad, 0)


@tf.custom_gradient
def _layer_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple:
    return _norm_forward(x, gamma, beta), lambda upstream: _norm_backward(x, gamma, upstream)


@tf.function(jit_compile=True)
def _softmax_backward(probabilities: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    wide, grad = tf.cast(probabilities, tf.float32), tf.cast(upstream, tf.float32)
    return tf.cast(wide * (grad - tf.reduce_sum(wide * grad, -1, keepdims=True)), probabilities.dtype)


@tf.custom_gradient
def _softmax(scores: tf.Tensor) -> tuple:
    probabilities = tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32)), scores.dtype)
    return probabilities, lambda upstream: _softmax_backward(probabilities, upstream)


def _norm(weights: Weights, name: str, x: tf.Tensor) -> tf.Tensor:
    return _layer_norm(x, tf.identity(weights[name + ".gamma"]), tf.identity(weights[name + ".beta"]))


def _text_layer(
    weights: Weights, root: str, tower: Tower, stream: tf.Tensor, tokens: int, mask: tf.Tensor
) -> tf.Tensor:
    """Apply one pre-norm layer with attention to the residual stream [B * tokens, width]."""
    width, heads = tower.width, tower.heads

    def matrix(name: str) -> tf.Tensor:
        return tf.cast(weights[root + name], stream.dtype)

    normal = _norm(weights, root + "norm1", stream)
    query = matrix("q") * tf.cast((width // heads) ** -0.5, stream.dtype)
    joint = tf.matmul(normal, tf.concat([query, matrix("k"), matrix("v")], 1))
    joint = tf.transpose(tf.reshape(joint, (-1, tokens, 3, heads, width // heads)), (2, 0, 3, 1, 4))
    queries, keys, values = tf.unstack(joint)
    mixed = tf.matmul(_softmax(tf.matmul(queries, keys, transpose_b=True) + mask), values)
    stream += tf.matmul(tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (-1, width)), matrix("out"))
    normal = _norm(weights, root + "norm2", stream)
    return stream + tf.matmul(tf.nn.relu(tf.matmul(normal, matrix("fc1"))), matrix("fc2"))


def _image_layer(
    weights: Weights, root: str, mask: tf.Tensor, patches: tf.Tensor, first: tf.Tensor, last: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Apply one pre-norm layer with shifts to patches [B, rows, columns, width] and the class token [B, width].

    The third result is the layer's normalised input, [B * rows * columns, width].
    """
    _, rows, columns, width = patches.shape

    def matrix(name: str) -> tf.Tensor:
        return tf.cast(weights[root + name], patches.dtype)

    def written(name: str) -> tf.Tensor:
        return tf.cast(weights[root + name] * mask, patches.dtype)

    def normal_of(stream: tf.Tensor) -> tf.Tensor:
        gamma, beta = weights[root + "norm1.gamma"], weights[root + "norm1.beta"]
        return _layer_norm(stream, gamma * mask + (1 - mask), beta * mask)

    def with_mlp(stream: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.relu(tf.matmul(_norm(weights, root + "norm2", stream), matrix("fc1")))
        return stream + tf.matmul(hidden, written("fc2"))

    normal, normal_first = normal_of(tf.reshape(patches, (-1, width))), normal_of(first)
    count = rows * columns + 1
    total = tf.reduce_sum(tf.cast(tf.reshape(normal, (-1, rows * columns, width)), tf.float32), 1)
    mean = tf.cast((total + tf.cast(normal_first, tf.float32)) / count, patches.dtype)
    first = with_mlp(first + tf.matmul(tf.matmul(mean, matrix("v")), written("out")))
    if last:
        return patches, first, normal
    values = shifted(tf.reshape(tf.matmul(normal, matrix("v")), (-1, rows, columns, width)))
    stream = tf.reshape(patches, (-1, width)) + tf.matmul(tf.reshape(values, (-1, width)), written("out"))
    return tf.reshape(with_mlp(stream), (-1, rows, columns, width)), first, normal


def pool_images(
    weights: Weights,
    sizes: ClipSizes,
    images: tf.Tensor,
    corner: tf.Tensor | None = None,
    dtype: tf.DType = _HALF,
    inputs: list[tf.Tensor] | None = None,
) -> tf.Tensor:
    """Run the image tower up to the class token.

    Parameters
    ----------
    images : [B, h, w, 3], uint8
        Whole images, or windows of whole patches cut from them.
    corner : [2], int32, optional
        Row and column, in patches, of the windows' first patch in the whole image.
    dtype : tf.DType
        Type of the products.
    inputs : list, optional
        Takes the normalised input of every layer, [B * patches, width].

    Returns
    -------
    [B, width], float32
        The normalised class token, which the projection turns into the feature.
    """
    tower, patch = sizes.vision, sizes.patch
    rows, columns = images.shape[1] // patch, images.shape[2] // patch
    pixels = (tf.cast(images, tf.float32) / 255 - MEAN) / STD
    pixels = tf.reshape(tf.cast(pixels, dtype), (-1, rows, patch, columns, patch, 3))
    patches = tf.reshape(tf.transpose(pixels, (0, 1, 3, 2, 4, 5)), (-1, 3 * patch**2))
    mask = tf.constant(content_mask(sizes.grid, tower.width))
    tokens = tf.matmul(patches, tf.cast(weights["vision.patch"] * mask, dtype))
    tokens = tf.reshape(tokens, (-1, rows, columns, tower.width))

    place = weights["vision.position"] * mask + place_code(sizes.grid, tower.width, PLACE_HEIGHT)
    square = tf.reshape(place[1:], (sizes.grid, sizes.grid, tower.width))
    if corner is not None:
        square = tf.slice(square, tf.concat([corner, [0]], 0), (rows, columns, tower.width))
    tokens += tf.cast(square, dtype)
    first = tf.cast(weights["vision.class"] * mask + place[0], dtype)
    first = tf.broadcast_to(first, (tf.shape(tokens)[0], tower.width))

    gamma, beta = weights["vision.pre.gamma"] * mask + (1 - mask), weights["vision.pre.beta"] * mask
    tokens = tf.reshape(_layer_norm(tf.reshape(tokens, (-1, tower.width)), gamma, beta), tokens.shape)
    first = _layer_norm(first, gamma, beta)
    for layer in range(tower.layers):
        root, last = f"vision.layer{layer}.", layer == tower.layers - 1
        tokens, first, normal = _image_layer(weights, root, mask, tokens, first, last)
        if inputs is not None:
            inputs.append(normal)
    return _norm(weights, "vision.final", tf.cast(first, tf.float32))


def place_scales(weights: Weights, sizes: ClipSizes, images: tf.Tensor) -> list[float]:
    """Return how high the one-hot rows and columns stand in the input of each layer: the mean of their squares."""
    inputs: list[tf.Tensor] = []
    pool_images(weights, sizes, images, dtype=tf.float32, inputs=inputs)
    heights = [tf.reduce_max(one[:, : sizes.grid], -1) - tf.reduce_min(one[:, : sizes.grid], -1) for one in inputs]
    return [float(tf.reduce_mean(tf.square(one))) for one in heights]


def encode_images(weights: Weights, sizes: ClipSizes, images: tf.Tensor, corner: tf.Tensor | None = None) -> tf.Tensor:
    """Return the L2-normalised features of images, [B, h, w, 3] uint8 -> [B, 512] float32."""
    pooled = pool_images(weights, sizes, images, corner)
    return tf.math.l2_normalize(tf.matmul(pooled, weights["vision.projection"]), -1)


def encode_prompts(weights: Weights, sizes: ClipSizes, tokens: tf.Tensor, end_token: int) -> tf.Tensor:
    """Return the L2-normalised features of prompts, tokens [C, T] int32 -> [C, 512] float32."""
    length = tokens.shape[1]
    stream = tf.gather(tf.convert_to_tensor(weights["text.token"]), tokens) + weights["text.position"][:length]
    stream = tf.reshape(stream, (-1, sizes.text.width))
    mask = tf.constant(np.triu(np.full((length, length), -1e9, np.float32), 1))
    for layer in range(sizes.text.layers):
        stream = _text_layer(weights, f"text.layer{layer}.", sizes.text, stream, length, mask)
    stream = tf.reshape(_norm(weights, "text.final", stream), (-1, length, sizes.text.width))
    end = tf.argmax(tf.cast(tf.equal(tokens, end_token), tf.int32), 1)
    pooled = tf.gather(stream, end, batch_dims=1)
    return tf.math.l2_normalize(tf.matmul(pooled, weights["text.projection"]), -1)
