"""The command that shows a run's links in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import app, new_progress


@app.command()
def demo(
    run: Annotated[Path, typer.Argument(metavar="[RUN]", help="Results folder.")] = Path("results/quickstart"),
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Of 127.0.0.1; a free one from 8050 unless given.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Send images over a run's links on a page in the browser: symbols, features, what is shown, the run's curve."""
    from kbsc_tf.demo.check import check_extra, check_run, claim_port

    check_extra()
    check_run(run)
    listener, progress = claim_port(port), new_progress()
    progress.say(f"demo of {run}; loading TensorFlow and the first links")
    from kbsc_tf.study.start import prepare_tensorflow

    prepare_tensorflow()
    from kbsc_tf.api.run import Run
    from kbsc_tf.demo.app import Demo
    from kbsc_tf.demo.serve import serve

    page = Demo(Run(run))
    page.warm_up()
    serve(page, listener, progress, browser)
