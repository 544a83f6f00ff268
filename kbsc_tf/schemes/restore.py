"""A fitted scheme from where it was saved, without the features that it was fitted to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kbsc_tf.coding.selection import chosen_mcs
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.training import training_seed, trainings
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver
from kbsc_tf.results.envelope import GENIE
from kbsc_tf.results.points import Curve
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.build import BuildContext, Shared, built
from kbsc_tf.schemes.coded.genie import GenieScheme
from kbsc_tf.schemes.saved import REMEDY


class TrainingShape(NamedTuple):
    """What must be known of training features to build a scheme that is fitted already.

    Attributes
    ----------
    count, dim : int
        N features of D values.
    image_shape : (int, int)
        Height and width, in pixels, of the images.
    """

    count: int
    dim: int
    image_shape: tuple[int, int]

    def features(self) -> FeatureSet:
        """A feature set of this shape that takes no memory; whoever computes with its values gets NaN."""
        labels = np.broadcast_to(np.int64(0), self.count)
        images = ImageSet("training", labels, (), (), _gone, "", tuple(self.image_shape))
        x = np.broadcast_to(np.float32(np.nan), (self.count, self.dim))
        return FeatureSet("training", x, labels, (), (), "", images=images)


def restore(
    experiment: ExperimentConfig,
    wanted: Curve,
    folder: Path,
    training: TrainingShape,
    receiver: Receiver,
    knowledge: FeatureSet,
) -> Scheme:
    """A scheme as it was when `Scheme.save` wrote ``folder``.

    Parameters
    ----------
    experiment : ExperimentConfig
        Names the scheme and the channel.
    wanted : Curve
        Which scheme.
    folder : Path
    training : TrainingShape
    receiver : Receiver
        For senders that know what it does.
    knowledge : FeatureSet
        The entries of its knowledge base, for senders that know them.

    Raises
    ------
    UserError
        A file is missing or damaged.
    """
    entries = (one for entry in experiment.schemes if entry.title == wanted.scheme for one in trainings(entry))
    entry = next(one for one in entries if training_seed(one) == wanted.training_seed)
    channel = next(one for one in experiment.channels if one.label == wanted.channel)
    context = _Restoring(Shared(experiment, training.features(), receiver, knowledge), channel, entry)
    context.wanted = wanted
    scheme = next(one for one in built(entry, context) if (one.mcs, one.k) == (wanted.mcs, wanted.k))
    try:
        scheme.load(folder)
    except UserError:
        raise
    except Exception as error:  # a scheme may have any for a file that is not its own
        why = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        raise UserError(f"{folder}: damaged, {wanted.scheme} cannot be read from it ({why}); {REMEDY}") from None
    return scheme


class _Restoring(BuildContext):
    """Builds what is wanted and nothing else; what had to be checked has worked before."""

    wanted: Curve

    def one(self, scheme: Scheme) -> Scheme:
        scheme.name = self.wanted.scheme
        return scheme

    def per_k(self, make: Callable[[int], Scheme]) -> Iterator[Scheme]:
        yield self.one(make(self.wanted.k))

    def per_mcs(self, make: Callable[[int, Any], Scheme]) -> Iterator[Scheme]:
        k, is_genie = self.wanted.k, self.wanted.mcs == GENIE
        fixed = [
            self._or_infeasible(lambda mcs=mcs: BuildContext.one(self, make(k, mcs)), k, mcs.name)
            for mcs in chosen_mcs(self.experiment.coding, self.channel)
            if is_genie or mcs.name == self.wanted.mcs
        ]
        yield from [GenieScheme([one for one in fixed if one.shortfall is None])] if is_genie else fixed

    def prompts(self) -> np.ndarray:
        """Of the right shape; the scheme has saved its own."""
        return np.broadcast_to(np.float32(np.nan), (len(self.knowledge.class_names), self.training.dim))


def _gone(indices: np.ndarray) -> list[np.ndarray]:
    raise ValueError("a scheme that is fitted already has asked for training images")
