"""Transmissions: rows taken, parts put together."""

import numpy as np
import pytest

from kbsc_tf.transmission import Observation, Overhead, SourceBatch, Transmission


def transmission(first, count, groups=None, **more):
    rows = np.arange(first, first + count)
    return Transmission(
        features=np.repeat(rows[:, None], 3, axis=1).astype(np.float32),
        images=None,
        delivered=rows % 2 == 0,
        channel_uses=rows.astype(np.float64),
        overhead=Overhead(crc=rows + 0.5),
        groups=groups,
        observation=Observation(rows[:, None], rows[:, None] / 10, coder="its coder"),
        **more,
    )


def test_take_picks_rows_of_everything_that_has_rows():
    taken = transmission(0, 6).take(np.array([4, 1]))
    assert taken.features[:, 0].tolist() == [4, 1] and taken.delivered.tolist() == [True, False]
    assert taken.overhead.crc.tolist() == [4.5, 1.5] and taken.overhead.header is None
    assert taken.observation.values.tolist() == [[4], [1]] and taken.observation.coder == "its coder"
    assert taken.groups is None and taken.noise_var_per_symbol is None


def test_concat_is_the_inverse_of_take():
    whole = transmission(0, 5, noise_var_per_symbol=np.arange(5.0))
    parts = [whole.take(np.array(rows)) for rows in ([0, 1], [2], [3, 4])]
    again = Transmission.concat(parts)
    np.testing.assert_array_equal(again.features, whole.features)
    np.testing.assert_array_equal(again.noise_var_per_symbol, whole.noise_var_per_symbol)
    np.testing.assert_array_equal(again.overhead.crc, whole.overhead.crc)
    assert type(again) is Transmission and type(again.overhead) is Overhead


def test_parts_share_no_channel_though_they_number_their_groups_alike():
    groups = np.array([0, 0, 7])
    joined = Transmission.concat([transmission(0, 3, groups), transmission(3, 3, groups)])
    assert joined.groups.tolist() == [0, 0, 1, 2, 2, 3] and joined.groups.dtype == np.int64


@pytest.mark.parametrize("images", [None, ["a", "b", "c"]])
def test_images_are_lists(images):
    batch = SourceBatch(np.zeros((3, 2), np.float32), images)
    assert batch.take(np.array([2, 0])).images == (None if images is None else ["c", "a"])
    assert SourceBatch.concat([batch, batch]).images == (None if images is None else 2 * images)
