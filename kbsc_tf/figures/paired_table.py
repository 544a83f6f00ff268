"""What `compare` found, for the terminal, a page and a spreadsheet. Imports no TensorFlow."""

import shutil
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from kbsc_tf.files import write_atomically
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.records import shortened


def comparison_rows(comparison: pd.DataFrame) -> tuple[list[str], list[list[str]], int]:
    """Headings, cells for readers (percentages and percentage points), and how many columns are text.

    What is the same in all rows is left out; `comparison_title` says it.
    """
    several = comparison.nunique()
    columns = {}
    if comparison["scheme_a"].equals(comparison["scheme_b"]) and several["scheme_a"] > 1:
        columns["Scheme"] = comparison["scheme_a"].map(scheme_text)
    else:
        for side in ("a", "b"):
            if several[f"scheme_{side}"] > 1:
                columns[side.upper()] = comparison[f"scheme_{side}"].map(scheme_text)
    for side in ("a", "b"):
        if comparison[f"mcs_{side}"].ne("").any():
            columns[f"MCS of\N{NO-BREAK SPACE}{side.upper()}"] = comparison[f"mcs_{side}"].map(mcs_text)
    if several["channel"] > 1:
        columns["Channel"] = comparison["channel"].map(channel_text)
    left = len(columns)
    if several["k"] > 1:
        columns["k"] = comparison["k"].astype(str)
    columns["SNR"] = comparison["snr_db"].map(snr_text)
    if several["seed"] > 1:
        columns["Seed"] = comparison["seed"].astype(str)
    trainings = comparison["training_seed_a"].where(comparison["training_seed_a"].ne(""), comparison["training_seed_b"])
    if trainings.nunique() > 1:
        columns["Training"] = trainings
    figures = {"A (%)": "top1_a", "B (%)": "top1_b"}
    columns |= {head: comparison[name].map(lambda share: f"{100 * share:.1f}") for head, name in figures.items()}
    columns["A\N{MINUS SIGN}B"] = comparison["difference"].map(_points)
    ends = comparison["low"].map(_points) + " to " + comparison["high"].map(_points)
    columns["95\N{NO-BREAK SPACE}%\N{NO-BREAK SPACE}interval"] = ends
    columns |= {head: comparison[head.replace(" ", "_").lower()].astype(str) for head in ("only A", "only B", "n")}
    columns |= {"p": comparison["p"].map(p_text), "p (Holm)": comparison["p_holm"].map(p_text)}
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)], left


def comparison_title(comparison: pd.DataFrame) -> str:
    """What all rows have in common, and what the interval is of."""
    names = []
    for side in ("a", "b"):
        schemes = comparison[f"scheme_{side}"].unique()
        names.append(scheme_text(schemes[0]) if len(schemes) == 1 else "each scheme")
    channels, ks = comparison["channel"].unique(), comparison["k"].unique()
    over = f", {channel_text(channels[0])}" * (len(channels) == 1) + f", k = {ks[0]}" * (len(ks) == 1)
    return f"Semantic accuracy of A: {names[0]} less B: {names[1]}{over}, in percentage points"


def comparison_note(comparison: pd.DataFrame) -> str:
    """What the interval is of, and which test p is of."""
    of = "on these images with other noise" if comparison["estimand"].eq("test_set").all() else "on other images"
    clustered = comparison["p"].ne(comparison["mcnemar_p"]).any()
    test = "McNemar's test at the effective number of images" if clustered else "McNemar's exact test"
    chosen = " or ".join(sorted({*comparison["chosen_on_a"], *comparison["chosen_on_b"]} - {""}, reverse=True))
    best = f" Of a coded scheme without a named MCS, the fixed one that does best on {chosen}." * bool(chosen)
    return f"Interval of the difference {of}; p: {test}; Holm: corrected for {len(comparison)} rows.{best}"


def comparison_table(comparison: pd.DataFrame, width: int | None = None) -> Table:
    """What `compare` found, for the terminal: in a narrow one without some columns, which the caption says."""
    heads, rows, text = comparison_rows(comparison)
    width, left_out, caption = width or shutil.get_terminal_size().columns, [], comparison_note(comparison)
    columns = {head: [head.split(" "), [row[i] for row in rows]] for i, head in enumerate(heads)}
    for spare in (["only A", "only B"], ["n"], ["p"]):
        if sum(max(len(cell) for cell in [*words, *cells]) + 2 for words, cells in columns.values()) <= width:
            break
        left_out += spare
        columns = {head: column for head, column in columns.items() if head not in spare}
    if left_out:
        caption += f" Left out for lack of room: {', '.join(left_out)}."
    table = Table(title=Text(comparison_title(comparison)), caption=caption, box=box.SIMPLE_HEAD, pad_edge=False)
    table.collapse_padding = True
    for head in columns:
        # Headings break before figures do.
        is_text = head in heads[:text]
        table.add_column(head.replace(" ", "\n"), justify="left" if is_text else "right", no_wrap=not is_text)
    for cells in zip(*(cells for _, cells in columns.values()), strict=True):
        table.add_row(*map(Text, cells))
    return table


def write_comparison(comparison: pd.DataFrame, path: Path) -> None:
    """Write all columns as CSV."""
    table = comparison.to_csv(index=False, lineterminator="\n", float_format=shortened)
    write_atomically(path, table, "free space or give another --csv")


def p_text(p: float) -> str:
    """A p-value with three decimals; "<0.001" below."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _points(share: float) -> str:
    """Percentage points with their sign."""
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")
