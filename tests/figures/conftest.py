"""What the made-up records of `synthetic` are of."""

import itertools

import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.results.names import named, names_of


def _ofdm(speed_kmh, csi, antennas):
    rx, tx = {1: (1, 1), 2: (2, 1), 4: (2, 2)}[antennas]
    model = {"type": "tdl-a", "speed_kmh": speed_kmh}
    return {"type": "ofdm", "model": model, "csi": csi, "rx_antennas": rx, "tx_antennas": tx, "streams": tx}


@pytest.fixture(autouse=True)
def _named():
    """Channels have the names, and are the kinds, that their run says."""
    grids = [_ofdm(*of) for of in itertools.product((3, 60), ("perfect", "ls"), (1, 2, 4))]
    config = ExperimentConfig(name="made_up", schemes=["pca"], channels=["awgn", "rayleigh", *grids])
    names = names_of(config)
    long = "a name that a user thought up, longer than any title ought to be"
    names["channels"][long] = {"text": long, "is_grid": True}
    with named({"names": names}):
        yield
