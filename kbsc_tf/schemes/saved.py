"""The fitted schemes that a results folder holds. Imports no TensorFlow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.results.points import Curve
from kbsc_tf.results.run_json import FILE, config_of, read_run
from kbsc_tf.seals import LINK, TO_SAVE_LINKS, read_sealed

REMEDY = "delete the folder links of the run and run kbsc train again, which trains nothing anew"
"""What helps if a saved scheme cannot be read."""


@dataclass(frozen=True)
class SavedLink:
    """A fitted scheme on disk.

    Attributes
    ----------
    curve : Curve
        Which one it is.
    path : Path
    content : dict
        Of its link.json.
    """

    curve: Curve
    path: Path
    content: dict

    @cached_property
    def config(self) -> ExperimentConfig:
        """The experiment that it was fitted in."""
        config = config_of(self.path / LINK, self.content, REMEDY)
        # One image at a time: it is encoded here.
        return config.model_copy(update={"codec": config.codec.model_copy(update={"processes": 1})})


def saved_links(folder: Path) -> list[SavedLink]:
    """All saved schemes of a results folder: in the order of its experiment, the largest k first.

    Raises
    ------
    UserError
        The folder is not that of a run, holds no links, or a file is damaged.
    """
    config, found = config_of(folder / FILE, read_run(folder), "mend it or give another folder"), []
    for file in sorted((folder / "links").glob(f"*/{LINK}")):
        content = read_sealed(file, REMEDY)
        try:
            names = {name: content[name] for name in Curve._fields}
            found.append(SavedLink(Curve(**names), file.parent, content))
        except (KeyError, TypeError) as error:
            raise UserError(f"{file}: damaged ({error}); {REMEDY}") from None
    if not found:
        raise UserError(f"{folder / 'links'}: holds no links; {TO_SAVE_LINKS}")
    titles, labels = config.titles, [channel.label for channel in config.channels]

    def place(link: SavedLink) -> tuple:
        curve = link.curve
        return _place(titles, curve.scheme), _place(labels, curve.channel), -curve.k, link.content["number"]

    return sorted(found, key=place)


def _place(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
