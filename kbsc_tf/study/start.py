"""What comes before the work of a run: what is wrong is said first, then TensorFlow is loaded, which takes seconds.

Imports nothing heavy.
"""

import logging
import os
from importlib.util import find_spec
from pathlib import Path

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.identity import settings_of_experiment
from kbsc_tf.errors import UserError
from kbsc_tf.files import check_writable
from kbsc_tf.quiet import ENVIRONMENT
from kbsc_tf.results.run_json import check_folder


def check(config: ExperimentConfig, folder: Path) -> None:
    """Refuse what cannot work, and a folder of other settings, before TensorFlow is loaded.

    Raises
    ------
    UserError
        In one sentence.
    """
    check_folder(folder, settings_of_experiment(config))
    check_writable(folder)
    config.check()


def prepare_tensorflow() -> None:
    """Load TensorFlow without its notices, and let GPUs be shared; the first call takes seconds.

    Raises
    ------
    UserError
        FAISS, which comes as one of two packages, is missing; said before TensorFlow is loaded.
    """
    if find_spec("faiss") is None:
        raise UserError("faiss is not installed; pip install faiss-cpu, or faiss-gpu to search on a GPU, not both")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from kbsc_tf.features.clip_weights import quiet

    with quiet():
        from kbsc_tf.study.devices import share_gpus

        share_gpus()
    # TensorFlow warns of gradients through complex numbers and of tracing for every new shape: both are meant.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
