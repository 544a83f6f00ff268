"""Semantic features: image sets embedded by a CLIP or another encoder, from the store on disk, or ready ones of a file.

Only this package imports transformers, and neither it nor TensorFlow is imported before there is something to embed.
"""

from kbsc_tf.features.clip import ClipEncoder
from kbsc_tf.features.encoder import Encoder, TextEncoder, build_encoder, takes_text
from kbsc_tf.features.feature_file import load_feature_file
from kbsc_tf.features.feature_set import FeatureSet, FeatureSplits
from kbsc_tf.features.feature_splits import load_features
from kbsc_tf.features.store import extract
from kbsc_tf.features.zero_shot import class_features, zero_shot

__all__ = [
    "ClipEncoder",
    "Encoder",
    "FeatureSet",
    "FeatureSplits",
    "TextEncoder",
    "build_encoder",
    "class_features",
    "extract",
    "load_feature_file",
    "load_features",
    "takes_text",
    "zero_shot",
]
