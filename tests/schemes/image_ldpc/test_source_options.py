"""Abbreviated streams and thumbnails as options of the image schemes: named, counted, delivered."""

import math
from pathlib import Path

import numpy as np
import pytest
from clustered import feature_set

from kbsc_tf.config import AwgnConfig, ExperimentConfig
from kbsc_tf.config.identity import settings_of_experiment
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.results.names import names_of
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.measurement import Measurement
from kbsc_tf.study.trial import Outcome
from kbsc_tf.testing import check_scheme
from kbsc_tf.transmission import SourceBatch, Transmission

COUNT = 6
IMAGES = procedural_set(200, 0, "images")
TRAINING, SENDER = feature_set(300, 1, 0.6), feature_set(COUNT, 2, 0.6)
BATCH = SourceBatch(SENDER.x, IMAGES.read(np.arange(COUNT)))
FAIR = {"format": "abbreviated", "thumbnails": True}

pytestmark = pytest.mark.usefixtures("codes_as_graphs")


def config_of(*entries, k=256, coding=None, codec=None, **settings):
    coding = {"mcs": ["qpsk-1/2"], **(coding or {})}
    codec = {"processes": 1, **(codec or {})}
    settings = {"channels": [AwgnConfig()], "snr_db": [math.inf], **settings}
    return ExperimentConfig(name="t", schemes=list(entries), k=[k], coding=coding, codec=codec, **settings)


def build(*entries, **settings):
    return [scheme for _, scheme in build_schemes(config_of(*entries, **settings), TRAINING)]


def test_options_are_part_of_the_name_the_label_and_the_identity():
    entries = [{"scheme": "bpg_ldpc", **{key: FAIR[key] for key in keys}} for keys in ([], ["format"], [*FAIR])]
    config = config_of(*entries, {"scheme": "image_ldpc", "codec": "jpeg", **FAIR}, {"scheme": "jpeg_capacity", **FAIR})
    titles = ["bpg_ldpc", "bpg_ldpc_abbreviated", "bpg_ldpc_abbreviated_thumbnails"]
    titles += ["jpeg_ldpc_abbreviated_thumbnails", "jpeg_capacity_abbreviated_thumbnails"]
    assert config.titles == titles
    assert [one["label"] for one in names_of(config)["schemes"].values()] == [
        "BPG + LDPC",
        "BPG + LDPC, abbreviated",
        "BPG + LDPC, abbreviated, thumbnails",
        "jpeg file + LDPC, abbreviated, thumbnails",
        "JPEG, capacity, abbreviated, thumbnails",
    ]
    settings = settings_of_experiment(config)["schemes"]
    assert settings[titles[2]] == settings[titles[0]] | FAIR
    assert [scheme.name for scheme in build(*entries)] == titles[:3]
    own = config_of({"scheme": "bpg_ldpc", "name": "mine", **FAIR})
    assert own.titles == ["mine"] and names_of(own)["schemes"]["mine"]["label"] == "mine"


@pytest.mark.parametrize("name", ["bpg_ldpc", "jpeg_ldpc"])
@pytest.mark.parametrize(
    ("per_block", "tiled"), [(1, False), (4, False), (4, True)], ids=["one image", "four files", "four tiles"]
)
def test_images_that_no_file_fits_arrive_and_every_bit_is_counted(name, per_block, tiled):
    """128 channel uses an image at QPSK 1/2: 13 to 16 bytes. Six images fill a block and a half."""
    settings = {"coding": {"images_per_block": per_block}, "codec": {"tiled": tiled}}
    plain, fair = build(name, {"scheme": name, **FAIR}, **settings)
    if not tiled:
        assert not plain.pack(BATCH).feasible.any()
    packed, sent = fair.pack(BATCH), fair.transmit(BATCH, math.inf, 0)
    assert sent.delivered.all() and sent.feasible.all()
    np.testing.assert_array_equal(sent.thumbnail, packed.thumbnail)
    files = np.repeat([len(file) for file in fair_files(fair)], fair.per_file)[:COUNT] / fair.per_file
    np.testing.assert_allclose(packed.data_bits, 8 * files)
    # What is neither picture nor padding: a byte of setting, and one of length where a payload has several streams.
    expected = 8 * (1 + (fair.per_file < per_block)) / fair.per_file
    np.testing.assert_allclose(packed.header_bits, expected)
    whole = COUNT // per_block * per_block
    lengths = 8 * (fair.per_file < per_block)
    sums = (packed.data_bits + lengths + packed.padding_bits)[:whole].reshape(-1, per_block).sum(axis=1)
    np.testing.assert_allclose(sums, fair.plan.payload_bits)


def fair_files(scheme):
    from kbsc_tf.schemes.image_ldpc.image_files import pictures

    return scheme.files.fit(pictures(BATCH.images, scheme.per_block, scheme.per_file), scheme.budget)


def test_what_arrives_is_what_the_sender_reconstructs():
    [scheme] = build({"scheme": "bpg_ldpc", **FAIR})
    for image, stream in zip(scheme.transmit(BATCH, math.inf, 0).images, fair_files(scheme), strict=True):
        np.testing.assert_array_equal(image, scheme.files.coder.decode(stream, (32, 32)))


def test_the_share_of_thumbnails_is_measured():
    """Of one image of three; a scheme without thumbnails leaves the cell empty."""
    shares = []
    for thumbnail in (np.array([True, False, False]), None):
        sender = feature_set(3, 2, 0.6)
        decision = type("Decision", (), {"labels": sender.labels[:, None], "ids": np.zeros((3, 1), int)})
        sent = Transmission(sender.x, None, np.ones(3, bool), np.ones(3), thumbnail=thumbnail)
        measured = Measurement(sender, TRAINING, (32, 32))
        measured.add(Outcome(sender.x, decision, sent))
        shares.append(measured.row()["thumbnails"])
    assert shares == [pytest.approx(1 / 3), None]


def test_a_genie_keeps_what_each_of_its_mcs_sent():
    schemes = build({"scheme": "bpg_ldpc", **FAIR}, coding={"mcs": ["qpsk-1/2", "64qam-5/6"]})
    small, large, best = (scheme.transmit(BATCH, math.inf, 0).thumbnail for scheme in schemes)
    assert small.sum() > large.sum()
    np.testing.assert_array_equal(best, large)


def test_an_ideal_code_carries_them_too():
    plain, fair = build("bpg_capacity", {"scheme": "bpg_capacity", **FAIR}, k=128, snr_db=[5.0])
    assert not plain.transmit(BATCH, 5.0, 0).feasible.any()
    sent = fair.transmit(BATCH, 5.0, 0)
    assert sent.delivered.all() and sent.thumbnail.any() and sent.images[0].shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["bpg_ldpc", "jpeg_ldpc"])
def test_wrong_bits_that_passed_the_checks_do_no_harm(name):
    rng = np.random.default_rng(0)
    [scheme] = build({"scheme": name, **FAIR})
    for _ in range(20):
        bits = rng.integers(0, 2, (COUNT, scheme.plan.payload_bits), np.uint8)
        images, delivered = scheme.unpack(bits, np.ones(COUNT, bool), BATCH)
        for image, there in zip(images, delivered, strict=True):
            assert (image is not None) == there and (image is None or image.shape == (32, 32, 3))


def test_a_codec_of_whole_files_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="bpg_ldpc_abbreviated: format: codec.bpg_tools writes whole files only"):
        config_of({"scheme": "bpg_ldpc", "format": "abbreviated"}, codec={"bpg_tools": True})
    with pytest.raises(ValueError, match="format"):
        config_of({"scheme": "bpg_ldpc", "format": "short"})


def test_the_contract_of_schemes_holds():
    check_scheme({"scheme": "jpeg_ldpc", **FAIR}, k=[256])


def test_the_baselines_compare_with_the_fair_ones():
    """Beside BPG + LDPC of whole files, which published comparisons count."""
    import yaml

    for name in ("baselines_cifar10", "baselines_tiny_imagenet_100"):
        settings = yaml.safe_load((Path(__file__).parents[3] / "sims" / f"{name}.yaml").read_text())
        titles = ExperimentConfig.model_validate({**settings, "data": {"source": "procedural"}}).titles
        for scheme in ("bpg_ldpc", "jpeg_ldpc", "bpg_capacity", "bpg_finite_length"):
            assert f"{scheme}_abbreviated_thumbnails" in titles
        assert "bpg_ldpc" in titles
