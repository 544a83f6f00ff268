"""The page of the documentation that lists the presets, from their cards."""

from collections.abc import Callable
from pathlib import Path

from kbsc_tf.presets.card import FILE, Card, Score, read_card
from kbsc_tf.presets.packing import WEIGHTS

_SHOWN_DB = (-5, 0, 5, 10)
_HEAD = """\
# Presets

Trained senders and receivers that come with the package. Nothing is fitted, and no training data are needed:

```python
import kbsc_tf as kbsc

kbsc.list_presets()
preset = kbsc.from_preset("kbsc_real_clip_k64")  # another channel: channel="rayleigh"
received = preset.transmit(features, snr_db=0)  # features [B, 512] in, received.features out
link = preset.link(entries, labels)  # a receiver whose knowledge base you give
link.send(features[0], snr_db=0).label
preset.card.scores, preset.card.data, preset.card.licence
```

`from_preset("OWNER/NAME")` downloads a preset of the same two files from the Hugging Face hub; a folder will do too.
Weights are kept in half precision; scores are of what is kept. `preset.score("real_0.npz")` measures them again.

## Features

Top-1 semantic accuracy (%) with half of its 95 % interval, on images that no fit has seen.
"""
_IMAGES = """\

## Images

```python
preset = kbsc.from_preset("deepjscc_cifar10_k512")
received = preset.transmit(images, snr_db=5)  # [B, 32, 32, 3], uint8 or float from 0 to 1
received.images, received.psnr  # B of uint8 [32, 32, 3], and dB
link = preset.link(images, labels)  # the receiver embeds what it receives with the small CLIP
link.send(images[0], snr_db=5).label
preset.score({"source": "cifar10"})  # or a folder that holds train/CLASS/*.png and test/CLASS/*.png
```

The networks take images of other sizes: `from_preset(..., image_shape=(64, 96))`. k grows with the image,
the CBR stays. The networks were trained on 32x32 pixels, and scores are of this size. Height and width are multiples of
the stride, 4 pixels for DeepJSCC.

Mean PSNR (dB) with half of its 95 % interval.
"""
_ACCURACY = """\

Top-1 semantic accuracy (%) of the same images, with half of its 95 % interval.
"""


def page(models: Path) -> str:
    """The page, in Markdown, of the presets in a folder."""
    cards = [(read_card(file.parent), file.parent) for file in sorted(models.glob(f"*/{FILE}"))]
    images = [pair for pair in cards if pair[0].sends_images]
    lines = [_HEAD, *_table([pair for pair in cards if pair not in images], _top1)]
    if images:
        lines += [_IMAGES, *_table(images, _psnr), _ACCURACY, *_table(images, _top1)]
    return "\n".join([*lines, "", *(_details(card) for card, _ in cards)])


def _table(cards: list[tuple[Card, Path]], text: Callable[[Score], str]) -> list[str]:
    """Rows of a table of one score."""
    levels = " | ".join(f"{level} dB".replace("-", "−") for level in _SHOWN_DB)
    rows = [f"| preset | scheme | k | {levels} | MB |", "|---|---|---:|" + "---:|" * (len(_SHOWN_DB) + 1)]
    for card, folder in cards:
        size = f"{(folder / WEIGHTS).stat().st_size / 1e6:.1f}"
        for k in sorted(card.k):
            found = (card.score(level, k) for level in _SHOWN_DB)
            scores = " | ".join("" if score is None else text(score) for score in found)
            rows.append(f"| `{card.name}` | {card.title} | {k} | {scores} | {size} |")
    return rows


def _top1(score: Score) -> str:
    return f"{100 * score.top1:.1f} ±{50 * (score.high - score.low):.1f}"


def _psnr(score: Score) -> str:
    return f"{score.psnr:.2f} ±{(score.psnr_high - score.psnr_low) / 2:.2f}"


def _details(card: Card) -> str:
    images = ", ".join(sorted({f"{one.images:,}" for one in card.scores}))
    kind = "images" if card.sends_images else "features"
    return f"""\
## {card.name}

* {card.title}: {card.size}. Sends {card.sends}.
* Fitted over {card.channel.upper()} on {card.training["count"]:,} {kind} of {card.data}.
* Measured by {images} images against {card.knowledge_base:,} known ones; decision rule: {card.decision}.
* Data: `{card.fingerprint}`. Commit: `{card.commit[:7]}`. Packed: {card.made}.
* Licence: {card.licence}.
"""
