"""What made a result: installed versions and the state of the code. Imports no TensorFlow."""

import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import kbsc_tf

_DISTRIBUTIONS = [
    "tensorflow", "keras", "sionna-no-rt", "sionna", "transformers", "faiss-cpu", "faiss-gpu", "numpy", "ray",
]  # fmt: skip


def versions() -> dict[str, str]:
    """Installed versions of what decides a result, found without importing it."""
    installed = {found.name: found.version for found in metadata.distributions()}
    found = {name: installed[name] for name in _DISTRIBUTIONS if name in installed}
    return {"python": platform.python_version(), **found, "kbsc_tf": kbsc_tf.__version__}


def code_state() -> dict[str, Any]:
    """Commit of the package's code and whether it was changed since; None where it is not under git."""
    folder = Path(kbsc_tf.__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # not the repository that a .venv happens to lie in
        # Only the package's folder: records written under results/ do not make the code dirty.
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def describe_session(device: str) -> dict[str, Any]:
    """What makes records from now on, as run.json has it; the wall time is still to be added."""
    return {
        "versions": versions(),
        **code_state(),
        "device": device,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "wall_time_s": 0.0,
        "stages_s": {},
        "sweep_parts_s": {},
    }
