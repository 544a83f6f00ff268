"""Figures as files that a notebook shows. Imports nothing heavy."""

import base64
from pathlib import Path

_DPI = 300  # of the figures


class Figures(list):
    """Files of figures, of which a notebook shows the PNGs.

    Examples
    --------
    >>> from pathlib import Path
    >>> from kbsc_tf.api.figures import Figures
    >>> figures = Figures([Path("accuracy.png"), Path("accuracy.pdf")])
    >>> [path.name for path in figures]
    ['accuracy.png', 'accuracy.pdf']
    """

    def _repr_html_(self) -> str:
        return "".join(map(_img, (path for path in self if path.suffix == ".png")))


def _img(path: Path) -> str:
    """A PNG as HTML: as wide on the screen as on paper, and a third more, for screens are read from farther away."""
    content = path.read_bytes()
    inches = int.from_bytes(content[16:20], "big") / _DPI
    data = base64.b64encode(content).decode()
    return f'<img style="width: {1.3 * inches:.2f}in; max-width: 100%" src="data:image/png;base64,{data}">'
