"""Image sets and their splits: CIFAR-100, CIFAR-10, image folders and a procedural set. Imports no TensorFlow."""

from kbsc_tf.data.divide import divide
from kbsc_tf.data.image_set import ImageSet, Splits
from kbsc_tf.data.image_splits import load_splits
from kbsc_tf.data.reading import Reading

__all__ = ["ImageSet", "Reading", "Splits", "divide", "load_splits"]
