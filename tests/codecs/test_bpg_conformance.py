"""Against the reference encoder and decoder; see README.md in the conformance folder."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from codec_samples import CONFORMANCE, decode_image

from kbsc_tf.codecs import BpgCodec, CodecError

MANIFEST = CONFORMANCE / "manifest.json"
VECTORS = json.loads(MANIFEST.read_text()) if MANIFEST.is_file() else []
# Made by bpgenc 0.9.8 from an image of 13x11 pixels, decoded by bpgdec: what the conformance folder does not have.
REFERENCES = json.loads(Path(__file__).with_name("reference_bpg.json").read_text())


@pytest.fixture(scope="module")
def codec():
    return BpgCodec()


@pytest.mark.skipif(not VECTORS, reason=f"no conformance vectors in {CONFORMANCE}; set KBSC_CONFORMANCE")
def test_every_conformance_file_is_listed():
    assert {vector["file"] for vector in VECTORS} == {path.name for path in CONFORMANCE.glob("*.bpg")}
    assert len(VECTORS) >= 23


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['file']} {vector['bpgenc_options']}")
def test_conformance(vector, codec):
    data = (CONFORMANCE / vector["file"]).read_bytes()
    pixels = codec.decode(data)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, decode_image(CONFORMANCE / vector["decoded"]))
    assert 0 < codec.header_bytes(data) < 30
    assert data[codec.header_bytes(data) :].startswith(b"\0\0\1")


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference["bpgenc_options"])
def test_references(reference, codec):
    data = bytes.fromhex(reference["bpg"])
    if "refused" in reference:
        with pytest.raises(CodecError) as raised:
            codec.decode(data)
        assert str(raised.value) == reference["refused"]
    else:
        pixels = codec.decode(data)
        assert pixels.shape == (11, 13, 3)
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == reference["pixels_sha256"]
