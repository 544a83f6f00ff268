"""Galleries of a run: which transmission is shown, of which scheme."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from outcomes import add_record, outcomes

from kbsc_tf.config import AwgnConfig, ExperimentConfig, NearestConfig, RayleighConfig
from kbsc_tf.data import ImageSet
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver
from kbsc_tf.results.points import Point
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.images import showcase
from kbsc_tf.study.images.showcase import galleries
from kbsc_tf.study.trial import Trials
from kbsc_tf.transmission import Transmission

DIM, CLASSES, COUNT, CHUNK = 8, 4, 30, 12


def features(name, seed):
    """Every image is of one colour, which is its feature too; classes come one after the other, as in a folder."""
    rng = np.random.default_rng(seed)
    labels = np.arange(COUNT) * CLASSES // COUNT
    centres = np.random.default_rng(9).integers(40, 216, (CLASSES, 3))
    colours = np.clip(centres[labels] + rng.integers(-20, 20, (COUNT, 3)), 0, 255).astype(np.uint8)
    names = tuple(f"class_{i}" for i in range(CLASSES))
    references = tuple(f"{name}/{i}" for i in range(COUNT))

    def read(indices):
        return [np.tile(colours[i], (16, 16, 1)) for i in indices]

    images = ImageSet(name, labels, names, references, read, "f", (16, 16))
    return FeatureSet(name, embed(read(range(COUNT))), labels, names, references, "file:test", images=images)


def embed(images):
    x = np.zeros((len(images), DIM), np.float32)
    x[:, :3] = np.array([image.mean(axis=(0, 1)) for image in images]).reshape(-1, 3) - 128
    return x / np.linalg.norm(x, axis=1, keepdims=True)


class Noisy(Scheme):
    """Adds noise to features, or to images, a third of which it loses; keeps count of what it was given."""

    def __init__(self, name, k=8, mcs="", images=False):
        self.name, self.k, self.mcs, self.needs_images, self.sent = name, k, mcs, images, []

    def transmit(self, batch, snr_db, seed):
        self.sent.append((snr_db, seed))
        rng, scale, count = np.random.default_rng(seed), 10 ** (-snr_db / 20), len(batch.features)
        if not self.needs_images:
            noise = rng.standard_normal(batch.features.shape)
            received = (batch.features + scale * noise).astype(np.float32)
            return Transmission(received, None, np.ones(count, bool), np.full(count, self.k / 2))
        there = rng.random(count) > 1 / 3
        noisy = [np.clip(i + 60 * scale * rng.standard_normal(3), 0, 255).astype(np.uint8) for i in batch.images]
        pictures = [one if arrived else None for one, arrived in zip(noisy, there, strict=True)]
        return Transmission(None, pictures, there, np.full(count, self.k / 2))


@pytest.fixture
def study(tmp_path):
    sender, knowledge = features("send", 0), features("receive", 1)
    receiver = Receiver.around(knowledge, NearestConfig(centre=False, top_k=1))
    receiver.encoder = SimpleNamespace(embed_images=embed)
    config = ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=[-5, 0, 5, 10, 20], seeds=[3, 4])
    config = config.model_copy(update={"sweep": config.sweep.model_copy(update={"chunk": CHUNK})})  # small
    sets = SimpleNamespace(sender=sender, receiver=knowledge)
    return SimpleNamespace(config=config, folder=tmp_path, features=sets, receiver=receiver, schemes=[])


@pytest.fixture
def drawn(monkeypatch):
    """{stem: (sent, names, columns, title)} instead of files."""
    found = {}

    def keep(sent, names, columns, folder, stem, title):
        found[stem] = (sent, names, columns, title)
        return [folder / f"{stem}.png"]

    monkeypatch.setattr(showcase, "draw_gallery", keep)
    return found


def test_what_is_shown_is_trial_0_of_the_first_seed(study, drawn):
    channel = AwgnConfig()
    plain, pictures = Noisy("pca"), Noisy("bpg_capacity", images=True)
    study.schemes = [(channel, plain), (channel, pictures)]
    galleries(study)
    assert list(drawn) == ["gallery", "gallery_bpg_capacity", "gallery_of_schemes"]
    _, _, beside, title = drawn["gallery_of_schemes"]
    assert list(beside) == ["PCA", "BPG, capacity"] and title == "$k$ = 8, AWGN, 5 dB"
    assert beside["BPG, capacity"].received is None
    again = drawn["gallery_bpg_capacity"][2][5]
    assert list(beside["BPG, capacity"].correct) == list(again.correct)
    sender = study.features.sender
    for stem, scheme, snrs in (("gallery", plain, [-5, 0, 10, 20]), ("gallery_bpg_capacity", pictures, [-5, 5, 20])):
        sent, _, columns, title = drawn[stem]
        rows = [next(i for i in range(COUNT) if (sender.images.read([i])[0] == image).all()) for image in sent]
        assert sorted(sender.labels[rows]) == list(range(CLASSES)) and list(columns) == snrs and "AWGN" in title
        for snr_db, column in columns.items():
            outcome = Trials(study.receiver, sender, CHUNK).transmit(scheme, snr_db, 3)
            decision = outcome.decision
            there = decision.ids[rows, 0] >= 0
            np.testing.assert_array_equal(column.correct, decision.labels[rows, 0] == sender.labels[rows])
            knowledge = study.features.receiver.images
            for image, entry, delivered in zip(column.retrieved, decision.ids[rows, 0], there, strict=True):
                assert (image is not None) == delivered
                assert image is None or (image == knowledge.read([entry])[0]).all()
            if scheme is pictures:
                assert [image is not None for image in column.received] == list(there)
            else:
                assert column.received is None
    lost = [image is None for column in drawn["gallery_bpg_capacity"][2].values() for image in column.received]
    assert 0 < sum(lost) < len(lost)


def test_only_chunks_with_a_shown_image_are_sent(study, drawn, monkeypatch):
    plain = Noisy("pca")
    study.schemes = [(AwgnConfig(), plain)]
    monkeypatch.setattr(showcase, "_one_per_class", lambda labels, seed: np.array([1, 27]))
    galleries(study)
    assert len(plain.sent) == 2 * 4  # chunks 0 and 2 of three, at four SNRs


def test_the_first_scheme_at_its_largest_k_and_codes_by_genie_or_best_mcs(study, drawn):
    channel, other = AwgnConfig(), RayleighConfig()
    coded = [Noisy("bpg_ldpc", 16, mcs, images=True) for mcs in ("qpsk-1/2", "16qam-3/4", "genie")]
    schemes = [(channel, Noisy("kbsc", 4)), (channel, Noisy("kbsc", 8)), (other, Noisy("kbsc", 8))]
    study.schemes = [*schemes, *((channel, one) for one in coded)]
    galleries(study)
    assert drawn["gallery"][3] == "KBSC, $k$ = 8, AWGN"
    assert drawn["gallery_bpg_ldpc"][3] == "BPG + LDPC, best MCS by outcome, $k$ = 16, AWGN"
    assert coded[2].sent and not coded[0].sent
    # Without a genie: what did best in the records at each SNR.
    study.schemes = [*schemes, *((channel, one) for one in coded[:2])]
    for snr_db in study.config.snr_db:
        for seed in (3, 4):
            for mcs in ("qpsk-1/2", "16qam-3/4"):
                best = (mcs == "qpsk-1/2") == (snr_db < 6) if seed == 3 else mcs == "qpsk-1/2"
                point = Point("bpg_ldpc", mcs, "awgn", 16, snr_db, seed)
                add_record(study.folder, point, outcomes(0.9 if best else 0.2))
    galleries(study)
    assert drawn["gallery_bpg_ldpc"][3] == "BPG + LDPC, best fixed MCS, $k$ = 16, AWGN"
    assert {snr for snr, _ in coded[0].sent} == {-5, 5} and {snr for snr, _ in coded[1].sent} == {20}


def test_galleries_of_the_same_records_stay_whatever_the_clock_says(study, drawn):
    plain = Noisy("pca")
    study.schemes = [(AwgnConfig(), plain)]
    add_record(study.folder, Point("pca", "", "awgn", 8, 0.0, 3), outcomes(0.5))
    files = [study.folder / f"gallery.{kind}" for kind in ("png", "pdf")]
    galleries(study)
    for path in files:
        path.write_bytes(b"drawn before")
    plain.sent.clear()
    drawn.clear()
    os.utime(study.folder / "records.csv", (2e9, 2e9))
    assert galleries(study) == files and not plain.sent and not drawn
    add_record(study.folder, Point("pca", "", "awgn", 8, 6.0, 3), outcomes(0.5))
    os.utime(study.folder / "records.csv", (0, 0))  # the clock was set back before this point
    galleries(study)
    assert plain.sent and list(drawn) == ["gallery"]


def test_files_and_nothing_without_images(study, monkeypatch):
    monkeypatch.setattr(showcase, "_ROWS", 1)
    study.config = study.config.model_copy(update={"snr_db": [0.0]})
    study.schemes = [(AwgnConfig(), Noisy("bpg_capacity", images=True))]
    names = [f"{stem}.{kind}" for stem in ("gallery", "gallery_bpg_capacity") for kind in ("png", "pdf")]
    files = galleries(study)
    assert [path.name for path in files] == names and all(path.stat().st_size > 1000 for path in files)
    study.features.sender = replace(study.features.sender, images=None)
    assert galleries(study) == []
