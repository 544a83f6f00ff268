"""What a README may say of a results folder: numbers out of its records, and claims that these bear out."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kbsc_tf.config import make_config
from kbsc_tf.errors import UserError
from kbsc_tf.features.clip_files import find_clip
from kbsc_tf.figures.table import markdown_table
from kbsc_tf.files import read_json
from kbsc_tf.results.envelope import condense, is_envelope, is_fixed
from kbsc_tf.results.metric import columns_of, metric_of
from kbsc_tf.results.names import mcs_text, named, scheme_text, snr_text
from kbsc_tf.results.reproducible import outdated
from kbsc_tf.results.run_json import read_run, read_shown

JOINED = {"33f3078": "4ee0e05", "4c51e49": "4ee0e05", "0da0fa4": "4ee0e05"}
"""Commits of results that were joined into others of the history, by their dates."""
REFERENCE = Path(__file__).resolve().parent.parent / "reference"


@dataclass(frozen=True, order=True)
class Figure:
    """A measured value with its 95 % interval, as shown: an accuracy in per cent. Figures compare by value."""

    value: float
    low: float
    high: float
    n: int
    decimals: int

    def __str__(self) -> str:
        return f"{self.value:.{self.decimals}f} ±{(self.high - self.low) / 2:.{self.decimals}f}"

    @property
    def alone(self) -> str:
        """The value without its interval."""
        return f"{self.value:.{self.decimals}f}"


class Facts:
    """Records of a results folder, for its README.

    Parameters
    ----------
    folder : Path
        Results folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._condensed = cache(lambda metric: condense(self.records, metric, genie=True))

    @cached_property
    def run(self) -> dict[str, Any]:
        """run.json of the folder."""
        return read_run(self.folder)

    @cached_property
    def records(self) -> pd.DataFrame:
        """What the folder shows, a row per point and MCS."""
        return read_shown(self.folder)

    def fits(self, scheme: str, k: int, snr_db: float, channel: str = "awgn") -> bool:
        """Return whether any image of a coded scheme fits the channel uses of a point."""
        found = _narrowed(self.records, {"scheme": scheme, "channel": channel, "k": k, "snr_db": float(snr_db)})
        return bool(found["feasible"].ne(0).any())

    def at(
        self,
        scheme: str,
        k: int,
        snr_db: float,
        channel: str = "awgn",
        metric: str = "top1",
        mcs: str | None = None,
    ) -> Figure:
        """Return the figure of one point; of a coded scheme without an MCS that of its envelope."""
        rows = self._condensed(metric) if mcs is None else self.records
        rows = rows[rows["mcs"].eq(mcs) if mcs else rows["mcs"].eq("") | is_envelope(rows["mcs"])]
        where = {"scheme": scheme, "channel": channel, "k": k, "snr_db": float(snr_db)}
        rows = _narrowed(rows, where)
        if len(rows) != 1:
            raise UserError(f"{self.folder}: {len(rows)} points have {where}; a README's figure needs one")
        shown = metric_of(metric)
        value, low, high = (shown.scale * float(rows[name].iloc[0]) for name in columns_of(metric))
        return Figure(value, low, high, int(rows["n"].iloc[0]), shown.decimals)

    def uses(self, scheme: str, k: int, snr_db: float, channel: str = "awgn") -> float:
        """Return the mean channel uses of the points of one scheme without MCSs."""
        where = {"scheme": scheme, "channel": channel, "k": k, "snr_db": float(snr_db)}
        return float(_narrowed(self.records, where)["channel_uses"].mean())

    def spared(self, scheme: str, other: str, k: int, snr_db: float, channel: str = "awgn") -> str:
        """Return a scheme's mean channel uses as a share of what ``other`` takes for the same accuracy.

        Its uses are interpolated in the logarithm between its k; where no k of it is as good, that is said.
        """
        rows = _narrowed(self.records, {"scheme": other, "channel": channel, "snr_db": float(snr_db)})
        rows = rows.sort_values("channel_uses")
        best, accuracy = rows["top1"].cummax(), self.at(scheme, k, snr_db, channel).value / 100
        if accuracy > best.max():
            return "above all"
        needed = np.exp(np.interp(accuracy, best, np.log(rows["channel_uses"])))
        return f"{100 * self.uses(scheme, k, snr_db, channel) / needed:.0f} %"

    @property
    def mcs(self) -> str:
        """The fixed modulations and code rates of the records."""
        found = self.records["mcs"][is_fixed(self.records["mcs"])]
        return ", ".join(map(mcs_text, pd.unique(found)))

    def mean(self, column: str, scheme: str) -> float:
        """Return the mean of a column over the points of a scheme at which something fits."""
        return float(self.records[self.records["scheme"].eq(scheme) & self.records["feasible"].ne(0)][column].mean())

    def ranked(self, *places: tuple[str, int], snr_db: float, channel: str = "awgn", metric: str = "top1") -> str:
        """Return the figures of several (scheme, k) at one SNR, the best first: "PCA, k = 64: 61.4 ±1.3; ..."."""
        figures = {place: self.at(*place, snr_db, channel, metric) for place in places}
        best = sorted(figures, key=figures.__getitem__, reverse=True)
        several = len({k for _, k in places}) > 1
        with named(self.run):
            return "; ".join(f"{scheme_text(s)}{f', k = {k}' * several} {figures[s, k]}" for s, k in best)

    def differences(self, scheme: str, other: str, k: int, channel: str = "awgn") -> list[float]:
        """Return the differences of two schemes at the SNRs, in points."""
        snrs = _narrowed(self.records, {"scheme": scheme, "channel": channel, "k": k})["snr_db"].unique()
        return [self.at(scheme, k, snr, channel).value - self.at(other, k, snr, channel).value for snr in snrs]

    def least(self, scheme: str, other: str, k: int, channel: str = "awgn") -> str:
        """Return the least difference of two schemes over the SNRs, in points with the sign."""
        return f"{min(self.differences(scheme, other, k, channel)):+.1f}"

    def wins(self, file: str) -> str:
        """Return at how many points A is above and below B in what `kbsc compare --csv` wrote, at 5 % after Holm.

        With the largest difference, and the k of these points.
        """
        found = self.csv(file)
        found = found.assign(points=100 * found["difference"], is_clear=found["p_holm"].astype(float) < 0.05)
        texts = []
        for is_there in (found["points"] > 0, found["points"] < 0):
            one = found[found["is_clear"] & is_there]
            most, ks = one["points"].abs().max(), ", ".join(map(str, sorted(one["k"].unique())))
            texts.append(f"{len(one)}" + (f" (k = {ks}; by up to {most:.1f} points of accuracy)" if len(one) else ""))
        return f"above at {texts[0]} of {len(found)} points, below at {texts[1]}"

    def table(self, metric: str = "top1", all_mcs: bool = False, **where: Any) -> str:
        """Return a Markdown table of the points with these values (one, or a list) in these columns."""
        with named(self.run):
            return markdown_table(_narrowed(self.records, where), metric, all_mcs)

    def csv(self, file: str) -> pd.DataFrame:
        """Return a table of the folder."""
        return pd.read_csv(self.folder / file, keep_default_na=False, na_values={"psnr": "", "ms_ssim": ""})

    def text(self, file: str) -> str:
        """Return a line that is kept in the folder as text."""
        return (self.folder / file).read_text(encoding="utf-8").strip()

    @property
    def origin(self) -> str:
        """The command, the commit, the day, the time it took and the device; and what has other numbers by now."""
        sessions = [*self.run.get("earlier_sessions", []), self.run]
        minutes = sum(one["wall_time_s"] for one in sessions) / 60
        command = " ".join(self.run["command"])
        commits = ", ".join(dict.fromkeys(one["commit"][:7] for one in sessions))
        made = f"`{command}`, commit {commits}, {self.run['started'][:10]}, {minutes:.0f} min on {self.run['device']}."
        lost = "".join(
            f" `run.json` names commit {one}, which is not in the history: by its date it is one of those that were "
            f"joined into {whole}."
            for one, whole in JOINED.items()
            if one in commits
        )
        return f"{made}{lost}{self.stale}"

    @property
    def stale(self) -> str:
        """Why the records are not what this version would make, a sentence each; empty where nothing is known."""
        if "type" in self.run["config"]:  # studies of another kind, whose numbers have not changed so far
            return ""
        old = sorted(outdated(self.folder, make_config(self.run["config"], {})))
        text = f" Made before the numbers of {', '.join(old)} changed; to be made anew." if old else ""
        encoder = read_json(self.folder / "features.json", "restore it")["encoder"]
        if encoder["name"] == "small" and encoder["fingerprint"] != _small_clip():
            text += " Its features are of an earlier small CLIP."
        return text


@cache
def _small_clip() -> str:
    """Fingerprint of today's small CLIP, read once for all pages."""
    return find_clip("small").fingerprint()


def _narrowed(table: pd.DataFrame, where: dict[str, Any]) -> pd.DataFrame:
    for column, wanted in where.items():
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        table = table[table[column].isin(values)]
    return table


def says(holds: bool, sentence: str) -> str:
    """Return a sentence that the records bear out; refuse it if they do not."""
    if not holds:
        raise UserError(f"the records do not bear out: {sentence!r}; say what they say")
    return sentence


def between(figures: Iterable[Figure]) -> str:
    """Return "lowest to highest" of figures, without intervals."""
    found = sorted(figures)
    return f"{found[0].alone} to {found[-1].alone}"


def less(one: Figure, other: Figure) -> str:
    """Return a difference of figures with its sign, without an interval."""
    return f"{one.value - other.value:+.{one.decimals}f}"


def reference(file: str) -> dict[str, Any]:
    """Return figures of others, of a file in sims/reference."""
    return json.loads((REFERENCE / file).read_text(encoding="utf-8"))


def original(file: str) -> dict[tuple[str, int, float], float]:
    """Return what the original's code reached, of a file in sims/reference: (channel, k, SNR in dB) -> per cent."""
    content = reference(file)
    snrs = [math.inf if snr in ("no", "inf") else float(snr) for snr in content["snr_db"]]
    found = {}
    for name, values in content["semantic_accuracy_percent"].items():
        channel, k = "awgn" if "awgn" in name else "rayleigh", 512 if name.startswith("raw") else name.split("_")[1]
        found |= {(channel, int(k), snr): value for snr, value in zip(snrs, values, strict=True)}
    return found


def margins(
    facts: Facts, scheme: str, channel: str, k: int, theirs: dict[tuple[str, int, float], float]
) -> list[float]:
    """Return the differences to the original at its SNRs, in points; none where it was not run."""
    of = "awgn" if channel.startswith("awgn") else "rayleigh"
    snrs = [snr for where, size, snr in theirs if (where, size) == (of, k)]
    return [facts.at(scheme, k, snr, channel).value - theirs[of, k, snr] for snr in snrs]


def margin(facts: Facts, scheme: str, channel: str, k: int, theirs: dict[tuple[str, int, float], float]) -> str:
    """Return the least difference to the original over its SNRs, in points with the sign."""
    return f"{min(margins(facts, scheme, channel, k, theirs)):+.1f}"


def headline(entry: dict[str, Any]) -> list[list[str]]:
    """Return a row of the overview per scheme of a folder: scheme, where, accuracy with half its interval, n."""
    rows = []
    for found in entry.get("headline", []):
        value, low, high = (100 * found[name] for name in columns_of("top1"))
        snr = snr_text(float(found["snr_db"]))
        where = f"{found['channel']}, k = {found['k']}, {snr}"
        rows.append([found["scheme"], where, f"{value:.1f} ±{(high - low) / 2:.1f}", str(found["n"])])
    return rows
