"""The highest accuracy that any scheme can have over an experiment's channels, for the features that are sent."""

import math
from pathlib import Path

import numpy as np

from kbsc_tf.channel import build_channel
from kbsc_tf.channel.ofdm.information import GridInformation
from kbsc_tf.config import ChannelConfig, ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSplits
from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.bound_table import Carried, bound_table, flat_channel, read_bound, write_bound
from kbsc_tf.limits.class_posterior import class_posterior
from kbsc_tf.progress import Progress
from kbsc_tf.study.prepare import check_features, load_sent


def find_bound(
    folder: Path,
    config: ExperimentConfig,
    carried: dict[str, Carried],
    features: FeatureSplits,
    progress: Progress,
) -> None:
    """Write it into the folder's bound.csv, for the channels of `all_carried`; what is there is not computed again."""
    sender, entries = features.sender, features.receiver
    wanted = {(label, k, snr) for label in carried for k in config.k for snr in config.snr_db}
    known = read_bound(folder)
    # A file of a version without coded blocks is made again.
    coded = known["channel"].isin([label for label, one in carried.items() if one.density]) & known["snr_db"].ne(np.inf)
    known = known[~coded | known["coded_top1"].notna()]
    if wanted <= set(zip(known["channel"], known["k"], known["snr_db"], strict=True)):
        return
    progress.say("the highest accuracy of any scheme: a posterior of the classes, then its rate-distortion bound")
    both = np.concatenate([sender.x, entries.x])
    posterior = class_posterior(both, np.concatenate([sender.labels, entries.labels]))[: len(sender)]
    values = 3 * math.prod(features.image_shape)
    write_bound(folder, bound_table(AccuracyBound(posterior), carried, config.k, config.snr_db, values))


def find_bound_again(folder: Path, config: ExperimentConfig, progress: Progress) -> None:
    """The same of a finished run, from its features alone: no scheme is fitted.

    Raises
    ------
    UserError
        No channel has a known capacity, the features are no longer those of the records, or they are not at hand.
    """
    carried = all_carried(config)
    if not carried:
        labels = ", ".join(channel.label for channel in config.channels)
        raise UserError(
            f"{folder}: no bound is known over {labels}; it is over flat channels and OFDM in the frequency domain"
        )
    features, report = load_sent(config, False, progress)
    check_features(folder, report)
    find_bound(folder, config, carried, features, progress)


def all_carried(config: ExperimentConfig) -> dict[str, Carried]:
    """What the channels of an experiment carry, by their labels; without those of which it is not known."""
    return {one.label: found for one in config.channels if (found := _carried_by(one, config.k))}


def _carried_by(channel: ChannelConfig, ks: list[int]) -> Carried | None:
    """What a channel carries; None where that is not known, or a grid is too small for one of the ``ks``."""
    if channel.type == "flat":
        return flat_channel(channel)
    known = channel.type == "ofdm" and channel.domain == "frequency"
    return Carried(GridInformation(build_channel(channel))) if known and channel.per_grid(max(ks) // 2) else None
