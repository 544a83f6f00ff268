"""Where the time of a run went, as a table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table


def profile_table(run: Mapping[str, Any]) -> Table:
    """Seconds of each stage of the last session and their share, those of the sweep's parts below the sweep.

    Parameters
    ----------
    run : mapping
        run.json. Parts of the sweep are sums over all processes that computed points: with several they may come to
        more than the stage.
    """
    stages, parts = run.get("stages_s") or {}, run.get("sweep_parts_s") or {}
    table = Table("Stage", "Part of the sweep", box=box.SIMPLE_HEAD)
    table.add_column("Seconds", justify="right")
    table.add_column("Share (%)", justify="right")
    total = sum(stages.values()) or 1.0
    for stage, seconds in stages.items():
        table.add_row(stage, "", f"{seconds:.1f}", f"{100 * seconds / total:.0f}")
        if stage == "sweep":
            for part, taken in parts.items():
                table.add_row("", part, f"{taken:.1f}", f"{100 * taken / total:.0f}")
    return table
