"""The experiment: its schema, and the YAML files it is read from. Imports no TensorFlow."""

from kbsc_tf.config.channels.channel import AwgnConfig, ChannelConfig, FlatConfig, RayleighConfig, RicianConfig, parse_channel
from kbsc_tf.config.data import CifarConfig, DataConfig, FolderConfig, FolderSplits, ProceduralConfig
from kbsc_tf.config.features import ClipConfig, FeatureFileConfig, FeaturesConfig
from kbsc_tf.config.reading.load import load_config, load_kb_scaling
from kbsc_tf.schemes.jscc.config import (
    SWIN_SIZES,
    JsccConfig,
    PublishedJsccConfig,
    PublishedSwinJsccConfig,
    SwinJsccConfig,
    SwinSize,
    TrainedJsccConfig,
    TrainedSwinJsccConfig,
)
from kbsc_tf.config.reading.json_schema import experiment_schema
from kbsc_tf.kb_scaling.config import IndexConfig, KbScalingConfig
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.config.receiver import NearestConfig, PosteriorConfig, ReceiverConfig, VoteConfig
from kbsc_tf.config.schema import (
    IMAGE_SCHEMES,
    NEURAL_IMAGE_SCHEMES,
    CodecConfig,
    CodingConfig,
    ExperimentConfig,
)
from kbsc_tf.config.sweep import ExecutorConfig, SweepConfig
from kbsc_tf.config.training import AdaptiveConfig, LossWeights, SnrRange, TrainingConfig

__all__ = [
    "AdaptiveConfig",
    "AwgnConfig",
    "IMAGE_SCHEMES",
    "ChannelConfig",
    "CifarConfig",
    "ClipConfig",
    "CodecConfig",
    "CodingConfig",
    "DataConfig",
    "ExecutorConfig",
    "ExperimentConfig",
    "FeatureFileConfig",
    "FeaturesConfig",
    "FlatConfig",
    "FolderConfig",
    "FolderSplits",
    "IndexConfig",
    "JsccConfig",
    "KbScalingConfig",
    "LossWeights",
    "NEURAL_IMAGE_SCHEMES",
    "NearestConfig",
    "OfdmConfig",
    "PosteriorConfig",
    "ProceduralConfig",
    "PublishedJsccConfig",
    "PublishedSwinJsccConfig",
    "RayleighConfig",
    "ReceiverConfig",
    "RicianConfig",
    "SWIN_SIZES",
    "SnrRange",
    "SweepConfig",
    "SwinJsccConfig",
    "SwinSize",
    "TrainedJsccConfig",
    "TrainedSwinJsccConfig",
    "TrainingConfig",
    "VoteConfig",
    "experiment_schema",
    "load_config",
    "load_kb_scaling",
    "parse_channel",
]
