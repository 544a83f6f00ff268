"""Write the presets of kbsc_tf from runs, with the scores of what is packed; and the page of the docs that lists them.

    kbsc train sims/real_clip.yaml --set features.file=real_0.npz --set channels=awgn --out remade/presets
    python sims/write_presets.py real_0.npz remade/presets

    kbsc train sims/neural_baselines.yaml --set data.source=folder --set data.path=cifar10 --out remade/image_presets
    python sims/write_presets.py cifar10 remade/image_presets

    python sims/write_presets.py                        # the page alone

``real_0.npz`` is made by ``make_features.py --seed 0`` of the data folder, as for results/real_clip; ``cifar10`` holds
CIFAR-10 as ``train/CLASS/*.png`` and ``test/CLASS/*.png``, as for results/neural_baselines.
"""

import datetime
import json
import re
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

import kbsc_tf
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import build_encoder
from kbsc_tf.files import write_atomically
from kbsc_tf.presets.card import Card, Score, write_card
from kbsc_tf.presets.packing import WEIGHTS, pack
from kbsc_tf.presets.table import page
from kbsc_tf.results.run_json import read_run
from kbsc_tf.study.start import prepare_tensorflow

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "kbsc_tf" / "presets" / "models"
PAGE = ROOT / "docs" / "reference" / "presets.md"


class Trained(NamedTuple):
    """What presets of one experiment share: what they send, and what they were fitted and measured on."""

    sends: str
    data: str


REAL_CLIP = Trained(
    "512-d image features of OpenAI's CLIP ViT-B/32, of length 1",
    "Caltech-101, Oxford Flowers and DTD, for training also SUN397 and Stanford Cars, as in results/real_clip, seed 0",
)
CIFAR10 = Trained(
    "RGB images of 32x32 pixels, or by image_shape of another size",
    "CIFAR-10, as in results/neural_baselines: for minutes on two cores, far less than in the papers",
)


class Wanted(NamedTuple):
    """A preset to be: its name, title, scheme and k, the first by default."""

    name: str
    title: str
    scheme: str
    k: list[int]
    trained: Trained


PRESETS = [
    Wanted("kbsc_real_clip_k64", "KBSC, k = 64", "kbsc", [64], REAL_CLIP),
    Wanted("kbsc_real_clip_k256", "KBSC, k = 256", "kbsc", [256], REAL_CLIP),
    Wanted("pca_real_clip_k64", "PCA, k = 64", "pca", [64], REAL_CLIP),
    Wanted("adaptive_real_clip", "Adaptive code", "adaptive", [64, 32, 128, 256], REAL_CLIP),
    Wanted("deepjscc_cifar10_k512", "DeepJSCC, k = 512", "deepjscc", [512], CIFAR10),
    Wanted("adjscc_cifar10_k512", "ADJSCC, k = 512", "adjscc", [512], CIFAR10),
    Wanted("swinjscc_cifar10", "SwinJSCC, both ModNets", "swinjscc", [512, 1024], CIFAR10),
]
LICENCE = "Apache-2.0, as kbsc_tf; the data sets have terms of their own"


def main(
    data: Annotated[Path | None, typer.Argument(metavar="DATA")] = None,
    runs: Annotated[list[Path] | None, typer.Argument(metavar="RUN...")] = None,
) -> None:
    """Pack what the runs hold, measure it on a file of features or a folder of images, write the page."""
    for run in runs or []:
        for wanted in PRESETS:
            write_preset(run, wanted, data)
    write_atomically(PAGE, page(MODELS))


def write_preset(run: Path, wanted: Wanted, data: Path) -> None:
    """Pack a preset, if the run holds its links, and measure it."""
    prepare_tensorflow()
    from kbsc_tf.schemes.saved import saved_links

    links = {
        link.curve.k: link
        for link in saved_links(run)
        if (link.curve.scheme, link.curve.channel) == (wanted.scheme, "awgn")
    }
    if not set(wanted.k) <= links.keys():
        return
    first, folder = links[wanted.k[0]], MODELS / wanted.name
    folder.mkdir(parents=True, exist_ok=True)
    files = {file.name: file for file in first.path.glob("*.npz")}
    decision = first.config.receiver.decision
    if decision == "posterior":
        files["posterior.npz"] = run / "links" / "receiver" / "posterior.npz"
    pack(files, folder / WEIGHTS)
    said, knowledge = read_run(run), json.loads((run / "kb" / "knowledge_base.json").read_text())
    fitted = {k: json.loads((links[k].path / "scheme.json").read_text()) for k in wanted.k}
    card = Card(
        name=wanted.name,
        title=wanted.title,
        scheme=wanted.scheme,
        k=wanted.k,
        channel=first.curve.channel,
        sends=wanted.trained.sends,
        data=wanted.trained.data,
        fingerprint=fingerprint_of(first.config, data),
        knowledge_base=knowledge["count"],
        decision=decision,
        size=parameters(fitted[wanted.k[0]]["summary"], files),
        scores=[],
        licence=LICENCE,
        commit=said["commit"],
        made=datetime.date.today().isoformat(),
        versions=said["versions"],
        training_seed=first.curve.training_seed,
        training=first.content["training"],
        fitted=fitted,
        experiment=portable(first.config.model_dump(mode="json"), wanted),
    )
    write_card(card, folder)
    levels = [level for level in first.config.snr_db if level != float("inf")]
    scores = []
    for k in wanted.k:
        frame = kbsc_tf.from_preset(folder, k=k).score(data, levels)
        scores += [Score(k=k, **row) for row in frame.to_dict("records")]
    write_card(card.model_copy(update={"scores": scores}), folder)
    print(f"{wanted.name}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB")


def fingerprint_of(config: ExperimentConfig, data: Path) -> str:
    """Fingerprint of the file of features, or of the images that are sent."""
    from kbsc_tf.revisit.preset_score import read_test_sets

    from_file = config.features.file is not None
    sender = read_test_sets(config, data, None if from_file else build_encoder(config.features)).sender
    return sender.encoder if from_file else f"images:{sender.images.fingerprint[:16]}"


def parameters(summary: str, files: dict[str, Path]) -> str:
    """Size of a scheme: as it says itself, or the numbers of its codec."""
    import numpy as np

    if found := re.match(r"[\d,]+ parameters", summary):
        return found[0]
    codec = np.load(files["codec.npz"])
    return f"{sum(codec[name].size for name in codec if codec[name].dtype.kind != 'U'):,} numbers"


def portable(experiment: dict, wanted: Wanted) -> dict:
    """The experiment with this scheme alone, and no path of this machine."""
    schemes = [one for one in experiment["schemes"] if one["scheme"] == wanted.scheme]
    channels = [one for one in experiment["channels"] if one["fading"] == "none"]
    features, data = experiment["features"], experiment["data"]
    if features.get("file"):
        features = {**features, "file": Path(features["file"]).name}
    if data.get("path"):
        data = {**data, "path": Path(data["path"]).name}
    own = {"features": features, "data": data, "schemes": schemes, "channels": channels, "k": sorted(wanted.k)}
    return {**experiment, **own}


if __name__ == "__main__":
    typer.run(main)
