"""What is shown with a promised error."""

import math

import numpy as np
import pytest

from kbsc_tf.promises.selective import RISK, THRESHOLDS, broken_in_halves, choose_threshold, fewest_shown


def draw(rng, count):
    """Confidences between 0 and 1 that are true, and what is wrong."""
    confidence = rng.random(count)
    return confidence, rng.random(count) >= confidence


@pytest.mark.parametrize("error", [0.1, 0.2])
def test_the_promise_is_broken_no_more_often_than_said_and_something_is_shown(error):
    rng, repetitions = np.random.default_rng(0), 500
    chosen = np.array([choose_threshold(*draw(rng, 4000), error) for _ in range(repetitions)])
    # Above a threshold t the mean confidence is (1 + t) / 2, so that (1 - t) / 2 are wrong.
    broken = (1 - np.minimum(chosen, 1)) / 2 > error
    assert broken.mean() <= RISK
    assert np.median(chosen) < 1 - 2 * error + 0.2


def test_where_nothing_can_be_promised_nothing_is_shown():
    confidence = np.linspace(0.1, 1, 500)
    assert choose_threshold(confidence, np.ones(500, bool), 0.1) == math.inf
    few = fewest_shown(0.05)
    assert choose_threshold(np.ones(few), np.zeros(few, bool), 0.05) == THRESHOLDS[0]
    assert choose_threshold(np.ones(few - 1), np.zeros(few - 1, bool), 0.05) == math.inf


def test_what_was_not_delivered_is_not_shown_and_breaks_no_promise():
    confidence = np.r_[np.ones(400), -np.ones(400)]
    assert choose_threshold(confidence, confidence < 0, 0.05) == 0.0


def test_images_that_shared_a_channel_promise_less():
    confidence, wrong = draw(np.random.default_rng(1), 2000)
    assert choose_threshold(confidence, wrong, 0.1, alike=0.05) > choose_threshold(confidence, wrong, 0.1)


def test_halves_of_true_confidences_seldom_break_the_promise():
    confidence, wrong = draw(np.random.default_rng(2), 2000)
    assert broken_in_halves(confidence, wrong, 0.1, 200) <= 2 * RISK
