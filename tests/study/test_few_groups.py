"""A warning where so many images share a grid that an interval has few groups to go by."""

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.study.prepare import describe_few_groups

GRID = {"type": "ofdm", "fft_size": 32, "guard_carriers": [2, 1], "model": "rayleigh"}  # 336 symbols


def notes(images=100, trials=1, channels=(GRID,), **changes):
    settings = {"name": "t", "schemes": ["pca"], "k": [16], "sweep": {"trials": trials}, **changes}
    return describe_few_groups(ExperimentConfig.model_validate({**settings, "channels": list(channels)}), images)


def test_few_groups_are_said_with_their_number_and_what_to_do():
    """42 images of 8 symbols share a grid: 100 images are 3 groups."""
    (note,) = notes()
    assert "up to 42 images share a grid or a transport block, so a point has 3 independent groups" in note
    assert "raise sweep.trials, or set realisation: per_row" in note
    assert "has 9 independent groups" in notes(trials=3)[0] and notes(trials=4) == []
    assert notes(images=42 * 9 + 1) == [] and len(notes(images=42 * 9)) == 1


def test_images_of_one_block_are_one_group_and_flat_channels_have_no_grids():
    coded = {"schemes": ["feature_ldpc_pq"], "k": [32], "coding": {"images_per_block": 2}}
    assert "up to 21 images share a grid" in notes(**coded)[0]
    apart = [{**GRID, "realisation": "per_row"}, "awgn", "rayleigh"]
    assert notes(channels=apart) == [] and len(notes(channels=apart, images=19, **coded)) == 0


def test_blocks_of_many_images_are_few_groups_on_every_channel():
    shared = {"schemes": ["feature_ldpc_pq"], "k": [32], "coding": {"images_per_block": 16}}
    assert notes(channels=["awgn"], images=16 * 10, **shared) == []
    (note,) = notes(channels=["awgn"], images=16 * 9, **shared)
    assert "up to 16 images share a grid or a transport block, so a point has 9 independent groups" in note
    assert note.endswith("raise sweep.trials")
    assert notes(channels=["awgn"], images=16 * 9, **{**shared, "schemes": ["pca"]}) == []
