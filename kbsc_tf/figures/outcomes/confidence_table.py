"""The table of how far confidences can be trusted. Imports no TensorFlow."""

import shutil
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from kbsc_tf.analysis.confidence import ALL, FILE
from kbsc_tf.figures.style import in_house_order
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text


def confidence_table(folder: Path | str, width: int | None = None) -> Table:
    """What `kbsc_tf.analysis.confidence.write_confidence` wrote, for the terminal: pooled over SNRs, in percent.

    In fewer than ``width`` characters, the terminal's unless given, intervals go to a second line, and the error of all
    answers, which is what the accuracy lacks of 100 %, is left out.
    """
    rows = pd.read_csv(Path(folder) / FILE, dtype={"mcs": str, "snr_db": str}).fillna({"mcs": ""})
    rows, width = rows[rows["snr_db"] == ALL], width or shutil.get_terminal_size().columns
    places = {scheme: place for place, scheme in enumerate(in_house_order(rows["scheme"]))}
    rows = rows.sort_values("scheme", key=lambda schemes: schemes.map(places), kind="stable")
    columns = {"Scheme": rows["scheme"].map(scheme_text)}
    if rows["mcs"].ne("").any():
        columns["MCS"] = rows["mcs"].map(mcs_text)
    columns["Channel"] = rows["channel"].map(channel_text)
    text = len(columns)
    columns |= {"k": rows["k"].astype(str), "n": rows["n"].astype(str), "Accuracy": _with_half(rows, "accuracy")}
    names = {"Mean conf.": "confidence", "ECE": "ece", "Largest gap": "largest_gap"}
    columns |= {head: _percent(rows[name]) for head, name in names.items()}
    columns |= {"Error of all": _with_half(rows, "error_all"), "Error of kept": _with_half(rows, "error_kept")}
    columns["Kept"] = _percent(rows["coverage"])
    narrow = sum(max(map(len, [*head.split(" "), *cells])) + 2 for head, cells in columns.items()) > width
    if narrow:
        del columns["Error of all"]
    title, share = "Confidence and accuracy over all SNRs (%)", f"{100 * rows['share'].iloc[0]:.3g} %"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.caption = (
        "ECE: mean |accuracy \N{MINUS SIGN} confidence| in bins of equal count. Kept: what is answered when abstaining "
        f"on the least confident {share}, on fewer where equal ones stand at the border. ±: half of the 95 % interval. "
        "Where nothing is shown, that counts as wrong with confidence 0."
    )
    for number, (head, cells) in enumerate(columns.items()):
        is_text = number < text
        table.add_column(head.replace(" ", "\n"), justify="left" if is_text else "right", no_wrap=not is_text)
        columns[head] = cells.str.replace(" ±", "\n±") if narrow else cells
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, cells))
    return table


def _percent(shares: pd.Series) -> pd.Series:
    return shares.map(lambda share: f"{100 * share:.1f}")


def _with_half(rows: pd.DataFrame, name: str) -> pd.Series:
    """A share in percent and half the width of its interval."""
    return _percent(rows[name]) + " ±" + _percent((rows[f"{name}_high"] - rows[f"{name}_low"]) / 2)
