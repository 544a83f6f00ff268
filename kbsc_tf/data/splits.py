"""Divide an image set by class: seeded ratios, halves, caps. All functions return indices in the set's order."""

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.data.image_set import ImageSet
from kbsc_tf.errors import UserError

Indices = NDArray[np.int64]


def ratio_split(images: ImageSet, ratios: tuple[float, ...], seed: int) -> tuple[Indices, ...]:
    """Divide every class at random in the given ratios (stratified, seeded).

    Of a class with n images, part i gets those from round(n (r_1 + .. + r_{i-1})) to round(n (r_1 + .. + r_i)) of a
    random order, and at least one: 500 images in ratios 0.8, 0.1, 0.1 make exactly 400, 50 and 50.

    Parameters
    ----------
    images : ImageSet
        The N images to divide.
    ratios : tuple of float
        Shares of the parts; they add up to 1.
    seed : int
        Seed of the random orders. What a class gets depends on the seed, its index and its size only.

    Returns
    -------
    tuple of int64 arrays
        Indices of each part, ascending.

    Raises
    ------
    UserError
        A class has fewer images than there are parts.
    """
    parts: list[list[Indices]] = [[] for _ in ratios]
    for label, members in _by_class(images):
        if len(members) < len(ratios):
            raise UserError(
                f"{images.name}: class {images.class_names[label]!r} has {len(members)} image(s), but each of "
                f"{len(ratios)} parts needs one; add images to the class or remove it"
            )
        order = np.random.default_rng([seed, label]).permutation(members)
        bounds = np.rint(len(members) * np.cumsum((0.0, *ratios))).astype(int)
        for i in range(1, len(bounds)):  # at least one each: push the bounds up, then back down from the end
            bounds[i] = max(bounds[i], bounds[i - 1] + 1)
        for i in range(len(ratios), 0, -1):
            bounds[i] = min(bounds[i], len(members) - (len(ratios) - i))
        for part, low, high in zip(parts, bounds[:-1], bounds[1:], strict=True):
            part.append(order[low:high])
    return tuple(np.sort(np.concatenate(part)) for part in parts)


def halve_per_class(images: ImageSet) -> tuple[Indices, Indices]:
    """Return the first half of each class, in order, and the rest (which gets the odd image).

    Raises
    ------
    UserError
        A class has fewer than two images.
    """
    first, second = [], []
    for label, members in _by_class(images):
        if len(members) < 2:
            raise UserError(
                f"{images.name}: class {images.class_names[label]!r} has {len(members)} image(s), but one must be sent "
                "and another must be in the knowledge base; add images to the class or remove it"
            )
        first.append(members[: len(members) // 2])
        second.append(members[len(members) // 2 :])
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


def cap_per_class(labels: NDArray[np.int64], per_class: int | None) -> Indices:
    """Return the first ``per_class`` images of each class (all for None), as ascending indices into labels [N]."""
    if per_class is None:
        return np.arange(len(labels))
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    rank = np.arange(len(labels)) - np.searchsorted(ordered, ordered, side="left")
    return np.sort(order[rank < per_class])


def _by_class(images: ImageSet) -> list[tuple[int, Indices]]:
    return [(label, np.flatnonzero(images.labels == label)) for label in range(len(images.class_names))]
