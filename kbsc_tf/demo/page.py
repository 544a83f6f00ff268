"""What the page is made of: its frame, and a card for what became of an image."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from kbsc_tf.api.reception import Neighbour, Reception
from kbsc_tf.api.run import Run
from kbsc_tf.config import bundled_experiments
from kbsc_tf.demo.charts import Chart, feature_chart, symbols_chart
from kbsc_tf.demo.choices import Choices, SnrScale
from kbsc_tf.demo.sources import MOST_PIXELS, Source, Sources, data_url
from kbsc_tf.metrics.image import PSNR_CAP_DB, psnr

SIDES = ("semantic", "image")
COLOURS = {"semantic": "#0072B2", "image": "#D55E00"}
_BPG = "{scheme: bpg_ldpc, format: abbreviated, thumbnails: true}"
_TITLES = {"semantic": "Semantic link", "image": "Image link"}


def score_name(receiver: Mapping[str, Any]) -> str:
    """What the scores of a receiver's neighbours are, from its configuration."""
    if receiver["decision"] != "nearest":
        return {"posterior": "posterior", "vote": "share of the vote"}[receiver["decision"]]
    return "negative squared distance" if receiver["metric"] == "l2" else "cosine"


def page(choices: Choices, sources: Sources, scale: SnrScale, run: Run, start: float) -> html.Div:
    """The whole page; ``start`` is the SNR slider's first stop."""
    first, alone = next(iter(sources.examples), None), "" if choices.image else " alone"
    return html.Div(
        [
            dcc.Store("source", data=first),
            dcc.Store("noise", data=1),
            html.Header([html.H1("Semantic image transmission"), html.P(f"Run {run.folder}", className="quiet")]),
            _controls(choices, scale, start),
            _pictures(sources),
            html.P(id="message", className="message", role="alert"),
            html.Main([_column(side, choices, run) for side in SIDES], className=f"columns{alone}"),
            html.Section(
                [
                    html.H2("Where this is on the run's curve"),
                    dcc.Graph("curve", config={"displayModeBar": False}),
                    html.Div(id="measured", className="quiet"),
                ],
                className="card",
            ),
        ],
        className="page",
    )


def _controls(choices: Choices, scale: SnrScale, start: float) -> html.Div:
    step = 5 if scale.most - scale.least > 12 else 2
    marks = {
        snr: f"{snr}".replace("-", "\N{MINUS SIGN}") for snr in range(scale.least, scale.most + 1) if snr % step == 0
    }
    if scale.has_free:
        marks[scale.end] = "no noise"
    look = {"marks": marks, "included": False, "allow_direct_input": False}
    slider = dcc.Slider(scale.least, scale.end, 1, value=start, id="snr", updatemode="mouseup", **look)
    channels = [{"label": choices.texts[name], "value": name} for name in choices.channels]
    return html.Div(
        [
            html.Div([html.Span("SNR "), html.Strong(id="snr-text")], className="snr-text"),
            html.Div(slider, className="slider"),
            html.Label(["Channel", _choice("channel", channels, choices.channels[0])]),
            html.Button("New noise", id="again", n_clicks=0),
        ],
        className="controls",
    )


def _pictures(sources: Sources) -> html.Div:
    buttons = [
        html.Button(
            html.Img(src=data_url(one.image), alt=_plain(one.label)),
            id={"type": "example", "key": key},
            title=_plain(one.label),
            className="example",
            n_clicks=0,
        )
        for key, one in sources.examples.items()
    ]
    text = ["Upload an image", html.Small(f"JPEG or PNG, at most {MOST_PIXELS // 1_000_000} megapixels")]
    return html.Div([*buttons, dcc.Upload(text, id="upload", className="upload")], className="pictures")


def _column(side: str, choices: Choices, run: Run) -> html.Section:
    schemes = getattr(choices, side)
    if not schemes:
        name = run.config["name"]
        file = name if name in bundled_experiments() else "FILE.yaml"
        body = html.P(
            [
                "To see BPG + LDPC beside it, add such a link to this run, at a k that a file fits into: ",
                html.Code(f"kbsc train {file} --out {run.folder} --set 'schemes=[..., {_BPG}]' --set 'k=[..., 512]'"),
            ],
            className="quiet",
        )
        return html.Section([html.H2(_TITLES[side]), body], className=f"card {side}", id=f"{side}-card")
    options = [{"label": choices.texts[name], "value": name} for name in schemes]
    selectors = [
        html.Label(["Scheme", _choice(f"{side}-scheme", options, schemes[0])]),
        html.Label(["k", _choice(f"{side}-k", [], None)]),
        html.Label(["Modulation, code rate", _choice(f"{side}-mcs", [], None)], id=f"{side}-mcs-label"),
    ]
    body = dcc.Loading(html.Div(id=f"{side}-body", className="body"), delay_show=600, type="circle")
    return html.Section(
        [html.H2(_TITLES[side]), html.Div(selectors, className="selectors"), body],
        className=f"card {side}",
        id=f"{side}-card",
    )


def _choice(name: str, options: Sequence[dict[str, Any]], value: Any) -> dcc.Dropdown:
    return dcc.Dropdown(options, value, id=name, clearable=False, searchable=False)


def received_card(side: str, reception: Reception, source: Source, score: str) -> list:
    """What became of an image: pictures, verdict, symbols, feature and neighbours.

    Parameters
    ----------
    side : {"semantic", "image"}
    reception : Reception
    source : Source
        What was sent.
    score : str
        What the scores of neighbours are, see `score_name`.
    """
    symbols = reception.symbols
    pictures = [html.Div(_steps(side, reception, source), className="steps"), _verdict(reception, source.label, score)]
    air = [
        html.H3(f"On the air: {reception.channel_uses:,.4g} complex channel uses"),
        _graph(symbols_chart(symbols, COLOURS[side]))
        if symbols is not None
        else html.P(_no_symbols(reception), className="quiet missing"),
        html.H3(_feature_title(reception)),
        _graph(feature_chart(reception.sent_feature, reception.received_feature)),
    ]
    neighbours = [
        html.H3(f"Nearest in the knowledge base, with {score}"),
        html.Div([_neighbour(one) for one in reception.neighbours], className="neighbours")
        if reception.neighbours
        else html.P("None: the receiver shows nothing.", className="quiet"),
    ]
    return [html.Div(pictures), html.Div(air, className="air"), html.Div(neighbours)]


def _graph(figure: Chart) -> dcc.Graph:
    return dcc.Graph(figure=figure, config={"displayModeBar": False})


def _steps(side: str, reception: Reception, source: Source) -> list:
    sent = source.image if reception.sent is None else reception.sent
    steps = [_tile("Sent", sent, _plain(source.label))]
    if side == "image" or reception.received is not None:
        steps.append(_tile("Received", reception.received, _likeness(sent, reception.received)))
    shown = reception.image if reception.neighbours else None
    return [*steps, _tile("Shown", shown, _plain(reception.label))]


def _tile(title: str, image: Any, caption: str) -> html.Figure:
    picture = html.Div("nothing", className="nothing") if image is None else html.Img(src=data_url(image), alt=caption)
    return html.Figure([html.Strong(title), picture, html.Figcaption(caption)])


def _verdict(reception: Reception, label: str | None, score: str) -> html.P:
    if reception.label is None:
        text = "Nothing delivered" if not reception.delivered else "Too doubtful: nothing shown"
        return html.P(["\N{BALLOT X} ", text], className="verdict wrong")
    shown, sure = _plain(reception.label), f", {score} {reception.confidence:.2f}"
    if label is None:
        return html.P([html.Strong(shown), sure], className="verdict")
    right = reception.label == label
    mark = "\N{CHECK MARK} Right: " if right else "\N{BALLOT X} Wrong: "
    return html.P([mark, html.Strong(shown), sure], className=f"verdict {'right' if right else 'wrong'}")


def _likeness(sent: Any, received: Any) -> str:
    if received is None:
        return "not delivered"
    psnr_db = psnr([sent], [received])[0]
    return "exact copy" if psnr_db == PSNR_CAP_DB else f"PSNR {psnr_db:.1f} dB"


def _feature_title(reception: Reception) -> str:
    cosine = reception.cosine
    return "Feature" if cosine is None else f"Feature: cosine {cosine:.3f}"


def _no_symbols(reception: Reception) -> str:
    if not reception.channel_uses:
        return "This scheme puts nothing on the air."
    return "No symbols to show: nothing fits the channel uses, or this link does not send one block alone for an image."


def _neighbour(one: Neighbour) -> html.Figure:
    share = max(0.0, min(1.0, one.score))
    picture = one.image
    return html.Figure(
        [
            html.Img(src=data_url(picture), alt=_plain(one.label)) if picture is not None else None,
            html.Div(html.Div(style={"width": f"{100 * share:.0f}%"}), className="bar"),
            html.Figcaption([html.Strong(f"{one.score:.2f} "), _plain(one.label)]),
        ]
    )


def _plain(name: str | None) -> str:
    return "" if name is None else name.replace("_", " ")
