"""The experiment: its schema, and the YAML files it is read from. Imports no TensorFlow."""

from kbsc_tf.config.channels.any_channel import ChannelConfig, parse_channel
from kbsc_tf.config.channels.channel_config import ChannelSettings, ChannelSpec
from kbsc_tf.config.channels.flat import AwgnConfig, FlatConfig, RayleighConfig, RicianConfig
from kbsc_tf.config.channels.function import FunctionChannelConfig
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.config.data import (
    CifarConfig,
    DataConfig,
    DatasetSpec,
    DataSettings,
    DividedConfig,
    FolderConfig,
    FolderSplits,
    MemoryConfig,
    ProceduralConfig,
)
from kbsc_tf.config.executors import (
    ExecutorConfig,
    ExecutorSettings,
    ExecutorSpec,
    LocalConfig,
    ProcessesConfig,
    RayConfig,
)
from kbsc_tf.config.features import (
    ClipConfig,
    EncoderSettings,
    EncoderSpec,
    FeatureFileConfig,
    FeaturesConfig,
    FunctionEncoderConfig,
    TextEncoderSettings,
)
from kbsc_tf.config.reading.experiment_file import bundled_experiments, load_config, make_config
from kbsc_tf.config.reading.json_schema import experiment_schema
from kbsc_tf.config.receiver import NearestConfig, PosteriorConfig, ReceiverConfig, VoteConfig
from kbsc_tf.config.schema import CodecConfig, CodecSpec, CodingConfig, ExperimentConfig
from kbsc_tf.config.scheme import Needs, SchemeConfig, SchemeSpec
from kbsc_tf.config.sweep import SweepConfig
from kbsc_tf.config.training import SnrRange, TrainingSettings, ValidationConfig

__all__ = [
    "AwgnConfig",
    "ChannelConfig",
    "ChannelSettings",
    "ChannelSpec",
    "CifarConfig",
    "ClipConfig",
    "CodecConfig",
    "CodecSpec",
    "CodingConfig",
    "DataConfig",
    "DataSettings",
    "DatasetSpec",
    "DividedConfig",
    "EncoderSettings",
    "EncoderSpec",
    "ExecutorConfig",
    "ExecutorSettings",
    "ExecutorSpec",
    "ExperimentConfig",
    "FeatureFileConfig",
    "FeaturesConfig",
    "FlatConfig",
    "FolderConfig",
    "FolderSplits",
    "FunctionChannelConfig",
    "FunctionEncoderConfig",
    "LocalConfig",
    "MemoryConfig",
    "NearestConfig",
    "Needs",
    "OfdmConfig",
    "PosteriorConfig",
    "ProceduralConfig",
    "ProcessesConfig",
    "RayConfig",
    "RayleighConfig",
    "ReceiverConfig",
    "RicianConfig",
    "SchemeConfig",
    "SchemeSpec",
    "SnrRange",
    "SweepConfig",
    "TextEncoderSettings",
    "TrainingSettings",
    "ValidationConfig",
    "VoteConfig",
    "bundled_experiments",
    "experiment_schema",
    "load_config",
    "make_config",
    "parse_channel",
]
