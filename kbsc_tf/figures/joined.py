"""Several results folders as one set of records, named by run where their names collide. Imports no TensorFlow."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.limits.bound_table import with_bound
from kbsc_tf.results.names import Names, scheme_text
from kbsc_tf.results.run_json import estimand_of, read_shown, run_if_any


class Source(NamedTuple):
    """A results folder, what it is called beside others, and its run.json."""

    folder: Path
    label: str
    run: dict[str, Any]


class Joined(NamedTuple):
    """Results folders as one.

    Attributes
    ----------
    sources : tuple of Source
    names : dict
        What schemes and channels are called, as run.json has it: for `kbsc_tf.results.names.named`.
    records : DataFrame
        Of all folders, with the bound where one is known. Schemes that several runs have, and channels that mean
        something else in each, are named by run.
    owners : dict
        Label of the run that each scheme of the records is of.
    """

    sources: tuple[Source, ...]
    names: Names
    records: pd.DataFrame
    owners: dict[str, str]

    @property
    def run(self) -> dict[str, Any]:
        """What `kbsc_tf.results.names.named` and `estimand_of` read of a run.json; the narrower claim if all do."""
        claims = {estimand_of(source.run) for source in self.sources}
        estimand = claims.pop() if len(claims) == 1 else "population"
        return {"names": self.names, "config": {"sweep": {"estimand": estimand}}}


def join(folders: Sequence[Path | str], everything: bool = False) -> Joined:
    """Read the records of one or several results folders.

    Parameters
    ----------
    folders : sequence of Path
    everything : bool
        Also of schemes, channels, k, SNRs and seeds that have left a folder's configuration.

    Raises
    ------
    UserError
        No folder, one twice, or one that cannot be read.
    """
    folders = [Path(folder) for folder in folders]
    if not folders:
        raise UserError("no results folder; name at least one, for example results/quickstart")
    if again := [folder for folder, count in Counter(map(os.path.realpath, folders)).items() if count > 1]:
        raise UserError(f"{again[0]}: named twice; name each results folder once")
    runs = [run_if_any(folder) for folder in folders]
    sources = tuple(map(Source, folders, _labels(folders, runs), runs))
    tables = [with_bound(read_shown(folder, everything), folder) for folder in folders]
    if len(folders) == 1:
        owners = dict.fromkeys(tables[0]["scheme"].unique(), sources[0].label)
        return Joined(sources, runs[0].get("names") or {"schemes": {}, "channels": {}}, tables[0], owners)
    names: Names = {"schemes": {}, "channels": {}}
    tables = _named_apart(sources, tables, "channel", names)
    tables = _named_apart(sources, tables, "scheme", names)
    owners = {name: one.label for one, table in zip(sources, tables, strict=True) for name in table["scheme"].unique()}
    return Joined(sources, names, pd.concat([table for table in tables if len(table)], ignore_index=True), owners)


def restrict(joined: Joined, schemes: Sequence[str] = (), channels: Sequence[str] = ()) -> Joined:
    """Only these schemes and channels, by their names in records or those for readers; all where none is named.

    A name may hold several, between commas. A name that several runs have means all of them.

    Raises
    ------
    UserError
        There is no such scheme or channel, or no point of both.
    """
    records = joined.records
    for column, wanted in (("scheme", schemes), ("channel", channels)):
        if wanted:
            known = joined.names[f"{column}s"]
            called = {name: _called(name, known.get(name, {})) for name in joined.records[column].unique()}
            every = set().union(*called.values())
            wanted = [part for one in wanted for part in ([one] if one.lower() in every else one.split(","))]
            wanted = [one.strip() for one in wanted]
            if odd := [one for one in wanted if one.lower() not in every]:
                there = ", ".join(dict.fromkeys(name.partition(" @ ")[0] for name in called))
                raise UserError(f"{column} {odd[0]}: not in these results; there are {there}")
            keep = [name for name, names in called.items() if names & {one.lower() for one in wanted}]
            records = records[records[column].isin(keep)]
    if records.empty:
        raise UserError("these schemes have no point on these channels; name others")
    return joined._replace(records=records.reset_index(drop=True))


def _called(name: str, known: dict[str, Any]) -> set[str]:
    text = known.get("label") or known.get("text") or scheme_text(name)
    return {one.lower() for one in (name, name.partition(" @ ")[0], text, known.get("own", text))}


def _labels(folders: list[Path], runs: list[dict[str, Any]]) -> list[str]:
    """Names of the experiments, or of the folders, whichever tell them apart."""
    resolved = [folder.resolve() for folder in folders]
    for labels in (
        [str(run["config"].get("name") or folder.name) for run, folder in zip(runs, resolved, strict=True)],
        [folder.name for folder in resolved],
        [f"{folder.parent.name}/{folder.name}" for folder in resolved],
    ):
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _named_apart(
    sources: Sequence[Source], tables: list[pd.DataFrame], column: str, names: Names
) -> list[pd.DataFrame]:
    """Tables in which one name of a scheme or channel means one thing, and what they are called into ``names``."""
    kind, word = f"{column}s", "label" if column == "scheme" else "text"
    first: dict[str, tuple[int, pd.DataFrame]] = {}
    apart: set[str] = set()
    repeated: dict[tuple[int, str], bool] = {}
    for number, table in enumerate(tables):
        for name, rows in table.groupby(column, sort=False):
            if name not in first:
                first[name] = number, rows
            elif column == "scheme":
                repeated[number, name] = _holds(first[name][1], rows)
                if not repeated[number, name]:
                    apart.add(name)
            elif _of(sources[number], kind, name) != _of(sources[first[name][0]], kind, name):
                apart.add(name)
    found = []
    for number, (source, table) in enumerate(zip(sources, tables, strict=True)):
        drop = [name for name in table[column].unique() if repeated.get((number, name)) and name not in apart]
        table, renamed = table[~table[column].isin(drop)], {}
        for name in table[column].unique():
            known = dict((source.run.get("names") or {}).get(kind, {}).get(name) or _unnamed(name, column))
            new = name
            if name in apart:
                new = renamed[name] = f"{name} @ {source.label}"
                known |= {word: f"{known[word]} ({source.label})", "own": known[word]}
            names[kind].setdefault(new, known)
        found.append(table.assign(**{column: table[column].replace(renamed)}))
    return found


def _holds(table: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Whether all rows are in the table, whatever they are called there."""
    columns = list(rows.columns)
    return (
        not rows.merge(table[columns].drop_duplicates(), how="left", on=columns, indicator=True)["_merge"]
        .ne("both")
        .any()
    )


def _of(source: Source, kind: str, name: str) -> Any:
    """What a run understands by the name of a channel: its settings, or what it says for readers."""
    text = (source.run.get("names") or {}).get(kind, {}).get(name)
    settings = (source.run.get("settings") or {}).get(kind)
    return text, settings.get(name) if isinstance(settings, dict) else None


def _unnamed(name: str, column: str) -> dict[str, Any]:
    if column == "channel":
        return {"text": name.replace("_", " "), "is_grid": False}
    return {
        "label": scheme_text(name),
        "scheme": name,
        "per_k": True,
        "training_seeds": [""],
    }
