"""The index of the nearest entry over 5G LDPC: what a sender that knows the knowledge base could do."""

import numpy as np

from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver.receiver import Receiver
from kbsc_tf.schemes.coded.fixed_length import NamingScheme


class IndexLdpcScheme(NamingScheme):
    """Search the receiver's knowledge base at the sender and send ceil(log2 N) bits.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    coding : CodingConfig
    knowledge : FeatureSet
        The N entries.
    receiver : Receiver
        Whose decision rule the sender applies.
    """

    def __init__(
        self, k: int, channel: ChannelConfig, coding: CodingConfig, knowledge: FeatureSet, receiver: Receiver
    ) -> None:
        super().__init__("index_ldpc", k, channel, coding, knowledge, len(knowledge))
        self._receiver = receiver

    def number(self, features: np.ndarray) -> np.ndarray:
        return np.maximum(self._receiver.decide_features(features).ids[:, 0], 0)

    def entry(self, numbers: np.ndarray) -> np.ndarray:
        return numbers
