"""Training of image links: what batches hold, what the judge sees, and that an interruption changes nothing."""

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kbsc_tf.config import AwgnConfig
from kbsc_tf.data.procedural import procedural_labels, render
from kbsc_tf.errors import UserError
from kbsc_tf.metrics.image import ms_ssim, psnr
from kbsc_tf.schemes.jscc.config import SwinSize, TrainedJsccConfig
from kbsc_tf.schemes.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.schemes.jscc.image_losses import image_loss
from kbsc_tf.schemes.jscc.image_training import GridQuality, image_batches, to_float, to_uint8
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder
from kbsc_tf.training import CheckpointFolder, Trainer

pytestmark = pytest.mark.long

RATES = (2, 4)
options = partial(TrainedJsccConfig, scheme="deepjscc")
TINY = SwinSize(widths=(4, 8), depths=(1, 1), heads=(1, 2), window=2)
IMAGES = render(procedural_labels(60, 0), 0)[:, ::2, ::2]  # 16x16
SMALL = np.ascontiguousarray(IMAGES[:, ::2, ::2])  # 8x8


def make_link(kind, told_snr_db):
    keras.utils.set_random_seed(0)
    if kind == "deepjscc":
        return ImageLink(DeepJsccEncoder(4), DeepJsccDecoder(4), AwgnConfig(), told_snr_db)
    settings = TINY, TINY.widths[-1], False, True
    return ImageLink(SwinJsccEncoder(*settings), SwinJsccDecoder(*settings), AwgnConfig(), told_snr_db, RATES)


def run(folder, kind="deepjscc", images=SMALL, report=lambda epoch, epochs, logs: None, **settings):
    config = options(
        **{"epochs": 3, "batch_size": 10, "learning_rate": 3e-3, "validation_snr_db": [0.0, 10.0], **settings}
    )
    link = make_link(kind, config.told_snr_db)
    judge = GridQuality(images[-10:], config)
    rates = len(link.rates)
    batches = partial(image_batches, images[:-10], config, per_snr=1, rates=rates)
    trainer = Trainer(config, batches, judge, image_loss(config.loss), xla=False)
    return trainer.fit(link, CheckpointFolder(folder, "this"), report)


def stop_at(last):
    """A report that is interrupted like by Ctrl-C when epoch ``last`` has run, before it is kept."""

    def report(epoch, epochs, logs):
        if epoch == last:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("kind", ["deepjscc", pytest.param("swinjscc_ra", marks=pytest.mark.slow)])
def test_interrupted_training_ends_like_uninterrupted(kind, tmp_path, eager):
    """To the bit: the choice of channels, order, SNRs, rates and noise go on where they were."""
    images = SMALL[30:]
    reference = run(tmp_path / "whole", kind, images, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", kind, images, stop_at(2), epochs=2)
    epochs = []
    link = run(tmp_path / "parts", kind, images, lambda epoch, epochs_, logs: epochs.append(epoch), epochs=2)
    assert epochs == [2]
    histories = [pd.read_csv(tmp_path / part / "history.csv") for part in ("whole", "parts")]
    pd.testing.assert_frame_equal(*histories)
    assert histories[0]["loss"].iloc[-1] < histories[0]["loss"].iloc[0]
    for weight, expected in zip(link.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert bool(np.all(link.favour > 0)) == (kind == "swinjscc_ra")  # both rates were trained, and the choice was kept


@pytest.mark.slow
def test_training_on_ms_ssim_raises_it(tmp_path):
    link = run(tmp_path, images=IMAGES, loss="ms_ssim", epochs=4, learning_rate=1e-2)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    judge = GridQuality(IMAGES[50:], options(loss="ms_ssim", validation_snr_db=[0.0, 10.0]))
    np.testing.assert_allclose(judge(link), history["val_ms_ssim"].max(), atol=1e-6)  # the best is what is kept


def draw(epoch, **settings):
    config = options(**{"batch_size": 6, **settings})
    number = tf.Variable(epoch, dtype=tf.int64)
    inputs, targets = zip(*image_batches(IMAGES, config, number, rates=2), strict=True)
    return {name: np.stack([batch[name] for batch in inputs]) for name in inputs[0]}, np.stack(targets)


def test_batches_follow_from_seed_and_epoch():
    first, targets = draw(0)
    assert targets.shape == (10, 6, 16, 16, 3) and targets.dtype == np.float32
    np.testing.assert_array_equal(first["image"], targets)
    order = [tuple(image) for image in IMAGES.reshape(60, -1)]
    sent = [tuple(image) for image in to_uint8(targets).reshape(60, -1)]
    assert sorted(sent) == sorted(order) and sent != order  # every image once
    again, *others = draw(0)[0], draw(1)[0], draw(0, seeds=[1])[0]
    for name in ("image", "snr_db", "rate"):
        np.testing.assert_array_equal(again[name], first[name])
        assert all(not np.array_equal(other[name], first[name]) for other in others)


def test_a_batch_has_one_rate_and_each_has_its_turn():
    """Of 40 batches, 20 at each rate with a standard deviation of at most sqrt(10)."""
    rates = np.concatenate([draw(epoch)[0]["rate"] for epoch in range(4)])
    np.testing.assert_array_equal(rates, np.broadcast_to(rates[:, :1], rates.shape))
    assert set(rates[:, 0]) == {0, 1} and abs(rates[:, 0].sum() - 20) < 4 * 10**0.5


@pytest.mark.parametrize("snr_db", [[-7.0, 3.5], {"low": -2.0, "high": 1.5}], ids=["list", "range"])
def test_snrs_are_those_of_training(snr_db):
    snrs = draw(0, snr_db=snr_db)[0]["snr_db"].ravel()
    if isinstance(snr_db, list):
        assert set(snrs) == set(snr_db)
    else:
        assert -2 <= snrs.min() < -1.5 and 1 < snrs.max() <= 1.5


def test_neighbours_on_a_grid_share_an_snr():
    [inputs, _], *_ = image_batches(IMAGES, options(batch_size=6), tf.Variable(0, dtype=tf.int64), per_snr=3)
    assert "rate" not in inputs
    snrs = inputs["snr_db"].numpy().reshape(2, 3)
    np.testing.assert_array_equal(snrs, np.repeat(snrs[:, :1], 3, axis=1))
    assert snrs[0, 0] != snrs[1, 0]


def test_images_are_rounded_and_clipped():
    levels = np.array([-0.3, 0.0, 0.49 / 255, 0.51 / 255, 127.4 / 255, 254.6 / 255, 1.0, 1.7], np.float32)
    np.testing.assert_array_equal(to_uint8(levels), [0, 0, 0, 1, 127, 255, 255, 255])
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(to_float(every)), every)


class Scripted:
    """Instead of a link: images that are the darker the lower the SNR and the rate."""

    def __init__(self, rates):
        self.rates = rates

    def transmit(self, images, snr_db, rate):
        return SimpleNamespace(images=images - (1.0 - snr_db / 20.0 + 0.2 / (rate or 1)) * 0.1)


@pytest.mark.parametrize("rates", [(), RATES])
@pytest.mark.parametrize(("loss", "figure", "compare"), [("mse", "psnr", psnr), ("ms_ssim", "ms_ssim", ms_ssim)])
def test_the_judge_takes_the_mean_over_snrs_and_rates(rates, loss, figure, compare):
    judge = GridQuality(IMAGES[:5], options(loss=loss, validation_snr_db=[0.0, 10.0]))
    assert judge.figure == f"val_{figure}"
    expected = []
    for snr_db in (0.0, 10.0):
        for rate in rates or (1,):
            darker = IMAGES[:5] / 255 - (1 - snr_db / 20 + 0.2 / rate) * 0.1
            expected.append(compare(IMAGES[:5], np.rint(np.clip(darker, 0, 1) * 255).astype(np.uint8)).mean())
    np.testing.assert_allclose(judge(Scripted(rates)), np.mean(expected), atol=0.01)  # a level may round either way


@pytest.mark.parametrize("kind", ["deepjscc", "swinjscc_ra"])
def test_the_judge_hears_the_same_noise_every_time(kind):
    config = options(validation_snr_db=[0.0])
    link = make_link(kind, config.told_snr_db)
    judge = GridQuality(SMALL, config)
    first = judge(link)
    link.transmit(to_float(SMALL), tf.constant(0.0), link.rates[0] if link.rates else None)
    assert judge(link) == first
    assert GridQuality(SMALL, config.model_copy(update={"seeds": [1]}))(link) != first


def test_the_judge_refuses_what_is_no_number():
    link = make_link("deepjscc", (0.0, 1.0))
    link.decoder.convolutions[0].bias.assign(np.full(link.decoder.convolutions[0].bias.shape, np.nan))
    with pytest.raises(UserError, match="training diverged"):
        GridQuality(SMALL, options())(link)
