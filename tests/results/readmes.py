"""READMEs beside records: their tables and sentences, and the records that they have to agree with."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


class Table(NamedTuple):
    """A table of Markdown: the heading it stands under, its heads and its rows, all cells text."""

    heading: str
    heads: list[str]
    rows: list[list[str]]

    def labelled(self):
        """Each row as a dict from head to cell."""
        return [dict(zip(self.heads, row, strict=True)) for row in self.rows]


class Readme:
    """One README: ``tables`` in order, and whether it ``says`` something."""

    def __init__(self, folder: str = ""):
        self.words, self.tables = _parts(folder)

    def not_said(self, *sentences: str) -> list[str]:
        """Those of the sentences, made with numbers of the records, that are not in the README."""
        return [sentence for sentence in sentences if " ".join(sentence.split()) not in self.words]


@cache
def _parts(folder):
    """The words with one space between them, and the tables."""
    lines = (ROOT / folder / "README.md").read_text(encoding="utf-8").replace("−", "-").splitlines()
    return " ".join(" ".join(lines).split()), list(_tables(lines))


def _tables(lines):
    heading, block = "", []
    for line in [*lines, ""]:
        if line.startswith("|"):
            block.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if block:
            yield Table(heading, block[0], block[2:])
        block = []
        heading = line if line.startswith("#") else heading


def disagree(printed: str, expected) -> bool:
    """Whether a cell says anything but the expected text, or numbers rounded as they are printed."""
    if isinstance(expected, str):
        return printed != expected
    expected = expected if isinstance(expected, tuple) else (expected,)
    shown = [text.replace(",", "") for text in _NUMBER.findall(printed)]
    return len(shown) != len(expected) or any(
        abs(float(text) - value) > 0.5 * _unit(text) * (1 + 1e-6) for text, value in zip(shown, expected, strict=True)
    )


def _unit(text: str) -> float:
    """Value of a printed number's last digit."""
    digits, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def wrong_cells(table: Table, expected_of, heads: list[str]) -> list[str]:
    """Cells under ``heads`` that disagree with ``expected_of(labels, head)``."""
    assert heads and table.rows
    wrong = []
    for labels in table.labelled():
        for head in heads:
            expected = expected_of(labels, head)
            if disagree(labels[head], expected):
                name = ", ".join(cell for key, cell in labels.items() if key not in heads)
                wrong.append(f"{table.heading} | {name} | {head}: {labels[head]!r}, but by the records {expected}")
    return wrong
