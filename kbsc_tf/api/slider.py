"""A slider over the SNR as plain HTML: no widgets, no kernel, no network. Imports no TensorFlow."""

import base64
import io
import json
import uuid
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from kbsc_tf.api.reception import Reception
from kbsc_tf.errors import UserError
from kbsc_tf.results.names import snr_text

_SHOWN_PX = 112  # height of the two pictures on the screen
_STYLE = "font: 14px system-ui, sans-serif; max-width: 32em"
_PAGE = """<div id="{id}" style="{style}">
<p style="margin: 0 0 .5em"><b>{title}</b></p>
<div style="display: flex; gap: 1em; align-items: center; min-height: 9.5em">
<figure style="margin: 0"><img src="{sent}" alt="sent image" style="{picture}">
<figcaption>sent</figcaption></figure>
<span style="font-size: 1.6em">→</span>
<figure style="margin: 0"><img data-shown alt="shown image" style="{picture}">
<figcaption>shown</figcaption></figure>
<p data-text style="margin: 0"></p>
</div>
<input type="range" min="0" max="{last}" value="{start}" step="1" aria-label="SNR in dB" style="width: 100%">
<script>(() => {{
const box = document.getElementById("{id}"), steps = {steps}, pictures = {pictures};
const input = box.querySelector("input"), shown = box.querySelector("[data-shown]");
const show = () => {{
  const [snr, label, confidence, uses, number] = steps[input.value];
  const lines = [["b", snr], ["span", label], ["small", confidence], ["small", uses]].map(([tag, text]) => {{
    const line = document.createElement(tag); line.textContent = text; line.style.display = "block"; return line; }});
  box.querySelector("[data-text]").replaceChildren(...lines);
  shown.style.visibility = number < 0 ? "hidden" : "visible";
  if (number >= 0) shown.src = pictures[number];
  input.setAttribute("aria-valuetext", `${{snr}}: ${{label}}`);
}};
input.addEventListener("input", show); show();
}})()</script></div>"""


class Slider:
    """What the receiver shows for one image, an SNR a step: see `kbsc_tf.Link.slider`.

    Parameters
    ----------
    title : str
        Over it.
    receptions : sequence of Reception
        Of one image, by rising SNR.

    Raises
    ------
    UserError
        There is no reception, or one is of several images or of features.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.Link.load("results/quickstart", scheme="pca", k=64, channel="awgn")
    >>> link.slider("cat.jpg", snr_db=[-10, 0, 10])
    <Slider: PCA, k = 64, AWGN, −10 dB to 10 dB>
    """

    def __init__(self, title: str, receptions: Sequence[Reception]) -> None:
        if not receptions:
            raise UserError("snr_db: there is no SNR to send at; give one or more, in dB")
        if not all(isinstance(one, Reception) and one.sent is not None for one in receptions):
            raise UserError("image: a slider shows one image; give one, neither several nor features")
        self.title, self.receptions = title, list(receptions)

    def __repr__(self) -> str:
        return (
            f"<Slider: {self.title}, {snr_text(self.receptions[0].snr_db)} to {snr_text(self.receptions[-1].snr_db)}>"
        )

    def _repr_html_(self) -> str:
        pictures: list[str] = []
        steps = [[snr_text(one.snr_db), *_texts(one), _number(one.image, pictures)] for one in self.receptions]
        picture = f"height: {_SHOWN_PX}px; image-rendering: pixelated; border-radius: 4px"
        return _PAGE.format(
            id=f"kbsc-{uuid.uuid4().hex}",
            style=_STYLE,
            title=escape(self.title),
            sent=_address(self.receptions[0].sent),
            picture=picture,
            last=len(steps) - 1,
            start=len(steps) // 2,
            steps=_script(steps),
            pictures=_script(pictures),
        )


def _texts(reception: Reception) -> tuple[str, str, str]:
    """What is decided, how sure the receiver is, and what it took."""
    uses = f"{reception.channel_uses:g} channel uses"
    if reception.label is None:
        return "nothing delivered" if not reception.delivered else "nothing shown", "", uses
    return reception.label, f"confidence {reception.confidence:.2f}", uses


def _number(image: np.ndarray | None, pictures: list[str]) -> int:
    """The place of an image among the pictures, each of which is kept once; -1 without one."""
    if image is None:
        return -1
    address = _address(image)
    if address not in pictures:
        pictures.append(address)
    return pictures.index(address)


def _address(image: np.ndarray) -> str:
    small = Image.fromarray(image)
    small.thumbnail((2 * _SHOWN_PX, 2 * _SHOWN_PX))
    small.save(buffer := io.BytesIO(), "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _script(value: list) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
