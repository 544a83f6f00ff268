"""Commands that compute: an experiment's stages, and studies of the knowledge base."""

from pathlib import Path

from kbsc_tf.cli.app import (
    ExperimentFile,
    Out,
    Overrides,
    SkipBad,
    app,
    list_files,
    new_progress,
    show_table,
    start,
)


@app.command()
def run(file: ExperimentFile, set_: Overrides = None, out: Out = None, skip_bad: SkipBad = False) -> None:
    """Do everything: features, knowledge base, training, sweep, figures."""
    config, folder, progress = start(file, set_, out)
    from kbsc_tf.study import experiment

    figures = experiment.run(config, folder, skip_bad, progress)
    show_table(folder, progress)
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
