"""Commands that start something of one's own: an experiment to change, and the notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import app, list_files, new_progress

_NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="What to write; not over a file.")] = Path(
        "experiment.yaml"
    ),
) -> None:
    """Write an experiment to change: the quickstart's, with every other key, its default and what it does."""
    from kbsc_tf.config.reading.template import template
    from kbsc_tf.files import write_atomically

    _refuse_to_replace(file)
    write_atomically(file, template(file.stem), "make its folder, or name another file")
    progress = new_progress()
    list_files([file], progress)
    progress.say(f"change it, then: kbsc run {file}")


@app.command()
def notebooks(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; not over files.")] = Path("notebooks"),
) -> None:
    """Copy the notebooks that come with the package, to run and change."""
    from kbsc_tf.files import make_folder, write_atomically

    found = sorted(_NOTEBOOKS.glob("*.ipynb"))
    copies = [folder / one.name for one in found]
    for copy in copies:
        _refuse_to_replace(copy)
    make_folder(folder, "name another folder")
    for one, copy in zip(found, copies, strict=True):
        write_atomically(copy, one.read_bytes(), "name another folder")
    list_files(copies, new_progress())


def _refuse_to_replace(file: Path) -> None:
    if file.exists():
        from kbsc_tf.errors import UserError

        raise UserError(f"{file}: is there already; delete it or name another")
