"""What a run has left in its results folder. Imports no TensorFlow; matplotlib when it draws."""

import base64
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from kbsc_tf.results.metric import metric_of
from kbsc_tf.results.names import named, snr_text
from kbsc_tf.results.run_json import read_run, read_shown


class Run:
    """A results folder: its records, figures and comparisons.

    To go on with a run, or to add to it, run it again: ``kbsc.run(run.config, out=run.folder, snr_db=[...])``.

    Parameters
    ----------
    folder : str or Path
        As `kbsc_tf.run` or ``kbsc run`` made it.

    Attributes
    ----------
    folder : Path

    Raises
    ------
    UserError
        It is no results folder.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> run = kbsc.Run("results/quickstart")
    >>> accuracies = run.frame()[["scheme", "channel", "k", "snr_db", "top1"]]
    >>> differences = run.compare("pca", "raw")[["channel", "snr_db", "difference", "p"]]
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        read_run(self.folder)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The experiment, as run.json has it."""
        return read_run(self.folder)["config"]

    def frame(self, everything: bool = False) -> pd.DataFrame:
        """The records: a row per point, that is per scheme, MCS, channel, k, SNR and seed.

        Parameters
        ----------
        everything : bool
            Also what has left the experiment since it was computed.

        Returns
        -------
        DataFrame
            ``scheme``, ``mcs`` ("" for schemes without, "qpsk-1/2" and the like, "genie"), ``channel``, ``k`` (real
            symbols), ``channel_uses`` (complex, everything counted), ``cbr``, ``snr_db`` (inf without noise), ``seed``;
            ``n`` images times ``trials``; the accuracies ``top1``, ``top5``, ``coarse1`` with ``_low`` and ``_high`` of
            their 95 % intervals, and the shares ``delivered``, ``answered``, ``feasible``, as fractions; ``psnr`` in dB
            and ``ms_ssim`` of schemes that send images; ``header_uses`` and other parts of the channel uses;
            ``papr_db``; mean squared errors and cosines of features. What a scheme does not have is NaN.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> frame = kbsc.Run("results/quickstart").frame()
        >>> curves = frame.pivot_table(index="snr_db", columns=["scheme", "channel", "k"], values="top1")
        """
        return read_shown(self.folder, everything)

    def table(self, metric: str = "top1", all_mcs: bool = False) -> Table:
        """A metric with half of its 95 % interval, a column per SNR, for ``rich.print``.

        Parameters
        ----------
        metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
        all_mcs : bool
            Show every MCS of coded schemes instead of the best at each point.
        """
        from kbsc_tf.figures.table import accuracy_table

        with named(read_run(self.folder)):
            return accuracy_table(self.frame(), metric, all_mcs=all_mcs)

    def plot(
        self,
        formats: Sequence[str] = ("png", "pdf"),
        data: bool = False,
        out: str | Path | None = None,
        everything: bool = False,
    ) -> "Figures":
        """Draw accuracy, PSNR and MS-SSIM over SNR and CBR.

        Parameters
        ----------
        formats : sequence of {"png", "pdf", "svg"}
        data : bool
            Write the plotted points too, as CSV.
        out : str or Path, optional
            Folder for the files; the results folder unless given.
        everything : bool
            Draw also what has left the experiment since it was computed.

        Returns
        -------
        Figures
            List of the files; a notebook shows the PNGs.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> kbsc.Run("results/quickstart").plot(formats=["png"])[0].name
        'accuracy.png'
        """
        from kbsc_tf.figures.curves import draw_figures

        return Figures(draw_figures(self.folder, formats, data, out, everything))

    def report(self, everything: bool = False) -> Path:
        """Put everything about the run into one HTML page in its folder; returns its path.

        Parameters
        ----------
        everything : bool
            Also what has left the experiment since it was computed.
        """
        from kbsc_tf.figures.report import write_report

        return write_report(self.folder, everything)

    def compare(self, a: str, b: str, other: "Run | None" = None) -> pd.DataFrame:
        """Compare two schemes image by image, at every point that both have.

        Parameters
        ----------
        a, b : str
            ``"kbsc"``, or with an MCS ``"bpg_ldpc:qpsk-1/2"``.
        other : Run, optional
            The run that ``b`` is of; this one unless given.

        Returns
        -------
        DataFrame
            Accuracies, their ``difference`` (a less b) with its 95 % interval, and p-values: see
            `kbsc_tf.analysis.paired.compare`.

        Raises
        ------
        UserError
            The runs have no outcomes of single images (``sweep={"per_image": True}``), or no point in common.
        """
        from kbsc_tf.analysis.paired import Side, compare

        return compare(Side(self.folder, *a.split(":", 1)), Side((other or self).folder, *b.split(":", 1)))

    def confidence(self, share: float = 0.2) -> pd.DataFrame:
        """How far the receiver's confidence can be trusted, and what abstaining buys.

        Parameters
        ----------
        share : float
            Of deliveries to abstain on, between 0 and 1.

        Returns
        -------
        DataFrame
            What confidence.csv holds then: see `kbsc_tf.analysis.confidence.write_confidence`.

        Raises
        ------
        UserError
            The run has no outcomes of single images, or its receiver gives scores, not probabilities.
        """
        from kbsc_tf.analysis.confidence import write_confidence

        return pd.read_csv(write_confidence(self.folder, share)[0]).fillna({"mcs": ""})

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        from kbsc_tf.figures.table import accuracy_rows

        with named(read_run(self.folder)):
            heads, names, snrs, cells, _ = accuracy_rows(self.frame())
        rows = [[*name, *row] for name, row in zip(names, cells, strict=True)]
        table = pd.DataFrame(rows, columns=[*heads, *map(snr_text, snrs)])
        title = f"{self.folder}: {metric_of('top1').label} with half of the 95 % interval"
        return f"<p>{title}</p>{table.to_html(index=False)}"


class Figures(list):
    """Files of figures, of which a notebook shows the PNGs."""

    def _repr_html_(self) -> str:
        pictures = [base64.b64encode(path.read_bytes()).decode() for path in self if path.suffix == ".png"]
        return "".join(f'<img style="max-width: 100%" src="data:image/png;base64,{one}">' for one in pictures)
