"""The page's application: what is chosen is sent, and what became of it is shown."""

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from kbsc_tf.api.run import Run
from kbsc_tf.demo.charts import Curve, measured_text, run_chart
from kbsc_tf.demo.choices import Choices, LinkName, SnrScale
from kbsc_tf.demo.links import Links
from kbsc_tf.demo.page import COLOURS, SIDES, page, received_card, score_name
from kbsc_tf.demo.sources import Sources
from kbsc_tf.errors import UserError
from kbsc_tf.results.names import snr_text


class Demo:
    """A page about a run.

    Parameters
    ----------
    run : Run

    Attributes
    ----------
    app : Dash
        Whose ``server`` is a WSGI application.
    """

    def __init__(self, run: Run) -> None:
        self._choices, self._sources, self._links = Choices(run), Sources(run), Links(run)
        self._score = score_name(run.config["receiver"])
        self._scale = SnrScale.of(run.config["snr_db"])
        self._sides = [side for side in SIDES if getattr(self._choices, side)]
        self._start = min(max(4, self._scale.least), self._scale.most)
        self.app = Dash(__name__, title="kbsc demo", update_title=None, add_log_handler=False, enable_mcp=False)
        self.app.server.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]  # no other site may ask under its name
        self.app.layout = page(self._choices, self._sources, self._scale, run, self._start)
        self._listen()

    def warm_up(self) -> None:
        """Load the links that the page begins with, and send once over each."""
        channel = self._choices.channels[0]
        for side in self._sides:
            scheme = getattr(self._choices, side)[0]
            if ks := self._choices.ks(scheme, channel):
                name = LinkName(scheme, ks[0], channel, self._choices.mcss(scheme, channel, ks[0])[0])
                for source in list(self._sources.examples.values())[:1]:
                    self._links.send(name, source.image, self._start, 1)

    def send(self, side: str, key: str | None, snr: float, noise: int, name: LinkName) -> list:
        """The card of one side; what cannot be done is said there in one sentence."""
        if key is None:
            return [html.P("Upload an image to send it.", className="quiet missing")]
        try:
            source = self._sources[key]
            reception = self._links.send(name, source.image, self._scale.snr_db(snr), noise)
            return received_card(side, reception, source, self._score)
        except UserError as error:
            return [html.P(str(error), className="message")]

    def ks_of(self, channel: str, scheme: str, k: int | None) -> tuple[list, int | None]:
        """Options for k, and which to take: the one that was, if it is still there."""
        ks = self._choices.ks(scheme, channel)
        options = [{"label": f"{one}", "value": one} for one in ks]
        return options, k if k in ks else next(iter(ks), None)

    def mcss_of(self, channel: str, scheme: str, k: int | None, mcs: str | None) -> tuple[list, str | None, dict]:
        """Options for the MCS, which to take, and the style that hides the choice of schemes without."""
        found = [] if k is None else self._choices.mcss(scheme, channel, k)
        options = [{"label": self._choices.texts[one] or "none", "value": one} for one in found]
        style = {} if found and found != [""] else {"display": "none"}
        return options, mcs if mcs in found else next(iter(found), None), style

    def curves(self, snr: float, names: dict[str, LinkName]) -> tuple[dict, list]:
        """The run's curves of these links, and in words what it measured."""
        snr_db, curves, texts = self._scale.snr_db(snr), [], []
        for side, name in names.items():
            points, text = self._choices.points(name), html.Strong(self._choices.text(name))
            texts.append(html.P([text, ": ", measured_text(points, snr_db)], className=side))
            if not points.empty:
                curves.append(Curve(self._choices.short_text(name), COLOURS[side], points))
        return run_chart(curves, snr_db), texts

    def upload(self, contents: str, name: str | None) -> tuple[Any, str]:
        """The key of what was uploaded, or no change and a sentence where that is refused."""
        try:
            return self._sources.upload(contents, name or "the file"), ""
        except UserError as error:
            return no_update, str(error)

    def _listen(self) -> None:
        app, sides = self.app, self._sides

        @app.callback(Output("snr-text", "children"), Input("snr", "value"))
        def _(snr: float) -> str:
            return snr_text(self._scale.snr_db(snr))

        @app.callback(Output("noise", "data"), Input("again", "n_clicks"))
        def _(clicks: int) -> int:
            return clicks + 1

        @app.callback(
            Output("source", "data"),
            Output("message", "children"),
            Output("upload", "contents"),
            Input({"type": "example", "key": ALL}, "n_clicks"),
            Input("upload", "contents"),
            State("upload", "filename"),
            prevent_initial_call=True,
        )
        def _(clicks: list, contents: str | None, name: str | None) -> tuple:
            asked = ctx.triggered_id
            if asked == "upload" and contents is None or isinstance(asked, dict) and not any(clicks):
                raise PreventUpdate
            key, message = self.upload(contents, name) if asked == "upload" else (asked["key"], "")
            return key, message, None  # the page forgets the upload, so that the same file can be chosen again

        @app.callback(
            Output({"type": "example", "key": ALL}, "className"),
            Input("source", "data"),
            State({"type": "example", "key": ALL}, "id"),
        )
        def _(key: str, ids: list) -> list:
            return ["example chosen" if one["key"] == key else "example" for one in ids]

        for side in sides:
            self._listen_to(side)

        chosen = [Input(f"{side}-{what}", "value") for side in sides for what in ("scheme", "k", "mcs")]

        @app.callback(
            Output("curve", "figure"),
            Output("measured", "children"),
            Input("snr", "value"),
            Input("channel", "value"),
            *chosen,
        )
        def _(snr: float, channel: str, *values: Any) -> tuple:
            names = {
                side: LinkName(values[3 * number], values[3 * number + 1], channel, values[3 * number + 2] or "")
                for number, side in enumerate(sides)
                if values[3 * number + 1] is not None
            }
            return self.curves(snr, names)

    def _listen_to(self, side: str) -> None:
        scheme, k, mcs = (f"{side}-{what}" for what in ("scheme", "k", "mcs"))

        @self.app.callback(
            Output(k, "options"),
            Output(k, "value"),
            Input("channel", "value"),
            Input(scheme, "value"),
            State(k, "value"),
        )
        def _(channel: str, scheme: str, k: int | None) -> tuple:
            return self.ks_of(channel, scheme, k)

        @self.app.callback(
            Output(mcs, "options"),
            Output(mcs, "value"),
            Output(f"{side}-mcs-label", "style"),
            Input("channel", "value"),
            Input(scheme, "value"),
            Input(k, "value"),
            State(mcs, "value"),
        )
        def _(channel: str, scheme: str, k: int | None, mcs: str | None) -> tuple:
            return self.mcss_of(channel, scheme, k, mcs)

        @self.app.callback(
            Output(f"{side}-body", "children"),
            Input("source", "data"),
            Input("snr", "value"),
            Input("noise", "data"),
            Input("channel", "value"),
            Input(scheme, "value"),
            Input(k, "value"),
            Input(mcs, "value"),
        )
        def _(key: str, snr: float, noise: int, channel: str, scheme: str, k: int | None, mcs: str | None) -> list:
            if k is None:
                return [html.P("The run has no link of this scheme on this channel.", className="quiet missing")]
            return self.send(side, key, snr, noise, LinkName(scheme, k, channel, mcs or ""))
