"""The house rules: imports go downward, heavy packages have one importer, type hints are there, files stay short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kbsc_tf

PACKAGE = Path(kbsc_tf.__file__).parent
FLOORS = [
    {"errors"},
    {"config", "files", "threads"},
    {"data", "channel", "codecs", "metrics"},
    {"features", "semantic", "coding", "knowledge"},
    {"schemes"},
    {"evaluation"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IMPORTER = {"transformers": "features", "faiss": "knowledge"}
NO_TENSORFLOW = [
    "records", "results", "sessions", "status", "points", "per_image", "provenance", "runner", "progress", "sweep_view",
    "compare", "compare_table", "report", "report_parts", "classes", "plots", "comparison", "style", "legends",
    "figure_files", "kb_scaling_plot", "kb_scaling_records", "envelope", "table", "names", "gallery",
    "confidence", "confidence_plot", "confidence_table",
]  # fmt: skip
HEAVY = ["tensorflow", "keras", "sionna", "transformers", "faiss"]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
MAX_LINES = 350


def room(file):
    return file.parts[0].removesuffix(".py")


def imported(file):
    """Dotted names of all modules a file imports, inside functions too."""
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def untyped(tree):
    """(line, function, parameter) of public functions, and of public methods of public classes, without a hint."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from untyped(node)
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.startswith("__")):
            known = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
            for argument in known[isinstance(tree, ast.ClassDef) and not static :]:
                if argument.annotation is None:
                    yield node.lineno, node.name, argument.arg


def loaded_by(code):
    """Which heavy packages a fresh interpreter has loaded after ``code``."""
    code += f"\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_downward(file):
    if file.name == "__init__.py" and len(file.parts) == 1:
        assert not [name for name in imported(file) if name.startswith("kbsc_tf")]
        return
    assert room(file) in FLOOR, f"{file}: name its floor in this test"
    for name in imported(file):
        if name.startswith("kbsc_tf."):
            other = name.split(".")[1]
            # Rooms of one floor do not know each other.
            assert other in (room(file), "__version__") or FLOOR[other] < FLOOR[room(file)], f"{file} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_heavy_packages_have_one_importer(file):
    for name in imported(file):
        owner = ONLY_IMPORTER.get(name.split(".")[0])
        assert owner in (None, room(file)), f"{file} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_public_parameters_have_type_hints(file):
    assert not list(untyped(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_files_stay_short(file):
    assert len((PACKAGE / file).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", NO_TENSORFLOW)
def test_no_tensorflow_is_named_where_figures_are_drawn(name):
    assert not {n.split(".")[0] for n in imported(Path("evaluation") / f"{name}.py")} & set(HEAVY)


def test_figures_are_drawn_without_tensorflow():
    modules = ", ".join(f"kbsc_tf.evaluation.{name}" for name in NO_TENSORFLOW)
    assert loaded_by(f"import {modules}, kbsc_tf.config, kbsc_tf.cli, kbsc_tf.metrics") == "[]"


def test_the_walk_sees_what_it_should():
    """The checks above pass on files without imports too: here are some they must find."""
    assert "kbsc_tf.channel.flat" in set(imported(Path("channel/analogue.py")))
    assert "kbsc_tf.evaluation.plots" in set(imported(Path("cli.py")))  # inside a function
    tree = ast.parse("def f(a, b: int): ...\nclass A:\n  def g(self, c, *, d=1): ...\n  def _h(self, e): ...")
    assert [found[1:] for found in untyped(tree)] == [("f", "a"), ("g", "c"), ("g", "d")]
