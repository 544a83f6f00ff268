"""Classes that training never sees, to tell an open vocabulary from one learned by heart."""

from dataclasses import replace

import numpy as np

from kbsc_tf.config import FeaturesConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features.feature_set import FeatureSet, FeatureSplits


def hold_out_classes(splits: FeatureSplits, config: FeaturesConfig) -> FeatureSplits:
    """Take ``unseen_classes`` out of the training and validation sets, and keep ``test_classes`` in those of the test.

    The unseen ones are spread evenly over the class names, so that every superclass has some. Class indices stay.

    Raises
    ------
    UserError
        Fewer than two classes would be left on either side.
    """
    count, classes = config.unseen_classes, len(splits.training.class_names)
    if not 2 <= count <= classes - 2:
        raise UserError(
            f"features.unseen_classes: {count} of {classes} classes; leave at least two on either side, or 0 for none"
        )
    unseen = np.zeros(classes, bool)
    unseen[(np.arange(count) * classes) // count] = True
    tested = {"all": np.ones(classes, bool), "seen": ~unseen, "unseen": unseen}[config.test_classes]
    return replace(
        splits,
        training=_only(splits.training, ~unseen),
        validation_sender=_only(splits.validation_sender, ~unseen),
        validation_receiver=_only(splits.validation_receiver, ~unseen),
        sender=_only(splits.sender, tested),
        receiver=_only(splits.receiver, tested),
    )


def _only(features: FeatureSet, classes: np.ndarray) -> FeatureSet:
    return features.subset(np.flatnonzero(classes[features.labels]))
