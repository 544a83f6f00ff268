"""Build ``TFCLIPModel`` and fill it with TF or PyTorch weights, without PyTorch."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from kbsc_tf.errors import UserError
from kbsc_tf.features.clip_files import ClipFiles
from kbsc_tf.kept import Kept
from kbsc_tf.quiet import hidden_stderr

_LAST, _LOADING = Kept(1), Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide the notices TensorFlow and transformers print while they load, see `hidden_stderr`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    with hidden_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.utils import logging

        level = logging.get_verbosity()
        logging.set_verbosity(logging.CRITICAL)
        try:
            yield
        finally:
            logging.set_verbosity(level)


class Towers(NamedTuple):
    """The two halves of a CLIP, as functions that are traced once for each size of a batch.

    Attributes
    ----------
    images : callable
        pixels [B, 3, S, S], tf.float32 -> features [B, D], tf.float32.
    texts : callable
        token ids [C, L], mask [C, L], tf.int32 -> features [C, D], tf.float32.
    """

    images: Callable
    texts: Callable


def load_towers(files: ClipFiles, fingerprint: str) -> Towers:
    """Load a CLIP, or take the one that was loaded last in this process: loading and tracing take seconds.

    Raises
    ------
    UserError
        As `load_clip`.
    """
    with _LOADING:  # encoders may be asked side by side
        [towers] = _LAST([fingerprint], lambda _: [_traced(load_clip(files))])
    return towers


def _traced(model) -> Towers:
    import tensorflow as tf  # after the model, whose loading hides the notices of TensorFlow

    tokens = tf.TensorSpec([None, None], tf.int32)
    return Towers(
        tf.function(lambda pixels: model.get_image_features(pixel_values=pixels), autograph=False),
        tf.function(
            lambda ids, mask: model.get_text_features(input_ids=ids, attention_mask=mask),
            input_signature=[tokens, tokens],
            autograph=False,
        ),
    )


def load_clip(files: ClipFiles):
    """Return a ``TFCLIPModel`` (a tf_keras model: keep it away from Keras 3) with all its weights loaded.

    Parameters
    ----------
    files : ClipFiles
        TF h5, or safetensors as written by TF or by PyTorch (told apart by their metadata), each whole or in shards.

    Raises
    ------
    UserError
        A weight file is damaged, or lacks weights that the configuration asks for; names it.
    """
    with quiet():
        from transformers import CLIPConfig, TFCLIPModel

        try:
            paths = files.weight_files()
            if files.weights.name.startswith("model.safetensors") and _made_by_pytorch(paths[-1]):
                model = TFCLIPModel(CLIPConfig.from_dict(files.config))
                missing = _load_pytorch(model, [path for path in paths if path.suffix == ".safetensors"])
            else:
                model, info = TFCLIPModel.from_pretrained(
                    files.folder,
                    local_files_only=True,
                    output_loading_info=True,
                    use_safetensors=files.weights.name.startswith("model.safetensors"),
                )
                missing = [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]
        except Exception as error:
            reason = " ".join((str(error).strip() or type(error).__name__).split())
            raise UserError(
                f"{files.weights}: cannot be loaded as a CLIP model ({reason:.150}); fetch it again"
            ) from None
    if missing:
        raise UserError(
            f"{files.weights}: lacks {len(missing)} of the weights that config.json asks for, {missing[0]} for one; "
            "fetch the whole model (vision and text tower)"
        )
    model.trainable = False
    return model


def _made_by_pytorch(path: Path) -> bool:
    from safetensors import safe_open

    with safe_open(path, framework="np") as archive:
        made_by = (archive.metadata() or {}).get("format")
        return made_by == "pt" if made_by else any(key.endswith(".weight") for key in archive.keys())  # noqa: SIM118


def _load_pytorch(model, paths: list[Path]) -> list[str]:
    """Fill ``model`` and return the names of the weights that the files lack."""
    import numpy as np
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    state = {}
    for path in paths:
        state.update({key: np.asarray(value, np.float32) for key, value in load_file(path).items()})
    model.build_in_name_scope()
    _, info = load_pytorch_state_dict_in_tf2_model(
        model, state, tf_inputs=False, allow_missing_keys=True, output_loading_info=True
    )
    return list(info["missing_keys"])
