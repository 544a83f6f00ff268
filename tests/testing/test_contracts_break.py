"""What breaks a contract is found, and named in one sentence."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.utils import complex_normal

from kbsc_tf import registry
from kbsc_tf.channel import AirOverhead, FlatChannel, Received, SymbolChannel, seed_noise
from kbsc_tf.codecs import JpegCodec
from kbsc_tf.config import ChannelSettings, ChannelSpec, SchemeSpec
from kbsc_tf.schemes.linear.pca import PcaScheme
from kbsc_tf.testing import check_channel, check_codec, check_encoder, check_scheme
from kbsc_tf.testing.samples import SampleEncoder


class Louder(PcaScheme):
    """Sends three times the power."""

    def transmit(self, batch, snr_db, seed):
        seed_noise(seed)
        symbols = tf.constant(np.full((len(batch.features), self.k // 2), 3**0.5), tf.complex64)
        self.link.air.channel(symbols, tf.constant(snr_db, tf.float32))
        return super().transmit(batch, snr_db, seed)


class Unseeded(PcaScheme):
    def transmit(self, batch, snr_db, seed):
        return super().transmit(batch, snr_db, None)


class Deaf(PcaScheme):
    def transmit(self, batch, snr_db, seed):
        return super().transmit(batch, float("inf"), 0)


class Leaking(PcaScheme):
    """Centres by the mean of the batch."""

    def transmit(self, batch, snr_db, seed):
        moved = batch.features - batch.features.mean(axis=0)
        return super().transmit(dataclasses.replace(batch, features=moved), snr_db, seed)


class Changed(PcaScheme):
    """Changes a field of what it transmits."""

    changes: dict

    def transmit(self, batch, snr_db, seed):
        sent = super().transmit(batch, snr_db, seed)
        return dataclasses.replace(sent, **{name: make(getattr(sent, name)) for name, make in self.changes.items()})


class Free(Changed):
    changes = {"channel_uses": lambda uses: uses - 40}


class Wide(Changed):
    changes = {"features": lambda x: x.astype(np.float64)}


class Forgetful(PcaScheme):
    def load(self, folder):
        super().load(folder)
        self.link.decoder.set_weights([0 * weight for weight in self.link.decoder.get_weights()])


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Louder, "mean power of .* per complex symbol, expected 1"),
        (Unseeded, "features differ at the same seed"),
        (Deaf, "another seed changes nothing"),
        (Leaking, "features of an image depend on what else is in the batch"),
        (Free, "channel_uses: expected 0 or more, got -8"),
        (Wide, r"features: expected float32 \[24, 64\], got float64 \[24, 64\]"),
        (Forgetful, "features differ after save and load"),
    ],
)
def test_broken_schemes(kind, sentence, monkeypatch):
    class Spec(SchemeSpec):
        """For this test."""

        name, label = "broken", "broken"

        def build(self, config, context):
            yield from context.per_k(lambda k: kind(k, context.channel))

    monkeypatch.setitem(registry.schemes._specs, "broken", Spec())
    with pytest.raises(AssertionError, match=rf"^broken: {sentence}"):
        check_scheme("broken", snr_db=[0])


class Noisier(FlatChannel):
    def __call__(self, symbols, snr_db):
        return super().__call__(symbols, snr_db - 3.0)._replace(no_eff=super().__call__(symbols, snr_db).no_eff)


class Own(SymbolChannel):
    """Random numbers of its own."""

    def __call__(self, symbols, snr_db):
        no = tf.broadcast_to(tf.reshape(10.0 ** (-snr_db / 10), [-1, 1]), tf.shape(symbols))
        noise = tf.complex(*(tf.sqrt(no / 2) * tf.random.normal(tf.shape(symbols)) for _ in range(2)))
        return Received(symbols + noise, no, tf.ones_like(no))


class Crosstalk(FlatChannel):
    def __call__(self, symbols, snr_db):
        return super().__call__(symbols + 0.1 * tf.roll(symbols, 1, axis=0), snr_db)


class Cheap(FlatChannel):
    def overhead(self, n):
        return AirOverhead(pilots=4.0)


class Cut(FlatChannel):
    def __call__(self, symbols, snr_db):
        return super().__call__(tf.stop_gradient(symbols), snr_db)


class Eager(FlatChannel):
    """Draws another noise in a graph."""

    def __call__(self, symbols, snr_db):
        if not tf.executing_eagerly():
            complex_normal([3])
        return super().__call__(symbols, snr_db)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Noisier, "at 0 dB the error has .* times the power that no_eff says"),
        (Own, "a seed does not repeat the noise"),
        (Crosstalk, "depends on rows that rows_per_realisation says are apart"),
        (Cheap, r"channel_uses\(1\) is 1, and symbols and overhead\(1\) are 5"),
        (Cut, "no gradient reaches the symbols"),
        (Eager, "symbols differ between eager mode and a graph"),
    ],
)
def test_broken_channels(kind, sentence, monkeypatch):
    class Spec(ChannelSpec):
        """For this test."""

        name, Config = "broken", ChannelSettings

        def build(self, config):
            return kind()

    monkeypatch.setitem(registry.channels._specs, "broken", Spec())
    with pytest.raises(AssertionError, match=rf"^broken: .*{sentence}"):
        check_channel({"type": "broken", "name": f"broken: {kind.__name__}"})


class Fragile(JpegCodec):
    def decode(self, data):
        if data[:2] != b"\xff\xd8":
            raise IndexError("no marker")
        return super().decode(data)


class Backwards(JpegCodec):
    qualities = range(95, 0, -1)


class Generous(JpegCodec):
    def encode_to_budgets(self, image, budgets):
        return [self.encode(image, 50) for _ in budgets]


class Counting(JpegCodec):
    calls = 0

    def encode(self, image, quality):
        self.calls += 1
        return super().encode(image, quality) + bytes(self.calls % 2)


class Grey(JpegCodec):
    def decode(self, data):
        return super().decode(data).mean(axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Fragile, r"a damaged file raises IndexError \(no marker\), expected CodecError"),
        (Backwards, "the first is not the smallest file and worst image|the best quality has a PSNR"),
        (Generous, "bytes for 1"),
        (Counting, "the same image gives another file again"),
        (Grey, r"decode: expected uint8 \[32, 32, 3\], got uint8 \[32, 32\]"),
    ],
)
def test_broken_codecs(kind, sentence):
    with pytest.raises(AssertionError, match=rf"^jpeg: .*(?:{sentence})"):
        check_codec(kind())


class Long(SampleEncoder):
    def embed_images(self, images):
        return 2 * super().embed_images(images)


class Relative(SampleEncoder):
    """Centres by the mean of the batch."""

    def embed_images(self, images):
        x = super().embed_images(images)
        x = x - 0.1 * x.mean(axis=0)
        return x / np.linalg.norm(x, axis=1, keepdims=True)


class Moving(SampleEncoder):
    @property
    def fingerprint(self):
        self.asked = getattr(self, "asked", 0) + 1
        return f"moving {self.asked}"


class Short(SampleEncoder):
    dim = 64

    def embed_texts(self, texts):
        return super().embed_texts(texts)[:, :32]


class Blind(SampleEncoder):
    def embed_images(self, images):
        return super().embed_images([np.zeros((4, 4, 3), np.uint8) for _ in images])


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Long, "expected features of length 1, one has 2"),
        (Relative, "the feature of an image depends on what else is in the batch"),
        (Moving, "the fingerprint changes when something is embedded"),
        (Short, r"embed_texts of 2 texts: expected float32 \[2, 64\], got float32 \[2, 32\]"),
        (Blind, "different images have the same feature"),
    ],
)
def test_broken_encoders(kind, sentence):
    with pytest.raises(AssertionError, match=rf"^sample: .*{sentence}|^sample: {sentence}"):
        check_encoder(kind())


def test_the_sample_encoder_is_not_broken():
    check_encoder(SampleEncoder())
