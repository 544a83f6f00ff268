"""Outcomes of a point: whole files, also where a worker that was given up writes beside its successor."""

import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.results.outcomes import per_image_points, per_image_writer, read_per_image, remove_parts
from kbsc_tf.results.points import Point

POINT, OTHER = (Point("pca", "", "awgn", 8, snr, 0) for snr in (0.0, 5.0))


def add(writer, trials, images=60_000):
    """More rows than are held, so that a part of the file is there."""
    for trial in trials:
        columns = dict.fromkeys(("entry", "group"), np.arange(images))
        columns |= dict.fromkeys(("label", "shown"), np.zeros(images))
        columns |= {"delivered": np.ones(images, bool), "correct": np.ones(images, bool)}
        columns["confidence"] = np.full(images, 0.5)
        writer.add(
            {
                "trial": trial,
                "image": np.arange(images),
                **columns,
                **dict.fromkeys(["psnr", "ms_ssim", "channel_uses"]),
            }
        )


def test_a_worker_that_was_given_up_does_not_spoil_its_successors_file(tmp_path):
    with per_image_writer(tmp_path, POINT, ("a",)) as lost:
        add(lost, range(2))
        with per_image_writer(tmp_path, POINT, ("a",)) as successor:
            add(successor, range(2))
            assert per_image_points(tmp_path) == [], "a file being written is none"
            add(lost, range(2, 4))
            add(successor, range(2, 4))
        assert len(read_per_image(tmp_path, POINT)) == 4 * 60_000
    assert len(read_per_image(tmp_path, POINT)) == 4 * 60_000
    assert len(list((tmp_path / "per_image").iterdir())) == 1


def test_parts_of_recorded_points_are_removed_and_those_at_work_are_not(tmp_path):
    with pytest.raises(UserError), per_image_writer(tmp_path, POINT, ("a",)) as at_work:
        add(at_work, range(2))
        remove_parts(tmp_path, [OTHER])
        assert len(list((tmp_path / "per_image").iterdir())) == 1
        remove_parts(tmp_path, [OTHER, POINT])
        assert not list((tmp_path / "per_image").iterdir())
