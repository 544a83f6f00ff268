"""What experiments can name: schemes, channels, codecs, datasets, encoders, executors. Imports no TensorFlow.

A name leads to a *spec*, an object that says what must be known without loading anything heavy, and builds the rest
when it is asked to. Specs come from entry points, those of this package as those of others, or from a decorator:

>>> from kbsc_tf.registry import schemes
>>> schemes["pca"].label
'PCA'

In a package of your own, in ``pyproject.toml``::

    [project.entry-points."kbsc_tf.schemes"]
    mine = "my_package.scheme:MineSpec"
"""

import difflib
import importlib
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Generic, TypeVar

from kbsc_tf.errors import UserError

T = TypeVar("T")


class Spec:
    """What must be known of something that experiments name, without loading anything heavy.

    The first line of a spec's docstring is what ``kbsc list`` shows.

    Attributes
    ----------
    name : str
        As in experiments.
    order : int
        Its place among the others in lists and figures.
    Config : type
        A pydantic model of its settings.
    builder : str
        What `build` calls with the settings: ``"package.module:callable"``, imported when it is needed.
    in_files : bool
        Whether files can name it; otherwise it stands for an object of a Python program, and no list shows it.

    Examples
    --------
    >>> from kbsc_tf.registry import schemes
    >>> schemes["pca"].name, schemes["pca"].in_files
    ('pca', True)
    """

    name: str
    order: int = 1000
    Config: type
    builder: str = ""
    in_files: bool = True

    def parse(self, settings: dict[str, Any]) -> Any:
        """The settings of an experiment; a ValidationError or ValueError if they are none."""
        return self.Config.model_validate(settings)

    def configs(self) -> tuple[type, ...]:
        """The classes that `parse` makes its result of."""
        return (self.Config,)

    def build(self, config: Any, *context: Any) -> Any:
        """What the settings describe; here heavy packages may be imported.

        ``context`` is what a kind needs beside its settings, see its spec.
        """
        module, _, name = self.builder.partition(":")
        return getattr(importlib.import_module(module), name)(config, *context)


class ObjectSpec(Spec):
    """Of an object that a Python program holds, first among the bases; ``config.check`` refuses one that is lost."""

    in_files = False

    def build(self, config: Any, *context: Any) -> Any:
        config.check()
        return super().build(config, *context)


class Registry(Generic[T]):
    """Names of one kind and their specs; a spec's module is loaded when it is first asked for.

    Parameters
    ----------
    kind : str
        What a name stands for, in the singular: the entry-point group is ``kbsc_tf.{kind}s``.

    Examples
    --------
    >>> from kbsc_tf.registry import schemes
    >>> "pca" in schemes, "pcb" in schemes
    (True, False)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._specs: dict[str, T] = {}
        self._entry_points: dict[str, metadata.EntryPoint] | None = None
        self.modules: dict[str, str] = {}  # names added by `add`, and the module that did: workers import it

    def add(self, spec: type[T]) -> type[T]:
        """Register a spec class under its ``name``; for use as a decorator."""
        self._specs[spec.name] = spec()
        self.modules[spec.name] = spec.__module__
        return spec

    def remove(self, name: str) -> None:
        """Forget a name that `add` has registered."""
        del self._specs[name], self.modules[name]

    def __contains__(self, name: object) -> bool:
        return name in self._specs or name in self._found()

    def __iter__(self) -> Iterator[str]:
        """All names for files, sorted by the ``order`` of their specs, then alphabetically."""
        return iter(sorted(self._names(), key=lambda name: (getattr(self[name], "order", 1000), name)))

    def __getitem__(self, name: str) -> T:
        """The spec of a name.

        Raises
        ------
        UserError
            There is none, or its module cannot be imported; names the nearest.
        """
        if name not in self._specs:
            if name not in self._found():
                raise UserError(self.unknown(name))
            entry_point = self._found()[name]
            try:
                self._specs[name] = entry_point.load()()
            except Exception as error:
                raise UserError(
                    f"{self.kind} {name}: its plug-in {entry_point.value} cannot be loaded "
                    f"({type(error).__name__}: {error}); mend or uninstall the package that brings it"
                ) from error
        return self._specs[name]

    def unknown(self, name: object) -> str:
        """The sentence that refuses a name."""
        names = sorted(self._names())
        near = difflib.get_close_matches(str(name), names, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"unknown {self.kind} {name}; {hint}there are {', '.join(names)}"

    def _names(self) -> set[str]:
        return {name for name in {*self._specs, *self._found()} if getattr(self._specs.get(name), "in_files", True)}

    def _found(self) -> dict[str, metadata.EntryPoint]:
        if self._entry_points is None:
            self._entry_points = {one.name: one for one in metadata.entry_points(group=f"kbsc_tf.{self.kind}s")}
        return self._entry_points


schemes: Registry = Registry("scheme")
channels: Registry = Registry("channel")
codecs: Registry = Registry("codec")
datasets: Registry = Registry("dataset")
encoders: Registry = Registry("encoder")
executors: Registry = Registry("executor")
KINDS: dict[str, Registry] = {f"{one.kind}s": one for one in (schemes, channels, codecs, datasets, encoders, executors)}


def summary(spec: object) -> str:
    """One line on a spec: the first of its docstring."""
    return (type(spec).__doc__ or "").strip().partition("\n")[0]


def added_modules() -> list[str]:
    """Modules that registered names by decorator in this process, so that a worker can import them too."""
    names = {module for one in KINDS.values() for module in one.modules.values()}
    return sorted(name for name in names if name in sys.modules)
