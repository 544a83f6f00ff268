"""From an experiment to its schemes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kbsc_tf.codecs import SourceCoder
from kbsc_tf.coding.selection import chosen_mcs
from kbsc_tf.config import (
    ChannelConfig,
    ExperimentConfig,
    Needs,
    SchemeConfig,
)
from kbsc_tf.config.scheme import Shortfall
from kbsc_tf.config.training import training_seed, trainings
from kbsc_tf.data import ImageSet
from kbsc_tf.data.cache import cache_root
from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.features import FeatureSet, class_features, takes_text
from kbsc_tf.receiver import Receiver
from kbsc_tf.registry import codecs, schemes
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.coded.block_outcomes import Outcomes
from kbsc_tf.schemes.coded.genie import GenieScheme
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles
from kbsc_tf.schemes.infeasible import InfeasibleScheme


def build_schemes(
    experiment: ExperimentConfig,
    training: FeatureSet,
    receiver: Receiver | None = None,
    knowledge: FeatureSet | None = None,
) -> list[tuple[ChannelConfig, Scheme]]:
    """All schemes of an experiment with their channels, in the order of the records; nothing is fitted yet.

    An `InfeasibleScheme` stands for one that is not possible at some k, or with some modulation and code rate. A scheme
    that is trained comes once for each of its training seeds.

    Parameters
    ----------
    experiment : ExperimentConfig
    training : FeatureSet
        Its length and dimension decide what is possible.
    receiver : Receiver, optional
        For schemes whose sender knows the knowledge base, and for the encoder of those that need prompts.
    knowledge : FeatureSet, optional
        The entries of the receiver's knowledge base, for the same schemes.

    Raises
    ------
    UserError
        A scheme cannot work with these images, features or packages at any k, before any long work.
    """
    shared = Shared(experiment, training, receiver, knowledge)
    return [
        (channel, scheme)
        for channel in experiment.channels
        for entry in experiment.schemes
        for one in trainings(entry)
        for scheme in built(one, BuildContext(shared, channel, one))
    ]


def built(entry: SchemeConfig, context: "BuildContext") -> Iterator[Scheme]:
    """The schemes of one training of an entry."""
    for scheme in schemes[entry.scheme].build(entry, context):
        scheme.training_seed = training_seed(entry)
        yield scheme


@dataclass
class Shared:
    """What the schemes of one run have in common: the experiment, its features, and what is made once for all.

    Attributes
    ----------
    experiment : ExperimentConfig
    training : FeatureSet
    receiver : Receiver or None
    knowledge : FeatureSet or None
        Entries of the receiver's knowledge base.
    made : dict
        What `BuildContext.once` has made.
    """

    experiment: ExperimentConfig
    training: FeatureSet
    receiver: Receiver | None
    knowledge: FeatureSet | None
    made: dict[tuple, Any] = field(default_factory=dict)


def check_images(experiment: ExperimentConfig, images: ImageSet) -> None:
    """Raise a UserError where a network cannot send images of this size at any k, before they are embedded."""
    for entry in experiment.schemes:
        schemes[entry.scheme].check_images(entry, images.image_shape)


def find_shortfalls(experiment: ExperimentConfig) -> list[Shortfall]:
    """Where nothing fits whatever the images are: known before they are embedded."""
    return [one for entry in experiment.schemes for one in schemes[entry.scheme].shortfalls(entry, experiment)]


class BuildContext:
    """What the spec of a scheme is given to build one entry over one channel.

    Attributes
    ----------
    experiment : ExperimentConfig
    training : FeatureSet
    channel : ChannelConfig
    """

    def __init__(self, shared: Shared, channel: ChannelConfig, entry: SchemeConfig) -> None:
        self.experiment, self.training, self.channel = shared.experiment, shared.training, channel
        self._shared, self._entry = shared, entry

    @property
    def receiver(self) -> Receiver:
        """The receiver, for senders that know what it does."""
        return self._known("receiver")

    @property
    def knowledge(self) -> FeatureSet:
        """The entries of the receiver's knowledge base, for senders that know it."""
        return self._known("knowledge")

    def one(self, scheme: Scheme) -> Scheme:
        """A scheme of this entry: it is given the entry's name, and refused where it cannot work."""
        scheme.name = self._entry.title
        scheme.check(self.training)
        return scheme

    def per_k(self, make: Callable[[int], Scheme]) -> Iterator[Scheme]:
        """A scheme for each k of the experiment, by ``make(k)``."""
        for k in self.experiment.k:
            yield self._or_infeasible(lambda k=k: self.one(make(k)), k)

    def per_mcs(self, make: Callable[[int, Any], Scheme]) -> Iterator[Scheme]:
        """For each k a scheme per modulation and coding scheme, by ``make(k, mcs)``, then the genie among them."""
        for k in self.experiment.k:
            fixed = [
                self._or_infeasible(lambda k=k, mcs=mcs: self.one(make(k, mcs)), k, mcs.name)
                for mcs in chosen_mcs(self.experiment.coding, self.channel)
            ]
            yield from fixed
            if self.experiment.coding.genie and len(fixed) > 1:
                if possible := [scheme for scheme in fixed if scheme.shortfall is None]:
                    yield GenieScheme(possible, self.once(("outcomes",), Outcomes))
                else:
                    yield self._infeasible(fixed[0].shortfall._replace(mcs=GenieScheme.mcs))

    def once(self, key: tuple, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, made once for all entries and channels of the run that give the same key."""
        if key not in self._shared.made:
            self._shared.made[key] = make()
        return self._shared.made[key]

    def files(self, codec: str, abbreviated: bool = False, thumbnails: bool = False) -> ImageFiles:
        """The files of an image codec and of a `SourceCoder`'s options, encoded once for all schemes."""
        settings, options = self.experiment.codec, (abbreviated, thumbnails)

        def make() -> ImageFiles:
            coder = SourceCoder(codecs[codec].build(settings), *options)
            return ImageFiles(coder, settings.processes, cache_root(getattr(self.experiment.features, "store", None)))

        return self.once(("files", codec, *options), make)

    def prompts(self) -> np.ndarray:
        """Features of the class prompts, [C, D], float32."""
        settings, encoder = self.experiment.features, self.receiver.encoder
        if encoder is None or not takes_text(encoder):
            raise UserError(
                f"schemes: {self._entry.title} needs an encoder of texts for the class prompts, and this one has no "
                "tokenizer; leave it out"
            )
        names = self.knowledge.class_names
        return self.once(("prompts",), lambda: class_features(encoder, names, settings.prompt, settings.store))

    def _or_infeasible(self, build: Callable[[], Scheme], k: int, mcs: str = "") -> Scheme:
        """What ``build`` makes, or what stands for it where nothing fits."""
        try:
            return build()
        except Infeasible as error:
            return self._infeasible(Shortfall(self._entry.title, k, mcs, str(error)))

    def _infeasible(self, shortfall: Shortfall) -> InfeasibleScheme:
        spec = schemes[self._entry.scheme]
        per_block = self.experiment.coding.images_per_block if "coding" in spec.sections else 1
        return InfeasibleScheme(shortfall, self.channel, Needs.IMAGES in spec.needs, per_block)

    def _known(self, name: str) -> Any:
        value = getattr(self._shared, name)
        if value is None:
            raise ValueError(f"{self._entry.title}: its sender knows the knowledge base; give receiver and knowledge")
        return value
