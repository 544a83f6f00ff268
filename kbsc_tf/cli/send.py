"""The command that sends images over a fitted link."""

from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import (
    app,
    list_files,
    new_progress,
)


@app.command()
def send(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="JPEG or PNG files.", exists=True, dir_okay=False)
    ],
    run: Annotated[Path, typer.Option("--run", help="Results folder, for example results/quickstart.")],
    snr: Annotated[float, typer.Option("--snr", help="Es/N0 in dB; inf for no noise.")] = 0.0,
    scheme: Annotated[str | None, typer.Option("--scheme", help="The run's first unless given.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="The largest unless given.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="The run's first unless given.")] = None,
    mcs: Annotated[str, typer.Option("--mcs", help="Of a coded scheme; the first unless given.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Of the noise; new noise unless given.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The picture; DIR/sent.png unless given.")] = None,
) -> None:
    """Send images over a fitted link of a run, and draw what the receiver shows for them."""
    from kbsc_tf.demo.check import check_run

    check_run(run)
    picture, progress = out or run / "sent.png", new_progress()
    progress.say(f"loading TensorFlow and a link of {run}")
    from kbsc_tf.figures.output import Output
    from kbsc_tf.results.run_json import read_run
    from kbsc_tf.study.start import prepare_tensorflow

    read_run(run)
    Output([picture.suffix]).check()
    prepare_tensorflow()
    from kbsc_tf.api.link import Link

    link = Link.load(run, scheme, k, channel, mcs)
    receptions = link.send(images, snr, seed)
    for image, got in zip(images, receptions, strict=True):
        progress.say(f"{image}: {got.text}")
    list_files(link.draw(receptions, picture), progress)
