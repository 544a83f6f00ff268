"""A fitted scheme is the same after it was saved and loaded, without the features it was fitted to."""

from dataclasses import fields

import numpy as np
import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.registry import schemes as registry
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.networks import load_networks, save_networks
from kbsc_tf.schemes.saved import saved_links
from kbsc_tf.study import experiment
from kbsc_tf.study.links import LinksFolder
from kbsc_tf.study.prepare import prepare
from kbsc_tf.study.trial import batch_of
from kbsc_tf.transmission import Rows

pytestmark = pytest.mark.slow  # all schemes are fitted; tests/api/test_link.py saves and loads some

SHORT = {"epochs": 1, "batch_size": 64}
CODE = {"validation_symbols": [64], "order_exponent": 1.0}
JUDGED = {"validation_snr_db": [5.0]}
OPTIONS = {
    "kbsc": {**SHORT, **JUDGED, "channel": {"fading": "rayleigh"}, "noise_aware": True},
    "kbsc_awgn": {**SHORT, **JUDGED},
    "adaptive": CODE,
    "adaptive_progressive": CODE,
    "adaptive_feedback": CODE,
    "deepjscc": {**SHORT, **JUDGED, "validation_images": 8},
    "adjscc": {**SHORT, **JUDGED, "validation_images": 8},
    "swinjscc": {
        **SHORT,
        **JUDGED,
        "validation_images": 8,
        "size": {"widths": [8, 8], "depths": [1, 1], "heads": [2, 2], "window": 2},
    },
    "image_ldpc": {"codec": "jpeg", "name": "any_ldpc"},
    "image_capacity": {"codec": "jpeg", "name": "any_capacity"},
    "image_finite_length": {"codec": "jpeg", "name": "any_finite_length"},
}
NAMES = [name for name in registry if registry[name].__module__.startswith("kbsc_tf.")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, quiet):
    """A study of all schemes, each fitted for a moment, and its links."""
    folder = tmp_path_factory.mktemp("run")
    config = ExperimentConfig(
        name="t",
        data={"source": "procedural", "training_images": 800, "test_images": 200},
        features={"store": folder / "store"},
        receiver={"decision": "posterior"},
        validation={"queries": 80},
        schemes=[{"scheme": name, **OPTIONS.get(name, {})} for name in NAMES],
        k=[64],
        snr_db=[5.0],
        coding={"mcs": ["qpsk-1/2", "16qam-1/2"], "iterations": 5},
        codec={"processes": 1},
    )
    study = prepare(config, folder, False, quiet)
    experiment.open_results(study, quiet)
    experiment.fit(study, quiet)
    links = LinksFolder(folder)
    return study, links


def equal(one, other) -> bool:
    """Whether two transmissions, or parts of them, hold the same bits."""
    if isinstance(one, Rows):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one) if f.name != "coder")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return (one is None) == (other is None) and (one is None or np.array_equal(one, other))


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_scheme_transmits_the_same_bits(saved, name):
    study, folder = saved
    title = OPTIONS.get(name, {}).get("name", name)
    receiver, entries = folder.receiver(study.config)
    links = {link.curve.mcs: link for link in saved_links(folder.folder) if link.curve.scheme == title}
    originals = {scheme.mcs: scheme for _, scheme in study.schemes if scheme.name == title}
    assert links.keys() == originals.keys() and links
    batch = batch_of(study.features.sender, np.arange(6), with_images=True)
    for mcs, original in originals.items():
        loaded = folder.scheme(links[mcs], receiver, entries)
        assert (loaded.name, loaded.k, loaded.mcs, loaded.summary) == (title, original.k, mcs, original.summary)
        assert loaded.observing == original.observing
        for snr_db in (0.0, 12.0):
            sent, again = original.transmit(batch, snr_db, 3), loaded.transmit(batch, snr_db, 3)
            assert equal(sent, again)
            if sent.images is None:  # those that are images, the same CLIP embeds
                one = study.receiver.decide(sent, original.calibration)
                other = receiver.decide(again, loaded.calibration)
                assert np.array_equal(one.ids, other.ids) and np.array_equal(one.confidence, other.confidence)
        assert (original.calibration is None) == (loaded.calibration is None)
        assert original.calibration is not None or not original.observing


def test_what_schemes_share_takes_its_space_once(saved):
    """The quantiser of a genie's schemes is theirs too."""
    _, folder = saved
    files = list(folder.path.rglob("quantiser.npz"))
    assert len(files) == 8  # two kinds, two formats: alone and of the genie
    assert len({file.stat().st_ino for file in files}) == 4


def test_saving_again_changes_nothing(saved):
    study, folder = saved
    before = {file: file.stat().st_mtime_ns for file in folder.path.rglob("*")}
    folder.save_receiver(study)
    for channel, scheme in study.schemes:
        assert folder.save(study, channel, scheme)
    assert {file: file.stat().st_mtime_ns for file in folder.path.rglob("*")} == before


def test_a_damaged_file_is_named(saved, tmp_path):
    study, _ = saved
    scheme = next(scheme for _, scheme in study.schemes if scheme.name == "pca")
    scheme.save(tmp_path)
    (tmp_path / "codec.npz").write_bytes((tmp_path / "codec.npz").read_bytes()[:500])
    with pytest.raises(UserError, match="codec.npz: not a whole .npz file .* run kbsc train again"):
        scheme.load(tmp_path)
    (tmp_path / "scheme.json").unlink()
    with pytest.raises(UserError, match="scheme.json: cannot be read"):
        scheme.load(tmp_path)


def test_a_scheme_that_learns_and_cannot_be_saved_says_so(tmp_path):
    class Learning(Scheme):
        def fit(self, training, validation=None, folder=None, report=None):
            self.learned = 1

        def transmit(self, batch, snr_db, seed): ...

    with pytest.raises(NotImplementedError, match="Learning has a fit of its own, but neither save nor load"):
        Learning().save(tmp_path)


def test_equal_networks_make_equal_files(tmp_path):
    from kbsc_tf.schemes.kbsc.network import SemanticEncoder

    files = []
    for number in range(2):
        encoder = SemanticEncoder(4, 8, 6)
        encoder.build((None, 8))
        encoder.set_weights([np.full(weight.shape, 0.5, np.float32) for weight in encoder.get_weights()])
        save_networks(tmp_path / f"{number}.npz", {"encoder": encoder}, favour=np.arange(3))
        files.append((tmp_path / f"{number}.npz").read_bytes())
    assert files[0] == files[1]
    networks, arrays = load_networks(tmp_path / "0.npz")
    x = np.ones((2, 8), np.float32)
    assert np.array_equal(networks["encoder"](x), encoder(x)) and arrays["favour"].tolist() == [0, 1, 2]
