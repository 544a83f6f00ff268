"""The search for the best file within a budget."""

import numpy as np
import pytest
from codec_samples import SizesCodec, picture

from kbsc_tf.codecs import BpgCodec, CodecError
from kbsc_tf.errors import UserError

IMAGE = np.zeros((1, 1, 3), np.uint8)


@pytest.mark.parametrize("budget", [9, 10, 11, 35, 99, 100, 529, 530, 10_000])
def test_the_best_fitting_quality_of_growing_sizes(budget):
    codec = SizesCodec(range(10, 530, 10))
    file = codec.encode_to_budget(IMAGE, budget)
    fitting = [size for size in codec.sizes if size <= budget]
    assert (None if file is None else len(file)) == max(fitting, default=None)
    assert len(codec.encoded) <= 8


def test_the_result_fits_where_sizes_do_not_always_grow():
    rng = np.random.default_rng(0)
    for _ in range(200):
        codec = SizesCodec(np.maximum(1, np.arange(52) * 10 + rng.integers(-15, 16, 52)))
        budget = int(rng.integers(1, 560))
        file = codec.encode_to_budget(IMAGE, budget)
        if file is None:
            assert codec.sizes[0] > budget
            continue
        assert len(file) <= budget
        index = max(i for i in codec.encoded if codec.sizes[i] == len(file) <= budget)
        assert all(size > budget for size in codec.sizes[index + 1 : index + 3])


def test_a_better_neighbour_behind_an_exception_is_taken():
    assert len(SizesCodec([10, 20, 50, 30, 60]).encode_to_budget(IMAGE, 40)) == 30


def test_several_budgets_share_their_files():
    codec = SizesCodec(range(10, 530, 10))
    budgets = [5, 100, 104, 250, 100, 9999]
    files = codec.encode_to_budgets(IMAGE, budgets)
    assert [None if file is None else len(file) for file in files] == [None, 100, 100, 250, 100, 520]
    assert len(codec.encoded) == len(set(codec.encoded))
    for budget, file in zip(budgets, files, strict=True):
        assert SizesCodec(codec.sizes).encode_to_budget(IMAGE, budget) == file


def test_bpg_budgets():
    codec, image = BpgCodec(), picture(32, 32)
    budgets = [20, 60, 150, 400, 10**6]
    files = codec.encode_to_budgets(image, budgets)
    assert files[0] is None
    assert files[-1] == codec.encode(image, 0)
    sizes = {qp: len(codec.encode(image, qp)) for qp in codec.qualities}
    for file, budget in zip(files[1:], budgets[1:], strict=True):
        best = max(size for size in sizes.values() if size <= budget)
        assert best * 0.97 <= len(file) <= budget
        assert codec.encode_to_budget(image, budget) == file
    assert codec.encode_to_budgets(image, []) == []


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), [[[0, 0, 0]]], None]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(UserError, match="an image to encode must"):
        BpgCodec().encode(image, 30)


def test_quality_and_options_are_checked():
    with pytest.raises(UserError, match="quality must be 0 to 51, got 52"):
        BpgCodec().encode(picture(8, 8), 52)
    with pytest.raises(ValueError, match="chroma: expected one of"):
        BpgCodec("411")
    with pytest.raises(ValueError, match="preset: expected one of"):
        BpgCodec(preset="best")
    with pytest.raises(UserError, match="9000x16 pixels: one side is too long"):
        BpgCodec().encode(np.zeros((16, 9000, 3), np.uint8), 51)
    assert issubclass(CodecError, UserError)
