"""Neural image schemes in a whole run."""

import math
import sys

import pytest
import yaml
from test_cli import write_images
from test_neural_image import NAMES, K, entry

from kbsc_tf.cli import main
from kbsc_tf.results.records import read_records

pytestmark = pytest.mark.long


# The one that is traced fastest.
@pytest.mark.parametrize("names", [["deepjscc"], pytest.param(NAMES, marks=pytest.mark.slow)], ids=["one", "all"])
def test_neural_schemes_go_all_the_way(tmp_path, monkeypatch, no_figures, names):
    """From a folder of images to records: trained, sent, embedded by CLIP, compared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KBSC_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "images")
    settings = {
        "data": {"source": "folder", "path": "images"},
        "features": {"store": "store", "batch_size": 16},
        "schemes": [entry(name, validation_snr_db=[0]) for name in names],
        "k": list(K),
        "snr_db": [0, "inf"],
        "sweep": {"chunk": 20, "latency": False},
    }
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setattr(sys, "argv", ["kbsc", "run", "trial.yaml"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    records = read_records(tmp_path / "results" / "trial")
    assert sorted(zip(records["scheme"], records["k"], records["snr_db"], strict=True)) == [
        (name, k, snr_db) for name in sorted(names) for k in K for snr_db in (0, math.inf)
    ]
    assert (records["channel_uses"] == records["k"] / 2).all() and (records["delivered"] == 1).all()
    assert records[["psnr", "ms_ssim", "top1"]].notna().all(axis=None)
    assert (records["psnr"] > 5).all()  # images of opposite colours have 0 dB
