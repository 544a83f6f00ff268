"""The names that tables and figures give to schemes, channels, MCSs and SNRs. Imports no TensorFlow.

What schemes and channels are called stands in run.json, so that a results folder can be read without the packages that
made it: see `names_of`, which makes it, and `named`, within which it is used.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.training import training_seed, trainings
from kbsc_tf.registry import schemes

Names = dict[str, dict[str, dict[str, Any]]]
_NONE: Names = {"schemes": {}, "channels": {}}
_names: ContextVar[Names] = ContextVar("names", default=_NONE)


def names_of(config: ExperimentConfig) -> Names:
    """What figures must know of an experiment's schemes and channels, for ``names`` in run.json.

    Returns
    -------
    dict
        ``schemes``: of each name its ``label`` for readers, the registered ``scheme``, whether it comes for each k of
        the experiment (``per_k``), its ``training_seeds`` as records have them, and whether images take different
        numbers of channel uses (``stops_early``). ``channels``: of each label its
        ``text`` for readers, and ``is_grid``.
    """
    found: Names = {"schemes": {}, "channels": {}}
    for entry in config.schemes:
        spec = schemes[entry.scheme]
        label = spec.text(entry, config) if entry.name in (None, spec.name) else _plain(entry.name)
        found["schemes"][entry.title] = {
            "label": label,
            "scheme": spec.name,
            "per_k": spec.per_k,
            "training_seeds": [training_seed(one) for one in trainings(entry)],
            **({"stops_early": True} if spec.stops_early(entry) else {}),
        }
    for channel in config.channels:
        found["channels"][channel.label] = {"text": channel.text, "is_grid": channel.is_grid}
    return found


def grown(before: Names | None, now: Names) -> Names:
    """Names of a folder whose configuration names others than before: those that have left it are ``hidden``."""
    found = {}
    for kind, known in (before or _NONE).items():
        left = {name: {**one, "hidden": True} for name, one in known.items() if name not in now[kind]}
        found[kind] = {**left, **now[kind]}
    return found


@contextmanager
def named(*runs: Mapping[str, Any]) -> Iterator[None]:
    """Within this block, schemes and channels are called as these runs call them.

    Parameters
    ----------
    runs : dict
        Contents of run.json; of those that name the same, the first one counts.
    """
    names: Names = {kind: {} for kind in _NONE}
    for run in reversed(runs):
        for kind, known in names.items():
            known |= run.get("names", _NONE)[kind]
    token = _names.set(names)
    try:
        yield
    finally:
        _names.reset(token)


def registered(scheme: str) -> str:
    """The registered scheme behind a name in records; the name itself where no run says."""
    return _names.get()["schemes"].get(scheme, {}).get("scheme", scheme)


def leads(scheme: str) -> bool:
    """Whether a name in records has its registered scheme's own look: of a run's several, one is called like it."""
    known, of = _names.get()["schemes"], registered(scheme)
    entries = [name for name, one in known.items() if one["scheme"] == of]
    return scheme == (of if of in entries or not entries else entries[0])


def scheme_text(scheme: str) -> str:
    """Name of a scheme for readers; one that no run names is called as its spec says, or as it is."""
    if known := _names.get()["schemes"].get(scheme):
        return known["label"]
    return schemes[scheme].label if scheme in schemes else _plain(scheme)


def stops_early(scheme: str) -> bool:
    """Whether images of a scheme take different numbers of channel uses; False where no run says."""
    return _names.get()["schemes"].get(scheme, {}).get("stops_early", False)


def channel_text(channel: str) -> str:
    """Name of a channel for readers; one that no run names is called as it is."""
    known = _names.get()["channels"].get(channel)
    return known["text"] if known else _plain(channel)


def is_grid(channel: str) -> bool:
    """Whether a channel has resource grids; False where no run says."""
    return _names.get()["channels"].get(channel, {}).get("is_grid", False)


def mcs_text(mcs: str) -> str:
    """Name of an MCS for readers: ``16qam-2/3`` becomes "16-QAM 2/3", ``genie`` "best MCS by outcome"."""
    if mcs == "genie":
        return "best MCS by outcome"
    modulation, _, rate = mcs.partition("-")
    if not rate or not modulation.lower().endswith(("qam", "psk")):
        return mcs
    order = modulation[:-3]
    return f"{order}{'-' if order.isdigit() else ''}{modulation[-3:]} {rate}".upper()


def snr_text(snr_db: float) -> str:
    """ "-7 dB" with a true minus sign, or "no noise"."""
    return "no noise" if math.isinf(snr_db) else f"{snr_db:g} dB".replace("-", "\N{MINUS SIGN}")


def _plain(name: str) -> str:
    return name.replace("_", " ")
