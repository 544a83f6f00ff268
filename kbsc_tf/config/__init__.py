"""The experiment: its schema, and the YAML files it is read from. Imports no TensorFlow."""

from kbsc_tf.config.channel import ChannelConfig, FlatConfig, parse_channel
from kbsc_tf.config.file import load_config, load_kb_scaling
from kbsc_tf.config.jscc import SWIN_SIZES, JsccConfig, SwinJsccConfig, SwinSize
from kbsc_tf.config.kb_scaling import IndexConfig, KbScalingConfig
from kbsc_tf.config.ofdm import OfdmConfig
from kbsc_tf.config.receiver import ReceiverConfig
from kbsc_tf.config.schema import (
    IMAGE_SCHEMES,
    NEURAL_IMAGE_SCHEMES,
    CodecConfig,
    CodingConfig,
    DataConfig,
    ExperimentConfig,
    FeaturesConfig,
    FolderSplits,
)
from kbsc_tf.config.sweep import ExecutorConfig, SweepConfig
from kbsc_tf.config.training import AdaptiveConfig, LossWeights, SnrRange, TrainingConfig
from kbsc_tf.config.validation import ValidationConfig

__all__ = [
    "AdaptiveConfig",
    "IMAGE_SCHEMES",
    "ChannelConfig",
    "CodecConfig",
    "CodingConfig",
    "DataConfig",
    "ExecutorConfig",
    "ExperimentConfig",
    "FeaturesConfig",
    "FlatConfig",
    "FolderSplits",
    "IndexConfig",
    "JsccConfig",
    "KbScalingConfig",
    "LossWeights",
    "NEURAL_IMAGE_SCHEMES",
    "OfdmConfig",
    "ReceiverConfig",
    "SWIN_SIZES",
    "SnrRange",
    "SweepConfig",
    "SwinJsccConfig",
    "SwinSize",
    "TrainingConfig",
    "ValidationConfig",
    "load_config",
    "load_kb_scaling",
    "parse_channel",
]
