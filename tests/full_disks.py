"""Run an experiment onto disks that are too small, and again when there is room: for `test_full_disks`.

    python full_disks.py EXPERIMENT.yaml MOUNTED KILOBYTES...

``MOUNTED`` is a mounted tmpfs. Each run is a forked child, so that TensorFlow is loaded once. Prints a line of JSON for
every size: what the run ended with (the error's type and text, or "done"), what it left half-written, and what the
second run, with room, ended with. The folder of that is moved to ``KILOBYTES`` beside the experiment.
"""

import json
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import load_config
from kbsc_tf.progress import Progress
from kbsc_tf.report.page import write_report
from kbsc_tf.study import experiment

ROOM = 1 << 20  # kilobytes


def attempt(config, folder: Path) -> list[str]:
    """All of `kbsc run` and `kbsc report` in a child; [type of the error, text], or ["done"]."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        end = ["done"]
        try:
            experiment.run(config, folder, False, Progress(Console(quiet=True)))
            write_report(folder)
        except BaseException as error:
            end = [type(error).__name__, str(error), traceback.format_exc()]
        os.write(writer, json.dumps(end).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        content = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(content) if content else ["died", str(status)]


def resize(mounted: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", mounted], check=True)


def main(file: str, mounted: str, sizes: list[int]) -> None:
    """Every size, one after another."""
    config, disk = load_config(Path(file)), Path(mounted)
    for size in sizes:
        resize(disk, size)
        folder = disk / "out"
        first = attempt(config, folder)
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if is_part(path)]
        resize(disk, ROOM)
        second = attempt(config, folder)
        shutil.move(folder, Path(file).parent / str(size))
        print(json.dumps({"size": size, "first": first, "left": left, "second": second}), flush=True)


def is_part(path: Path) -> bool:
    """Whether a file has a name that only files being written have; locks are no such thing."""
    return path.is_file() and path.name.startswith(".") and path.suffix != ".lock" and path.name != ".lock"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(size) for size in sys.argv[3:]])
