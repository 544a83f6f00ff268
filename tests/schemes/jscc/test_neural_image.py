"""Neural image schemes: what they deliver and cost, what they refuse, and published weights in place of a training."""

import json
import math
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from clustered import feature_set
from drawn_weights import draw
from eagerly import eagerly
from safetensors.numpy import save_file

from kbsc_tf.channel import build_channel
from kbsc_tf.config import AwgnConfig, ExperimentConfig, NearestConfig, OfdmConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.errors import UserError
from kbsc_tf.metrics.image import psnr
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.jscc import image_training
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder
from kbsc_tf.transmission import SourceBatch

pytestmark = pytest.mark.long

VECTORS = Path(__file__).parent / "vectors"
TINY = {"widths": [8, 16], "depths": [2, 2], "heads": [2, 4], "window": 2}
SMALLEST = {"widths": [4, 12], "depths": [1, 1], "heads": [1, 2], "window": 2}
NAMES = ["deepjscc", "adjscc", "swinjscc"]
SIDE, K = 16, (64, 128)  # 16 places, so 4 and 8 values per place
GRID = OfdmConfig(fft_size=64, guard_carriers=(2, 1), csi="perfect", model="tdl-a", features_per_grid=4)

_ALL = procedural_set(200, 0, "some")
IMAGES = replace(_ALL, reader=lambda i: [image[::2, ::2] for image in _ALL.reader(i)], image_shape=(SIDE, SIDE))


def features(rows, seed):
    return feature_set(len(rows), seed, 0.6, images=IMAGES.subset(rows, f"images {seed}"))


TRAINING, HELD_OUT, SENDER = features(range(48), 1), features(range(48, 60), 2), features(range(60, 70), 3)
VALIDATION = Validation(
    HELD_OUT.x, HELD_OUT.labels, Receiver.around(feature_set(40, 4, 0.6), NearestConfig()), HELD_OUT.images
)
BATCH = SourceBatch(SENDER.x, SENDER.images.read(np.arange(10)))


def entry(name, **options):
    """A scheme that is trained for an epoch, or has a checkpoint."""
    trained = {} if "checkpoint" in options else {"epochs": 1, "batch_size": 16}
    size = {"size": TINY if "checkpoint" in options else SMALLEST} if name == "swinjscc" else {}
    return {"scheme": name, **trained, "validation_snr_db": [5.0], **size, **options}


def build(names=NAMES, k=K, training=TRAINING, channel=None, **options):
    """Schemes of one channel; the options are those of all of them."""
    schemes = [entry(name, **options) for name in names]
    config = ExperimentConfig(name="t", schemes=schemes, k=k, channels=[channel or AwgnConfig()])
    return [scheme for _, scheme in build_schemes(config, training)]


def fitted(folder, *args, report=lambda *_: None, **settings):
    schemes = build(*args, **settings)
    for scheme in schemes:
        scheme.fit(TRAINING, VALIDATION, folder / scheme.model, report)
    return {(scheme.name, scheme.k): scheme for scheme in schemes}


@pytest.fixture(scope="module", autouse=True)
def _eager():
    """But for a whole run, see `test_neural_image_run`."""
    with eagerly():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("awgn")


@pytest.fixture(scope="module")
def awgn(folder):
    return fitted(folder)


@pytest.mark.parametrize("k", K)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_handed_to_the_receiver(awgn, name, k):
    scheme = awgn[name, k]
    sent = scheme.transmit(BATCH, 5.0, 1)
    assert isinstance(sent.images, list) and sent.features is None and scheme.needs_images
    assert {(image.shape, image.dtype) for image in sent.images} == {((SIDE, SIDE, 3), np.dtype(np.uint8))}
    assert sent.delivered.tolist() == [True] * 10 and sent.channel_uses.tolist() == [k / 2] * 10
    np.testing.assert_allclose(sent.noise_var_per_symbol, 10**-0.5, rtol=1e-5)
    assert sent.groups is None and sent.overhead is None
    assert "parameters" in scheme.summary


@pytest.mark.parametrize("name", NAMES)
def test_the_result_depends_on_the_arguments_alone(awgn, name):
    """On images that tell noise apart: a network of one epoch may restore all as grey."""
    scheme = awgn[name, K[0]]

    def received(seed):
        return np.stack(scheme.transmit(BATCH, -5.0, seed).images)

    first = received(7)
    awgn["swinjscc", K[1]].transmit(SourceBatch(BATCH.features[:3], BATCH.images[:3]), 3.0, 5)
    np.testing.assert_array_equal(received(7), first)
    assert name == "adjscc" or not np.array_equal(received(8), first)


def test_one_rate_adaptive_network_serves_all_k(awgn, folder):
    smaller, larger = (awgn["swinjscc", k] for k in K)
    assert smaller.model == larger.model and smaller.summary == larger.summary
    assert awgn["deepjscc", K[0]].model != awgn["deepjscc", K[1]].model
    assert {path.name for path in folder.iterdir()} == {scheme.model for scheme in awgn.values()}
    assert not np.array_equal(smaller.transmit(BATCH, 5.0, 1).images, larger.transmit(BATCH, 5.0, 1).images)


def test_a_finished_training_is_loaded(awgn, folder):
    again = fitted(folder, report=lambda *_: pytest.fail("trained again"))
    for key, scheme in awgn.items():
        np.testing.assert_array_equal(again[key].transmit(BATCH, 0.0, 2).images, scheme.transmit(BATCH, 0.0, 2).images)
        assert len(list((folder / scheme.model).glob("best.keras"))) == 1


def test_a_training_does_not_depend_on_what_ran_before_it(awgn, tmp_path):
    again = fitted(tmp_path, ["deepjscc"], [K[1]])["deepjscc", K[1]]
    np.testing.assert_array_equal(
        again.transmit(BATCH, 0.0, 2).images, awgn["deepjscc", K[1]].transmit(BATCH, 0.0, 2).images
    )


def test_a_model_of_other_settings_is_refused(awgn, folder):
    with pytest.raises(UserError, match="other features or settings"):
        fitted(folder, ["deepjscc"], learning_rate=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_in_parts_is_the_batch(awgn, name, monkeypatch):
    """Without noise, which falls otherwise on the parts."""
    scheme = awgn[name, K[0]]
    whole = scheme.transmit(BATCH, math.inf, 1)
    monkeypatch.setattr(image_training, "_PIXELS_AT_ONCE", 3 * SIDE * SIDE)
    parts = scheme.transmit(BATCH, math.inf, 1)
    # Rounding may fall on either side of a half level.
    np.testing.assert_allclose(np.stack(parts.images).astype(int), np.stack(whole.images).astype(int), atol=1)
    assert len(parts.noise_var_per_symbol) == len(parts.channel_uses) == len(parts.delivered) == len(parts.images) == 10


def test_images_that_share_a_grid_stay_together(awgn, monkeypatch, tmp_path):
    config = ExperimentConfig(name="t", schemes=[entry("deepjscc", channel="awgn")], k=[K[0]], channels=[GRID])
    [(_, scheme)] = build_schemes(config, TRAINING)
    scheme.fit(TRAINING, VALIDATION, tmp_path)
    assert scheme.trained_on == AwgnConfig()
    together = build_channel(GRID).rows_per_realisation(K[0] // 2)
    assert together == 4
    whole = scheme.transmit(BATCH, 10.0, 1)
    rows, transmit = [], scheme._transmit
    monkeypatch.setattr(
        scheme, "_transmit", lambda images, snr_db: rows.append(len(images)) or transmit(images, snr_db)
    )
    monkeypatch.setattr(image_training, "_PIXELS_AT_ONCE", 1)
    parts = scheme.transmit(BATCH, 10.0, 1)
    assert set(rows[:-1]) == {together} and rows[-1] == 10 % together
    for sent in (whole, parts):
        assert len(sent.images) == 10 and sent.noise_var_per_symbol.shape == sent.papr_db.shape == (10,)
        np.testing.assert_array_equal(sent.groups, np.arange(10) // together)
        assert np.unique(sent.channel_uses).size == 1 and sent.channel_uses[0] > K[0] / 2  # pilots count


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"names": ["swinjscc"], "size": {**TINY, "window": 3}},
            "schemes: swinjscc needs images whose height and width are multiples of 12, these have 16x16",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_fitting(settings, message):
    with pytest.raises(UserError, match=message):
        build(**settings)


@pytest.mark.parametrize(
    ("name", "settings", "k", "message"),
    [
        ("deepjscc", {}, 72, "16 places at 16x16 pixels; give a multiple of 16"),
        ("swinjscc", {}, 320, "20 channels are needed, there are 12 to choose from; lower k"),
    ],
)
def test_a_k_that_a_network_cannot_send_does_not_stop_the_others(name, settings, k, message):
    possible, other = build([name], [64, k], **settings)
    assert possible.shortfall is None and possible.k == 64
    assert message in other.shortfall.reason and other.transmit(BATCH, 0.0, 0).images == [None] * len(BATCH.images)
    if name == "swinjscc":
        assert possible.rates == build([name], [64])[0].rates


def test_images_of_different_sizes_are_refused(awgn):
    odd = [*BATCH.images[:2], BATCH.images[2][:12]]
    with pytest.raises(
        UserError, match="deepjscc: image 2 of the source has 12x16 pixels, expected 16x16 as the first"
    ):
        awgn["deepjscc", K[0]].transmit(SourceBatch(BATCH.features[:3], odd), 0.0, 0)


def test_a_feature_file_has_no_images():
    for name in NAMES:
        with pytest.raises(ValueError, match=f"schemes: {name} needs images, which features.file does not have"):
            ExperimentConfig(name="t", schemes=[name], features={"file": "f.npz"})


def test_transmitting_before_fitting_is_a_mistake_in_the_program():
    with pytest.raises(RuntimeError, match="deepjscc: call fit"):
        build(["deepjscc"])[0].transmit(BATCH, 0.0, 0)


# Published weights


def checkpoint(path, name):
    """Drawn weights under the names that the published ones have."""
    vectors = np.load(VECTORS / f"{name}.npz")
    state = draw(json.loads(str(vectors["shapes"])), int(vectors["seed"]))
    save_file({key: np.ascontiguousarray(value) for key, value in state.items()}, path / f"{name}.safetensors")
    return {"checkpoint": str(path / f"{name}.safetensors")}


@pytest.mark.parametrize("snr_db", [5.0, math.inf])
@pytest.mark.parametrize(
    ("name", "file", "k", "settings"),
    [
        ("deepjscc", "deepjscc_c4", [128], {}),
        ("swinjscc", "swinjscc_tiny_sa_ra", list(K), {}),
        ("swinjscc", "swinjscc_tiny_sa", [96], {"variant": "sa"}),
    ],
)
def test_published_weights_are_used_as_they_are(tmp_path, name, file, k, settings, snr_db):
    schemes = build([name], k, **checkpoint(tmp_path, file), **settings, validation_snr_db=[snr_db])
    for scheme in schemes:
        scheme.fit(TRAINING, None, None, lambda *_: pytest.fail("trained"))
        sent = scheme.transmit(BATCH, 5.0, 1)
        assert sent.channel_uses.tolist() == [scheme.k / 2] * 10
        assert len(sent.images) == 10 and np.isfinite(psnr(BATCH.images, sent.images)).all()
        assert np.std(np.stack(sent.images)) > 1  # drawn weights show something, a lost scale would not
    assert [path.name for path in tmp_path.iterdir()] == [f"{file}.safetensors"]


@pytest.mark.parametrize(
    ("names", "file", "settings", "message"),
    [
        (["deepjscc"], "deepjscc_c4", {}, "makes k = 128, the experiment has k = 64; set k"),
        (["swinjscc"], "swinjscc_tiny_sa", {"variant": "sa"}, "makes k = 96, the experiment has k = 64; set k"),
        (["swinjscc"], "swinjscc_tiny_sa", {}, "is missing|has no place in the model"),
    ],
)
def test_a_checkpoint_that_does_not_suit_is_refused(tmp_path, names, file, settings, message):
    with pytest.raises(UserError, match=message):
        build(names, [64], **checkpoint(tmp_path, file), **settings)


def test_a_checkpoint_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="none.pkl: cannot be read"):
        build(["deepjscc"], [64], checkpoint="none.pkl")


@pytest.mark.parametrize("cls", [SwinJsccEncoder, SwinJsccDecoder])
def test_no_layer_is_in_a_list_of_lists(cls):
    """Keras before 3.15 neither counts nor saves those (keras-team/keras#20598)."""
    network = cls(TINY, 16, snr_adaptive=True, rate_adaptive=True)
    layers = [network, *network._flatten_layers(include_self=False)]
    lists = [value for layer in layers for value in vars(layer).values() if isinstance(value, list | tuple)]
    assert not [one for value in lists for one in value if isinstance(one, list | tuple) and any(map(_is_layer, one))]


def _is_layer(value):
    return isinstance(value, keras.layers.Layer)
