"""Results folders as one self-contained HTML page: ``kbsc report DIR...``. Imports no TensorFlow."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, StrictUndefined
from PIL import Image

from kbsc_tf.errors import UserError
from kbsc_tf.figures.gallery import OF_SCHEMES
from kbsc_tf.figures.joined import Joined, Source, join
from kbsc_tf.figures.references import is_bound
from kbsc_tf.files import cannot, write_atomically
from kbsc_tf.report.classes import classes_of
from kbsc_tf.report.comparisons import comparisons_of
from kbsc_tf.report.figure import Figure
from kbsc_tf.report.findings import findings_of
from kbsc_tf.report.outcome_figures import confidence_figures, length_figures, loss_figures, training_figures
from kbsc_tf.report.sessions import about
from kbsc_tf.report.sweep_figures import sweep_figures
from kbsc_tf.report.tables import Part, accuracy_part, blocks_part, latency_part, span, uses_part
from kbsc_tf.results.metric import METRICS
from kbsc_tf.results.names import channel_text, mcs_text, named, scheme_text
from kbsc_tf.results.run_json import estimand_of, hidden, read_run

FILE = "report.html"
_DPI = 300  # of pictures in the folder
_SCRIPTS = ["chart.js", "tables.js", "matrix.js", "page.js"]
_MOST_ROWS = 30  # of a table that is open at once


class Picture(NamedTuple):
    """A picture as a data URI, with what it shows."""

    source: str
    text: str
    width: float  # inches


def write_report(
    folders: Path | str | Sequence[Path | str], out: Path | str | None = None, everything: bool = False
) -> Path:
    """Write one HTML page with everything there is to see of one or several runs.

    The page makes no request to anywhere. Figures answer to a pointer and to keys, and give their points as CSV.
    Confusion matrices, accuracies of classes and paired comparisons need the outcome of every image
    (``sweep.per_image``); without it the page says how to get them.

    Parameters
    ----------
    folders : Path or sequence of Path
        Results folders with records.csv and run.json.
    out : Path, optional
        The page; unless given, report.html in the results folder or, of several, in the current folder.
    everything : bool
        Show the records too that a folder keeps of schemes, channels, k, SNRs and seeds that have left its
        configuration.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    UserError
        A folder has no records or no run.json, one of its files is damaged, or the page cannot be written.
    """
    folders = [Path(one) for one in ([folders] if isinstance(folders, Path | str) else folders)]
    for folder in folders:
        read_run(folder)
    joined = join(folders, everything)
    for source in joined.sources:
        if not (source.folder / "records.csv").exists() or joined.records.empty:
            raise UserError(f"{source.folder / 'records.csv'}: no points yet; run the sweep first")
    out = Path(out) if out else folders[0] / FILE if len(folders) == 1 else Path(FILE)
    with named(joined.run):
        page = _page(joined, everything)
    write_atomically(out, page, "free space or make the folder writable")
    return out


def _page(joined: Joined, everything: bool) -> str:
    sources, several = joined.sources, len(joined.sources) > 1
    records = joined.records[~joined.records["scheme"].map(is_bound)]
    comparisons, why = comparisons_of(joined, everything)
    figures, left_out = _worth_it(list(sweep_figures(joined.records)))
    diagnoses, classes = _Diagnoses([], [], set()), []
    for number, source in enumerate(sources, 1):
        with named(source.run):
            suffix = f"_{number}" if several else ""
            diagnoses.add(source, everything, suffix, several)
            title = source.label if several else ""
            if found := classes_of(source.folder, source.run, everything, suffix, title):
                classes.append(found)
    latencies = [_latency(source, everything, several) for source in sources]
    name = " and ".join(source.label for source in sources)
    data = {
        "stem": re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:60],
        "figures": [figure.as_json() for figure in (*figures, *diagnoses.figures)],
        "matrices": [one.matrix for one in classes],
        "mcs": {name: mcs_text(name) for name in records["mcs"].unique()},
    }
    script = "\n".join(_file(name) for name in _SCRIPTS)
    script = f'const PAGE = JSON.parse(document.getElementById("data").textContent);\n{script}'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        name=name, sources=[about(source) for source in sources], several=several,
        summary=_summary(records, joined), findings=findings_of(joined, comparisons),
        figures=figures, left_out=left_out,
        tables=[accuracy_part(records, metric) for metric in METRICS if records[metric].notna().any()],
        galleries=[one for source in sources for one in _galleries(source, everything, several)],
        diagnoses=diagnoses, classes=classes, comparisons=comparisons, why=why,
        blocks=blocks_part(records), uses=uses_part(records), latencies=[one for one in latencies if one],
        style=_file("report.css"), script=script, digest=digest, data=_embedded(data), most_rows=_MOST_ROWS,
    )  # fmt: skip


def _embedded(data: dict[str, Any]) -> str:
    """JSON that no text in it can break out of its element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _file(name: str) -> str:
    return resources.files("kbsc_tf.report").joinpath(name).read_text(encoding="utf-8")


def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_file("report.html.j2"))


def _worth_it(figures: list[Figure]) -> tuple[list[Figure], list[str]]:
    """Figures that show more than one line or two points, and the titles of others: their numbers are in tables."""
    shown = [figure for figure in figures if figure.worth_it(alone=figure is figures[0])]
    return shown, [figure.title for figure in figures if figure not in shown]


def _summary(records: pd.DataFrame, joined: Joined) -> dict[str, Any]:
    of_these = estimand_of(joined.run) == "test_set"
    return {
        "schemes": ", ".join(scheme_text(name) for name in records["scheme"].unique()),
        "channels": "; ".join(channel_text(name) for name in records["channel"].unique()),
        "points": len(records),
        "images": span(records["n"] // records["trials"]),
        "unfinished": [source.label for source in joined.sources if not source.run.get("complete", True)],
        "of": "these images, with other noise" if of_these else "other images of the kind",
    }


class _Diagnoses(NamedTuple):
    """Figures of trainings, confidences, lengths and losses, pictures that commands drew, and commands not yet used."""

    figures: list[Figure]
    pictures: list[Picture]
    missing: set[str]

    def add(self, source: Source, everything: bool, suffix: str, several: bool) -> None:
        """What a results folder has."""
        of = f" ({source.label})" * several
        found = [*length_figures(source.folder, everything, suffix), *training_figures(source.folder, suffix)]
        confidence = [one for one in confidence_figures(source.folder, everything, suffix) if one.worth_it(alone=True)]
        losses = list(loss_figures(source.folder, suffix))
        for figure in (*found, *confidence, *losses):
            figure.title += of
            self.figures.append(figure)
        drawn = {"confidence": confidence, "losses": losses, "promises": []}
        texts = {
            "confidence": "How far confidences can be trusted", "losses": "Where accuracy is lost",
            "promises": "What can be promised of answers",
        }  # fmt: skip
        for name, text in texts.items():
            paths = [] if drawn[name] else sorted(source.folder.glob(f"{name}*.png"))
            self.pictures.extend(_picture(path, text + of) for path in paths)
            if not drawn[name] and not paths:
                self.missing.add(name)


def _galleries(source: Source, everything: bool, several: bool) -> Iterator[Picture]:
    left_out = [] if everything else hidden(source.run)[0]
    with named(source.run):
        for path in sorted(source.folder.glob("gallery*.png")):
            scheme = path.stem.removeprefix("gallery").removeprefix("_")
            if scheme in left_out:
                continue
            text = f"{scheme_text(scheme)}: sent, received and retrieved" if scheme else "Sent and retrieved images"
            text = "Several schemes beside each other" if path.stem == OF_SCHEMES else text
            yield _picture(path, text + f" ({source.label})" * several)


def _picture(path: Path, text: str) -> Picture:
    """A picture of the folder, as WebP where that takes fewer bytes."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            width = picture.size[0] / _DPI
            picture.convert("RGB").save(small := io.BytesIO(), "WEBP", quality=88)
    except OSError as error:
        raise cannot("read", path, error, "make it readable or delete it") from None
    kind = "png"
    if small.tell() < len(content):
        kind, content = "webp", small.getvalue()
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", text, width)


def _latency(source: Source, everything: bool, several: bool) -> Part | None:
    with named(source.run):
        title = source.label if several else ""
        part = latency_part(source.folder, {"config": {}} if everything else source.run, title)
    return part._replace(name=f"latency_{source.label}") if part and several else part
