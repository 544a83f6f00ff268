"""Semantic features: CLIP embeddings of image sets, from the store on disk, or ready ones from a file.

Only this package imports transformers, and neither it nor TensorFlow is imported before there is something to embed.
"""

from kbsc_tf.features.clip import ClipEncoder
from kbsc_tf.features.feature_file import load_feature_file
from kbsc_tf.features.feature_set import FeatureSet, FeatureSplits
from kbsc_tf.features.load import load_features
from kbsc_tf.features.store import extract
from kbsc_tf.features.zero_shot import class_features, zero_shot

__all__ = [
    "ClipEncoder",
    "FeatureSet",
    "FeatureSplits",
    "class_features",
    "extract",
    "load_feature_file",
    "load_features",
    "zero_shot",
]
