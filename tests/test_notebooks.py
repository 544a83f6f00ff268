"""Notebooks run from start to end, in this interpreter and this clone, and are stored without outputs."""

import ast
import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

import kbsc_tf

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_OLD_CODE_LINES = 1172  # of the five, when they imported the modules of the package one by one
_SECONDS_A_CELL = 600
_CPU_SECONDS = 180  # a minute of two cores, and half as much again: what else the machine does costs CPU time too


class ThisInterpreter(AsyncKernelManager):
    """A kernel of the running Python, whatever a kernelspec installed elsewhere under the same name starts."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="this interpreter", language="python")


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_of(path: Path) -> str:
    """The code of a notebook, without what IPython alone understands."""
    lines = (line for cell in code_cells(nbformat.read(path, as_version=4)) for line in cell.source.splitlines())
    return "\n".join(line for line in lines if not line.lstrip().startswith("%"))


def draws(cell: nbformat.NotebookNode) -> bool:
    found = [output.get("data", {}) for output in cell.outputs]
    return any("image/png" in data or "data:image/png" in data.get("text/html", "") for data in found)


def test_there_are_notebooks():
    numbers = [path.name[:3] for path in NOTEBOOKS]
    assert len(numbers) >= 3
    assert numbers == [f"{number:02}_" for number in range(1, len(numbers) + 1)]


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


@pytest.mark.slow  # half a minute to two minutes each
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_draws(path, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    for variable in ("KBSC_CACHE", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("sum(__import__('os').times()[:4])"))  # CPU time so far
    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,  # the class, so that the client also ends the kernel
        timeout=_SECONDS_A_CELL,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()  # raises on the first error, with the cell and its traceback
    used = float(notebook.cells.pop().outputs[-1].data["text/plain"])
    drawn = [draws(cell) for cell in code_cells(notebook)]
    assert sum(drawn) >= 3
    assert drawn[-1] or drawn[-2], "the notebook does not end in a figure"
    assert not list(folder.iterdir()), "the notebook leaves files in its folder"
    assert 1 < used < _CPU_SECONDS, f"the notebook takes {used:.0f} s of CPU time"
