"""Figures of a run that answer one question each. Imports no TensorFlow; matplotlib when it draws."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kbsc_tf.api.figures import Figures
from kbsc_tf.results.names import named
from kbsc_tf.results.run_json import read_run


class Charts:
    """Figures of one question.

    Attributes
    ----------
    folder : Path
    compare, frame : callable
        Of the run.
    """

    folder: Path
    compare: Callable[..., pd.DataFrame]
    frame: Callable[..., pd.DataFrame]

    def plot_difference(
        self, a: str, b: str, other: Any = None, formats: Sequence[str] = ("png", "pdf"), width: float | None = None
    ) -> Figures:
        """Draw what `compare` finds: accuracy of ``a`` less that of ``b`` over the SNR, with 95 % intervals.

        Parameters
        ----------
        a, b, other
            As in `compare`.
        formats : sequence of {"png", "pdf", "svg"}
        width : float, optional
            Of the figure in inches.

        Returns
        -------
        Figures
            ``difference_A_B`` in the run's folder; a notebook shows the PNG.

        Raises
        ------
        UserError
            As `compare`.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> kbsc.Run("results/quickstart").plot_difference("pca", "raw", formats=["png"])[0].name
        'difference_pca_raw.png'
        """
        from kbsc_tf.figures.differences import difference_figure

        pairs, stem = self.compare(a, b, other), f"difference_{a}_{b}".replace(":", "_").replace("/", "_")
        return self._saved(lambda: difference_figure(pairs, width), stem.replace(" ", "_"), formats)

    def plot_uses(self, formats: Sequence[str] = ("png", "pdf"), width: float | None = None) -> Figures:
        """Draw what an image's complex channel uses are spent on: data, header, CRC, padding, pilots, guards, prefix.

        Parameters
        ----------
        formats : sequence of {"png", "pdf", "svg"}
        width : float, optional
            Of the figure in inches.

        Returns
        -------
        Figures
            ``channel_uses`` in the run's folder; a notebook shows the PNG.

        Raises
        ------
        UserError
            No scheme of the run sends.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> kbsc.Run("results/quickstart").plot_uses(formats=["png"])[0].name
        'channel_uses.png'
        """
        from kbsc_tf.figures.spent_uses import spent_uses_figure

        return self._saved(lambda: spent_uses_figure(self.frame(), width), "channel_uses", formats)

    def _saved(self, draw: Any, stem: str, formats: Sequence[str]) -> Figures:
        from kbsc_tf.figures.output import Output, save_figure
        from kbsc_tf.figures.style import paper_style

        output = Output(formats).check()
        with named(read_run(self.folder)), paper_style():
            return Figures(save_figure(draw(), self.folder, stem, output))
