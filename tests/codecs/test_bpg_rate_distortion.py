"""Rate-distortion on 200 CIFAR-10 images against measured curves (see the conformance material's bpg.md)."""

from functools import lru_cache

import numpy as np
import pytest
from codec_samples import cifar10_test_images, psnr_db

from kbsc_tf.codecs import BpgCodec

QPS = (20, 30, 40, 51)
# Mean bytes and mean PSNR in dB of the 200 images at QPS.
PROTOTYPE = {
    "444": [(392.1, 43.15), (231.8, 34.55), (89.8, 25.31), (39.8, 19.20)],
    "420": [(361.1, 41.09), (216.0, 33.15), (87.6, 25.15), (39.8, 19.21)],
}
# Of bpgenc -e x265 -q QP, which codes at QP - 3: other points of the curve.
BPGENC = {
    "444": [(446.5, 44.80), (272.7, 37.23), (114.7, 27.06), (45.2, 20.35)],
    "420": [(408.1, 42.68), (251.9, 35.17), (109.2, 26.64), (45.1, 20.33)],
}


def bd_rate(curve, reference):
    """Mean difference in rate at equal quality, as a share: cubics of log rate over PSNR, G. Bjontegaard, VCEG-M33."""
    (rate, quality), (reference_rate, reference_quality) = (np.array(points).T for points in (curve, reference))
    low, high = max(quality.min(), reference_quality.min()), min(quality.max(), reference_quality.max())
    areas = []
    for bits, decibels in ((rate, quality), (reference_rate, reference_quality)):
        integral = np.polyint(np.polyfit(decibels, np.log(bits), 3))
        areas.append(np.polyval(integral, high) - np.polyval(integral, low))
    return np.exp((areas[0] - areas[1]) / (high - low)) - 1


@lru_cache
def measure(chroma):
    images, codec, points = cifar10_test_images(), BpgCodec(chroma), []
    assert len(images) == 200
    for qp in QPS:
        files = [codec.encode(image, qp) for image in images]
        quality = [psnr_db(codec.decode(file), image) for file, image in zip(files, images, strict=True)]
        points.append((np.mean([len(file) for file in files]), np.mean(quality)))
    return points


def test_bd_rate_of_known_curves():
    curve = PROTOTYPE["444"]
    assert abs(bd_rate(curve, curve)) < 1e-9
    assert bd_rate([(1.1 * rate, quality) for rate, quality in curve], curve) == pytest.approx(0.1)


@pytest.mark.long
@pytest.mark.parametrize("chroma", ["420", pytest.param("444", marks=pytest.mark.slow)])
def test_rate_distortion(chroma):
    points = measure(chroma)
    print(chroma, [(round(float(rate), 2), round(float(quality), 3)) for rate, quality in points])
    print("BD-rate", bd_rate(points, PROTOTYPE[chroma]), bd_rate(points, BPGENC[chroma]))
    assert abs(bd_rate(points, PROTOTYPE[chroma])) < 0.01
    assert abs(bd_rate(points, BPGENC[chroma])) < 0.01
