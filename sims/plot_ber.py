"""Bit and block error rates of coded links over Eb/N0, simulated and drawn by Sionna's PlotBER.

python sims/plot_ber.py --out DIR [--mcs qpsk-1/2] [--symbols 480] [--errors 50] [--batches 20]
"""

import os
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib

matplotlib.use("Agg")  # PlotBER draws with pyplot: no window
import numpy as np
import typer
from sionna.phy.utils import PlotBER

from kbsc_tf.coding.sionna_ber import BerLink
from kbsc_tf.config import AwgnConfig, OfdmConfig, RayleighConfig

LINKS = {
    "AWGN": (AwgnConfig(), np.arange(0.0, 3.6, 0.5)),
    "Rayleigh, fast": (RayleighConfig(), np.arange(2.0, 7.1, 0.5)),
    "OFDM, TDL-A, 1x2": (OfdmConfig(rx_antennas=2, csi="ls"), np.arange(0.0, 12.1, 1.5)),
}
"""Channels, and where their Eb/N0 in dB is interesting for codes of a rate near 1/2."""


def main(
    out: Annotated[Path, typer.Option(help="Folder of the figure.")],
    mcs: Annotated[str, typer.Option(help="Modulation and code rate.")] = "qpsk-1/2",
    symbols: Annotated[int, typer.Option(help="Complex data symbols of a block.")] = 480,
    errors: Annotated[int, typer.Option(help="Lost blocks after which a point ends.")] = 50,
    batches: Annotated[int, typer.Option(help="Batches of 200 blocks after which it ends at the latest.")] = 20,
) -> None:
    """Draw ber.png and ber.pdf."""
    plot = PlotBER(f"{mcs}, {symbols} data symbols, 5G LDPC")
    for name, (channel, ebno_dbs) in LINKS.items():
        ber, bler = plot.simulate(
            BerLink.for_uses(mcs, channel, symbols),
            ebno_dbs,
            batch_size=200,
            max_mc_iter=batches,
            num_target_block_errors=errors,
            add_ber=False,
            show_fig=False,
        )
        for rate, kind in ((ber.numpy(), ""), (bler.numpy(), " (BLER)")):
            # Points without errors have no place on a logarithmic axis.
            plot.add(ebno_dbs, np.where(rate > 0, rate, np.nan), is_bler=bool(kind), legend=name + kind)
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "pdf"):
        plot(xlim=(0, 16), ylim=(1e-4, 1), save_fig=True, path=str(out / f"ber.{kind}"))


if __name__ == "__main__":
    typer.run(main)
