"""The model card of an exported model: what the folder, the training and the scores say, and no number by hand."""

import json
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from safetensors.numpy import load_file

from small_clip.data import ImageSet
from small_clip.train import TWIN_WEIGHT

TEMPLATE = Path(__file__).with_name("card.md.j2")


def write_card(folder: Path, training: Path, sets: list[ImageSet], scores: str) -> None:
    """Write README.md of an exported model.

    Parameters
    ----------
    folder : Path
        Hugging Face folder.
    training : Path
        training.json of the run that made it.
    sets : list of ImageSet
        What it learned from and was scored on.
    scores : str
        Tables in Markdown.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "model.safetensors")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.name != "README.md")
    counts = {
        one.name: {
            "share": one.share,
            "training": len(one.training.labels),
            "held_out": len(one.held_out.labels),
            "test": len(one.test.labels),
        }
        for one in sets
    }
    text = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(TEMPLATE.read_text("utf-8"))
    card = text.render(
        megabytes=f"{size / 1e6:.1f}",
        vision=config["vision_config"],
        text=config["text_config"],
        projection=config["projection_dim"],
        parameters=sum(int(np.prod(weight.shape)) for weight in weights.values()),
        training=json.loads(training.read_text(encoding="utf-8")),
        sets=counts,
        scores=scores,
        twins=TWIN_WEIGHT,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
