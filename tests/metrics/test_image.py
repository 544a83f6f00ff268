"""PSNR and MS-SSIM against their definitions, and on images of any size."""

import subprocess
import sys
import time

import numpy as np
import pytest

from kbsc_tf.metrics.image import PSNR_CAP_DB, ms_ssim, psnr

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def images(count, height=32, width=32, noise=20.0, seed=0):
    """Smooth coloured images, and the same with noise."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 3, max(height, width))
    waves = np.sin(
        grid[:height, None, None] * rng.uniform(1, 6, (count, 1, 1, 3)) + rng.uniform(0, 6, (count, 1, 1, 3))
    )
    a = 127 + 100 * waves * np.cos(grid[None, :width, None] * rng.uniform(1, 6, (count, 1, 1, 3)))
    return a.astype(np.uint8), np.clip(a + rng.normal(0, noise, a.shape), 0, 255).astype(np.uint8)


def gaussian_means(x, window):
    """Means of x [H, W] under a Gaussian window, where it fits whole."""
    taps = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * 1.5**2))
    kernel = np.outer(taps, taps) / taps.sum() ** 2
    return np.einsum("ijkl,kl->ij", np.lib.stride_tricks.sliding_window_view(x, (window, window)), kernel)


def reference_ms_ssim(a, b, window, weights):
    """Equations 1 to 7 of Wang, Simoncelli and Bovik (2003), in double precision, colour by colour."""
    per_colour = []
    for x, y in zip(np.moveaxis(a / 255, 2, 0), np.moveaxis(b / 255, 2, 0), strict=True):
        product = 1.0
        for scale, weight in enumerate(weights):
            if scale:
                x, y = (np.pad(z, [(0, n % 2) for n in z.shape], "symmetric") for z in (x, y))
                x, y = (z.reshape(z.shape[0] // 2, 2, z.shape[1] // 2, 2).mean(axis=(1, 3)) for z in (x, y))
            mx, my = gaussian_means(x, window), gaussian_means(y, window)
            spread = gaussian_means(x * x, window) - mx**2 + gaussian_means(y * y, window) - my**2
            term = (2 * (gaussian_means(x * y, window) - mx * my) + 0.03**2) / (spread + 0.03**2)
            if scale == len(weights) - 1:
                term = term * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
            product *= max(term.mean(), 0) ** weight
        per_colour.append(product)
    return np.mean(per_colour)


def test_psnr_of_known_errors():
    a = np.full((3, 4, 5, 3), 100, np.uint8)
    b = a.copy()
    b[0] += 1  # MSE 1
    b[1, 0, 0, 0] = 0  # MSE 100^2 / 60
    np.testing.assert_allclose(psnr(a, b), [48.130804, 20 * np.log10(255 / 100) + 10 * np.log10(60), PSNR_CAP_DB])
    np.testing.assert_array_equal(psnr(b, a), psnr(a, b))
    extremes = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    np.testing.assert_allclose(psnr(*extremes), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("height", "width", "window", "scales"),
    [(176, 161, 11, 5), (160, 200, 3, 4), (32, 32, 3, 4), (64, 49, 3, 4), (17, 17, 3, 4), (16, 40, 3, 3), (5, 5, 3, 2)],
)
def test_ms_ssim_matches_its_definition(height, width, window, scales):
    a, b = images(2, height, width)
    weights = WEIGHTS[:scales] / (1 if scales == 5 else WEIGHTS[:scales].sum())
    expected = [reference_ms_ssim(*pair, window, weights) for pair in zip(a, b, strict=True)]
    np.testing.assert_allclose(ms_ssim(a, b), expected, atol=2e-5)


def test_ms_ssim_falls_with_noise_and_is_one_without():
    a, _ = images(20)
    means = [ms_ssim(a, images(20, noise=noise)[1]).mean() for noise in (0, 5, 20, 80)]
    assert means[0] == pytest.approx(1.0, abs=1e-6)
    assert means == sorted(means, reverse=True) and means[-1] < 0.9


@pytest.mark.parametrize("side", [8, 32, 176])
def test_ms_ssim_is_a_number_for_opposite_images(side):
    a = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    a[1], a[2] = 0, 255
    similarity = ms_ssim(a, 255 - a)
    assert np.isfinite(similarity).all() and (similarity >= 0).all() and (similarity < 0.5).all()


def test_sizes_may_differ_between_pairs():
    pairs = [[image[0] for image in images(1, *size)] for size in [(32, 32), (20, 48), (170, 180), (32, 32), (3, 3)]]
    a, b = zip(*pairs, strict=True)
    for metric in (psnr, ms_ssim):
        together = metric(a, b)
        assert together.dtype == np.float64
        np.testing.assert_allclose(together, [metric([x], [y])[0] for x, y in pairs], atol=2e-5)


def test_large_images_are_compared_in_parts(monkeypatch):
    a, b = images(7)
    whole = ms_ssim(a, b)
    monkeypatch.setattr("kbsc_tf.metrics.image._PIXELS_AT_ONCE", 2 * 32 * 32)
    np.testing.assert_allclose(ms_ssim(a, b), whole, atol=2e-5)


def test_nothing_to_compare():
    assert psnr([], []).shape == ms_ssim([], []).shape == (0,)


@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_images_must_pair_up(metric):
    a, b = images(2)
    for bad, what in [
        ((a, b[:1]), "as many"),
        ((a, b[:, :16]), "pair 0"),
        ((a[..., 0], b[..., 0]), "pair 0"),
        ((a / 255, b / 255), "uint8"),
    ]:
        with pytest.raises(ValueError, match=what):
            metric(*bad)


def test_ms_ssim_needs_three_pixels():
    a, b = images(1, 2, 40)
    with pytest.raises(ValueError, match="at least 3"):
        ms_ssim(a, b)


def test_a_thousand_small_images_take_no_time():
    a, b = images(1000)
    ms_ssim(a, b)
    start = time.process_time()  # what else the machine does makes no difference
    ms_ssim(a, b), psnr(a, b)
    assert time.process_time() - start < 5  # measured: 0.1 s; a new trace for every batch would take minutes


def test_psnr_needs_no_tensorflow():
    code = "import numpy as np, sys; from kbsc_tf.metrics.image import psnr; psnr(*np.zeros((2, 1, 4, 4, 3), np.uint8))"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'tensorflow' not in sys.modules"], check=True)
