"""Choose the metric and the kernel variance of a `PosteriorSearch` on validation codes, then calibrate it."""

import itertools
from typing import NamedTuple

import numpy as np

from kbsc_tf.receiver.calibration import UNCALIBRATED, fit_calibration
from kbsc_tf.receiver.posterior import Kernel, PosteriorRule, PosteriorSearch, metric_weights
from kbsc_tf.threads import side_by_side

METRIC_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
KERNEL_VARIANCES = (0.025, 0.05, 0.1, 0.2)
_KERNEL_VARIANCE = 0.1  # by which metrics are compared
_SNR_DB = (-5.0, 2.0, np.inf)
SHARES = (16, 4, 1)  # of the axes: a sixteenth, a quarter and all of them are sent
TRIED = len(SHARES)
_CALIBRATION_SNR_DB = (-10.0, -7.0, -4.0, -1.0, 2.0, 6.0, 10.0, 20.0, np.inf)
_CALIBRATED = (8, 2)


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
    power: np.ndarray | None = None,
) -> PosteriorRule:
    """The rule of best semantic accuracy over a fixed grid of noises, not calibrated yet: first the metric, then by it
    the kernel.

    What is received is simulated as PCA sends it, a sixteenth, a quarter and all of the axes at power in proportion to
    their variance, over AWGN: so no scheme's own code has a say in how the receiver compares its own axes, but for that
    of the baseline.

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
        Unless given, for each number of axes the narrowest of `KERNEL_VARIANCES` that is about as good as the best.
    power : [A], optional
        That the axes are sent at, instead of their variance.
    """
    power = variance if power is None else power
    counts = [max(1, len(variance) // share) for share in SHARES]
    receptions = [[_reception(codes.sent, power, count, snr_db) for snr_db in _SNR_DB] for count in counts]

    def shares(metric_exponent: float, kernel_variance: float) -> list[np.ndarray]:
        """By number of axes: of the receptions of each feature [Q], the share that is right."""
        search = _search(codes, _rule(variance, metric_exponent, Kernel.constant(kernel_variance)))

        def right(reception: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
            return search.posterior(*reception, neighbours)[0].argmax(axis=1) == codes.sent_labels

        return [np.mean([right(one) for one in of_count], axis=0) for of_count in receptions]

    if metric_exponent is None:
        middle = _KERNEL_VARIANCE if kernel_variance is None else kernel_variance
        tried = side_by_side(lambda exponent: np.mean(shares(exponent, middle)), METRIC_EXPONENTS)
        metric_exponent = METRIC_EXPONENTS[np.argmax(tried)]
    if kernel_variance is not None:
        return _rule(variance, metric_exponent, Kernel.constant(kernel_variance, counts))
    found = np.array(side_by_side(lambda one: shares(metric_exponent, one), KERNEL_VARIANCES))
    chosen = [KERNEL_VARIANCES[_narrowest(found[:, place])] for place in range(len(counts))]
    return _rule(variance, metric_exponent, Kernel(np.array(counts, float), np.array(chosen)))


def _narrowest(shares: np.ndarray) -> int:
    """The first kernel, of shares [kernels, Q], that is not worse than the best by more than a standard error.

    A knowledge base that grows wants narrower ones, and validation often has fewer entries than there will be.
    """
    loss = shares[shares.mean(axis=1).argmax()] - shares
    return int(np.argmax(loss.mean(axis=1) <= loss.std(axis=1) / np.sqrt(shares.shape[1])))


def calibrate_posterior(
    rule: PosteriorRule, codes: ValidationCodes, variance: np.ndarray, neighbours: int
) -> PosteriorRule:
    """The rule with the calibration of its confidence, over a finer grid of the noises of `fit_posterior`.

    Parameters are those of `fit_posterior`; ``codes.entries`` must be as dense as those that will be decided among.
    """
    search = _search(codes, rule)

    def level(share: int, snr_db: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        reception = _reception(codes.sent, variance, max(1, len(variance) // share), snr_db)
        shares, _, quality = search.posterior(*reception, neighbours)
        return shares, quality, codes.sent_labels

    levels = side_by_side(lambda point: level(*point), itertools.product(_CALIBRATED, _CALIBRATION_SNR_DB))
    return rule._replace(calibration=fit_calibration(levels))


def _rule(variance: np.ndarray, metric_exponent: float, kernel: Kernel) -> PosteriorRule:
    return PosteriorRule(metric_weights(variance, metric_exponent), kernel, UNCALIBRATED, metric_exponent)


def _search(codes: ValidationCodes, rule: PosteriorRule) -> PosteriorSearch:
    return PosteriorSearch(codes.entries, codes.entry_labels, codes.num_classes, rule, gpu=False)


def _reception(sent: np.ndarray, power: np.ndarray, count: int, snr_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes [Q, A] as they arrive, sent at a ``power`` [A], and their noise variance [Q, A]; the same noise always."""
    noise_var_per_axis = np.full(len(power), np.inf, np.float32)
    noise_var_per_axis[:count] = power[:count].mean() / power[:count] * 10.0 ** (-snr_db / 10)
    noise = np.random.default_rng(count).standard_normal((len(sent), count)).astype(np.float32)
    values = np.zeros_like(sent)
    values[:, :count] = sent[:, :count] + np.sqrt(noise_var_per_axis[:count]) * noise
    return values, np.broadcast_to(noise_var_per_axis, sent.shape)
