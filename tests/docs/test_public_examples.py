"""Every public name of the package has an example in its docstring, and it runs.

Those that need a run are run by tests/api beside what they need.
"""

import doctest
import inspect
import sys

import pytest
from shown_code import ROOT

import kbsc_tf as kbsc

NEED_A_RUN = {"run", "Run", "Link", "AnalogueScheme", "CodedLink"}  # see tests/api, and test_snippets
SETTINGS = {"Channel"}  # whose example is only as good as the function in it: tests/api
NAMES = [name for name in dir(kbsc) if name not in ("__version__", "registry")]


def examples(name):
    """Examples of a name and of its own methods."""
    found = getattr(kbsc, name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [one for one in finder.find(found, name, globs={}) if one.examples]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_example(name):
    assert inspect.getdoc(getattr(kbsc, name))
    assert examples(name)


@pytest.mark.parametrize("name", sorted({*NAMES} - NEED_A_RUN - SETTINGS))
def test_its_example_runs(name, capsys):
    before = set(kbsc.registry.schemes)
    for example in examples(name):
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0, capsys.readouterr().out
    assert set(kbsc.registry.schemes) == before


@pytest.mark.parametrize("name", NAMES)
def test_it_is_in_the_reference(name):
    page = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    assert f"\n   {name}\n" in page, f"add {name} to docs/reference/api.md"


def test_importing_the_package_is_documented():
    assert ">>>" in sys.modules["kbsc_tf"].__doc__
