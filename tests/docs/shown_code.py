"""What the README and the pages of the documentation show as code, and in tables of what to set."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/[csh]*/*.md"))]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\|(.*)\|$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """Fenced code of a page in one language."""
    return [code for found, code in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def with_blocks(language: str) -> list[Path]:
    """Pages that have some."""
    return [page for page in PAGES if blocks(page, language)]


def name_of(page: Path) -> str:
    """For the name of a test."""
    return page.relative_to(ROOT).as_posix()


def settings(page: Path, head: str) -> Iterator[list[str]]:
    """Code in the second column of tables that are headed so: a list for every row."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if _ROW.match(line) else []
        inside = bool(cells) and (inside or cells[1] == head)
        if inside and cells[1] != head and not cells[0].startswith("--"):
            yield re.findall(r"`([^`]+)`", cells[1])
