"""Sphinx extension: the parts of pages that are made of the code and the records when the site is built.

A line ``<!-- made: NAME -->`` in a page is replaced by what the function NAME of `MADE` returns, in Markdown. Pages and
pictures of ``results/`` and ``notebooks/`` are copied beside the others; links to them are written as they are right in
the repository, and led to the copies.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import yaml
from config_keys import config_keys
from notebook_outputs import with_outputs

ROOT = Path(__file__).resolve().parents[2]
_COPIED = {"results": {".md", ".png", ".json"}, "notebooks": {".ipynb"}}  # folders -> suffixes
_MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
_OUTSIDE = re.compile(r"\]\(((?:\.\./)*)\.\./(results|notebooks)/")
_TREE = "\n```{{toctree}}\n:hidden:\n:glob:\n\n{}\n```\n"


def commands() -> str:
    """Every command of `kbsc`, with its arguments and options, as Typer documents them."""
    import typer.cli
    import typer.main

    from kbsc_tf.cli import app

    command = typer.main.get_command(app)
    text = typer.cli.get_docs_for_click(obj=command, ctx=typer.Context(command), name="kbsc")
    head, first, rest = text.partition("\n## ")
    return head.split("\n", 1)[1].partition("**Commands**")[0].strip() + f"\n{first}{rest.strip()}"


def citation() -> str:
    """BibTeX of the paper and of the software, out of CITATION.cff."""
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    paper = content["preferred-citation"]
    names, makers = (_authors(one["authors"]) for one in (paper, content))
    arxiv = next(one["value"] for one in paper["identifiers"] if one["value"].startswith("arXiv:"))
    fields = {"title": f"{{{paper['title']}}}", "author": names, "year": paper["year"], "doi": paper["doi"]}
    entries = [("article", "kbsc", {**fields, "journal": f"arXiv preprint {arxiv}"})]
    makers = " and ".join(
        one.get("name") or f"{one['family-names']}, {one['given-names']}" for one in content["authors"]
    )
    software = {"title": f"{{{content['title']}}}", "author": f"{{{makers}}}", "version": content["version"]}
    entries.append(("software", "kbsc_tf", {**software, "note": content["license"]}))
    texts = [
        "\n".join([f"@{kind}{{{key},", *(f"  {name} = {{{value}}}," for name, value in one.items()), "}"])
        for kind, key, one in entries
    ]
    return "```bibtex\n" + "\n\n".join(texts) + "\n```"


def _authors(people: list[dict[str, str]]) -> str:
    return " and ".join(one.get("name") or f"{one['family-names']}, {one['given-names']}" for one in people)


def experiments() -> str:
    """The list of experiments and programs, which lies beside them."""
    return _page("sims/README.md").replace("](../docs/", "](../")


def contributing() -> str:
    """How to work on the project."""
    return _page("CONTRIBUTING.md").replace("](docs/", "](")


def changes() -> str:
    """What changed from version to version."""
    return _page("CHANGELOG.md").replace("](docs/", "](")


MADE: dict[str, Callable[[], str]] = {
    one.__name__: one for one in (changes, citation, commands, config_keys, contributing, experiments)
}


def fill(text: str, page: str) -> str:
    """Return the text of a page with what is made in it, and with links that hold within the site."""
    text = _MARK.sub(lambda mark: MADE[mark[1]](), text)
    text = _OUTSIDE.sub(r"](\1\2/", text)
    text = text.replace("](../../docs/", "](../../") if page.startswith("results/") else text  # its copy lies in docs/
    return text + _TREE.format("*/README") if page == "results/README" else text


def _page(name: str) -> str:
    """A page of the repository without its title."""
    return (ROOT / name).read_text(encoding="utf-8").split("\n", 1)[1].strip()


def _copy(app: Any, config: Any) -> None:
    """Have the pages of other folders beside those of the documentation."""
    for name, suffixes in _COPIED.items():
        folder, copies = ROOT / name, Path(app.srcdir) / name
        shutil.rmtree(copies, ignore_errors=True)
        inner = [page.parent for page in folder.glob("*/README.md")]  # other folders are the user's
        files = [*folder.glob("*.*"), *(file for one in inner for file in one.rglob("*.*"))]
        for file in files:
            if file.suffix in suffixes:
                copy = copies / file.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, copy)
                if file.suffix == ".ipynb":
                    nbformat.write(with_outputs(file.stem, nbformat.read(file, as_version=4)), copy)


def _escape(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep |h| in docstrings from being markup."""
    for number, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]
        lines[number] = "``".join(parts)


def _on_read(app: Any, page: str, source: list[str]) -> None:
    if not page.startswith("notebooks/"):
        source[0] = fill(source[0], page)


def setup(app: Any) -> dict[str, Any]:
    """Be a Sphinx extension."""
    app.connect("config-inited", _copy)
    app.connect("source-read", _on_read)
    app.connect("autodoc-process-docstring", _escape)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
