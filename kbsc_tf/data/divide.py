"""Divide training and test images into the five sets of an experiment."""

from dataclasses import replace

from kbsc_tf.config import DividedConfig, FolderConfig
from kbsc_tf.data.image_set import ImageSet, Splits
from kbsc_tf.data.splits import cap_per_class, halve_per_class, ratio_split

Pair = tuple[ImageSet, ImageSet]


def divide(training: ImageSet, tests: ImageSet, config: DividedConfig) -> Splits:
    """The five sets of training and test images, as ``per_class``, ``ratios`` and ``seed`` of an experiment say.

    Parameters
    ----------
    training, tests : ImageSet
        With the same classes and no image in common; see `ImageSet.of`.
    config : DividedConfig

    Raises
    ------
    UserError
        A class has too few images.

    Examples
    --------
    >>> from kbsc_tf.config import ProceduralConfig
    >>> from kbsc_tf.data import divide
    >>> from kbsc_tf.data.sources import procedural_set
    >>> splits = divide(procedural_set(400, 0, "training"), procedural_set(200, 1, "test"), ProceduralConfig())
    >>> len(splits.sender), len(splits.receiver)
    (100, 100)
    """
    return splits_of(cap(training, config.per_class), halve(cap(tests, config.per_class)), None, config)


def splits_of(training: ImageSet, test: Pair, validation: Pair | None, config: DividedConfig | FolderConfig) -> Splits:
    """The five sets; validation sets that are not given are split off the training images."""
    names = ("training", "validation_sender", "validation_receiver", "sender", "receiver")
    if validation is None:
        parts = ratio_split(training, config.ratios, config.seed)
        skipped = training.skipped
        training, *validation = (training.subset(part, name) for part, name in zip(parts, names, strict=False))
        training = replace(training, skipped=skipped)
    sets = [training, *validation, *test]
    return Splits(*(replace(images, name=name) for images, name in zip(sets, names, strict=True)))


def halve(images: ImageSet) -> Pair:
    """The first half of every class, which is sent, and the second, which is the knowledge base."""
    first, second = halve_per_class(images)
    return replace(images.subset(first, "sender"), skipped=images.skipped), images.subset(second, "receiver")


def cap(images: ImageSet, per_class: int | None) -> ImageSet:
    """At most so many images of each class; all for None."""
    return images if per_class is None else images.subset(cap_per_class(images.labels, per_class), images.name)
