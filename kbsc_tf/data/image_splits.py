"""From the ``data`` section of an experiment to its five image sets."""

from pathlib import Path

from kbsc_tf.config import DataConfig
from kbsc_tf.data.image_set import Splits
from kbsc_tf.data.reading import Reading
from kbsc_tf.registry import datasets


def load_splits(config: DataConfig, skip_bad: bool = False, cache: Path | None = None, progress: bool = True) -> Splits:
    """Find the images of an experiment and divide them.

    ``per_class`` caps each class of the training images (before they are divided) and of the test images (before they
    are halved); with explicit folders, of every folder. Of a set held out by ``test_ratio``, both sides are capped.

    Parameters
    ----------
    config : DataConfig
        Source, folders, ratios, caps and seed.
    skip_bad : bool
        Leave out images that cannot be read; the ``skipped`` of the returned sets list them, each once.
    cache : Path, optional
        Cache folder for what checking a folder found.
    progress : bool
        Show a bar where checking takes noticeable time.

    Returns
    -------
    Splits
        Five image sets with the same classes and no image in common.

    Raises
    ------
    UserError
        Images are missing, damaged or too few, or CIFAR cannot be had; one sentence says what to do.
    """
    return datasets[config.source].build(config, Reading(skip_bad, cache, progress))
