"""The published DeepJSCC checkpoints give here what they give in PyTorch; see torch_checkpoints.py for the vectors."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel.power import amplitude
from kbsc_tf.schemes.jscc.convert import load_deepjscc

CHECKOUT, VECTORS = (os.environ.get(name) for name in ("KBSC_DEEPJSCC", "KBSC_DEEPJSCC_VECTORS"))
CHECKPOINTS = sorted(Path(CHECKOUT).glob("out/checkpoints/*/*.pkl")) if CHECKOUT and VECTORS else []
TOLERANCE = 1e-4

needs_checkpoints = pytest.mark.skipif(
    not (CHECKOUT and VECTORS),
    reason="needs KBSC_DEEPJSCC, a clone of github.com/chunbaobao/Deep-JSCC-PyTorch, and KBSC_DEEPJSCC_VECTORS, the "
    "folder that torch_checkpoints.py makes from it",
)


@needs_checkpoints
def test_every_checkpoint_has_vectors():
    names = {f"{path.parent.name}__{path.stem}" for path in CHECKPOINTS}
    assert names
    assert names == {path.stem for path in Path(VECTORS).glob("*.npz")}


@needs_checkpoints
@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: f"{path.parent.name}__{path.stem}")
def test_published_checkpoint_equals_pytorch(path):
    vectors = np.load(Path(VECTORS) / f"{path.parent.name}__{path.stem}.npz")
    encoder, decoder = load_deepjscc(path)
    latent = encoder(vectors["images"]).numpy()
    flat = latent.reshape(len(latent), -1)
    flat = flat / amplitude(tf.constant(flat)).numpy() * 2**0.5  # unit power per real value
    np.testing.assert_allclose(flat.reshape(latent.shape), vectors["latent"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(decoder(vectors["received"]), vectors["restored"], rtol=0, atol=TOLERANCE)
