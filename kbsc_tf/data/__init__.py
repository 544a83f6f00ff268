"""Image sets and their splits: CIFAR-100, CIFAR-10, image folders and a procedural set. Imports no TensorFlow."""

from kbsc_tf.data.image_set import ImageSet, Splits
from kbsc_tf.data.load import load_splits

__all__ = ["ImageSet", "Splits", "load_splits"]
