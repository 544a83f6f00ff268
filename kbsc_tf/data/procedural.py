"""A procedural image set: 100 classes of 32x32 images, drawn on demand from a seed, with no files.

A class is one of ten shapes (its superclass) with one of ten fills: six colours and four textures. Position, size,
rotation, background, lighting and noise are random nuisances. Every random number is a hash of (seed, image index,
purpose), so an image depends only on its seed, index and label: never on how many are drawn, or in which order.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

IMAGE_SIZE = 32
"""Height and width of an image, in pixels."""

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "crescent", "heart", "arrow", "bar")
"""The superclasses; the coarse label of class c is c // 10."""

FILLS = ("red", "yellow", "green", "blue", "purple", "white", "striped", "dotted", "checkered", "rainbow")
"""Colours and textures; the fill of class c is c % 10."""

CLASS_NAMES = tuple(f"{fill} {shape}" for shape in SHAPES for fill in FILLS)
"""Names of the 100 classes, as they are put into the prompt "a photo of a {class}"."""

_TWO_COLOURED = ("striped", "dotted", "checkered")
_HUES = {"red": 0.0, "yellow": 0.15, "green": 0.34, "blue": 0.62, "purple": 0.81}
_CHUNK = 512  # images rendered together: small enough for the temporaries to stay in the cache

_Plane = NDArray[np.float32]


def coarse_labels(labels: ArrayLike) -> NDArray[np.int64]:
    """Return the superclass of each label.

    Parameters
    ----------
    labels : [N], int
        Classes, 0 to 99.

    Returns
    -------
    [N], int64
        Indices into `SHAPES`.
    """
    return np.asarray(labels, np.int64) // len(FILLS)


def procedural_labels(count: int, seed: int) -> NDArray[np.int64]:
    """Draw labels that are balanced over the classes: each block of 100 holds every class once, shuffled.

    Parameters
    ----------
    count : int
        Number of labels N. A shorter draw is the beginning of a longer one.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    [N], int64
        Classes, 0 to 99.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, not {count}")
    blocks = -(-count // len(CLASS_NAMES))
    keys = _uniform(seed, np.arange(blocks * len(CLASS_NAMES)), "labels").reshape(blocks, len(CLASS_NAMES))
    return np.argsort(keys, axis=1, kind="stable").reshape(-1)[:count]


def render(labels: ArrayLike, seed: int, start: int = 0) -> NDArray[np.uint8]:
    """Draw one image for each label.

    Parameters
    ----------
    labels : [N], int
        Classes, 0 to 99.
    seed : int
        Seed of every nuisance.
    start : int
        Index of the first image: ``render(labels, seed)[a:]`` equals ``render(labels[a:], seed, start=a)``.

    Returns
    -------
    [N, 32, 32, 3], uint8
        RGB images.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and not np.issubdtype(labels.dtype, np.integer)):
        raise ValueError(f"labels must be a list of integers, not {labels.dtype} of shape {labels.shape}")
    labels = labels.astype(np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < len(CLASS_NAMES):
        raise ValueError(f"labels must lie in 0 to {len(CLASS_NAMES) - 1}, not {labels.min()} to {labels.max()}")
    images = np.empty((len(labels), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        for chunk in np.split(rows, range(_CHUNK, len(rows), _CHUNK)):
            images[chunk] = _render_class(SHAPES[label // len(FILLS)], FILLS[label % len(FILLS)], seed, chunk + start)
    return images


def _render_class(shape: str, fill: str, seed: int, index: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Draw images of one class; index [M] -> uint8 [M, 32, 32, 3]."""

    def draw(purpose: str, low: float = 0.0, high: float = 1.0) -> _Plane:
        return (low + (high - low) * _uniform(seed, index, purpose))[:, None, None]

    axis = np.arange(IMAGE_SIZE, dtype=np.float32) - (IMAGE_SIZE - 1) / 2
    y, x = axis[None, :, None], axis[None, None, :]  # pixels from the centre of the image

    # The object: a signed distance in pixels, turned into an anti-aliased coverage.
    radius = draw("radius", 10.5, 13.5)
    reach = 16.5 - 0.9 * radius  # the object stays in the frame, but for its tips
    u, v = _rotate(x - reach * draw("x", -1, 1), y - reach * draw("y", -1, 1), draw("rotation", 0, 2 * np.pi))
    distance = _DISTANCES[shape](u / radius, v / radius) * radius
    coverage = np.clip(0.5 - distance, 0, 1)[..., None]

    # The background: a gradient between two dull colours with two soft blobs. A white object needs a darker one, and
    # one of light and dark parts something between, or its outline would be lost.
    darkest = 0.4 if fill in _TWO_COLOURED else 0.1
    brightest = {"white": 0.5, **dict.fromkeys(_TWO_COLOURED, 0.6)}.get(fill, 0.85)
    shade = draw("background value", darkest, brightest)
    hue, saturation = draw("background hue"), draw("background saturation", 0, 0.4)
    near = _hsv(hue, saturation, shade)
    far = _hsv(
        hue + draw("far hue", -0.2, 0.2), saturation, np.clip(shade + draw("far value", -0.2, 0.2), darkest, brightest)
    )
    ramp, _ = _rotate(x, y, draw("background direction", 0, 2 * np.pi))
    background = near + (far - near) * np.clip(ramp / IMAGE_SIZE + 0.5, 0, 1)[..., None]
    for blob in ("blob 1", "blob 2"):
        squared = (x - draw(blob + " x", -16, 16)) ** 2 + (y - draw(blob + " y", -16, 16)) ** 2
        bump = np.exp(-squared / draw(blob + " area", 8, 60)) * draw(blob + " height", -0.2, 0.2)
        background = background + bump[..., None]

    image = background + coverage * (_fill_colours(fill, u, v, draw) - background)

    # Lighting: a gain, a gradient over the frame and a tint; then sensor noise of a random strength.
    light, _ = _rotate(x, y, draw("light direction", 0, 2 * np.pi))
    gain = draw("gain", 0.75, 1.15) * (1 + draw("light slope", 0, 0.3) * light / IMAGE_SIZE)
    tint = np.concatenate([draw(f"tint {channel}", 0.92, 1.08) for channel in "rgb"], axis=-1)[:, :, None]
    noise = _pixel_noise(seed, index) * draw("noise", 0.0, 0.1)[..., None]
    image = image * gain[..., None] * tint + noise
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _fill_colours(fill: str, u: _Plane, v: _Plane, draw: Callable[..., _Plane]) -> _Plane:
    """Colour the object's plane; u, v [M, 32, 32] in pixels along the object's axes -> RGB."""
    value = draw("fill value", 0.75, 1.0)
    if fill == "white":
        return _hsv(draw("fill hue"), draw("fill saturation", 0, 0.06), np.clip(value + 0.15, 0, 1))
    if fill in _HUES:
        return _hsv(_HUES[fill] + draw("fill hue", -0.025, 0.025), draw("fill saturation", 0.75, 1.0), value)
    if fill == "rainbow":
        along, _ = _rotate(u, v, draw("texture direction", 0, 2 * np.pi))
        return _hsv(
            draw("texture phase") + along / draw("texture period", 13, 20), draw("fill saturation", 0.8, 1), value
        )
    # Two-coloured textures, light on dark or dark on light, in any hues.
    turn = draw("texture turn", -0.2, 0.2) + (np.pi / 4 if fill == "checkered" else 0)
    p, q = _rotate(u, v, turn + (draw("texture direction", 0, 2 * np.pi) if fill == "striped" else 0))
    step = 2 * np.pi / draw("texture period", 4.5, 5.5)
    p, q = step * p + draw("texture phase", 0, 2 * np.pi), step * q + draw("other phase", 0, 2 * np.pi)
    if fill == "striped":
        weight = np.sin(p)
    elif fill == "checkered":
        weight = 2 * np.sin(0.7 * p) * np.sin(0.7 * q)
    else:
        weight = np.cos(0.9 * p) + np.cos(0.9 * q) - 1.0
    light = _hsv(draw("light hue"), draw("light saturation", 0, 0.5), draw("light value", 0.85, 1))
    dark = _hsv(draw("dark hue"), draw("dark saturation", 0, 0.8), draw("dark value", 0.0, 0.25))
    flip = (draw("texture polarity") < 0.5)[..., None]
    first, second = np.where(flip, light, dark), np.where(flip, dark, light)
    return first + (second - first) * np.clip(0.5 + 1.5 * weight, 0, 1)[..., None]


def _circle(u: _Plane, v: _Plane) -> _Plane:
    return np.hypot(u, v) - 0.85


def _square(u: _Plane, v: _Plane) -> _Plane:
    return np.maximum(np.abs(u), np.abs(v)) - 0.72


def _triangle(u: _Plane, v: _Plane) -> _Plane:
    return np.maximum(-v, np.sqrt(3) / 2 * np.abs(u) + v / 2) - 0.5


def _star(u: _Plane, v: _Plane) -> _Plane:
    # Fold the plane into one tenth, where the outline is a straight line from the tip to the notch.
    angle = np.abs((np.arctan2(v, u) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    radius = np.hypot(u, v)
    notch = 0.42 * np.exp(1j * np.pi / 5)
    normal = -1j * (notch - 1) / abs(notch - 1)
    return radius * (np.cos(angle) * normal.real + np.sin(angle) * normal.imag) - normal.real


def _cross(u: _Plane, v: _Plane) -> _Plane:
    longer, shorter = np.maximum(np.abs(u), np.abs(v)), np.minimum(np.abs(u), np.abs(v))
    return np.maximum(longer - 0.95, shorter - 0.3)


def _ring(u: _Plane, v: _Plane) -> _Plane:
    return np.abs(np.hypot(u, v) - 0.68) - 0.23


def _crescent(u: _Plane, v: _Plane) -> _Plane:
    return np.maximum(np.hypot(u, v) - 0.95, 0.75 - np.hypot(u - 0.5, v))


def _heart(u: _Plane, v: _Plane) -> _Plane:
    # A square with a disc on the middle of each of two neighbouring sides.
    side = 0.5
    u, v = u + 0.2, v + 0.2
    discs = np.minimum(np.hypot(u - side, v), np.hypot(u, v - side)) - side
    return np.minimum(np.maximum(np.abs(u), np.abs(v)) - side, discs)


def _arrow(u: _Plane, v: _Plane) -> _Plane:
    shaft = np.maximum(np.abs(u + 0.4) - 0.6, np.abs(v) - 0.22)
    head = np.maximum(-u, 0.66 * u + 0.75 * np.abs(v) - 0.66)
    return np.minimum(shaft, head)


def _bar(u: _Plane, v: _Plane) -> _Plane:
    return np.maximum(np.abs(u) - 1.0, np.abs(v) - 0.33)


# Signed distance to the outline of each shape of about unit radius, negative inside.
_DISTANCES: dict[str, Callable[[_Plane, _Plane], _Plane]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
    "bar": _bar,
}


def _rotate(x: _Plane, y: _Plane, angle: _Plane | float) -> tuple[_Plane, _Plane]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _hsv(hue: _Plane, saturation: _Plane, value: _Plane) -> _Plane:
    """Turn hue (in turns), saturation and value (0 to 1) into RGB on a new last axis."""
    sector = (hue[..., None] * 6 + np.array([5, 3, 1], np.float32)) % 6
    weight = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return value[..., None] * (1 - saturation[..., None] * weight)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit words (the SplitMix64 finaliser: Steele, Lea and Flood, OOPSLA 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _words(seed: int, index: NDArray[np.int64], purpose: str) -> NDArray[np.uint64]:
    """Hash (seed, index, purpose) into one 64-bit word for each index."""
    key = np.frombuffer(purpose.encode().ljust(32), np.uint64)  # a purpose has at most 32 letters
    state = _mix(np.array([seed % 2**64], np.uint64))
    for word in key:
        state = _mix(state + word)
    return _mix(state + _mix(index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)))


def _uniform(seed: int, index: NDArray[np.int64], purpose: str) -> NDArray[np.float32]:
    return (_words(seed, index, purpose) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def _pixel_noise(seed: int, index: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return uniform noise in [-0.5, 0.5), [M, 32, 32, 3]: the three channels share one hashed word."""
    counter = np.arange(1, IMAGE_SIZE * IMAGE_SIZE + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words = _mix(_words(seed, index, "pixels")[:, None] + counter)
    fields = np.stack([(words >> np.uint64(shift)).astype(np.uint32) & 0xFFFFF for shift in (0, 20, 40)], axis=-1)
    noise = fields.astype(np.float32) / np.float32(2**20) - np.float32(0.5)
    return noise.reshape(len(index), IMAGE_SIZE, IMAGE_SIZE, 3)
