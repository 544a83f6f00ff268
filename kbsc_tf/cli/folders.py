"""Commands that read a results folder."""

from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import (
    All,
    Folder,
    Folders,
    Formats,
    Ks,
    Places,
    Schemes,
    Snrs,
    app,
    list_files,
    new_progress,
    read_places,
    show_records,
)


@app.command()
def status(folder: Folder) -> None:
    """How far a sweep is: points done, running and left, and the time that may take."""
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run
    from kbsc_tf.sweep.status import show_status
    from kbsc_tf.sweep.status import status as look

    with named(read_run(folder)):
        new_progress().console.print(show_status(look(folder)), highlight=False)


@app.command()
def plot(
    folders: Folders,
    schemes: Annotated[
        list[str], typer.Option("--schemes", "--scheme", help="Only these: pca,kbsc; may be repeated.")
    ] = [],  # noqa: B006
    channels: Annotated[
        list[str], typer.Option("--channels", "--channel", help="Only these: awgn,rayleigh_fast; may be repeated.")
    ] = [],  # noqa: B006
    width: Annotated[
        str | None, typer.Option("--width", help="Of a figure: 3.5in for one column of a paper, 7in for both.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Over every figure.")] = "",
    formats: Formats = ["png", "pdf"],  # noqa: B006
    data: Annotated[bool, typer.Option("--data", help="Write the points of every figure too, as CSV.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the figures; default DIR, of several the current folder.")
    ] = None,
    everything: All = False,
) -> None:
    """Draw the figures again from the records, without TensorFlow; those of several runs together."""
    from kbsc_tf.figures.curves import draw_joined
    from kbsc_tf.figures.joined import join, restrict
    from kbsc_tf.figures.output import Output, inches
    from kbsc_tf.files import make_folder
    from kbsc_tf.kb_scaling.plot import draw_kb_scaling
    from kbsc_tf.mismatch.plot import draw_mismatch

    output = Output(formats, data, width=None if width is None else inches(width), title=title).check()
    progress = new_progress()
    for file, draw in (("kb_scaling.csv", draw_kb_scaling), ("mismatch.csv", draw_mismatch)):
        if len(folders) == 1 and (folders[0] / file).exists():
            list_files(draw(folders[0]), progress)
            return
    joined = restrict(join(folders, everything), schemes, channels)
    if out is not None:
        make_folder(out, "give another --out")
    figures = draw_joined(joined, out, output, everything)
    show_records(joined, progress)
    list_files(figures, progress)


@app.command()
def migrate(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Results folders of an earlier version.")],
) -> None:
    """Bring older results folders up to date; what was measured stays as it is."""
    from kbsc_tf.kb_scaling.folder_migration import migrate as bring_up_to_date

    for folder in folders:
        new_progress().say(bring_up_to_date(folder))


@app.command()
def report(
    folders: Folders,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; default DIR/report.html, of several report.html here.")
    ] = None,
    everything: All = False,
) -> None:
    """Put everything about a run, or about several, into one HTML page that needs no network."""
    progress = new_progress()
    progress.say(f"report of {', '.join(map(str, folders))}: reading records and drawing")
    from kbsc_tf.report.page import write_report

    list_files([write_report(folders, out, everything)], progress)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="DIR, DIR:SCHEME or DIR:SCHEME:MCS.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same; both may be of one folder.")],
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table into this file too.")] = None,
    differing: Annotated[
        list[str], typer.Option("--differing", help="features, receiver or channels: may differ; may be repeated.")
    ] = [],  # noqa: B006
) -> None:
    """Compare two schemes image by image: differences with intervals, and McNemar's test."""
    from kbsc_tf.analysis.comparison import Side
    from kbsc_tf.analysis.comparison import compare as paired
    from kbsc_tf.figures.paired_table import comparison_table, write_comparison
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    progress, comparison = new_progress(), paired(a, b, differing)
    with named(*(read_run(Side.parse(side).folder) for side in (a, b))):
        progress.console.print(comparison_table(comparison))
    if csv is not None:
        write_comparison(comparison, csv)
        list_files([csv], progress)


@app.command()
def confidence(
    folder: Folder,
    share: Annotated[float, typer.Option("--share", help="Share of deliveries to abstain on.")] = 0.2,
    formats: Formats = ["png", "pdf"],  # noqa: B006
    everything: All = False,
) -> None:
    """How far the receiver's confidence can be trusted, and what abstaining on the least confident buys."""
    from kbsc_tf.analysis.confidence import write_confidence
    from kbsc_tf.figures.outcomes.confidence_figures import draw_confidence
    from kbsc_tf.figures.outcomes.confidence_table import confidence_table
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    progress, files = new_progress(), write_confidence(folder, share, everything)
    with named(read_run(folder)):
        progress.console.print(confidence_table(folder))
    list_files([*files, *draw_confidence(folder, formats, share, everything)], progress)


@app.command()
def losses(
    folder: Folder,
    scheme: Schemes = [],  # noqa: B006
    k: Ks = [],  # noqa: B006
    snr_db: Snrs = [],  # noqa: B006
    set_: Places = None,
    formats: Formats = ["png", "pdf"],  # noqa: B006
) -> None:
    """Where accuracy is lost: by the encoder, the channel, the decision rule, or by showing nothing."""
    from kbsc_tf.api.run import Run
    from kbsc_tf.figures.output import Output
    from kbsc_tf.losses.figure import draw_losses
    from kbsc_tf.losses.table import EXPLAINED, losses_tables
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    output, progress = Output(formats).check(), new_progress()
    table = Run(folder).losses(scheme, k, snr_db, read_places(set_))
    with named(read_run(folder)):
        for one in losses_tables(table):
            progress.console.print(one)
        progress.say(EXPLAINED)
        list_files([folder / "losses.csv", *draw_losses(folder, table, output)], progress)


@app.command()
def bound(folder: Folder, set_: Places = None) -> None:
    """The highest accuracy that any scheme could have; figures show it from then on."""
    from kbsc_tf.api.run import Run
    from kbsc_tf.figures.table import accuracy_table
    from kbsc_tf.limits.bound_table import FILE, as_schemes
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    progress, table = new_progress(), Run(folder).bound(read_places(set_))
    with named(read_run(folder)):
        progress.console.print(accuracy_table(as_schemes(table)))
    progress.say(f"kbsc plot {folder} and kbsc report {folder} show it beside the schemes")
    list_files([folder / FILE], progress)


@app.command()
def promises(
    folder: Folder,
    miss: Annotated[float, typer.Option("--miss", help="Share of sets that may lack the class.")] = 0.1,
    error: Annotated[
        list[float], typer.Option("--error", help="Share of what is shown that may be wrong; may be repeated.")
    ] = [0.01, 0.05, 0.1],  # noqa: B006
    by_snr_db: Annotated[
        float | None, typer.Option("--by-snr-db", help="SNR by which sets are promised at all others.")
    ] = None,
    scheme: Schemes = [],  # noqa: B006
    k: Ks = [],  # noqa: B006
    snr_db: Snrs = [],  # noqa: B006
    set_: Places = None,
    formats: Formats = ["png", "pdf"],  # noqa: B006
) -> None:
    """What can be promised: sets that hold the class, and how much can be shown at a given error."""
    from kbsc_tf.api.run import Run
    from kbsc_tf.figures.output import Output
    from kbsc_tf.promises.figure import draw_promises
    from kbsc_tf.promises.table import ERRORS, EXPLAINED, SETS, promises_tables
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    output, progress = Output(formats).check(), new_progress()
    sets, errors = Run(folder).promises(miss, error, by_snr_db, scheme, k, snr_db, read_places(set_))
    with named(read_run(folder)):
        for one in promises_tables(sets, errors):
            progress.console.print(one)
        progress.say(EXPLAINED)
        list_files([folder / SETS, folder / ERRORS, *draw_promises(folder, sets, errors, output)], progress)


@app.command("index")
def index_(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results folders.")] = Path("results"),
) -> None:
    """Write what all results folders in a folder hold into its index.json, for tables and pages."""
    from kbsc_tf.files import write_atomically
    from kbsc_tf.results.overview import as_text, overview

    file = root / "index.json"
    write_atomically(file, as_text(overview(root)))
    list_files([file], new_progress())
