"""Run an experiment from Python. Imports no TensorFlow before there is something to compute."""

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kbsc_tf.api.channel import Channel
from kbsc_tf.api.run import Run
from kbsc_tf.config import ExperimentConfig, FunctionEncoderConfig, make_config
from kbsc_tf.config.strict import did_you_mean, name_of
from kbsc_tf.data import load_splits
from kbsc_tf.data.memory import Images
from kbsc_tf.errors import UserError
from kbsc_tf.progress import Progress, terminal
from kbsc_tf.registry import executors
from kbsc_tf.study.start import check, prepare_tensorflow

_OWN = ("out", "data", "encoder", "skip_bad", "progress")  # keywords of `run` that are no keys of an experiment


def run(
    experiment: str | Path | Mapping[str, Any] | ExperimentConfig,
    *,
    out: str | Path | None = None,
    data: Images | Mapping[str, Any] | None = None,
    encoder: Callable | None = None,
    skip_bad: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Do everything an experiment says: features, knowledge base, training, sweep, figures.

    What the results folder holds already is not done again: the same call goes on after an interruption, and one with
    more schemes, channels, k, SNRs or seeds adds them.

    Parameters
    ----------
    experiment : str, Path, dict or ExperimentConfig
        Name of a bundled experiment (`kbsc_tf.bundled_experiments` lists them), a YAML file, or its content.
    out : str or Path, optional
        Results folder; ``results/NAME`` unless given.
    data : Images or dict, optional
        Images in memory; or keys of the section ``data``, of which those with ``source`` or ``images`` replace it.
    encoder : callable, optional
        Embeds images in place of the experiment's encoder: a list of B arrays, uint8 [H, W, 3], to an array [B, D].
        `kbsc_tf.Encoder` gives it a name; otherwise what it makes of some images tells whether it is the same one.
    skip_bad : bool
        Leave out unreadable images and count them.
    progress : bool
        Say how far it is.
    **settings
        Keys of the experiment and their values: lists, ranges, arrays or one value (``k=64``). A dict changes the keys
        of a section that it names (``sweep={"trials": 3}``), as does ``**{"schemes.kbsc.epochs": 5}``. Functions among
        the ``channels`` are used as `kbsc_tf.Channel`.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        What is wrong, in one sentence; said before TensorFlow is loaded where that can be.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> small = {"schemes": "pca", "data": {"per_class": 4}, "k": 64, "progress": False}
    >>> run = kbsc.run("quickstart", out="results/mine", snr_db=[0, 10], **small)
    >>> run = kbsc.run("quickstart", out="results/mine", snr_db=[0, 10, 20], **small)  # computes what is new
    >>> accuracies = run.frame()[["channel", "snr_db", "top1"]]
    """
    known = [*ExperimentConfig.model_fields, *_OWN]
    for key in settings:
        if (name := key.split(".")[0]) not in known:
            raise UserError(f"run: unknown keyword {name}{did_you_mean(name, known) or '; remove it'}")
    config = make_config(*_with_objects(experiment, {**settings, "data": data, "encoder": encoder}))
    folder = Path(out) if out is not None else Path("results") / config.name
    _check_workers(config)
    if isinstance(config.features, FunctionEncoderConfig) and config.features.function is not None:
        prepare_tensorflow()
        config = _with_probed_encoder(config, skip_bad)
    check(config, folder)
    prepare_tensorflow()
    from kbsc_tf.study.experiment import run as run_experiment

    run_experiment(config, folder, skip_bad, Progress(terminal(quiet=not progress)))
    return Run(folder)


def _with_objects(experiment: Any, settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """An experiment and settings with the objects of Python among them as the sections that carry these."""
    encoder = settings.pop("encoder")
    if settings["data"] is None:
        del settings["data"]
    if isinstance(experiment, Mapping):
        experiment = {**experiment, **_sections(experiment)}
    settings |= _sections(settings)
    if encoder is not None:
        if not callable(encoder):
            raise UserError(f"encoder: expected a function of images, got {encoder!r:.80}; name others in features")
        known = {"fingerprint": encoder.fingerprint} if hasattr(encoder, "fingerprint") else {}
        function = {"encoder": "function", "function": encoder, "name": name_of(encoder), **known}
        settings["features"] = {**settings.get("features", {}), **function}
    return experiment, settings


def _sections(content: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of a content that hold objects, as the schema has them."""
    found = {}
    data = content.get("data")
    if isinstance(data, Images):
        data = {"images": data}
    if isinstance(data, Mapping) and "images" in data:
        if not isinstance(data["images"], Images):
            raise UserError(f"data.images: expected kbsc_tf.Images, got {type(data['images']).__name__}")
        found["data"] = {"source": "memory", **data}
    channels = content.get("channels")
    if channels is not None:
        listed = [channels] if isinstance(channels, str | Mapping) or callable(channels) else [*channels]
        found["channels"] = [Channel(one) if callable(one) else one for one in listed]
    return found


def _check_workers(config: ExperimentConfig) -> None:
    """Refuse functions that workers in other processes cannot import."""
    executor = executors[config.executor.kind]
    main_is_known = executor.runs_main and hasattr(sys.modules["__main__"], "__file__")
    for function in (getattr(part, "function", None) for part in (config.features, *config.channels)):
        if not executor.elsewhere or function is None:
            continue
        try:
            pickle.dumps(function)
            is_known = main_is_known or getattr(function, "__module__", "") != "__main__"
        except (pickle.PicklingError, AttributeError, TypeError):
            is_known = False
        if not is_known:
            raise UserError(
                f"executor: {config.executor.kind}: its workers cannot import the function {name_of(function)}; define "
                "it at the top of a module, or use executor: local"
            )


def _with_probed_encoder(config: ExperimentConfig, skip_bad: bool) -> ExperimentConfig:
    """Know how long the features of a function are, and which function it is."""
    from kbsc_tf.features.function import probe

    images = load_splits(config.data, skip_bad, config.features.store).sender
    return config.model_copy(update={"features": probe(config.features, images)})
