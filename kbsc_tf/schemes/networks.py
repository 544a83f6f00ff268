"""Networks as files: their configuration and weights, without what differs from one saving to the next."""

import json
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kbsc_tf.errors import UserError
from kbsc_tf.files import load_arrays, save_arrays
from kbsc_tf.schemes.saved import REMEDY

_CONFIG = "config"


def save_networks(path: Path, networks: Mapping[str, keras.Model], **arrays: ArrayLike) -> None:
    """Write networks, and arrays beside them, into one .npz file.

    Unlike a .keras file it holds no date: what several schemes share makes equal files, which need the space of one.
    """
    for name, network in networks.items():
        config = keras.saving.serialize_keras_object(network)
        config["config"]["name"] = name  # Keras numbers its models as it makes them
        arrays[f"{name}/{_CONFIG}"] = json.dumps(config)
        arrays |= {f"{name}/{number}": weight for number, weight in enumerate(network.get_weights())}
    save_arrays(path, arrays)


def load_networks(path: Path, *expected: str) -> tuple[dict[str, keras.Model], dict[str, NDArray]]:
    """The networks and the arrays of a file of `save_networks`; the networks' classes must have been imported.

    Raises
    ------
    UserError
        The file is damaged, one of the ``expected`` networks and arrays is missing, or a weight is not finite.
    """
    arrays, networks = load_arrays(path, REMEDY), {}
    try:
        for name in [name.partition("/")[0] for name in arrays if name.endswith(f"/{_CONFIG}")]:
            network = keras.saving.deserialize_keras_object(json.loads(str(arrays.pop(f"{name}/{_CONFIG}"))))
            network.set_weights([np.asarray(arrays.pop(f"{name}/{i}")) for i in range(len(network.weights))])
            networks[name] = network
            if not all(np.isfinite(weight).all() for weight in network.get_weights()):
                raise ValueError("a weight is not finite")
    except Exception as error:  # whatever Keras says of a configuration or of weights that are not its own
        raise UserError(f"{path}: damaged, {name} cannot be made ({str(error)[:100]}); {REMEDY}") from None
    if missing := set(expected) - networks.keys() - arrays.keys():
        raise UserError(f"{path}: damaged, {min(missing)} is missing; {REMEDY}")
    return networks, arrays
