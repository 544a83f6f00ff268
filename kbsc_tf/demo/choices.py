"""Which links of a run can be chosen, and what readers call them."""

import math
from typing import NamedTuple

import pandas as pd

from kbsc_tf.api.run import Run
from kbsc_tf.config import Needs
from kbsc_tf.registry import schemes as known
from kbsc_tf.results.names import channel_text, mcs_text, named, registered, scheme_text
from kbsc_tf.results.pooling import pool_seeds
from kbsc_tf.results.run_json import read_run


class LinkName(NamedTuple):
    """A link of a run, by the names of its records."""

    scheme: str
    k: int
    channel: str
    mcs: str = ""


class Choices:
    """The links of a run, those that send features and those that send images.

    Parameters
    ----------
    run : Run

    Attributes
    ----------
    channels : list of str
    semantic, image : list of str
        Schemes; where all send images, ``semantic`` are these.
    texts : dict
        What readers call a scheme, a channel or an MCS.
    """

    def __init__(self, run: Run) -> None:
        self._links = run.links()
        self._points: dict[LinkName, pd.DataFrame] = {}
        self._all_records = run.frame() if (run.folder / "records.csv").exists() else pd.DataFrame()
        self.channels, schemes, mcs = (list(self._links[name].unique()) for name in ("channel", "scheme", "mcs"))
        with named(read_run(run.folder)):
            self.image = [name for name in schemes if _sends_images(name)]
            self.texts = {name: scheme_text(name) for name in schemes}
            self.texts |= {name: channel_text(name) for name in self.channels}
            self.texts |= {name: mcs_text(name) for name in mcs}
        self.semantic = [name for name in schemes if name not in self.image] or schemes

    def ks(self, scheme: str, channel: str) -> list[int]:
        """The k that a scheme has on a channel, largest first; empty where it has no link there."""
        links = self._links
        return links["k"][links["scheme"].eq(scheme) & links["channel"].eq(channel)].drop_duplicates().tolist()

    def mcss(self, scheme: str, channel: str, k: int) -> list[str]:
        """The MCSs of a scheme there: the one of the best mean accuracy in the records first; "" of schemes without."""
        links = self._links
        here = links["scheme"].eq(scheme) & links["channel"].eq(channel) & links["k"].eq(k)
        found = links["mcs"][here].tolist()
        if self._all_records.empty or len(found) < 2:
            return found
        means = self._records(scheme, channel, k).groupby("mcs")["top1"].mean()
        return sorted(found, key=lambda mcs: (mcs == "genie", -means.get(mcs, 0.0)))

    def points(self, name: LinkName) -> pd.DataFrame:
        """What the run measured of a link, by SNR: as `pool_seeds` has it, empty where it measured nothing."""
        if name not in self._points:
            records = self._records(name.scheme, name.channel, name.k)
            records = records[records["mcs"].eq(name.mcs)] if len(records) else records
            measured = len(records) and records["top1"].notna().any()
            self._points[name] = pool_seeds(records).sort_values("snr_db") if measured else pd.DataFrame()
        return self._points[name]

    def text(self, name: LinkName) -> str:
        """For readers: "PCA, k = 64, AWGN"."""
        parts = [self.texts[name.scheme], self.texts[name.mcs], f"k = {name.k}", self.texts[name.channel]]
        return ", ".join(part for part in parts if part)

    def short_text(self, name: LinkName) -> str:
        """For a legend: "BPG + LDPC, 16-QAM 1/2", without what is common or said elsewhere."""
        scheme = self.texts[name.scheme].partition(",")[0]
        return f"{scheme}, {self.texts[name.mcs]}" if name.mcs else scheme

    def _records(self, scheme: str, channel: str, k: int) -> pd.DataFrame:
        records = self._all_records
        if records.empty:
            return records
        return records[records["scheme"].eq(scheme) & records["channel"].eq(channel) & records["k"].eq(k)]


class SnrScale(NamedTuple):
    """Stops of a slider: whole dB, and behind them one without noise.

    Attributes
    ----------
    least, most : int
        In dB.
    has_free : bool
        Whether there is a stop without noise.
    """

    least: int
    most: int
    has_free: bool

    @classmethod
    def of(cls, snr_db: list[float]) -> "SnrScale":
        """From the SNRs of a run."""
        snrs = [float(one) for one in snr_db]
        finite = [one for one in snrs if math.isfinite(one)] or [-10.0, 20.0]
        return cls(math.floor(min(finite)) - 3, math.ceil(max(finite)) + 3, math.inf in snrs)

    @property
    def end(self) -> int:
        """The last stop."""
        return self.most + 2 * self.has_free

    def snr_db(self, stop: float) -> float:
        """Es/N0 in dB at a stop; inf without noise."""
        return math.inf if self.has_free and stop > self.most else float(stop)


def _sends_images(scheme: str) -> bool:
    name = registered(scheme)
    return name in known and Needs.IMAGES in known[name].needs
