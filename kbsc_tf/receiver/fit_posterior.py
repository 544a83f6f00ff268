"""Choose the metric and the kernel variance of a `PosteriorSearch` on validation codes, then calibrate it."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.receiver.calibration import UNCALIBRATED, fit_calibration
from kbsc_tf.receiver.posterior import PosteriorRule, PosteriorSearch, metric_weights

METRIC_EXPONENTS = (0.0, 0.25, 0.5, 0.75)
KERNEL_VARIANCES = (0.025, 0.05, 0.1, 0.2)
_SNR_DB = (-7.0, -2.0, 4.0, np.inf)
_CALIBRATION_SNR_DB = (-10.0, -7.0, -4.0, -1.0, 2.0, 6.0, 10.0, 20.0, np.inf)
_SHARES = (8, 2)  # of the axes: an eighth and a half of them are sent


class ValidationCodes(NamedTuple):
    """Codes at unit variance and classes of a validation sender and of the receiver's entries.

    Attributes
    ----------
    sent : [Q, A], float32
    sent_labels : [Q], int64
    entries : [N, A], float32
    entry_labels : [N], int64
    num_classes : int
    """

    sent: np.ndarray
    sent_labels: np.ndarray
    entries: np.ndarray
    entry_labels: np.ndarray
    num_classes: int


def fit_posterior(
    codes: ValidationCodes,
    variance: np.ndarray,
    neighbours: int,
    metric_exponent: float | None = None,
    kernel_variance: float | None = None,
) -> PosteriorRule:
    """The rule of best semantic accuracy over a fixed grid of noises, not calibrated yet.

    What is received is simulated as PCA sends it, an eighth and half of the axes at power in proportion to their
    variance, over AWGN: so no scheme's own code has a say in how the receiver compares, but for that of the baseline.

    Parameters
    ----------
    codes : ValidationCodes
    variance : [A], float32
        Of the features along each axis.
    neighbours : int
        How many entries vote.
    metric_exponent : float, optional
        Of the metric, see `metric_weights`. Chosen among `METRIC_EXPONENTS` unless given.
    kernel_variance : float, optional
        Chosen among `KERNEL_VARIANCES` unless given.
    """
    choices = [
        (e, b)
        for e in (METRIC_EXPONENTS if metric_exponent is None else (metric_exponent,))
        for b in (KERNEL_VARIANCES if kernel_variance is None else (kernel_variance,))
    ]
    receptions = [_reception(codes.sent, variance, share, snr_db) for share in _SHARES for snr_db in _SNR_DB]

    def accuracy(choice: tuple[float, float]) -> float:
        search = _search(codes, _rule(variance, *choice))
        shares = (search.posterior(*received, neighbours)[0] for received in receptions)
        return float(np.mean([np.mean(s.argmax(axis=1) == codes.sent_labels) for s in shares]))

    return _rule(variance, *(max(choices, key=accuracy) if len(choices) > 1 else choices[0]))


def calibrate_posterior(
    rule: PosteriorRule, codes: ValidationCodes, variance: np.ndarray, neighbours: int
) -> PosteriorRule:
    """The rule with the calibration of its confidence, over a finer grid of the noises of `fit_posterior`.

    Parameters are those of `fit_posterior`; ``codes.entries`` must be as dense as those that will be decided among.
    """
    search, levels = _search(codes, rule), []
    for share in _SHARES:
        for snr_db in _CALIBRATION_SNR_DB:
            shares, _, quality = search.posterior(*_reception(codes.sent, variance, share, snr_db), neighbours)
            levels.append((shares, quality, codes.sent_labels))
    return rule._replace(calibration=fit_calibration(levels))


def _rule(variance: np.ndarray, metric_exponent: float, kernel_variance: float) -> PosteriorRule:
    return PosteriorRule(metric_weights(variance, metric_exponent), kernel_variance, UNCALIBRATED, metric_exponent)


def _search(codes: ValidationCodes, rule: PosteriorRule) -> PosteriorSearch:
    return PosteriorSearch(codes.entries, codes.entry_labels, codes.num_classes, rule, gpu=False)


def _reception(sent: np.ndarray, variance: np.ndarray, share: int, snr_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes [Q, A] as PCA's receiver has them, and their noise variance [Q, A]; for all choices the same noise."""
    count = max(1, len(variance) // share)
    noise_var_per_axis = np.full(len(variance), np.inf, np.float32)
    noise_var_per_axis[:count] = variance[:count].mean() / variance[:count] * 10.0 ** (-snr_db / 10)
    noise = np.random.default_rng(count).standard_normal((len(sent), count)).astype(np.float32)
    values = np.zeros_like(sent)
    values[:, :count] = sent[:, :count] + np.sqrt(noise_var_per_axis[:count]) * noise
    return values, np.broadcast_to(noise_var_per_axis, sent.shape)
