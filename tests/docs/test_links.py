"""Every link between pages of the repository leads to a file that is there, and to a heading of it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md"), *ROOT.glob("sims/*.md")})
COPIES = [ROOT / "docs/results", ROOT / "docs/notebooks"]  # by make docs
OURS = [page for page in PAGES if not any(folder in page.parents for folder in COPIES)]
TREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(`{3,}).*?^\1", re.MULTILINE | re.DOTALL)
MADE = {"docs/reference/config.md": "### Ofdm\n"}  # headings that are made when the site is built, which links name


@pytest.fixture(autouse=True)
def extensions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs/extensions")


def text_of(page: Path) -> str:
    """A page without its code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Names of its headings, as GitHub and MyST make them."""
    text = text_of(page) + MADE.get(page.relative_to(ROOT).as_posix(), "")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", OURS, ids=[page.relative_to(ROOT).as_posix() for page in OURS])
def test_links_resolve(page):
    for link in LINK.findall(text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_is_in_the_site():
    """Sphinx says so too, but only when the site is built."""
    docs = ROOT / "docs"
    listed = {docs / "index.md"}
    for page in OURS:
        for tree in re.findall(
            r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {path.resolve() for name in names for path in page.parent.glob(f"{name}.md")}
    assert {page for page in OURS if docs in page.parents} <= listed


def test_headings_that_links_name_are_made():
    from config_keys import config_keys

    assert MADE["docs/reference/config.md"] in config_keys()


def test_every_key_of_an_experiment_is_in_the_reference():
    from config_keys import config_keys

    text = config_keys()
    schema = json.loads((ROOT / "docs/experiment.schema.json").read_text(encoding="utf-8"))
    for name, kind in schema["$defs"].items():
        section = text.split(f"(config-{name.lower()})=")[1].split("\n(config-")[0]
        for key, one in kind.get("properties", {}).items():
            row = next(line for line in section.splitlines() if line.startswith(f"| `{key}` |"))
            assert " ".join(one["description"].split())[:30].replace("``", "`").replace("|", "\\|") in row
    assert all(f"| `{key}` |" in text for key in schema["properties"])


def test_what_is_made_when_the_site_is_built_is_there():
    from made_pages import MADE as functions
    from made_pages import fill

    marks = {mark for page in OURS for mark in re.findall(r"<!-- made: (\w+) -->", page.read_text(encoding="utf-8"))}
    assert marks == set(functions)
    assert "## `kbsc compare`" in fill("<!-- made: commands -->", "reference/cli")
    assert "author = {Li, Chongyang and He, Yanmei and" in functions["citation"]()
    assert fill("[a](../../results/b/README.md)", "howto/c") == "[a](../results/b/README.md)"
    assert fill("[a](../../docs/concepts/b.md)", "results/c/README") == "[a](../../concepts/b.md)"
