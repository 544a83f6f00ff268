"""What a run has left in its results folder. Imports no TensorFlow; matplotlib when it draws."""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from kbsc_tf.api.charts import Charts
from kbsc_tf.api.diagnosis import Diagnosis
from kbsc_tf.api.figures import Figures
from kbsc_tf.api.holdings import Holdings
from kbsc_tf.config.strict import unknown_name
from kbsc_tf.errors import UserError
from kbsc_tf.results.metric import metric_of
from kbsc_tf.results.names import named, snr_text
from kbsc_tf.results.outcomes import class_names, read_per_image
from kbsc_tf.results.points import Point
from kbsc_tf.results.run_json import read_run, read_shown

_LOST = "not delivered"


class Run(Holdings, Diagnosis, Charts):
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
            their 95 % intervals, and the shares ``delivered``, ``answered``, ``feasible`` and, sent at less than their
            size, ``thumbnails``, as fractions; ``psnr`` in dB and ``ms_ssim`` of schemes that send images; of coded
            schemes ``bler``, the share of transport blocks lost of those sent, and ``throughput`` and ``goodput``,
            payload bits and bits that mean the image delivered per complex channel use; ``header_uses`` and other parts
            of the channel uses; ``papr_db``; mean squared errors and cosines of features. Of each of several MCSs
            ``validation_top1``, ``validation_psnr`` and ``validation_ms_ssim`` on ``validation_n`` validation images,
            by which one is chosen; with ``sweep.kb_draws``, ``kb_sd``, the standard deviation of ``top1`` between
            knowledge bases. What a scheme does not have is NaN.

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
            Show every MCS of coded schemes instead of the best at each point, chosen on validation images.
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
        schemes: Sequence[str] = (),
        channels: Sequence[str] = (),
        width: float | None = None,
        title: str = "",
    ) -> Figures:
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
        schemes, channels : sequence of str
            Only these, by their names in records or those for readers; all unless given.
        width : float, optional
            Of a figure in inches: 3.5 for one column of a two-column paper, 7 for both. By its panels unless given.
        title : str
            Over every figure.

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
        from kbsc_tf.figures.curves import draw_joined
        from kbsc_tf.figures.joined import join, restrict
        from kbsc_tf.figures.output import Output

        joined = restrict(join([self.folder], everything), schemes, channels)
        return Figures(draw_joined(joined, out, Output(formats, data, width=width, title=title), everything))

    def report(self, *others: "Run", out: str | Path | None = None, everything: bool = False) -> Path:
        """Put everything about the run into one interactive HTML page; returns its path.

        Parameters
        ----------
        others : Run
            More runs in the same page.
        out : str or Path, optional
            The page; unless given, report.html in the run's folder or, of several, in the current one.
        everything : bool
            Also what has left the experiments since it was computed.
        """
        from kbsc_tf.report.page import write_report

        return write_report([self.folder, *(other.folder for other in others)], out, everything)

    def compare(self, a: str, b: str, other: "Run | None" = None, differing: Collection[str] = ()) -> pd.DataFrame:
        """Compare two schemes image by image, at every point that both have.

        Parameters
        ----------
        a, b : str
            ``"kbsc"``, or with an MCS ``"bpg_ldpc:qpsk-1/2"``.
        other : Run, optional
            The run that ``b`` is of; this one unless given.
        differing : collection of {"features", "receiver", "channels"}
            Sections whose settings may differ between the runs, because their effect is what is compared.

        Returns
        -------
        DataFrame
            Accuracies, their ``difference`` (a less b) with its 95 % interval, and p-values: see
            `kbsc_tf.analysis.comparison.compare`.

        Raises
        ------
        UserError
            The runs have no outcomes of single images (``sweep={"per_image": True}``), or no point in common.
        """
        from kbsc_tf.analysis.comparison import Side, compare

        ours, theirs = Side(self.folder, *a.split(":", 1)), Side((other or self).folder, *b.split(":", 1))
        return compare(ours, theirs, differing)

    def outcomes(
        self, scheme: str, snr_db: float, k: int | None = None, channel: str | None = None, mcs: str = ""
    ) -> pd.DataFrame:
        """What became of every single image at one SNR.

        Parameters
        ----------
        scheme : str
            As in the records, and so the others.
        snr_db : float
            Es/N0 in dB.
        k : int, optional
            The largest unless given.
        channel : str, optional
            The first unless given.
        mcs : str, optional
            Modulation and code rate of a coded scheme, or "genie"; the first unless given.

        Returns
        -------
        DataFrame
            A row per seed, training, trial and image: ``seed``, ``training_seed`` ("" for what is not trained),
            ``trial``, ``image`` (its place among those sent), ``label`` and ``shown`` (names of classes, None where
            nothing is shown), ``entry`` of the knowledge base (or -1), ``delivered``, ``correct``, ``confidence``,
            ``group`` (images of a trial with one number share a channel realisation or a code block); ``psnr`` in dB
            and ``ms_ssim`` of schemes that send images.

        Raises
        ------
        UserError
            There are none: the run was made without ``sweep={"per_image": True}``, or has no such point.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> outcomes = kbsc.Run("results/quickstart").outcomes("pca", snr_db=0)  # doctest: +SKIP
        >>> outcomes.groupby("label")["correct"].mean()  # doctest: +SKIP
        """
        points = self._points(scheme, snr_db, {"channel": channel, "k": k, "mcs": mcs or None})
        names = dict(enumerate(class_names(self.folder)))
        parts = [
            read_per_image(self.folder, point).assign(seed=point.seed, training_seed=point.training_seed)
            for point in points
        ]
        found = pd.concat(parts, ignore_index=True)
        for column in ("label", "shown"):
            found[column] = found[column].map(names).astype(object).where(found[column] >= 0, None)
        seeds = ["seed", "training_seed"]
        return found[[*seeds, *found.columns.drop(seeds)]]

    def confusion(self, scheme: str, snr_db: float, **which: Any) -> pd.DataFrame:
        """Which classes are taken for which at one SNR.

        Parameters
        ----------
        scheme, snr_db, **which
            As in `outcomes`.

        Returns
        -------
        DataFrame
            Numbers of images: a row per sent class, a column per shown one; a last column, "not delivered", where some
            were not.

        Raises
        ------
        UserError
            As `outcomes`.
        """
        outcomes, names = self.outcomes(scheme, snr_db, **which), class_names(self.folder)
        counts = pd.crosstab(outcomes["label"], outcomes["shown"].fillna(_LOST))
        columns = [*names, _LOST] if _LOST in counts else names
        return counts.reindex(index=names, columns=columns, fill_value=0).rename_axis(index="sent", columns="shown")

    def galleries(self) -> Figures:
        """Pictures that the run has drawn of sent images and of what was shown for them, over the SNR."""
        return Figures(sorted(self.folder.glob("gallery*.png")))

    def _points(self, scheme: str, snr_db: float, which: dict[str, Any]) -> list[Point]:
        """Points of all seeds and trainings, in the order of the records."""
        records = self.frame()
        for column, value in {"scheme": scheme, **which, "snr_db": snr_db}.items():
            known = records[column].unique()
            if value is None:
                value = known.max() if column == "k" else known[0]
            elif value not in known:
                raise UserError(f"{self.folder}: {unknown_name(column, value, [f'{one}' for one in known])}")
            records = records[records[column] == value]
        return [Point(*row) for row in records[list(Point._fields)].itertuples(index=False)]

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
