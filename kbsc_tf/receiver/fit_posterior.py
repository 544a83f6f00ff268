"""Choose the metric and the kernel variance of a `PosteriorSearch` on validation codes, then calibrate it."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.receiver.calibration import UNCALIBRATED, fit_calibration
from kbsc_tf.receiver.posterior import Kernel, PosteriorRule, PosteriorSearch, metric_weights

METRIC_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
KERNEL_VARIANCES = (0.025, 0.05, 0.1, 0.2)
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
    """The rule of best semantic accuracy over a fixed grid of noises, not calibrated yet.

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
    exponents = METRIC_EXPONENTS if metric_exponent is None else (metric_exponent,)
    variances = KERNEL_VARIANCES if kernel_variance is None else (kernel_variance,)
    if len(exponents) == len(variances) == 1:
        return _rule(variance, exponents[0], Kernel.constant(variances[0], counts))
    receptions = [[_reception(codes.sent, power, count, snr_db) for snr_db in _SNR_DB] for count in counts]

    def shares(metric_exponent: float) -> list[list[np.ndarray]]:
        """By number of axes and kernel variance: of the receptions of each feature [Q], the share that is right."""
        search, found = _search(codes, _rule(variance, metric_exponent, Kernel.constant(variances[0]))), []
        for of_count in receptions:
            found.append([])
            for one in variances:
                search.rule = search.rule._replace(kernel=Kernel.constant(one))
                right = [search.posterior(*r, neighbours)[0].argmax(axis=1) == codes.sent_labels for r in of_count]
                found[-1].append(np.mean(right, axis=0))
        return found

    found = np.array([shares(exponent) for exponent in exponents])
    best = found.mean(axis=3).max(axis=2).mean(axis=1).argmax()
    chosen = Kernel(np.array(counts, float), np.take(variances, [_narrowest(one) for one in found[best]]))
    return _rule(variance, exponents[best], chosen)


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
    search, levels = _search(codes, rule), []
    for share in _CALIBRATED:
        for snr_db in _CALIBRATION_SNR_DB:
            reception = _reception(codes.sent, variance, max(1, len(variance) // share), snr_db)
            shares, _, quality = search.posterior(*reception, neighbours)
            levels.append((shares, quality, codes.sent_labels))
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
