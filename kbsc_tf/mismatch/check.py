"""What cannot work is said before anything heavy is loaded."""

from pathlib import Path

from kbsc_tf.config import FeaturesConfig
from kbsc_tf.config.features import from_file
from kbsc_tf.errors import UserError
from kbsc_tf.features import build_encoder, load_feature_file
from kbsc_tf.files import check_writable
from kbsc_tf.mismatch.aligner import check_anchors
from kbsc_tf.mismatch.config import NONE, MismatchConfig
from kbsc_tf.results.run_json import check_folder


def check(config: MismatchConfig, folder: Path) -> None:
    """Refuse what cannot work, and a folder of other settings, before TensorFlow is loaded.

    Raises
    ------
    UserError
        A model or file is missing, or anchors or dimensions do not fit an aligner; in one sentence.
    """
    check_folder(folder, config.settings())
    check_writable(folder)
    config.experiment.check()
    sizes = {name: _dimension(one) for name, one in config.senders.items()}
    ours = _dimension(config.experiment.features)
    for name, size in sizes.items() if "encoders" in config.parts else ():
        if NONE in config.aligners and size != ours:
            raise UserError(
                f"senders: {name} has features of {size} dimensions, the receiver of {ours}, which nothing but an "
                "aligner compares; leave none out of aligners"
            )
        for kind in config.aligners:
            check_anchors(min(config.anchors), ours, kind, config.ridge)


def _dimension(features: FeaturesConfig) -> int:
    return load_feature_file(features.file).training.dim if from_file(features) else build_encoder(features).dim
