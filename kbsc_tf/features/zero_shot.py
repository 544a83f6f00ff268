"""Zero-shot classification: the class whose prompt lies nearest to the image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.features.encoder import TextEncoder
from kbsc_tf.features.feature_set import FeatureSet
from kbsc_tf.features.store import embed_prompts


def zero_shot(
    encoder: TextEncoder, features: FeatureSet, prompt: str = "a photo of a {}", store: Path | None = None
) -> tuple[int, int, NDArray[np.int64]]:
    """Classify features by cosine with the features of the class prompts.

    Parameters
    ----------
    encoder : TextEncoder
        The encoder that made ``features``.
    features : FeatureSet
        N features.
    prompt : str
        Text with ``{}`` where the class name goes.
    store : Path, optional
        Cache folder in which the prompts' features are kept.

    Returns
    -------
    correct : int
        Features put into their own class.
    total : int
        N.
    predictions : [N], int64
        Nearest class of each feature.

    Raises
    ------
    UserError
        The model has no tokenizer.
    """
    classes = class_features(encoder, features.class_names, prompt, store)
    blocks = (features.x[i : i + 8192] for i in range(0, len(features), 8192))
    predictions = np.concatenate([np.argmax(block @ classes.T, axis=1) for block in blocks])
    return int(np.sum(predictions == features.labels)), len(features), predictions


def class_features(
    encoder: TextEncoder, class_names: Sequence[str], prompt: str = "a photo of a {}", store: Path | None = None
) -> NDArray[np.float32]:
    """Features [C, D], float32, of the prompts of C classes; the parameters are those of `zero_shot`."""
    return embed_prompts(encoder, [prompt.replace("{}", name) for name in class_names], store)
