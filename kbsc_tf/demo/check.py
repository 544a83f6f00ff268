"""What must be there for a demo, said before anything heavy is loaded."""

import socket
from importlib.util import find_spec
from pathlib import Path

from kbsc_tf.errors import UserError
from kbsc_tf.files import read_json
from kbsc_tf.seals import LINK, TO_SAVE_LINKS

HOST = "127.0.0.1"
DEFAULT_PORT = 8050
_RUN = "run.json"  # as `kbsc_tf.results.run_json` has it, which takes pandas a second to import
_TRIED = 20  # ports, where none is asked for


def check_extra() -> None:
    """Refuse where Dash is not installed."""
    if find_spec("dash") is None:
        raise UserError("kbsc demo: needs Dash, which is not installed; pip install 'kbsc_tf[demo]'")


def check_run(folder: Path) -> None:
    """Refuse a folder that is no run, holds no links, or whose links cannot embed images."""
    if not (folder / _RUN).exists():
        raise UserError(
            f"{folder}: holds no run ({_RUN} is missing); give the results folder of one, or make one with "
            f"kbsc run quickstart --out {folder}"
        )
    if not any(folder.glob(f"links/*/{LINK}")):
        raise UserError(f"{folder / 'links'}: holds no links; {TO_SAVE_LINKS}")
    run = read_json(folder / _RUN, "give the results folder of another run")
    features = (run["config"].get("features") or {}) if isinstance(run, dict) and "config" in run else {}
    source = features.get("file") or ("a function" if features.get("encoder") == "function" else None)
    if source is not None:
        raise UserError(
            f"{folder}: its features are those of {source}, so nothing embeds images here; give a run that embeds its "
            "images with CLIP"
        )


def claim_port(port: int | None) -> socket.socket:
    """A socket that listens on this machine alone.

    Parameters
    ----------
    port : int, optional
        The default one, or where that is taken one of the next, unless given.

    Raises
    ------
    UserError
        The port is taken, or may not be used.
    """
    tried = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _TRIED)
    for number in tried:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen()
            return listener
        except OSError as error:
            listener.close()
            why = error.strerror or error
    raise UserError(f"--port {tried[-1]}: cannot be used ({why}); give another, such as --port {tried[-1] + 1}")
