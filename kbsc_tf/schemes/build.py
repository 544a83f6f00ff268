"""From an experiment to its schemes."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product

import numpy as np

from kbsc_tf.codecs import BpgCodec, BpgToolsCodec, ImageCodec, JpegCodec
from kbsc_tf.coding import Mcs
from kbsc_tf.coding.selection import CODED_SCHEMES, chosen_mcs, transport_plan
from kbsc_tf.config import (
    IMAGE_SCHEMES,
    NEURAL_IMAGE_SCHEMES,
    ChannelConfig,
    ExperimentConfig,
    FlatConfig,
    OfdmConfig,
)
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.features import FeatureSet, class_features
from kbsc_tf.schemes.adaptive import AdaptiveScheme
from kbsc_tf.schemes.adaptive_fit import ClosedFormFit, TrainedFit
from kbsc_tf.schemes.analogue import spread
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.coded import CodedScheme
from kbsc_tf.schemes.feature_ldpc import FeatureLdpcScheme
from kbsc_tf.schemes.genie import GenieScheme
from kbsc_tf.schemes.image_capacity import ImageCapacityScheme
from kbsc_tf.schemes.image_files import ImageFiles
from kbsc_tf.schemes.image_ldpc import ImageLdpcScheme
from kbsc_tf.schemes.index_ldpc import IndexLdpcScheme
from kbsc_tf.schemes.infeasible import InfeasibleScheme, Shortfall
from kbsc_tf.schemes.kbsc import KbscScheme
from kbsc_tf.schemes.label_ldpc import LabelLdpcScheme
from kbsc_tf.schemes.neural_image import DeepJsccScheme, SwinJsccScheme, check_size
from kbsc_tf.schemes.noise_free import NoiseFreeScheme
from kbsc_tf.schemes.outcomes import Outcomes
from kbsc_tf.schemes.pca import PcaScheme
from kbsc_tf.schemes.raw import RawScheme
from kbsc_tf.schemes.receiver import Receiver
from kbsc_tf.semantic.adaptive import SYMBOLS
from kbsc_tf.semantic.jscc.deepjscc import STRIDE
from kbsc_tf.semantic.jscc.torch_file import read_state_dict


def check_schemes(config: ExperimentConfig) -> dict[str, ImageCodec]:
    """Find the programs, packages and files that schemes need, before any long work; returns the codecs by their names.

    Raises
    ------
    UserError
        One is missing, or a file is no checkpoint: says what to do.
    """
    for part, settings in {**config.trainings, "adaptive": config.adaptive}.items():
        if settings.tensorboard and find_spec("tensorboard") is None:
            raise UserError(f"{part}.tensorboard: needs the package tensorboard; pip install it or set this to false")
    for part, names in (("deepjscc", {"deepjscc", "adjscc"}), ("swinjscc", {"swinjscc"})):
        if names & set(config.schemes) and (path := getattr(config, part).checkpoint):
            read_state_dict(path)
    codec, codecs = config.codec, {}
    if {"bpg_ldpc", "bpg_capacity"} & set(config.schemes):
        codecs["bpg"] = BpgToolsCodec(codec.chroma) if codec.bpg_tools else BpgCodec(codec.chroma)
        if codec.bpg_tools:
            codecs["bpg"].check()
    if {"jpeg_ldpc", "jpeg_capacity"} & set(config.schemes):
        codecs["jpeg"] = JpegCodec(codec.chroma)
    return codecs


def check_images(config: ExperimentConfig, images: ImageSet) -> None:
    """Raise a UserError where a network cannot send images of this size at any k, before they are embedded."""
    for name in (name for name in config.schemes if name in NEURAL_IMAGE_SCHEMES):
        check_size(name, images.image_shape, config.swinjscc.dimensions.multiple if name == "swinjscc" else STRIDE)


def find_shortfalls(config: ExperimentConfig) -> list[Shortfall]:
    """Where nothing fits whatever the images are: known before they are embedded."""
    found = []
    for channel in config.channels:
        for name in (name for name in config.schemes if name in CODED_SCHEMES):
            for k, mcs in product(config.k, chosen_mcs(config, channel)):
                try:
                    if name in IMAGE_SCHEMES:
                        transport_plan(config, mcs, k)
                    else:
                        _feature_scheme(name, k, channel, config, mcs)
                except Infeasible as error:
                    found.append(Shortfall(name, k, mcs.name, str(error)))
    return found


def build_schemes(
    config: ExperimentConfig,
    training: FeatureSet,
    receiver: Receiver | None = None,
    knowledge: FeatureSet | None = None,
) -> list[tuple[ChannelConfig, Scheme]]:
    """All schemes of an experiment with their channels, in the order of the records; nothing is fitted yet.

    An `InfeasibleScheme` stands for one that is not possible at some k, or with some modulation and code rate.

    Parameters
    ----------
    config : ExperimentConfig
    training : FeatureSet
        Its length and dimension decide what is possible.
    receiver : Receiver, optional
        For schemes whose sender knows the knowledge base, and for the CLIP of those that need prompts.
    knowledge : FeatureSet, optional
        The entries of the receiver's knowledge base, for the same schemes.

    Raises
    ------
    UserError
        A scheme cannot work with these images, features or packages at any k, before any long work.
    """
    builder = _Builder(config, training, receiver, knowledge)
    return [
        (channel, scheme)
        for channel in config.channels
        for name in config.schemes
        for scheme in builder.schemes(name, channel)
    ]


def _feature_scheme(name: str, k: int, channel: ChannelConfig, config: ExperimentConfig, mcs: Mcs) -> FeatureLdpcScheme:
    return FeatureLdpcScheme(name, k, channel, config.coding, mcs, name.rsplit("_", 1)[1])


class _Builder:
    """What schemes of one run share: files of images, outcomes of coded blocks, class prompts."""

    def __init__(
        self,
        config: ExperimentConfig,
        training: FeatureSet,
        receiver: Receiver | None,
        knowledge: FeatureSet | None,
    ) -> None:
        self.config, self.training = config, training
        self.receiver, self.knowledge = receiver, knowledge
        self._outcomes = Outcomes()
        linear = ClosedFormFit(config.adaptive, max(SYMBOLS, *config.k))
        label_free = TrainedFit(linear, config.adaptive.objective)
        self._adaptive = {
            "adaptive": label_free,
            "adaptive_progressive": label_free,
            "adaptive_linear": linear,
            "adaptive_supervised": TrainedFit(linear, "supervised"),
        }
        self._files = {name: ImageFiles(codec, config.codec.processes) for name, codec in check_schemes(config).items()}

    def schemes(self, name: str, channel: ChannelConfig) -> Iterator[Scheme]:
        dim = self.training.dim
        if name == "noise_free":
            yield NoiseFreeScheme(dim)
        elif name == "raw":
            if dim % 2:
                raise UserError(f"schemes: raw needs features of even length, these have {dim}; leave raw out")
            if isinstance(channel, OfdmConfig) and (shortfall := channel.shortfall(dim // 2, "raw")):
                raise UserError(f"channels: {channel.label}: {shortfall}, or leave raw out of schemes")
            yield RawScheme(dim, channel)
        elif name in CODED_SCHEMES:
            yield from self._coded(name, channel)
        else:
            for k in self.config.k:
                yield self._or_infeasible(partial(self._one, name, k, channel), name, k, channel)

    def _coded(self, name: str, channel: ChannelConfig) -> Iterator[Scheme]:
        """Per k: a scheme for each modulation and code rate, then the genie that chooses among them."""
        for k in self.config.k:
            fixed = [
                self._or_infeasible(partial(self._fixed, name, k, channel, mcs), name, k, channel, mcs.name)
                for mcs in chosen_mcs(self.config, channel)
            ]
            yield from fixed
            if self.config.coding.genie and len(fixed) > 1:
                if possible := [scheme for scheme in fixed if scheme.shortfall is None]:
                    yield GenieScheme(possible, self._outcomes)
                else:
                    yield self._infeasible(fixed[0].shortfall._replace(mcs=GenieScheme.mcs), channel)

    def _fixed(self, name: str, k: int, channel: ChannelConfig, mcs: Mcs) -> CodedScheme:
        """A coded scheme at one modulation and code rate."""
        config = self.config
        if name in IMAGE_SCHEMES:
            plan, files = transport_plan(config, mcs, k), self._files[name.split("_")[0]]
            return ImageLdpcScheme(name, k, channel, config.coding, plan, mcs.name, files, config.codec)
        scheme = _feature_scheme(name, k, channel, config, mcs)
        scheme.check(self.training)
        return scheme

    def _or_infeasible(
        self, build: Callable[[], Scheme], name: str, k: int, channel: ChannelConfig, mcs: str = ""
    ) -> Scheme:
        """What ``build`` makes, or what stands for it where nothing fits."""
        try:
            return build()
        except Infeasible as error:
            return self._infeasible(Shortfall(name, k, mcs, str(error)), channel)

    def _infeasible(self, shortfall: Shortfall, channel: ChannelConfig) -> InfeasibleScheme:
        per_block = self.config.coding.images_per_block if "_ldpc" in shortfall.scheme else 1
        return InfeasibleScheme(shortfall, channel, shortfall.scheme in IMAGE_SCHEMES, per_block)

    def _one(self, name: str, k: int, channel: ChannelConfig) -> Scheme:
        """A scheme that comes once per k."""
        config = self.config
        if name in ("pca", "kbsc", "kbsc_awgn"):
            symbols, _ = spread(k, self.training.dim)
            if name != "pca":
                trained_on = config.training.channel if name == "kbsc" else FlatConfig()
                return KbscScheme(k, channel, config.training, trained_on, name)
            if symbols >= len(self.training):
                raise Infeasible(
                    f"PCA on {symbols} axes needs {symbols + 1} training samples, there are {len(self.training)}"
                )
            return PcaScheme(k, channel)
        if name in self._adaptive:
            return AdaptiveScheme(k, channel, self._adaptive[name], name)
        if name in NEURAL_IMAGE_SCHEMES:
            settings = config.swinjscc if name == "swinjscc" else config.deepjscc
            build = SwinJsccScheme if name == "swinjscc" else DeepJsccScheme
            return build(name, k, channel, settings, self.training.images, config.k)
        if name in ("bpg_capacity", "jpeg_capacity"):
            per_file = config.coding.images_per_block if config.codec.tiled else 1
            files = self._files[name.split("_")[0]]
            return ImageCapacityScheme(name, k, channel, files, config.codec, per_file, config.snr_db)
        if self.receiver is None or self.knowledge is None:
            raise ValueError(f"{name}: its sender knows the knowledge base; give receiver and knowledge")
        if name == "index_ldpc":
            return IndexLdpcScheme(k, channel, config.coding, self.knowledge, self.receiver)
        return LabelLdpcScheme(k, channel, config.coding, self.knowledge, self._prompts())

    def _prompts(self) -> np.ndarray:
        settings, clip = self.config.features, self.receiver.clip
        if clip is None or not clip.has_tokenizer:
            raise UserError("schemes: label_ldpc needs a CLIP with a tokenizer for the class prompts; leave it out")
        return class_features(clip, self.knowledge.class_names, settings.prompt, settings.store)
