"""Commands that compute: an experiment's stages, and studies of another kind."""

from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import (
    ExperimentFile,
    Folder,
    Out,
    Overrides,
    Places,
    SkipBad,
    app,
    list_files,
    new_progress,
    read_places,
    show_profile,
    show_table,
    start,
)


@app.command()
def run(
    file: ExperimentFile,
    set_: Overrides = None,
    out: Out = None,
    skip_bad: SkipBad = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time went; run.json always does.")] = False,
) -> None:
    """Do everything: features, knowledge base, training, sweep, figures."""
    config, folder, progress = start(file, set_, out)
    from kbsc_tf.study import experiment

    figures = experiment.run(config, folder, skip_bad, progress)
    show_table(folder, progress)
    if profile:
        show_profile(folder, progress)
    list_files([folder / "records.csv", folder / "run.json", *figures], progress)


@app.command()
def features(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Embed the images into the feature store and report zero-shot accuracy."""
    config, _, progress = start(file, set_, out)
    from kbsc_tf.features import load_features
    from kbsc_tf.study.experiment import describe_features

    splits, report = load_features(config, skip_bad)
    describe_features(splits, report, progress)


@app.command()
def kb(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Build the receiver's knowledge base and save it in the results folder."""
    config, folder, progress = start(file, set_, out)
    from kbsc_tf.study.experiment import save_knowledge_base

    progress.say(f"saved {save_knowledge_base(config, folder, skip_bad, progress)}")


@app.command()
def train(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Train the networks; interrupted training goes on where it stopped."""
    config, folder, progress = start(file, set_, out)
    from kbsc_tf.study import experiment

    study = experiment.prepare(config, folder, skip_bad, progress)
    with experiment.open_results(study, progress).stage("train"):
        experiment.fit(study, progress)


@app.command()
def sweep(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Measure the points that the results folder does not hold yet."""
    config, folder, progress = start(file, set_, out)
    from kbsc_tf.study import experiment

    study = experiment.prepare(config, folder, skip_bad, progress)
    results = experiment.open_results(study, progress)
    with results.stage("train"):
        experiment.fit(study, progress)
    experiment.sweep(study, results, progress)
    show_table(folder, progress)


@app.command()
def reproduce(
    folder: Folder,
    points: Annotated[int, typer.Option("--points", min=1, help="How many points, drawn at random.")] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    set_: Places = None,
    out: Annotated[Path | None, typer.Option("--out", help="For what is computed; default DIR_reproduced.")] = None,
) -> None:
    """Compute some points of a results folder again, trainings too; exit status 1 if any is different now."""
    from kbsc_tf.analysis.reproduction import Verdict, summary
    from kbsc_tf.results.names import named
    from kbsc_tf.results.reproducible import reproducible
    from kbsc_tf.results.run_json import read_run
    from kbsc_tf.study.start import prepare_tensorflow

    out = out or folder.with_name(f"{folder.resolve().name}_reproduced")
    config = reproducible(folder, read_places(set_), out)
    prepare_tensorflow()
    from kbsc_tf.study.reproduce import reproduce as compute

    progress = new_progress()
    found = compute(folder, config, points, seed, out, progress)
    with named(read_run(folder)):
        for one in found:
            progress.say(one.text)
    progress.say(summary(found))
    if any(one.verdict is Verdict.DIFFERENT for one in found):
        raise typer.Exit(1)


@app.command("kb-scaling")
def kb_scaling(file: ExperimentFile, set_: Overrides = None, out: Out = None) -> None:
    """Accuracy, recall, time and memory of exact and approximate search in knowledge bases of growing size."""
    from kbsc_tf.kb_scaling.config import load_kb_scaling

    config = load_kb_scaling(file, set_)
    folder = out or Path("results") / config.name
    from kbsc_tf.study.start import prepare_tensorflow

    prepare_tensorflow()
    from kbsc_tf.kb_scaling.study import run_kb_scaling

    progress = new_progress()
    figures = run_kb_scaling(config, folder, progress)
    list_files([folder / "kb_scaling.csv", *figures], progress)


@app.command()
def mismatch(file: ExperimentFile, set_: Overrides = None, out: Out = None) -> None:
    """Accuracy where sender and receiver do not match: other encoders, old, partial or poisoned knowledge, updates."""
    from kbsc_tf.mismatch.config import load_mismatch

    config = load_mismatch(file, set_)
    folder = out or Path("results") / config.name
    from kbsc_tf.mismatch.check import check
    from kbsc_tf.study.start import prepare_tensorflow

    check(config, folder)
    prepare_tensorflow()
    from kbsc_tf.mismatch.study import run_mismatch

    progress = new_progress()
    figures = run_mismatch(config, folder, progress)
    list_files([folder / "mismatch.csv", *figures], progress)
