"""Notebooks run from start to end, in this interpreter and this clone, and are stored without outputs."""

import ast
import os
from pathlib import Path

import nbformat
import pytest

import kbsc_tf

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_OLD_CODE_LINES = 1172  # of the five, when they imported the modules of the package one by one
HELLO = "00_hello_link"
_SECONDS_A_CELL = 600
_OUTPUTS = 300_000  # bytes in git, of all notebooks
_CPU_SECONDS = 180  # a minute of two cores, and half as much again: what else the machine does costs CPU time too


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_of(path: Path) -> str:
    """The code of a notebook, without what IPython alone understands."""
    lines = (line for cell in code_cells(nbformat.read(path, as_version=4)) for line in cell.source.splitlines())
    return "\n".join(line for line in lines if not line.lstrip().startswith("%"))


def draws(cell: nbformat.NotebookNode) -> bool:
    found = [output.get("data", {}) for output in cell.outputs]
    return any("image/png" in data or "data:image/png" in data.get("text/html", "") for data in found)


@pytest.fixture
def notebook_outputs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs/extensions")
    return pytest.importorskip("notebook_outputs")


def test_there_are_notebooks():
    numbers = [path.name[:3] for path in NOTEBOOKS]
    assert len(numbers) >= 3
    assert numbers == [f"{number:02}_" for number in range(len(numbers))]


def test_all_install_alike():
    first = {path.name: code_cells(nbformat.read(path, as_version=4))[0].source for path in NOTEBOOKS}
    assert len(set(first.values())) == 1, "the install cells differ"
    assert 'find_spec("kbsc_tf")' in first["01_first_link.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_public_names_only(path):
    imported = False
    for node in ast.walk(ast.parse(code_of(path))):
        if isinstance(node, ast.Import):
            names = [alias for alias in node.names if alias.name.split(".")[0] == "kbsc_tf"]
            assert all((alias.name, alias.asname) == ("kbsc_tf", "kbsc") for alias in names), ast.unparse(node)
            imported |= bool(names)
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "kbsc_tf", ast.unparse(node)
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr.startswith("__"), f"private: {ast.unparse(node)}"
            if isinstance(node.value, ast.Name) and node.value.id == "kbsc":
                assert node.attr in dir(kbsc_tf), f"not public: {ast.unparse(node)}"
    assert imported


def test_code_is_short():
    lines = [line.strip() for path in NOTEBOOKS for line in code_of(path).splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= _OLD_CODE_LINES * 2 / 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert not cell.outputs, f"cell {cell.id} has outputs: clear them before committing"
        assert cell.execution_count is None, f"cell {cell.id} has an execution count: clear it before committing"
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}, "notebook metadata of an editor: remove it"


def test_hello_is_twenty_lines():
    cells = code_cells(nbformat.read(ROOT / f"notebooks/{HELLO}.ipynb", as_version=4))
    assert sum(len(cell.source.splitlines()) for cell in cells if cell.id != "install") <= 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_site_shows_outputs_of_this_code(path, notebook_outputs):
    notebook = nbformat.read(path, as_version=4)
    assert notebook_outputs.is_current(path.stem, notebook), f"make notebook-outputs NOTEBOOKS={path.stem}"
    shown = notebook_outputs.with_outputs(path.stem, notebook)
    nbformat.validate(shown)
    assert any("data:image/" in str(cell.outputs) for cell in code_cells(shown)[-2:])


def test_stored_outputs_are_small_and_of_notebooks(notebook_outputs):
    stored = sorted(notebook_outputs.OUTPUTS.iterdir())
    assert [path.stem for path in stored] == [path.stem for path in NOTEBOOKS]
    assert sum(path.stat().st_size for path in stored) < _OUTPUTS


def test_outputs_of_other_code_are_not_shown(notebook_outputs, tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_outputs, "OUTPUTS", tmp_path / "outputs")

    def notebook(code, **outputs):
        cell = nbformat.v4.new_code_cell(code, id="a")
        cell.outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in outputs.items()]
        return nbformat.v4.new_notebook(cells=[cell])

    notebook_outputs.store("a", notebook("print(1)", stdout="1\n", stderr="progress"))
    [cell] = notebook_outputs.with_outputs("a", notebook("print(1)")).cells
    assert [output.text for output in cell.outputs] == ["1\n"]
    assert not notebook_outputs.with_outputs("a", notebook("print(2)")).cells[0].outputs


@pytest.mark.slow  # half a minute to two minutes each
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_draws(path, notebook_outputs, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    for variable in ("KBSC_CACHE", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("sum(__import__('os').times()[:4])"))  # CPU time so far
    notebook_outputs.execute(notebook, folder, _SECONDS_A_CELL)
    used = float(notebook.cells.pop().outputs[-1].data["text/plain"])
    drawn = [draws(cell) for cell in code_cells(notebook)]
    assert sum(drawn) >= (2 if path.stem == HELLO else 3)
    assert drawn[-1] or drawn[-2], "the notebook does not end in a figure"
    assert not list(folder.iterdir()), "the notebook leaves files in its folder"
    assert 1 < used < _CPU_SECONDS, f"the notebook takes {used:.0f} s of CPU time"
