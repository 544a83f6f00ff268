"""pyproject.toml names what the package imports, and nothing else; constraints.txt lies within what it allows."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kbsc_tf

PACKAGE = Path(kbsc_tf.__file__).parent
ROOT = PACKAGE.parent
NOT_NAMED = {
    "pydantic-core": "one version of it fits each of pydantic, which brings it",
    "psutil": "comes with the extra test, which kbsc_tf.testing.soak is for",
    "werkzeug": "serves Dash, which brings it",
    "tensorflow-datasets": "Images.from_tfds asks for it",
}
NOT_IMPORTED = {
    "tf-keras": "transformers' TensorFlow models need it and do not bring it",
    "tensorboard": "keras.callbacks.TensorBoard needs it",
}
NO_REQUIREMENTS = {"authors", "classifiers", "dynamic", "keywords", "license-files"}
FOR_DEVELOPERS = {"docs", "notebooks", "test"}
OTHER_NAMES = {"faiss-gpu": "faiss-cpu", "mlflow-skinny": "mlflow"}
"""Distributions of the same package, of which one alone is installed or named."""


def tables(section: str) -> dict[str, list[Requirement]]:
    """Lists of requirements of a section of pyproject.toml, by key; Python 3.10 reads no TOML."""
    text = re.search(rf"^\[{re.escape(section)}\]\n(.*?)(?=^\[)", PROJECT, re.DOTALL | re.MULTILINE).group(1)
    lists = re.findall(r"^([\w-]+) = (\[.*?\])$", text, re.DOTALL | re.MULTILINE)
    strings = {key: ast.literal_eval(value) for key, value in lists if key not in NO_REQUIREMENTS}
    return {key: [Requirement(one) for one in value] for key, value in strings.items()}


PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REQUIRED = {"": tables("project")["dependencies"], **tables("project.optional-dependencies")}


def named(extras: set[str]) -> set[str]:
    """Distributions that the dependencies and some extras name."""
    names = {canonicalize_name(one.name) for key in extras for one in REQUIRED[key]}
    return {OTHER_NAMES.get(name, name) for name in names}


def imported() -> Iterator[tuple[str, Path]]:
    """Top-level packages that our files import, inside functions too, and where; ours and Python's own left out."""
    for file in PACKAGE.rglob("*.py"):
        if "experiments" not in file.relative_to(PACKAGE).parts:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"kbsc_tf"}
                yield from ((top, file) for top in tops)


def distributions() -> dict[str, Path]:
    """Distributions that our files import from, and a file that does."""
    known = packages_distributions()
    return {
        OTHER_NAMES.get(name, name): file
        for top, file in imported()
        for name in map(canonicalize_name, known.get(top, [top])[:1])
    }


def test_what_is_imported_is_named():
    unnamed = distributions().keys() - named(REQUIRED.keys() - FOR_DEVELOPERS)
    assert unnamed <= NOT_NAMED.keys(), {name: str(distributions()[name]) for name in unnamed}


def test_what_is_named_is_imported():
    assert named(REQUIRED.keys() - FOR_DEVELOPERS) - distributions().keys() == NOT_IMPORTED.keys()


def test_every_requirement_has_a_lowest_version():
    """Or `make test-lowest` would test something else than what is allowed."""
    for one in (one for key in REQUIRED for one in REQUIRED[key] if one.name != "kbsc_tf"):
        assert {">=", "=="} & {part.operator for part in one.specifier}, one


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_constraints_are_within_what_is_allowed(python):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for one in (one for one in pinned if one.marker.evaluate({"python_version": python})):
        (version,) = [part.version for part in one.specifier]
        for other in (other for key in REQUIRED for other in REQUIRED[key]):
            if canonicalize_name(other.name) == canonicalize_name(one.name):
                assert version in other.specifier, f"{one} and {other}"
