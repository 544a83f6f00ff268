"""A byte-level BPE tokenizer in CLIP's file format, learned from the prompts themselves.

All 256 bytes are tokens, inside and at the end of a word, so any text can be encoded; words of the prompts become one
token each.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

# How CLIP cuts a text before it merges bytes, for plain English.
_WORDS = re.compile(r"'s|[a-z]+|[0-9]|[^\sa-z0-9]+")
START, END = "<|startoftext|>", "<|endoftext|>"


def learn_merges(texts: Iterable[str], most: int = 1500) -> list[tuple[str, str]]:
    """Learn byte-pair merges: join the most frequent pair of neighbours until every word is one token.

    Parameters
    ----------
    texts : iterable of str
        Prompts and class names; each distinct word counts once per text.
    most : int
        Largest number of merges.

    Returns
    -------
    list of (str, str)
        Merges in order.
    """
    symbol = bytes_to_unicode()
    counts = Counter(word for text in texts for word in _WORDS.findall(text.lower()))
    words = {}
    for word, count in counts.items():
        letters = [symbol[byte] for byte in word.encode()]
        words[(*letters[:-1], letters[-1] + "</w>")] = count
    merges: list[tuple[str, str]] = []
    while len(merges) < most:
        pairs: Counter = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:], strict=False):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = {_joined(word, best): count for word, count in words.items()}
    return merges


def _joined(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    result: list[str] = []
    for letters in word:
        if result and (result[-1], letters) == pair:
            result[-1] += letters
        else:
            result.append(letters)
    return tuple(result)


def save_tokenizer(texts: Iterable[str], context: int, folder: Path) -> CLIPTokenizer:
    """Learn a tokenizer, write it to a folder as Hugging Face files and return it.

    Parameters
    ----------
    texts : iterable of str
        What to learn from.
    context : int
        Longest prompt in tokens, with start and end.
    folder : Path
        Where to write.

    Returns
    -------
    CLIPTokenizer
    """
    merges = learn_merges(texts)
    base = list(bytes_to_unicode().values())
    tokens = [*base, *(letter + "</w>" for letter in base), *("".join(pair) for pair in merges), START, END]
    tokens = list(dict.fromkeys(tokens))  # two merges may lead to the same token
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    tokenizer = CLIPTokenizer(
        folder / "vocab.json", folder / "merges.txt", unk_token=END, pad_token=END, model_max_length=context
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
