"""What an experiment says of a scheme, and what the house must know of one without loading it. No TensorFlow."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from kbsc_tf.config.named import Named
from kbsc_tf.config.strict import NAME, UNCOUNTED, Strict, settings_of
from kbsc_tf.registry import Spec, schemes


class Needs(Enum):
    """What a scheme cannot work without; the value ends the sentence that refuses an experiment without it.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> kbsc.Needs.IMAGES in kbsc.registry.schemes["bpg_ldpc"].needs
    True
    """

    IMAGES = "images"
    PROMPTS = "class prompts and an encoder of them"
    NOISE = "a receiver that knows the noise behind an equaliser"
    ORDER = "symbols that arrive one by one"
    FLAT = "a flat channel, whose capacity is known"
    POSTERIOR = "receiver.decision: posterior, by whose confidence it goes"
    KNOWLEDGE_BASE = "the receiver's knowledge base at the sender"


class Shortfall(NamedTuple):
    """Why nothing fits the channel uses of a scheme at k, with one modulation and code rate or, empty, as such."""

    scheme: str
    k: int
    mcs: str
    reason: str


class SchemeConfig(Strict):
    """An entry of ``schemes``: the name of a scheme alone, or a mapping with its options.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> class TiltedConfig(kbsc.SchemeConfig):
    ...     tilt: float = 0.5
    >>> TiltedConfig(scheme="tilted", tilt=1).tilt
    1.0
    """

    scheme: str = Field(description="Name of the scheme; kbsc list schemes shows all.")
    name: str | None = Field(
        None,
        pattern=NAME.replace("/", "/:"),
        description="Name in records and figures, for several entries of one scheme; that of the scheme unless given.",
        json_schema_extra=UNCOUNTED,
    )

    @property
    def title(self) -> str:
        """Name in records and figures."""
        return self.name or self.scheme

    @property
    def trained_over(self) -> Any:
        """The one channel that it is trained through, where its options name one."""
        return getattr(self, "channel", None)

    def settings(self) -> dict[str, Any]:
        """The options that decide what is sent, see `settings_of`."""
        return settings_of(self)


class SchemeSpec(Spec):
    """What the house knows of a scheme.

    Attributes
    ----------
    name : str
        As in an experiment's ``schemes``.
    label : str
        For figures and tables.
    colour, marker, line : str
        Its look in figures, as matplotlib takes them; a spare one unless a colour is given.
    needs : set of Needs
    sections : set of str
        Sections of the experiment that its records depend on beside ``data``, ``features``, ``receiver``: of
        ``coding``, ``codec`` and ``validation`` (where it is trained or comes with several MCSs).
    per_k : bool
        Whether it comes for each k of the experiment; not where it has a k of its own, as the raw feature has.
    revision : int
        Raised when the same settings give other records: those of another revision are not added to.
    trained : bool
        Whether fitting it takes long and leaves a checkpoint.
    Config : type
        Its options, a subclass of `SchemeConfig`.
    builder : str
        What `build` calls with its arguments, for specs that do not override it.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> class MineSpec(kbsc.SchemeSpec):
    ...     name, label, colour = "mine", "my scheme", "#7B3294"
    >>> spec = kbsc.registry.schemes.add(MineSpec)
    >>> kbsc.registry.schemes["mine"].label
    'my scheme'
    >>> kbsc.registry.schemes.remove("mine")
    """

    label: str
    colour: str = ""
    marker: str = "o"
    line: str | tuple = "-"
    needs: frozenset[Needs] = frozenset()
    sections: frozenset[str] = frozenset()
    per_k: bool = True
    revision: int = 1
    trained: bool = False
    Config: type[SchemeConfig] = SchemeConfig

    def fixes(self, config: SchemeConfig, experiment: Any) -> dict[str, Any]:
        """What else of the experiment the records of this entry depend on, such as all k of a network for several."""
        return {}

    def stops_early(self, config: SchemeConfig) -> bool:
        """Whether images take different numbers of channel uses, k/2 at most."""
        return False

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        """The label in figures and tables of an entry that has no name of its own."""
        return self.label

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        """Refuse settings that cannot work together, by a UserError of one sentence.

        Parameters
        ----------
        config : SchemeConfig
            This entry.
        experiment : ExperimentConfig
            All the others.
        """

    def check(self, config: SchemeConfig, experiment: Any) -> None:
        """Refuse files and programs that are missing or damaged, by a UserError, before anything heavy is loaded.

        Parameters
        ----------
        config : SchemeConfig
            This entry.
        experiment : ExperimentConfig
            All the others.
        """

    def check_images(self, config: SchemeConfig, shape: tuple[int, int]) -> None:
        """Refuse images of a size, (height, width), that cannot be sent at any k, by a UserError, before all work."""

    def multiple(self, config: SchemeConfig) -> int:
        """Of which the height and the width of an image are multiples, in pixels."""
        return 1

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        """Where nothing fits whatever the images are; others are found when the schemes are built."""
        return iter(())

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        """The schemes of this entry over one channel, in the order of the records; here TensorFlow may be imported.

        Parameters
        ----------
        config : SchemeConfig
        context : kbsc_tf.schemes.build.BuildContext
            The channel, the experiment, the training features and what schemes share.

        Yields
        ------
        kbsc_tf.schemes.base.Scheme

        Raises
        ------
        UserError
            It cannot work with these features.
        """
        yield from super().build(config, context)


SchemeEntry = Annotated[SchemeConfig, Named(schemes, "scheme")]
"""A scheme of an experiment: its name, or a mapping of its options."""
