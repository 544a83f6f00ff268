"""What a preset is, in numbers and words that were written when it was made."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.scheme import Needs
from kbsc_tf.config.strict import Strict
from kbsc_tf.errors import UserError
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.registry import schemes

FILE = "card.json"
REMEDY = "install the package again, or download the preset again"


class Score(Strict):
    """A point that the preset was measured at, over the card's channel."""

    k: int = Field(description="Real channel symbols of an image.")
    snr_db: float = Field(description="Es/N0 in dB.")
    images: int = Field(description="Images that were sent.")
    top1: float = Field(description="Share of them for which an image of the sent class was shown.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end of its 95 % interval.")
    psnr: float | None = Field(None, description="Mean PSNR in dB, of schemes that send images.")
    psnr_low: float | None = Field(None, description="Lower end of its 95 % interval, in dB.")
    psnr_high: float | None = Field(None, description="Upper end of its 95 % interval, in dB.")


class Card(Strict):
    """The card of a preset."""

    name: str = Field(description="As `kbsc_tf.from_preset` takes it.")
    title: str = Field(description="For readers.")
    scheme: str = Field(description="As in experiments.")
    k: list[int] = Field(description="Real channel symbols that it can send, the first unless another is asked for.")
    channel: str = Field(description="What it was fitted and measured over.")
    sends: str = Field(description="What goes in: features, of which encoder; or images, of which size.")
    data: str = Field(description="What it was fitted and measured on.")
    fingerprint: str = Field(description="Of the file of features or the images that it was measured on.")
    knowledge_base: int = Field(description="Entries of the receiver's knowledge base that it was measured with.")
    decision: str = Field(description="The receiver's decision rule.")
    size: str = Field(description="Of the scheme: its parameters.")
    scores: list[Score] = Field(description="Semantic accuracy, and PSNR of images, on images that no fit has seen.")
    licence: str = Field(description="Of the weights.")
    commit: str = Field(description="Of kbsc_tf that it was fitted by.")
    made: str = Field(description="Day on which it was packed.")
    versions: dict[str, str] = Field(description="Of the packages that fitted it.")
    training_seed: str = Field("", description="Seed of its training, as in records.")
    training: dict[str, Any] = Field(description="Number, length and image size of the training features.")
    fitted: dict[int, dict[str, Any]] = Field(description="What `Scheme.save` says of the scheme at each k.")
    experiment: dict[str, Any] = Field(description="The experiment that it was fitted in.")

    @property
    def config(self) -> ExperimentConfig:
        """The experiment that it was fitted in."""
        return ExperimentConfig.model_validate(self.experiment)

    @property
    def sends_images(self) -> bool:
        """Whether images go in, and not features."""
        return Needs.IMAGES in schemes[self.scheme].needs

    def score(self, snr_db: float, k: int | None = None) -> Score | None:
        """The score at an SNR in dB, None if it has none."""
        k = k or self.k[0]
        return next((one for one in self.scores if (one.k, one.snr_db) == (k, snr_db)), None)


def write_card(card: Card, folder: Path) -> None:
    """Write a card into the folder of its preset."""
    text = json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_atomically(folder / FILE, text + "\n")


def read_card(folder: Path) -> Card:
    """The card of a preset's folder.

    Raises
    ------
    UserError
        It is missing or damaged.
    """
    try:
        return Card.model_validate(read_json(folder / FILE, REMEDY))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{folder / FILE}: no card of a preset ({where}: {first['msg']}); {REMEDY}") from None
