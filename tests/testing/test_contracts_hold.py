"""What is registered here, and the example of plug-ins, keep the contracts."""

import subprocess
import sys
from functools import partial

import plugins
import pytest

from kbsc_tf.registry import codecs
from kbsc_tf.testing import check_channel, check_codec, check_encoder, check_scheme

slow = partial(pytest.param, marks=pytest.mark.slow)
BLOCK_FADING = [{"fading": "rayleigh", "coherence": "block"}]


@pytest.mark.parametrize("name", list(codecs))
def test_our_codecs(name):
    check_codec(name)


@pytest.mark.long
def test_our_encoder():
    check_encoder("clip")


@pytest.mark.parametrize(
    "channel",
    [
        "awgn",
        *(slow(one) for one in ("rayleigh", BLOCK_FADING[0] | {"equaliser": "zf"}, {"preset": "original"}, "tdl-a")),
    ],
    ids=lambda channel: str(channel),
)
def test_our_channels(channel):
    check_channel(channel)


@pytest.mark.parametrize(
    ("scheme", "experiment"),
    [
        ("pca", {}),
        slow("raw", {}),
        slow("adaptive", {}),
        slow("pca", {"channels": ["tdl-a"]}),
        slow({"scheme": "kbsc", "epochs": 1}, {}),
        ("feature_ldpc_sq", {"snr_db": [-3, 0]}),
        slow("index_ldpc", {"k": [128], "channels": BLOCK_FADING, "snr_db": [-3]}),
        slow("label_ldpc", {"k": [128], "channels": BLOCK_FADING, "snr_db": [-3]}),
        slow({"scheme": "image_ldpc", "codec": "jpeg"}, {"k": [8192], "channels": BLOCK_FADING, "snr_db": [6]}),
        slow("jpeg_finite_length", {"k": [8192], "channels": BLOCK_FADING, "snr_db": [6]}),
        slow("jpeg_capacity", {"k": [8192], "channels": BLOCK_FADING, "snr_db": [6]}),
    ],
    ids=lambda value: str(value),
)
def test_our_schemes(scheme, experiment):
    check_scheme(scheme, **experiment)


@pytest.mark.parametrize(("name", "k"), [("noise_free", 64), ("jpeg_capacity", 8192)])
def test_our_schemes_without_random_numbers(name, k):
    check_scheme(name, noisy=False, k=[k], snr_db=[6])


@pytest.mark.slow
def test_the_example_of_plugins(tmp_path):
    code = (
        "from kbsc_tf.testing import check_channel, check_encoder, check_scheme\n"
        "check_scheme('random_projection'); check_scheme('random_projection', channels=['impulses'])\n"
        "check_channel({'type': 'impulses', 'share': 0.1}); check_encoder({'encoder': 'thumbnail', 'size': 4})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=plugins.install(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
