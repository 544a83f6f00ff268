"""The Typer application, the arguments and the steps that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kbsc_tf.progress import Progress, terminal

if TYPE_CHECKING:
    from kbsc_tf.config import ExperimentConfig
    from kbsc_tf.figures.joined import Joined

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        from kbsc_tf import __version__

        print(f"kbsc {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Knowledge-base semantic image transmission over Sionna channels."""


def _bundled(incomplete: str) -> list[str]:
    """Bundled experiments for a shell to complete; where none fits, it completes files."""
    from kbsc_tf.config.reading.experiment_file import bundled_experiments

    return [name for name in bundled_experiments() if name.startswith(incomplete)]


ExperimentFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.yaml",
        help="Experiment: a file, or the name of a bundled one such as quickstart.",
        autocompletion=_bundled,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in schemes.kbsc.epochs=5."),
]
Places = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Where data lie here, as in data.path=DIR; may be repeated."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Results folder; default results/NAME.")]


def _holding_runs(folders: Path | list[Path]) -> Path | list[Path]:
    """Folders that hold no run are refused at once: what reads them takes pandas and matplotlib seconds to import."""
    from kbsc_tf.files import read_json

    for folder in folders if isinstance(folders, list) else [folders]:
        read_json(folder / "run.json", "give the results folder of a run, such as results/quickstart")
    return folders


Folder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Results folder, for example results/quickstart.", callback=_holding_runs),
]
Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR", help="Results folders, for example results/quickstart.", callback=_holding_runs),
]
All = Annotated[
    bool, typer.Option("--all", help="Also schemes, channels, k, SNRs and seeds that have left the configuration.")
]
Formats = Annotated[list[str], typer.Option("--format", help="png, pdf or svg; may be repeated.")]
Schemes = Annotated[list[str], typer.Option("--scheme", help="Only this one; may be repeated.")]
Ks = Annotated[list[int], typer.Option("--k", help="Only this k; may be repeated.")]
Snrs = Annotated[list[float], typer.Option("--snr-db", help="Only this SNR; may be repeated.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out unreadable images and count them.")]


def read_places(options: list[str] | None) -> dict[str, Any]:
    """What `Places` gives, by key."""
    from kbsc_tf.config.reading.overrides import from_option

    return {one.key: one.value for one in map(from_option, options or [])}


def start(file: Path, overrides: list[str] | None, out: Path | None) -> tuple:
    """Validated configuration, results folder and progress; then TensorFlow, which takes seconds to import."""
    from kbsc_tf.config import load_config

    config = load_config(file, overrides)
    folder = out or Path("results") / config.name
    progress = new_progress()
    progress.say(f"{_summary(config)}, into {folder}")  # at once: what follows takes longer than a user likes to wait
    from kbsc_tf.study.start import check, prepare_tensorflow

    check(config, folder)
    progress.stage("loading TensorFlow")
    prepare_tensorflow()
    return config, folder, progress


def _summary(config: "ExperimentConfig") -> str:
    """What an experiment is, in one line."""
    parts = {"scheme": config.schemes, "channel": config.channels, "k": config.k, "SNR": config.snr_db}
    counts = {what: len(part) for what, part in parts.items()}
    texts = [f"{count} {what}{'' if count == 1 or what == 'k' else 's'}" for what, count in counts.items()]
    return f"{config.name}: {', '.join(texts)}"


def new_progress() -> Progress:
    """Where a command says what it does."""
    return Progress(terminal())


def show_table(folder: Path, progress: Progress) -> None:
    """Print the accuracies of a results folder."""
    from kbsc_tf.figures.joined import join

    show_records(join([folder]), progress)


def show_records(joined: "Joined", progress: Progress) -> None:
    """Print the accuracies of results folders."""
    from kbsc_tf.figures.references import is_bound
    from kbsc_tf.figures.table import accuracy_table
    from kbsc_tf.results.names import named

    with named(joined.run):
        records = joined.records[~joined.records["scheme"].map(is_bound)]
        progress.console.print(accuracy_table(records))


def show_profile(folder: Path, progress: Progress) -> None:
    """Print where the time of the last session went: its stages, and the parts of its sweep in all processes."""
    from kbsc_tf.cli.profile import profile_table
    from kbsc_tf.results.run_json import read_run

    progress.console.print(profile_table(read_run(folder)))


def list_files(paths: list[Path], progress: Progress) -> None:
    """Say what was written."""
    for path in paths:
        progress.say(f"wrote {path}")
