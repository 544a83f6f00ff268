"""Coded schemes that send a block again where it did not arrive: what it costs, and what is refused."""

import math

import numpy as np
import pandas as pd
import pytest
from clustered import DIM, feature_set
from pydantic import ValidationError

from kbsc_tf.config import AwgnConfig, ExperimentConfig, NearestConfig, OfdmConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.figures.channel_uses import drawn_uses
from kbsc_tf.receiver import Receiver
from kbsc_tf.results.names import named, names_of
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.coded.genie import GenieScheme
from kbsc_tf.transmission import SourceBatch

COUNT = 40
IMAGES = procedural_set(200, 0, "some").subset(np.arange(COUNT), "sent")
TRAINING, ENTRIES = feature_set(600, 1, 0.6), feature_set(90, 3, 0.6)
SENDER = feature_set(COUNT, 2, 0.6, images=IMAGES)
BATCH = SourceBatch(SENDER.x, IMAGES.read(np.arange(COUNT)))

pytestmark = pytest.mark.usefixtures("codes_as_graphs")


class Clip:
    """Any embedding of images."""

    has_tokenizer, fingerprint, dim, batch_size, name = False, "test", DIM, 64, "test"

    def embed_images(self, images):
        return np.array([np.resize(image.mean(axis=(0, 1)), DIM) / 255 for image in images], np.float32)


def experiment(entry, k, **settings):
    settings = {"coding": {"mcs": ["qpsk-2/3"], "genie": False}, "channels": [AwgnConfig()], **settings}
    return ExperimentConfig(name="t", schemes=[entry], k=[k], snr_db=[0], **settings)


def build(entry, k, **settings):
    receiver = Receiver.around(ENTRIES, NearestConfig())
    receiver.encoder = Clip()
    schemes = [one for _, one in build_schemes(experiment(entry, k, **settings), TRAINING, receiver, ENTRIES)]
    for scheme in schemes:
        scheme.fit(TRAINING)
    return schemes


@pytest.mark.parametrize("combining", ["incremental", "chase"])
def test_what_is_sent_is_counted_and_no_more(combining):
    [scheme] = build({"scheme": "feature_ldpc_pq", "transmissions": 4, "combining": combining}, 256)
    assert scheme.plan.channel_uses <= 32 and scheme.plan.rv == 0
    clean = scheme.transmit(BATCH, math.inf, 1)
    assert clean.delivered.all() and (clean.channel_uses == scheme.plan.channel_uses).all()
    noisy = scheme.transmit(BATCH, -1.0, 1)
    times = noisy.channel_uses / scheme.plan.channel_uses
    assert set(times) <= {1, 2, 3, 4} and 1 < times.mean() < 4
    assert (times[~noisy.delivered] == 4).all()
    # What carries no data is sent as often.
    for part in ("crc", "padding"):
        grown = getattr(noisy.overhead, part) / np.maximum(getattr(clean.overhead, part), 1e-12)
        assert np.allclose(grown, times) or not getattr(clean.overhead, part).any()
    hopeless = scheme.transmit(BATCH, -30.0, 1)
    assert not hopeless.delivered.any() and (hopeless.channel_uses <= 128).all()


def test_images_are_sent_again_too():
    [scheme] = build({"scheme": "jpeg_ldpc", "format": "abbreviated", "thumbnails": True, "transmissions": 2}, 4096)
    clean = scheme.transmit(BATCH, math.inf, 1)
    assert clean.feasible.all() and clean.delivered.all() and clean.channel_uses.max() <= 1024
    assert len(np.unique(scheme.transmit(BATCH, 3.3, 1).channel_uses)) <= 2


def test_the_best_mcs_by_outcome_costs_what_it_was_sent_by():
    coding = {"mcs": ["qpsk-1/3", "qpsk-2/3"]}
    *fixed, genie = build({"scheme": "feature_ldpc_pq", "transmissions": 2}, 256, coding=coding)
    assert isinstance(genie, GenieScheme)
    sent = [one.transmit(BATCH, -1.0, 7) for one in fixed]
    chosen = genie.transmit(BATCH, -1.0, 7)
    costs = np.array([one.channel_uses for one in sent])
    assert (chosen.channel_uses == costs).any(axis=0).all() and chosen.channel_uses.mean() < costs.max()


def test_a_scheme_that_sends_once_is_what_it_was():
    plain, told = (
        experiment(entry, 64) for entry in ("feature_ldpc_pq", {"scheme": "feature_ldpc_pq", "transmissions": 1})
    )
    assert plain.schemes[0].settings() == told.schemes[0].settings() == {"scheme": "feature_ldpc_pq"}
    spec = {"scheme": "feature_ldpc_pq", "transmissions": 3}
    assert experiment(spec, 64).schemes[0].settings() == spec


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"coding": {"code": "polar"}}, "polar codes have no redundancy versions; set coding.code to auto or ldpc"),
        ({"coding": {"fast": True}}, "coding.fast knows the error rate of one transmission only"),
        ({"channels": [OfdmConfig(model="tdl-a")]}, "needs symbols that arrive one by one"),
    ],
)
def test_what_cannot_be_sent_again_is_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        experiment({"scheme": "feature_ldpc_pq", "transmissions": 2}, 256, **settings)
    experiment("feature_ldpc_pq", 256, **settings)


def test_acknowledgements_of_what_is_sent_once_are_refused():
    with pytest.raises(ValidationError, match="delay: says how a sender hears that it is to send again"):
        experiment({"scheme": "feature_ldpc_pq", "delay": 1}, 256)
    experiment({"scheme": "feature_ldpc_pq", "delay": 0, "feedback_error": 0.0}, 256)  # as run.json has it


def test_what_is_heard_late_and_wrong_is_recorded():
    [scheme] = build({"scheme": "feature_ldpc_pq", "transmissions": 4, "delay": 1, "feedback_error": 0.1}, 256)
    sent = scheme.transmit(BATCH, math.inf, 1)
    times = sent.channel_uses / scheme.plan.channel_uses
    assert times.min() == 2 and sent.delivered.all() and sent.papr_db.shape == (COUNT,)


def test_options_out_of_range_are_refused():
    with pytest.raises(ValidationError, match="less than or equal to 4"):
        experiment({"scheme": "bpg_ldpc", "transmissions": 5}, 256)


def test_figures_know_who_stops_early():
    entries = ["feature_ldpc_pq", {"scheme": "feature_ldpc_pq", "name": "harq", "transmissions": 2}]
    names = names_of(ExperimentConfig(name="t", schemes=entries, k=[64], snr_db=[0]))
    points = pd.DataFrame({"scheme": ["feature_ldpc_pq", "harq"], "channel": "awgn", "k": 64, "channel_uses": 20.0})
    with named({"names": names}):
        assert drawn_uses(points, set()).tolist() == [32, 20]
