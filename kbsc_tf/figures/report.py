"""A results folder as one self-contained HTML page: ``kbsc report DIR``. Imports no TensorFlow."""

import io
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined
from PIL import Image

from kbsc_tf.errors import UserError
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.figures.report_parts import (
    Part,
    Picture,
    accuracy_part,
    blocks_part,
    classes_part,
    compact,
    comparison_parts,
    data_uri,
    latency_part,
    span,
)
from kbsc_tf.figures.table import channel_uses_rows
from kbsc_tf.files import cannot, write_atomically
from kbsc_tf.results.metric import METRICS, metric_of
from kbsc_tf.results.names import channel_text, named, scheme_text
from kbsc_tf.results.run_json import estimand_of, hidden, read_run, read_shown

_DPI = 300  # of pictures in the folder
_DIAGNOSES = {
    "confidence": "How far confidences can be trusted",
    "losses": "Where accuracy is lost",
    "promises": "What can be promised of answers",
}
_SEVERAL = ["top1", "psnr", "ms_ssim"]  # metrics that have figures


def write_report(folder: Path | str, everything: bool = False) -> Path:
    """Write ``report.html`` into a results folder: everything there is to see of a run, in one file.

    The page makes no request to anywhere and needs no script: figures and galleries are inside. Confusion matrices,
    accuracies of classes and paired comparisons need the outcome of every image (``sweep.per_image``); without it the
    page says how to get them.

    Parameters
    ----------
    folder : Path
        Results folder with records.csv and run.json.
    everything : bool
        Show the records too that the folder keeps of schemes, channels, k, SNRs and seeds that have left its
        configuration.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    UserError
        The folder has no records or no run.json, one of its files is damaged, or the page cannot be written.
    """
    folder = Path(folder)
    run, records = read_run(folder), read_shown(folder, everything)
    if records.empty:
        raise UserError(f"{folder / 'records.csv'}: no points yet; run the sweep first")
    with named(run):
        page = _page(folder, run, records, everything)
    write_atomically(folder / "report.html", page, "free space or make the folder writable")
    return folder / "report.html"


def _page(folder: Path, run: dict[str, Any], records: pd.DataFrame, everything: bool) -> str:
    return _template().render(
        name=run["config"].get("name", folder.name),
        run=run,
        summary=_summary(records, run),
        figures=list(_figures(folder, everything)),
        tables=[accuracy_part(records, metric) for metric in METRICS if records[metric].notna().any()],
        galleries=list(_galleries(folder, [] if everything else hidden(run)[0])),
        diagnoses=list(_diagnoses(folder)),
        classes=classes_part(folder, run, everything),
        comparisons=list(comparison_parts(folder, everything)),
        blocks=blocks_part(records),
        uses=_uses(records),
        latency=latency_part(folder, {"config": {}} if everything else run),
        config=yaml.safe_dump(run["config"], sort_keys=False, allow_unicode=True),
        sessions=_sessions(run),
    )


def _uses(records: pd.DataFrame) -> Part:
    heads, rows = channel_uses_rows(records)
    return compact(Part("", "", heads, rows, left=heads.index("k")))


def _template() -> Any:
    source = resources.files("kbsc_tf.figures").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def _summary(records: pd.DataFrame, run: dict[str, Any]) -> dict[str, Any]:
    of_these = estimand_of(run) == "test_set"
    return {
        "schemes": ", ".join(scheme_text(name) for name in records["scheme"].unique()),
        "channels": "; ".join(channel_text(name) for name in records["channel"].unique()),
        "points": len(records),
        "images": span(records["n"] // records["trials"]),
        "is_complete": run.get("complete", True),
        "of": "these images, with other noise" if of_these else "other images of the kind",
    }


def _figures(folder: Path, everything: bool) -> Iterator[Picture]:
    """As `kbsc plot` draws them, but afresh: the records may be newer."""
    with tempfile.TemporaryDirectory() as place:
        for path in draw_figures(folder, ["svg"], out_dir=place, everything=everything):
            metric = next((name for name in _SEVERAL if path.stem.startswith(name)), "top1")
            versus = "channel uses and CBR" if path.stem.endswith("_vs_cbr") else "SNR"
            _, mark, fraction = path.stem.partition("_cbr_")
            at = f", at CBR {fraction.replace('_', '/')}" if mark and versus == "SNR" else ""
            at = at or (f", at k = {path.stem.partition('_k_')[2]}" if "_k_" in path.stem else "")
            svg = path.read_bytes()
            width = float(svg.partition(b'width="')[2].partition(b"pt")[0]) / 72
            yield Picture(data_uri(svg, "image/svg+xml"), f"{metric_of(metric).name} versus {versus}{at}", width)


def _galleries(folder: Path, left_out: list[str]) -> Iterator[Picture]:
    for path in sorted(folder.glob("gallery*.png")):
        scheme = path.stem.removeprefix("gallery").removeprefix("_")
        if scheme in left_out:
            continue
        text = f"{scheme_text(scheme)}: sent, received and retrieved" if scheme else "Sent and retrieved images"
        yield _drawn(path, text)


def _diagnoses(folder: Path) -> Iterator[Picture]:
    """What `kbsc confidence`, `losses` and `promises` have drawn."""
    for name, text in _DIAGNOSES.items():
        for path in sorted(folder.glob(f"{name}*.png")):
            yield _drawn(path, text)


def _drawn(path: Path, text: str) -> Picture:
    try:
        content = path.read_bytes()
        width = Image.open(io.BytesIO(content)).size[0] / _DPI
    except OSError as error:
        raise cannot("read", path, error, "make it readable or delete it") from None
    return Picture(data_uri(content, "image/png"), text, width)


def _sessions(run: dict[str, Any]) -> list[dict[str, Any]]:
    """All openings of the folder, the first one first."""
    sessions = []
    for one in [*run.get("earlier_sessions", []), run]:
        commit = one.get("commit")
        dirty = " with changes" if one.get("dirty") else ""
        sessions.append(
            {
                "started": one.get("started") or "not recorded",
                "wall_time": _duration(float(one.get("wall_time_s") or 0)),
                "stages": _durations(one.get("stages_s") or {}),
                "parts": _durations(one.get("sweep_parts_s") or {}),
                "device": one.get("device") or "not recorded",
                "commit": f"{commit[:12]}{dirty}" if commit else "not under git",
                "command": " ".join(one.get("command") or []),
                "versions": ", ".join(f"{name} {version}" for name, version in (one.get("versions") or {}).items()),
            }
        )
    return sessions


def _durations(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {_duration(float(taken))}" for name, taken in seconds.items())


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
