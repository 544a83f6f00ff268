"""README.md as a package index shows it, where no link is relative."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = "https://example.org/owner/name/raw/abc"


@pytest.fixture(scope="module")
def described():
    spec = importlib.util.spec_from_file_location("kbsc_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.described


def test_links_are_absolute(described):
    text = '![a](docs/a.png) [b](c.md#d) [e](https://x.org) [f](#g)\n<img src="docs/h.png" width="4">'
    assert described(text, SOURCE) == (
        f"![a]({SOURCE}/docs/a.png) [b](https://example.org/owner/name/blob/abc/c.md#d) [e](https://x.org) [f](#g)\n"
        f'<img src="{SOURCE}/docs/h.png" width="4">'
    )


def test_without_an_address_nothing_is_broken(described):
    assert described('![a](a.png)[b](c.md)<img src="d.png">', "") == "b"


@pytest.mark.parametrize("source", ["", SOURCE])
def test_no_relative_link_is_left(described, source):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r'\]\((?!https?:|#)|src="(?!https?:)', described(readme, source))
