"""Write the READMEs of results from their records: python sims/write_readmes.py [NAME ...] [--check]

A README is a template, sims/pages/NAME.md.j2, whose numbers are asked of the records (`pages.facts`), so that none
is typed by hand; a claim that the records do not bear out stops the script. Without a NAME all are written, and
results/README.md, the page of all results, which comes from results/index.json, and the sections of other pages that
are made of records (`SECTIONS`): three results in the README of the repository, what is reproduced, and speed.
"""

import argparse
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from pages.facts import Facts, between, headline, less, margin, margins, original, reference, says

from kbsc_tf.errors import UserError
from kbsc_tf.figures.table import markdown
from kbsc_tf.files import read_json

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, RESULTS = ROOT / "sims/pages", ROOT / "results"
MOST_LINES = 120
BEGIN = "<!-- made of the records by sims/write_readmes.py from sims/pages/{} -->"
END = "<!-- end of what it makes -->"
SECTIONS = {  # a page -> the template of its section, and what that is made of
    "README.md": ("headlines.j2", RESULTS),
    "docs/reproduction.md": ("reproduced.j2", RESULTS),
    "docs/speed.md": ("speed.j2", RESULTS / "bench"),
}
OVERVIEW = """# Results

Every folder holds records of an experiment (`records.csv`), what made them (`run.json`) and a page on what they say.
`sims/remake.sh NAME` makes one again from its data, `kbsc reproduce results/NAME` some of its points.
[index.json](index.json) has all this for programs.

Top-1 semantic accuracy with half the width of its 95 % interval, over a folder's first channel at its largest k near
0 dB. Folders differ in images, features and receivers: compare within one.
"""


def templates() -> dict[str, Path]:
    """Name of every results folder that is there and has a template -> the template."""
    found = {path.name.removesuffix(".md.j2"): path for path in sorted(TEMPLATES.glob("*.md.j2"))}
    return {name: path for name, path in found.items() if (RESULTS / name).is_dir()}


def rendered(name: str) -> str:
    """Return the README of a results folder, of at most `MOST_LINES` lines."""
    text = _filled(f"{name}.md.j2", RESULTS / name)
    lines = text.count("\n")
    if lines > MOST_LINES:
        raise UserError(f"sims/pages/{name}.md.j2 makes {lines} lines; a README has at most {MOST_LINES}")
    return text


def with_section(page: str) -> str:
    """Return a page of `SECTIONS` with its section made of the records of today."""
    template, folder = SECTIONS[page]
    begin = BEGIN.format(template)
    before, _, rest = (ROOT / page).read_text(encoding="utf-8").partition(f"{begin}\n")
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"{page}: expected the lines {begin!r} and {END!r} around what is made; restore them")
    return f"{before}{begin}\n{_filled(template, folder)}{END}{after}"


def _filled(template: str, folder: Path) -> str:
    """Return a template with what it asks of the results in ``folder``."""
    tools = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True)
    for tool in (between, less, margin, margins, original, reference, says):
        tools.globals[tool.__name__] = tool
    tools.globals |= {"inf": float("inf"), "results": lambda path="": Facts(folder / path)}
    tools.globals |= {"has": lambda path: (folder / path).is_dir()}
    tools.globals["json"] = lambda path: read_json(folder / path, "run make bench, which writes it")
    try:
        return tidied(tools.get_template(template).render())
    except (UserError, TemplateError) as error:
        raise UserError(f"sims/pages/{template}: {error}") from error


def tidied(text: str) -> str:
    """Return Markdown without blanks at ends of lines, nor two empty lines in a row."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).rstrip() + "\n"


def overview() -> str:
    """Return the page of all results, out of results/index.json."""
    rows = []
    for folder, entry in read_json(RESULTS / "index.json", "run kbsc index results").items():
        link = f"[{folder}]({folder.split('/')[0]}/README.md)"
        rows += [[link, *row, (entry["commit"] or "")[:7]] for row in headline(entry)]
    table = markdown(["Results", "Scheme", "At", "Semantic accuracy (%)", "n", "Commit"], rows, left=3)
    return f"{OVERVIEW}\n{table}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="results folders (default: all, and the overview)")
    parser.add_argument("--check", action="store_true", help="write nothing; say which READMEs are out of date")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(templates()):
        parser.error(f"no template for {', '.join(sorted(unknown))}; there are {', '.join(templates())}")
    try:
        pages = {RESULTS / name / "README.md": rendered(name) for name in chosen.names or templates()}
        if not chosen.names:
            pages |= {RESULTS / "README.md": overview(), **{ROOT / page: with_section(page) for page in SECTIONS}}
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    old = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in old:
        print(("out of date: " if chosen.check else "written: ") + str(path.relative_to(ROOT)))
        if not chosen.check:
            path.write_text(pages[path], encoding="utf-8")
    return 1 if chosen.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
