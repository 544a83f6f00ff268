"""Image quality of a batch: what arrived, and the training set's mean image for what did not."""

import numpy as np

from kbsc_tf.data.sources import procedural_set
from kbsc_tf.metrics.image import PSNR_CAP_DB
from kbsc_tf.study.images import quality
from kbsc_tf.study.images.quality import ImageQuality

TRAINING = procedural_set(300, 0, "training")
SENT = procedural_set(200, 1, "sent").read(np.arange(4))


def mean_image():
    return np.rint(np.mean(TRAINING.read(np.arange(300)), axis=0)).astype(np.uint8)


def test_what_did_not_arrive_is_judged_as_the_mean_training_image():
    received = [SENT[0], None, SENT[2], None]
    found = ImageQuality(TRAINING)(SENT, received)
    assert found["stand_in"].tolist() == [False, True, False, True]
    assert found["psnr"][[0, 2]].tolist() == [PSNR_CAP_DB] * 2
    mse = [np.mean((image.astype(float) - mean_image()) ** 2) for image in (SENT[1], SENT[3])]
    np.testing.assert_allclose(found["psnr"][[1, 3]], 10 * np.log10(255**2 / np.array(mse)))
    np.testing.assert_allclose(found["ms_ssim"][[0, 2]], 1, atol=1e-6)
    assert (found["ms_ssim"][[1, 3]] < 0.9).all()


def test_a_pair_is_judged_once_whatever_stands_beside_it(monkeypatch):
    judged, ms_ssim = [], quality.ms_ssim
    monkeypatch.setattr(quality, "ms_ssim", lambda a, b: judged.append(len(a)) or ms_ssim(a, b))
    judge, other = ImageQuality(TRAINING), SENT[1] // 2
    first = judge([SENT[0], SENT[1], SENT[1]], [SENT[0], other, other])
    second = judge([SENT[1], SENT[2], SENT[1]], [other, None, SENT[1]])
    assert judged == [2, 2]
    for name in ("psnr", "ms_ssim"):
        assert first[name][1] == first[name][2] == second[name][0] and len(set(second[name])) == 3
        fresh = ImageQuality(TRAINING)([SENT[1], SENT[2], SENT[1]], [other, None, SENT[1]])[name]
        np.testing.assert_allclose(second[name], fresh, rtol=1e-6)
    assert judge([], [])["psnr"].shape == (0,)


def test_the_stand_in_takes_the_size_of_what_was_sent():
    sent = [np.zeros((64, 48, 3), np.uint8)]
    assert np.isfinite(ImageQuality(TRAINING)(sent, [None])["psnr"]).all()
