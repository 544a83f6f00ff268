"""What fixed schemes leave for their genie: taken once, bounded, and nothing that a result depends on."""

import numpy as np

from kbsc_tf.schemes.coded.block_outcomes import BlockOutcome, Outcomes


def outcome(count=1000, wrong=()):
    return BlockOutcome(np.ones(count, bool), {row: np.ones(8, np.uint8) for row in wrong}, None)


def test_an_outcome_can_be_taken_once():
    outcomes, kept = Outcomes(), outcome(wrong=[3])
    outcomes.keep("family", "key", kept)
    assert outcomes.take("family", "other") is None
    assert outcomes.take("other", "key") is None
    assert outcomes.take("family", "key") is kept
    assert outcomes.take("family", "key") is None


def test_a_full_store_keeps_the_first_and_has_room_again_for_as_much_as_is_taken():
    outcomes = Outcomes(3 * outcome().nbytes)
    for key in range(5):
        outcomes.keep("family", key, outcome())
    assert [outcomes.take("family", key) is not None for key in range(5)] == [True] * 3 + [False] * 2
    for key in range(5):
        outcomes.keep("family", key, outcome())
        outcomes.keep("family", key, outcome())  # counts once
    assert [outcomes.take("family", key) is not None for key in range(5)] == [True] * 3 + [False] * 2


def test_another_family_drops_what_nobody_took():
    outcomes = Outcomes(outcome().nbytes)
    outcomes.keep("first", 0, outcome())
    outcomes.keep("second", 0, outcome())
    assert outcomes.take("first", 0) is None and outcomes.take("second", 0) is not None
    outcomes.keep("second", 1, outcome())
    outcomes.clear()
    assert outcomes.take("second", 1) is None
    outcomes.keep("second", 2, outcome())
    assert outcomes.take("second", 2) is not None


def test_wrong_payloads_count():
    assert outcome(wrong=range(5)).nbytes > outcome().nbytes + 5 * 8
