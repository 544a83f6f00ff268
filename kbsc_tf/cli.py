"""The `kbsc` command. Heavy imports wait until a command needs them: help and bad arguments answer at once."""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kbsc_tf.errors import UserError

app = typer.Typer(
    help="Knowledge-base semantic image transmission over Sionna channels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ExperimentFile = Annotated[
    Path,
    typer.Argument(metavar="FILE.yaml", help="Experiment: a file, or the name of a bundled one such as quickstart."),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, for example training.epochs=5.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Results folder; default results/NAME.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Results folder, for example results/quickstart.")]
All = Annotated[
    bool, typer.Option("--all", help="Also schemes, channels, k, SNRs and seeds that have left the configuration.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out unreadable images and count them.")]


@app.command()
def run(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Do everything: features, knowledge base, training, sweep, figures."""
    config, folder, progress = _start(file, set_, out)
    from kbsc_tf.study import experiment

    figures = experiment.run(config, folder, skip_bad, progress)
    _show_table(folder, progress)
    _list_files([folder / "records.csv", folder / "run.json", *figures], progress)


@app.command()
def features(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Embed the images into the feature store and report zero-shot accuracy."""
    config, _, progress = _start(file, set_, out)
    from kbsc_tf.features import load_features
    from kbsc_tf.study.experiment import describe_features

    splits, report = load_features(config, skip_bad)
    describe_features(splits, report, progress)


@app.command()
def kb(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Build the receiver's knowledge base and save it in the results folder."""
    config, folder, progress = _start(file, set_, out)
    from kbsc_tf.study.experiment import save_knowledge_base

    progress.say(f"saved {save_knowledge_base(config, folder, skip_bad, progress)}")


@app.command()
def train(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Train the networks; interrupted training goes on where it stopped."""
    config, folder, progress = _start(file, set_, out)
    from kbsc_tf.study import experiment

    study = experiment.prepare(config, folder, skip_bad, progress)
    with experiment.open_results(study, progress).stage("train"):
        experiment.fit(study, progress)


@app.command()
def sweep(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Measure the points that the results folder does not hold yet."""
    config, folder, progress = _start(file, set_, out)
    from kbsc_tf.study import experiment

    study = experiment.prepare(config, folder, skip_bad, progress)
    results = experiment.open_results(study, progress)
    with results.stage("train"):
        experiment.fit(study, progress)
    experiment.sweep(study, results, progress)
    _show_table(folder, progress)


@app.command()
def status(folder: Folder) -> None:
    """How far a sweep is: points done, running and left, and the time that may take."""
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run
    from kbsc_tf.sweep.status import show_status
    from kbsc_tf.sweep.status import status as look

    with named(read_run(folder)):
        _progress().console.print(show_status(look(folder)), highlight=False)


@app.command()
def plot(
    folder: Folder,
    formats: Annotated[list[str], typer.Option("--format", help="png, pdf or svg; may be repeated.")] = ["png", "pdf"],  # noqa: B006
    data: Annotated[bool, typer.Option("--data", help="Write the points of every figure too, as CSV.")] = False,
    everything: All = False,
) -> None:
    """Draw the figures again from the records, without TensorFlow."""
    from kbsc_tf.figures.curves import draw_figures
    from kbsc_tf.kb_scaling.plot import draw_kb_scaling

    progress = _progress()
    if (folder / "kb_scaling.csv").exists():
        _list_files(draw_kb_scaling(folder), progress)
        return
    figures = draw_figures(folder, formats, data, everything=everything)
    _show_table(folder, progress, everything)
    _list_files(figures, progress)


@app.command()
def migrate(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Results folders of an earlier version.")],
) -> None:
    """Bring the run.json of older results folders up to date; records stay as they are."""
    from kbsc_tf.kb_scaling.migrate import migrate as bring_up_to_date

    for folder in folders:
        _progress().say(bring_up_to_date(folder))


@app.command()
def report(folder: Folder, everything: All = False) -> None:
    """Put everything about a run into one HTML page, report.html in its folder."""
    from kbsc_tf.figures.report import write_report

    _list_files([write_report(folder, everything)], _progress())


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="DIR, DIR:SCHEME or DIR:SCHEME:MCS.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same; both may be of one folder.")],
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table into this file too.")] = None,
) -> None:
    """Compare two schemes image by image: differences with intervals, and McNemar's test."""
    from kbsc_tf.analysis.paired import Side
    from kbsc_tf.analysis.paired import compare as paired
    from kbsc_tf.figures.paired_table import comparison_table, write_comparison
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    progress, comparison = _progress(), paired(a, b)
    with named(*(read_run(Side.parse(side).folder) for side in (a, b))):
        progress.console.print(comparison_table(comparison))
    if csv is not None:
        write_comparison(comparison, csv)
        _list_files([csv], progress)


@app.command()
def confidence(
    folder: Folder,
    share: Annotated[float, typer.Option("--share", help="Share of deliveries to abstain on.")] = 0.2,
    formats: Annotated[list[str], typer.Option("--format", help="png, pdf or svg; may be repeated.")] = ["png", "pdf"],  # noqa: B006
    everything: All = False,
) -> None:
    """How far the receiver's confidence can be trusted, and what abstaining on the least confident buys."""
    from kbsc_tf.analysis.confidence import write_confidence
    from kbsc_tf.figures.confidence import draw_confidence
    from kbsc_tf.figures.confidence_table import confidence_table
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_run

    progress, files = _progress(), write_confidence(folder, share, everything)
    with named(read_run(folder)):
        progress.console.print(confidence_table(folder))
    _list_files([*files, *draw_confidence(folder, formats, share, everything)], progress)


@app.command()
def send(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG or PNG files.")],
    run: Annotated[Path, typer.Option("--run", help="Results folder, for example results/quickstart.")],
    snr: Annotated[float, typer.Option("--snr", help="Es/N0 in dB; inf for no noise.")] = 0.0,
    scheme: Annotated[str | None, typer.Option("--scheme", help="The run's first unless given.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="The largest unless given.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="The run's first unless given.")] = None,
    mcs: Annotated[str, typer.Option("--mcs", help="Of a coded scheme; the first unless given.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Of the noise; new noise unless given.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The picture; DIR/sent.png unless given.")] = None,
) -> None:
    """Send images over a fitted link of a run, and draw what the receiver shows for them."""
    from kbsc_tf.results.run_json import read_run
    from kbsc_tf.study.start import prepare_tensorflow

    read_run(run)
    prepare_tensorflow()
    from kbsc_tf.api.link import Link
    from kbsc_tf.figures.gallery import Arrival, draw_arrivals
    from kbsc_tf.results.names import snr_text

    progress, link = _progress(), Link.load(run, scheme, k, channel, mcs)
    receptions = link.send(images, snr, seed)
    arrivals = []
    for image, got in zip(images, receptions, strict=True):
        progress.say(f"{image}: {got.text}")
        scores = [got.confidence, *(one.score for one in got.neighbours[1:])]
        shown = [(one.image, f"{one.label}, {score:.2f}") for one, score in zip(got.neighbours, scores, strict=False)]
        arrivals.append(Arrival(got.sent, got.received, shown))
    title = f"{link.name}, {snr_text(snr)}"
    _list_files([draw_arrivals(arrivals, out or run / "sent.png", title, link.delivers_images)], progress)


@app.command("kb-scaling")
def kb_scaling(file: ExperimentFile, set_: Overrides = None, out: Out = None) -> None:
    """Accuracy, recall, time and memory of exact and approximate search in knowledge bases of growing size."""
    from kbsc_tf.kb_scaling.config import load_kb_scaling

    config = load_kb_scaling(file, set_)
    folder = out or Path("results") / config.name
    from kbsc_tf.study.start import prepare_tensorflow

    prepare_tensorflow()
    from kbsc_tf.kb_scaling.study import run_kb_scaling

    progress = _progress()
    figures = run_kb_scaling(config, folder, progress)
    _list_files([folder / "kb_scaling.csv", *figures], progress)


@app.command()
def info() -> None:
    """Versions and devices."""
    from kbsc_tf.results.provenance import code_state, versions

    progress = _progress()
    for name, version in {**versions(), **code_state()}.items():
        progress.say(f"{name}: {version}")
    from kbsc_tf.study.start import prepare_tensorflow

    prepare_tensorflow()
    from kbsc_tf.study.devices import describe_devices

    progress.say(f"devices: {describe_devices()}")


def main() -> None:
    """Entry point: a user's mistake is one sentence and exit status 2, Ctrl-C is 130."""
    interrupted = _note_ctrl_c()
    try:
        app()
    except (Exception, SystemExit) as end:
        # Typer makes 130 of a KeyboardInterrupt, but TensorFlow a TypeError, while it looks up a traced function.
        if interrupted.is_set() or getattr(end, "code", None) == 130:
            print("kbsc: stopped; the same command goes on from here", file=sys.stderr)
            sys.exit(130)
        if isinstance(end, UserError):
            print(f"kbsc: {end}", file=sys.stderr)
            sys.exit(2)
        raise


def _note_ctrl_c() -> threading.Event:
    """An event that is set at the first Ctrl-C, whatever becomes of the exception; ignored interrupts stay ignored."""
    interrupted = threading.Event()

    def interrupt(number, frame):
        interrupted.set()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return interrupted


def _start(file: Path, overrides: list[str] | None, out: Path | None) -> tuple:
    """Validated configuration, results folder and progress; then TensorFlow, which takes seconds to import."""
    from kbsc_tf.config import load_config

    config = load_config(file, overrides)
    folder = out or Path("results") / config.name
    from kbsc_tf.study.start import check, prepare_tensorflow

    check(config, folder)
    prepare_tensorflow()
    return config, folder, _progress()


def _progress():
    from kbsc_tf.progress import Progress

    return Progress(Console())


def _show_table(folder: Path, progress, everything: bool = False) -> None:
    from kbsc_tf.figures.table import accuracy_table
    from kbsc_tf.results.names import named
    from kbsc_tf.results.run_json import read_shown, run_if_any

    with named(run_if_any(folder)):
        progress.console.print(accuracy_table(read_shown(folder, everything)))


def _list_files(paths: list[Path], progress) -> None:
    for path in paths:
        progress.say(f"wrote {path}")
