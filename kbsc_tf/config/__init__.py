"""The experiment: its schema, and the YAML files it is read from. Imports no TensorFlow."""

from kbsc_tf.config.channel import ChannelConfig, FlatConfig, parse_channel
from kbsc_tf.config.file import load_config
from kbsc_tf.config.ofdm import OfdmConfig
from kbsc_tf.config.schema import (
    IMAGE_SCHEMES,
    CodecConfig,
    CodingConfig,
    DataConfig,
    ExperimentConfig,
    FeaturesConfig,
    FolderSplits,
    LossWeights,
    ReceiverConfig,
    SnrRange,
    SweepConfig,
    TrainingConfig,
)

__all__ = [
    "IMAGE_SCHEMES",
    "ChannelConfig",
    "CodecConfig",
    "CodingConfig",
    "DataConfig",
    "ExperimentConfig",
    "FeaturesConfig",
    "FlatConfig",
    "FolderSplits",
    "LossWeights",
    "OfdmConfig",
    "ReceiverConfig",
    "SnrRange",
    "SweepConfig",
    "TrainingConfig",
    "load_config",
    "parse_channel",
]
