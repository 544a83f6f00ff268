"""The class that zero-shot CLIP sees, over 5G LDPC: the shortest message that semantic accuracy asks for."""

from pathlib import Path

import numpy as np

from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.files import load_numbers, save_arrays
from kbsc_tf.schemes.coded.fixed_length import NamingScheme
from kbsc_tf.schemes.saved import REMEDY

_PROMPTS = "prompts.npz"


class LabelLdpcScheme(NamingScheme):
    """Classify at the sender and send ceil(log2 C) bits; the receiver shows its most typical image of the class.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    coding : CodingConfig
    knowledge : FeatureSet
        The receiver's entries.
    prompts : [C, D], float32
        CLIP's features of the class prompts.
    """

    def __init__(
        self, k: int, channel: ChannelConfig, coding: CodingConfig, knowledge: FeatureSet, prompts: np.ndarray
    ) -> None:
        super().__init__("label_ldpc", k, channel, coding, knowledge, len(prompts))
        self._prompts = prompts
        self._typical = typical_entries(knowledge)

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_arrays(folder / _PROMPTS, {"prompts": self._prompts})

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._prompts = load_numbers(folder / _PROMPTS, REMEDY, {"prompts": "CD"})["prompts"]

    def number(self, features: np.ndarray) -> np.ndarray:
        return np.argmax(features @ self._prompts.T, axis=1)

    def entry(self, numbers: np.ndarray) -> np.ndarray:
        return self._typical[numbers]


def typical_entries(knowledge: FeatureSet) -> np.ndarray:
    """The entry of each class nearest to the class's mean feature: int64 [C], -1 for a class without entries."""
    typical = np.full(len(knowledge.class_names), -1, np.int64)
    for label in np.unique(knowledge.labels):
        members = np.flatnonzero(knowledge.labels == label)
        x = np.asarray(knowledge.x[members])
        typical[label] = members[np.argmax(x @ x.mean(axis=0))]
    return typical
