"""What confidences are calibrated on, and what that is worth."""

from dataclasses import replace

import numpy as np
import pytest
from clustered import feature_set, feature_splits

from kbsc_tf.analysis.confidence import expected_calibration_error, reliability
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSplits
from kbsc_tf.receiver import CalibrationSet, Receiver, calibration_set, learn_posterior
from kbsc_tf.schemes.base import ChannelScheme
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import calibrate, hold_out
from kbsc_tf.transmission import SourceBatch, Transmission

SPLITS = feature_splits()  # 20 classes: 6 validation features of each on either side, 10 entries at the receiver

SIDES = ("validation_sender", "validation_receiver")


def of_classes(features, *classes):
    return features.subset(np.flatnonzero(np.isin(features.labels, classes)))


def test_both_validation_sets_are_sent_to_the_receivers_own_entries():
    everything, some = calibration_set(SPLITS, 1000), calibration_set(SPLITS, 101)
    assert everything.entries is some.entries is SPLITS.receiver and everything.doubts == some.doubts == ()
    sides = SPLITS.validation_sender, SPLITS.validation_receiver
    np.testing.assert_array_equal(everything.features, np.concatenate([side.x for side in sides]))
    np.testing.assert_array_equal(everything.labels, np.concatenate([side.labels for side in sides]))
    assert len(some.features) == len(some.labels) == 101 and some.features.dtype == np.float32
    where = (some.features[:, None] == everything.features).all(axis=2).argmax(axis=1)
    np.testing.assert_array_equal(everything.labels[where], some.labels)
    assert 45 < np.sum(where < 120) < 55 and (np.diff(where) > 0).all()


def test_classes_without_validation_are_named_as_a_doubt():
    seen = {side: of_classes(getattr(SPLITS, side), *range(16)) for side in SIDES}
    found = calibration_set(replace(SPLITS, **seen), 1000)
    assert found.entries is SPLITS.receiver and len(found.labels) == 2 * 16 * 6
    assert found.doubts == (
        "confidences are calibrated on 16 of the 20 classes of the receiver's knowledge base; the others have no "
        "validation images",
    )


def test_classes_that_the_receiver_does_not_know_are_not_sent():
    found = calibration_set(replace(SPLITS, receiver=of_classes(SPLITS.receiver, *range(12))), 1000)
    assert set(found.labels) == set(range(12)) and found.doubts == ()


def test_unknown_classes_are_stood_in_for_by_as_many_of_as_many_entries():
    unseen = (0, 5, 10, 15)
    seen = {side: of_classes(getattr(SPLITS, side), *(set(range(20)) - set(unseen))) for side in SIDES}
    for known, expected in ((10, 6), (3, 3)):
        receiver = of_classes(SPLITS.receiver, *unseen)
        receiver = receiver.subset(np.arange(4 * known))  # classes take turns
        found = calibration_set(replace(SPLITS, **seen, receiver=receiver), 1000)
        classes, counts = np.unique(found.entries.labels, return_counts=True)
        assert len(classes) == 4 and not set(classes) & set(unseen) and set(found.labels) == set(classes)
        assert (counts == expected).all() and len(found.labels) == 4 * 6
        assert found.doubts[0] == (
            "no class of the receiver's knowledge base has validation images; confidences are calibrated on others, "
            f"4 classes of {expected} entries, where the receiver has 4 classes of {known} entries"
        )
        held_out = {row.tobytes() for row in SPLITS.validation_sender.x}
        assert all(row.tobytes() in held_out for row in found.features)  # not entries, which would find themselves


def test_few_deliveries_are_a_doubt():
    [doubt] = calibration_set(SPLITS, 99).doubts
    assert "on 99 validation images, 100 or more are wanted" in doubt and "off by 5 points" in doubt


@pytest.mark.long
def test_confidence_is_the_accuracy_though_few_features_are_held_out(tmp_path):
    """The receiver has 100 entries of a class. Calibrated on the 5 of the validation receiver it is far off."""
    sizes = (2000, 400, 100, 2000, 2000)
    features = FeatureSplits(*(feature_set(count, seed, 2.5) for seed, count in enumerate(sizes, 1)))
    rule = {"decision": "posterior", "metric_exponent": 0.5, "kernel_variance": 0.4}
    config = ExperimentConfig(name="t", schemes=["pca"], k=[32], receiver=rule)
    posterior = learn_posterior(features, config.receiver, 1000)
    receiver = Receiver.around(features.receiver, config.receiver, posterior)
    [(_, scheme)] = build_schemes(config, features.training)
    scheme.fit(features.training, hold_out(config, features, posterior), tmp_path)
    dense, sender = calibration_set(features, 1000), features.validation_sender
    sparse = CalibrationSet(sender.x, sender.labels, features.validation_receiver, ())

    def deliveries(calibration):
        decisions = [
            receiver.decide(scheme.transmit(SourceBatch(features.sender.x), snr_db, 1), calibration)
            for snr_db in (-6.0, 0.0, 6.0)
        ]
        shown = np.concatenate([decision.ids for decision in decisions])
        confidence = np.concatenate([decision.confidence for decision in decisions])
        right = np.concatenate([decision.labels[:, 0] == features.sender.labels for decision in decisions])
        return shown, expected_calibration_error(reliability(confidence, right))

    found = []
    for calibrating in (sparse, dense):
        calibrate(scheme, receiver.code_search.among(calibrating.entries), calibrating)
        found.append(deliveries(scheme.calibration))
    found.append(deliveries(None))  # the receiver's own calibration
    (before, too_sure), (after, sure), (_, by_rule) = found
    np.testing.assert_array_equal(before[:, 0], after[:, 0])  # only confidences change
    assert too_sure > 0.1 and sure < 0.05 and by_rule < 0.05, (too_sure, sure, by_rule)


class Noisy(ChannelScheme):
    """Delivers features with white noise, of which the receiver knows the power and nothing by coordinate."""

    name = "noisy"

    def transmit(self, batch, snr_db, seed):
        power = 10 ** (-snr_db / 10)
        count, dim = batch.features.shape
        noise = np.random.default_rng([seed, 1]).normal(0, np.sqrt(power / dim), (count, dim))
        received = (batch.features + noise).astype(np.float32)
        cost = np.full(count, self.k / 2)
        known = np.full(count, power, np.float32)
        return Transmission(received, None, np.ones(count, bool), cost, noise_var_per_symbol=known)


def test_without_observations_confidence_goes_by_the_noise_of_the_symbols():
    """The receiver's own calibration is of features without noise, and says too much of these: at every SNR."""
    sizes = (2000, 400, 400, 2000, 2000)
    features = FeatureSplits(*(feature_set(count, seed, 2.0) for seed, count in enumerate(sizes, 1)))
    config = ExperimentConfig(name="t", schemes=["pca"], k=[32], receiver={"decision": "posterior"})
    posterior = learn_posterior(features, config.receiver, 1000)
    receiver = Receiver.around(features.receiver, config.receiver, posterior)
    scheme = Noisy(32, config.channels[0])
    calibrate(scheme, receiver.code_search, calibration_set(features, 1000))
    gaps = {}
    for snr_db in (-10.0, -5.0, 0.0, 10.0):
        sent = scheme.transmit(SourceBatch(features.sender.x), snr_db, 7)
        for name, calibration in (("own", None), ("learned", scheme.calibration)):
            decision = receiver.decide(sent, calibration)
            right = decision.labels[:, 0] == features.sender.labels
            gaps[snr_db, name] = abs(float(decision.confidence.mean() - right.mean()))
    # 2,000 deliveries and 800 that were fitted to: 4.5 standard errors are 9 points.
    assert all(gap < 0.09 for (_, name), gap in gaps.items() if name == "learned"), gaps
    assert gaps[-5.0, "own"] > 0.15, gaps
