"""Results that are kept: each computed once, the oldest dropped, none lost within a call."""

from kbsc_tf.kept import Kept


def test_results_are_those_of_their_keys_and_computed_once():
    asked, kept = [], Kept(10)

    def ask(keys):
        return kept(keys, lambda new: asked.append([keys[place] for place in new]) or [10 * keys[p] for p in new])

    assert ask([3, 1, 3, 2]) == [30, 10, 30, 20] and asked == [[3, 1, 2]]
    assert ask([2, 4, 1]) == [20, 40, 10] and asked[1:] == [[4]]
    assert ask([]) == [] and len(asked) == 2


def test_the_oldest_go_first_but_not_before_they_are_handed_over():
    kept, asked = Kept(3), []
    assert kept([1, 2, 3, 4, 5], lambda new: "abcde") == list("abcde")
    assert kept([5, 3, 1], lambda new: asked.append(new) or ["again"]) == ["e", "c", "again"]
    assert asked == [[2]]
