"""A small run of `kbsc run` on made-up features, for tests of what is asked of a finished one."""

import sys

import pytest
import yaml
from clustered import write_features
from eagerly import eagerly
from undrawn import undrawn

from kbsc_tf.cli import main


def make_run(place, decision, schemes, ks, snrs, mcs, chunk):
    """Its results folder."""
    file = write_features(place / "features.npz")
    settings = {"name": "small", "features": {"file": str(file)}, "schemes": schemes, "k": ks}
    settings |= {"receiver": {"decision": decision}, "coding": {"mcs": mcs, "genie": False}}
    settings |= {"snr_db": snrs, "sweep": {"latency": False, "chunk": chunk}}
    (place / "small.yaml").write_text(yaml.safe_dump(settings))
    with pytest.MonkeyPatch.context() as patch, eagerly(), undrawn():
        patch.setattr(sys, "argv", ["kbsc", "run", str(place / "small.yaml"), "--out", str(place / "small")])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return place / "small"
