"""The house rules: no circles, imports go downward, heavy packages have one importer, files and folders stay small."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kbsc_tf

PACKAGE = Path(kbsc_tf.__file__).parent
FLOORS = [
    {"errors"},
    {
        "files",
        "seals",
        "threads",
        "progress",
        "quiet",
        "transmission",
        "registry",
        "workers",
        "locks",
        "stopwatch",
        "kept",
    },
    {"config"},
    {"data", "channel", "codecs", "metrics"},
    {"features", "coding", "knowledge", "results", "presets"},
    {"receiver", "training", "analysis", "sweep", "limits"},
    {"schemes", "figures"},
    {"study"},
    {"kb_scaling", "revisit"},
    {"losses", "promises", "mismatch"},
    {"report"},
    {"api"},
    {"testing", "demo"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IMPORTER = {"transformers": "features", "faiss": "knowledge", "ray": "sweep", "dash": "demo"}
LIGHT = [
    "config", "results", "sweep", "analysis", "limits", "figures", "report", "progress", "transmission", "presets",
    "cli",
]  # fmt: skip
HEAVY = ["tensorflow", "keras", "sionna", "transformers", "faiss"]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
MAX_LINES, MAX_FILES = 350, 16


def module(file: Path) -> str:
    """Dotted name of a file of the package."""
    return ".".join(("kbsc_tf", *file.with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module(file): file for file in FILES}


def room(file: Path) -> str:
    return file.parts[0].removesuffix(".py")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


@cache
def imported(file: Path) -> set[str]:
    """Dotted names of all modules a file imports, inside functions and for type hints too."""
    names = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@cache
def graph() -> dict[str, set[str]]:
    """Modules of the package that each of them imports."""
    return {name: {one for one in imported(file) if one in MODULES and one != name} for name, file in MODULES.items()}


def circle(modules: dict[str, set[str]]) -> list[str]:
    """Names that lead to each other in a circle, one after another; empty without any."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(modules[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(modules) if (found := walk(name, []))), [])


def untyped(body: ast.Module | ast.ClassDef) -> Iterator[tuple[int, str, str]]:
    """(line, function, parameter) of public functions, and of public methods of public classes, without a hint."""
    for node in body.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from untyped(node)
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.startswith("__")):
            known = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for argument in known:
                if argument.arg not in ("self", "cls") and argument.annotation is None:
                    yield node.lineno, node.name, argument.arg


def loaded_by(statement: str) -> str:
    """Heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_no_file_imports_in_a_circle():
    assert circle(graph()) == []


def test_imports_go_downward():
    for file in (one for one in FILES if room(one) != "__init__"):
        for name in graph()[module(file)] - {"kbsc_tf"}:
            assert FLOOR[name.split(".")[1]] <= FLOOR[room(file)], f"{file} imports {name}"


def test_rooms_import_each_other_one_way():
    rooms: dict[str, set[str]] = {}
    for name, others in graph().items():
        if name != "kbsc_tf":
            rooms.setdefault(name.split(".")[1], set()).update(one.split(".")[1] for one in others if "." in one)
    assert circle({name: others - {name} for name, others in rooms.items()}) == []


def test_heavy_packages_have_one_importer():
    for file in FILES:
        for name in {one.split(".")[0] for one in imported(file)}:
            assert ONLY_IMPORTER.get(name, room(file)) == room(file), f"{file} imports {name}"


def test_light_rooms_name_no_heavy_package():
    for file in (one for one in FILES if room(one) in LIGHT):
        assert not {name.split(".")[0] for name in imported(file)} & set(HEAVY), file


def test_light_rooms_load_without_tensorflow():
    names = ", ".join(name for name, file in MODULES.items() if room(file) in LIGHT)
    assert loaded_by(f"import {names}") == "[]"


def test_public_parameters_have_type_hints():
    assert [(str(file), *one) for file in FILES for one in untyped(tree(file))] == []


def test_files_and_folders_stay_small():
    lines = {str(file): len((PACKAGE / file).read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {file: count for file, count in lines.items() if count > MAX_LINES} == {}
    folders = Counter(str(file.parent) for file in FILES)
    assert {folder: count for folder, count in folders.items() if count > MAX_FILES} == {}


def test_the_walk_sees_what_it_should():
    """The checks above pass on files without imports too: here are some they must find."""
    assert "kbsc_tf.channel.power" in imported(Path("channel/analogue.py"))
    assert "kbsc_tf.figures.curves" in imported(Path("cli/folders.py"))  # inside a function
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    source = ast.parse("def f(a, b: int): ...\nclass A:\n  def g(self, c, *, d=1): ...\n  def _h(self, e): ...")
    assert [found[1:] for found in untyped(source)] == [("f", "a"), ("g", "c"), ("g", "d")]
