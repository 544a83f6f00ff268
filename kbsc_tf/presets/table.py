"""The page of the documentation that lists the presets, from their cards."""

from pathlib import Path

from kbsc_tf.presets.card import FILE, Card, read_card
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

Top-1 semantic accuracy (%) with half of its 95 % interval, on images that no fit has seen.
"""


def page(models: Path) -> str:
    """The page, in Markdown, of the presets in a folder."""
    cards = [(read_card(file.parent), file.parent) for file in sorted(models.glob(f"*/{FILE}"))]
    levels = " | ".join(f"{level} dB".replace("-", "−") for level in _SHOWN_DB)
    rows = [f"| preset | scheme | k | {levels} | MB |", "|---|---|---:|" + "---:|" * (len(_SHOWN_DB) + 1)]
    for card, folder in cards:
        size = f"{(folder / WEIGHTS).stat().st_size / 1e6:.1f}"
        for k in sorted(card.k):
            scores = " | ".join(_score(card, level, k) for level in _SHOWN_DB)
            rows.append(f"| `{card.name}` | {card.title} | {k} | {scores} | {size} |")
    return "\n".join([_HEAD, *rows, "", *(_details(card) for card, _ in cards)])


def _score(card: Card, snr_db: float, k: int) -> str:
    score = card.score(snr_db, k)
    if score is None:
        return ""
    return f"{100 * score.top1:.1f} ±{50 * (score.high - score.low):.1f}"


def _details(card: Card) -> str:
    images = ", ".join(sorted({f"{one.images:,}" for one in card.scores}))
    return f"""\
## {card.name}

* {card.title}: {card.size}. Sends {card.sends}.
* Fitted over {card.channel.upper()} on {card.training["count"]:,} features of {card.data}.
* Measured by {images} images against {card.knowledge_base:,} known ones; decision rule: {card.decision}.
* Data: `{card.fingerprint}`. Commit: `{card.commit[:7]}`. Packed: {card.made}.
* Licence: {card.licence}.
"""
