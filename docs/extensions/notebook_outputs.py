"""Outputs of the notebooks, which git keeps apart from them and small, so that the site shows both.

``make notebook-outputs`` runs the notebooks, or those of ``NOTEBOOKS="NAME ..."``, and writes NAME.json into
``docs/notebook_outputs``. A file belongs to the code it was made by: see `is_current`.
"""

import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

DOCS = Path(__file__).resolve().parents[1]
NOTEBOOKS, OUTPUTS = DOCS.parent / "notebooks", DOCS / "notebook_outputs"
SECONDS_A_CELL = 1800
_WIDEST, _QUALITY = 600, 22  # pixels of a picture, of AVIF
_DPI_SHOWN = 1.1  # pixels of a notebook's own figures (110 dpi) for one on the screen
_PROGRESS = '<pre style="white-space:pre'  # how rich prints lines in a notebook
_TEMPORARY = re.compile(re.escape(tempfile.gettempdir()) + r"/tmp\w+/")  # folders that are gone with the kernel
_PNG = re.compile(r'src="data:image/png;base64,([^"]+)"')


def execute(notebook: Any, folder: Path, seconds_a_cell: int = SECONDS_A_CELL) -> None:
    """Run a notebook from start to end in this interpreter and this clone; raises on the first error of a cell."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisInterpreter(AsyncKernelManager):
        """A kernel of the running Python, whatever a kernelspec installed elsewhere under the same name starts."""

        @property
        def kernel_spec(self) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="this interpreter", language="python")

    NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,  # the class, so that the client also ends the kernel
        timeout=seconds_a_cell,
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def store(name: str, notebook: Any) -> Path:
    """Keep the outputs of a notebook that has been run, made small."""
    cells = {cell.id: kept for cell in _code(notebook) if (kept := _kept(cell.outputs))}
    content = {"code": digest(notebook), "cells": cells}
    path = OUTPUTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    text = _TEMPORARY.sub("", json.dumps(content, indent=1, ensure_ascii=False))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def is_current(name: str, notebook: Any) -> bool:
    """Whether the stored outputs are those of the notebook's present code."""
    path = OUTPUTS / f"{name}.json"
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["code"] == digest(notebook)


def with_outputs(name: str, notebook: Any) -> Any:
    """The notebook with its stored outputs; as it is where they are of other code."""
    if is_current(name, notebook):
        cells = json.loads((OUTPUTS / f"{name}.json").read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(_code(notebook), 1):
            cell.outputs = [nbformat.from_dict(output) for output in cells.get(cell.id, [])]
            cell.execution_count = number
    return notebook


def digest(notebook: Any) -> str:
    """What changes when code of the notebook does."""
    code = json.dumps([[cell.id, cell.source] for cell in _code(notebook)])
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _kept(outputs: list[Any]) -> list[dict[str, Any]]:
    """What a reader looks at: printed lines, the richest form of each result; not the progress on stderr."""
    kept = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stdout":
            kept.append({"output_type": "stream", "name": "stdout", "text": output.text})
        elif data := _richest(output.get("data", {})):
            kept.append({"output_type": "display_data", "data": data, "metadata": {}})
    return kept


def _richest(data: dict[str, str]) -> dict[str, str]:
    if "image/png" in data:
        return {"text/html": _img(data["image/png"])}
    if data.get("text/html", "").startswith(_PROGRESS):
        return {}
    if "text/html" in data:
        html = _PNG.sub(lambda found: f'src="{_small(found[1])[0]}"', data["text/html"])
        return {"text/html": html.replace("<img style", '<img alt="figure of this cell" style')}
    return {"text/plain": data["text/plain"]} if "text/plain" in data else {}


def _img(png: str) -> str:
    address, width = _small(png)
    style = f"width: {width / _DPI_SHOWN:.0f}px; max-width: 100%"
    return f'<img alt="figure of this cell" style="{style}" src="{address}">'


def _small(png: str) -> tuple[str, int]:
    """A picture as a data address, small, and the width that it had."""
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        small = picture.convert("RGB")
    width = small.width
    if width < 300:  # tiles of a few pixels, which stay sharp
        return f"data:image/png;base64,{png}", width
    small.thumbnail((_WIDEST, 10 * _WIDEST), Image.Resampling.LANCZOS)
    small.save(buffer := io.BytesIO(), "AVIF", quality=_QUALITY)
    return f"data:image/avif;base64,{base64.b64encode(buffer.getvalue()).decode()}", width


def main(names: list[str]) -> None:
    """Run some notebooks, or all, and keep their outputs."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(DOCS.parent), os.environ.get("PYTHONPATH", "")])
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            execute(notebook, Path(folder))
        stored = store(path.stem, notebook)
        print(f"{stored.relative_to(DOCS.parent)}: {stored.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
