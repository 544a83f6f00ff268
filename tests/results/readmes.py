"""The README of the repository, and where results are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


def not_said(*sentences: str) -> list[str]:
    """Those of the sentences, made with numbers of the records, that are not in the README."""
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").replace("−", "-").split())
    return [sentence for sentence in sentences if " ".join(sentence.split()) not in words]
