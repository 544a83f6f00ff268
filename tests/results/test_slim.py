"""The committed results stay small: records, what made them, and the figures that a README shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
MOST_BYTES = 7_000_000


def committed():
    """Files of the committed folders, which have a README; what else lies in results/ is the user's."""
    folders = [readme.parent for readme in RESULTS.glob("*/README.md")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_every_picture_is_shown_by_a_readme():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md"), *RESULTS.rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())]
    assert all((page.parent / link).is_file() for page, link in links)
    shown = {(page.parent / link).resolve() for page, link in links}
    pictures = {path for path in committed() if path.suffix in {".png", ".pdf", ".svg"}}
    assert pictures and pictures <= shown


def test_all_together_are_small():
    assert 0 < sum(path.stat().st_size for path in committed()) < MOST_BYTES
