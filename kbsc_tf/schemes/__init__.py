"""Transmission schemes, one file each, behind the interface in `base`; and the one receiver."""

from importlib.util import find_spec

from kbsc_tf.config import ChannelConfig, ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.base import Scheme, SourceBatch, Transmission, Validation
from kbsc_tf.schemes.receiver import Receiver
from kbsc_tf.schemes.validation import hold_out

__all__ = ["Receiver", "Scheme", "SourceBatch", "Transmission", "Validation", "build_schemes", "hold_out"]


def build_schemes(config: ExperimentConfig, channel: ChannelConfig, dim: int, training_count: int) -> list[Scheme]:
    """All schemes of an experiment on one channel, in the order of the records; nothing is fitted yet.

    Raises
    ------
    UserError
        A scheme cannot work with these features, k or packages, before any long work.
    """
    from kbsc_tf.schemes.kbsc import KbscScheme
    from kbsc_tf.schemes.pca import PcaScheme
    from kbsc_tf.schemes.raw import RawScheme

    if config.training.tensorboard and find_spec("tensorboard") is None:
        raise UserError("training.tensorboard: needs the package tensorboard; pip install it or set this to false")
    schemes: list[Scheme] = []
    for name in config.schemes:
        if name == "raw":
            if dim % 2:
                raise UserError(f"schemes: raw needs features of even length, these have {dim}; leave raw out")
            schemes.append(RawScheme(dim, channel))
            continue
        for k in config.k:
            if name == "pca" and k > min(dim, training_count - 1):
                raise UserError(
                    f"k: PCA at k = {k} needs features of {k} dimensions and {k + 1} training samples, "
                    f"there are {dim} and {training_count}; lower k or leave pca out of schemes"
                )
            schemes.append(PcaScheme(k, channel) if name == "pca" else KbscScheme(k, channel, config.training))
    return schemes
