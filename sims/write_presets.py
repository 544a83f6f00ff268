"""Write the presets of kbsc_tf from runs, with the scores of what is packed; and the page of the docs that lists them.

    kbsc train sims/real_clip.yaml --set features.file=real_0.npz --set channels=awgn --out remade/presets
    python sims/write_presets.py real_0.npz remade/presets
    python sims/write_presets.py                        # the page alone

``real_0.npz`` is made by ``make_features.py --seed 0`` of the data folder, as for results/real_clip.
"""

import datetime
import json
import re
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

import kbsc_tf
from kbsc_tf.files import write_atomically
from kbsc_tf.presets.card import Card, Score, write_card
from kbsc_tf.presets.packing import WEIGHTS, pack
from kbsc_tf.presets.table import page
from kbsc_tf.results.run_json import read_run
from kbsc_tf.study.start import prepare_tensorflow

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "kbsc_tf" / "presets" / "models"
PAGE = ROOT / "docs" / "reference" / "presets.md"


class Wanted(NamedTuple):
    """A preset to be: its name, title, scheme and k, the first by default."""

    name: str
    title: str
    scheme: str
    k: list[int]


PRESETS = [
    Wanted("kbsc_real_clip_k64", "KBSC, k = 64", "kbsc", [64]),
    Wanted("kbsc_real_clip_k256", "KBSC, k = 256", "kbsc", [256]),
    Wanted("pca_real_clip_k64", "PCA, k = 64", "pca", [64]),
    Wanted("adaptive_real_clip", "Adaptive code", "adaptive", [64, 32, 128, 256]),
]
SENDS = "512-d image features of OpenAI's CLIP ViT-B/32, of length 1"
DATA = (
    "Caltech-101, Oxford Flowers and DTD, for training also SUN397 and Stanford Cars, as in results/real_clip, seed 0"
)
LICENCE = "Apache-2.0, as kbsc_tf; the data sets have terms of their own"


def main(
    features: Annotated[Path | None, typer.Argument(metavar="FEATURES.npz")] = None,
    runs: Annotated[list[Path] | None, typer.Argument(metavar="RUN...")] = None,
) -> None:
    """Pack what the runs hold, measure it on the features, write the page."""
    for run in runs or []:
        for wanted in PRESETS:
            write_preset(run, wanted, features)
    write_atomically(PAGE, page(MODELS))


def write_preset(run: Path, wanted: Wanted, features: Path) -> None:
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
    pack(files | {"posterior.npz": run / "links" / "receiver" / "posterior.npz"}, folder / WEIGHTS)
    said, knowledge = read_run(run), json.loads((run / "kb" / "knowledge_base.json").read_text())
    fitted = {k: json.loads((links[k].path / "scheme.json").read_text()) for k in wanted.k}
    card = Card(
        name=wanted.name,
        title=wanted.title,
        scheme=wanted.scheme,
        k=wanted.k,
        channel=first.curve.channel,
        sends=SENDS,
        data=DATA,
        fingerprint=knowledge["encoder"],
        knowledge_base=knowledge["count"],
        decision="posterior",
        size=parameters(fitted[wanted.k[0]]["summary"], files),
        scores=[],
        licence=LICENCE,
        commit=said["commit"],
        made=datetime.date.today().isoformat(),
        versions=said["versions"],
        training_seed=first.curve.training_seed,
        training=first.training._asdict(),
        fitted=fitted,
        experiment=portable(first.config.model_dump(mode="json"), wanted),
    )
    write_card(card, folder)
    levels = [level for level in first.config.snr_db if level != float("inf")]
    scores = []
    for k in wanted.k:
        frame = kbsc_tf.from_preset(folder, k=k).score(features, levels)
        scores += [Score(k=k, **row) for row in frame.to_dict("records")]
    write_card(card.model_copy(update={"scores": scores}), folder)
    print(f"{wanted.name}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB")


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
    features = {**experiment["features"], "file": Path(experiment["features"]["file"]).name}
    return {**experiment, "features": features, "schemes": schemes, "channels": channels, "k": sorted(wanted.k)}


if __name__ == "__main__":
    typer.run(main)
