"""Every public name of the package, and every other name of the reference, has an example, and it runs.

Those that need a run are run by tests/api beside what they need.
"""

import doctest
import inspect
import pydoc
import re
import sys

import pytest
from shown_code import ROOT

import kbsc_tf as kbsc

NEED_A_RUN = {"run", "Run", "Link", "AnalogueScheme", "CodedLink"}  # see tests/api, and test_snippets
SETTINGS = {"Channel"}  # whose example is only as good as the function in it: tests/api
PAGES = [ROOT / "docs/reference" / page for page in ("api.md", "extending.md")]
NAMES = [name for name in dir(kbsc) if name not in ("__version__", "registry")]


def others():
    """What the reference lists beside the public names."""
    for page in PAGES:
        module = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith(".. currentmodule:: "):
                module = line.split()[-1] + "."
            elif found := re.match(r"   ([\w.]+)$", line):
                name = found[1] if found[1].startswith("kbsc_tf.") else module + found[1]
                if name.removeprefix("kbsc_tf.") not in NAMES:
                    yield name


OTHERS = sorted(others())
LONG = {f"kbsc_tf.testing.check_{kind}" for kind in ("channel", "encoder", "scheme")} | {
    "kbsc_tf.api.coded_link.BlerCurve"
}
IN_A_RUN = {
    "kbsc_tf.api.reception.Reception",
    "kbsc_tf.api.reception.Neighbour",
    "kbsc_tf.api.slider.Slider",
}  # see test_snippets


def examples(name):
    """Examples of a name and of its own methods."""
    found = pydoc.locate(name) if name in OTHERS else getattr(kbsc, name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [one for one in finder.find(found, name, globs={}) if one.examples]


@pytest.mark.parametrize("name", NAMES + OTHERS)
def test_it_has_an_example(name):
    assert examples(name)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in LONG))
        for name in sorted({*NAMES, *OTHERS} - NEED_A_RUN - SETTINGS - IN_A_RUN)
    ],
)
def test_its_example_runs(name, capsys):
    assert inspect.getdoc(pydoc.locate(name) if name in OTHERS else getattr(kbsc, name))
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
