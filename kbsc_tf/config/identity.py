"""What records depend on, so that a results folder can grow and a changed setting is refused. No TensorFlow."""

import hashlib
import json
from typing import Any, NamedTuple

from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.strict import Strict, settings_of
from kbsc_tf.registry import schemes

_AXES = {"channels", "schemes", "k", "snr_db", "seeds"}
_OPTIONAL = {"coding", "codec", "validation"}  # count where a scheme, or the receiver, uses them


class Change(NamedTuple):
    """A setting that differs: its key, and its values before and now."""

    key: str
    before: Any
    now: Any


def settings_of_experiment(config: ExperimentConfig) -> dict[str, Any]:
    """What decides the records of an experiment: what is used and differs from its default.

    Schemes, channels, k, SNRs and seeds are axes: their values do not count, but the settings of each scheme and
    channel do, under its name.

    Returns
    -------
    dict
        JSON-serialisable: sections to their settings, ``schemes`` and ``channels`` by name.
    """
    unused = _AXES | {name for name in _OPTIONAL if name not in config.sections}
    sections = settings_of(config)
    found = {name: sections.get(name, {}) for name in type(config).model_fields if name not in unused}
    for uncounted in ("name", "executor"):
        found.pop(uncounted)
    found["channels"] = {channel.label: channel.settings() for channel in config.channels}
    found["schemes"] = {entry.title: _settings_of_scheme(entry, config) for entry in config.schemes}
    return found


def revised(before: dict[str, Any], now: dict[str, Any], axis: str) -> list[str]:
    """Names of an axis, ``schemes`` or ``channels``, in both settings which differ in nothing but the revision."""
    old, new = before.get(axis, {}), now.get(axis, {})
    differing = {name: _changes("", old[name], new[name]) for name in new if name in old}
    return [name for name, found in differing.items() if found and all(one.key.endswith(".revision") for one in found)]


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    """Settings of `settings_of_experiment` that are in both and differ: of sections, schemes and channels in both."""
    found = []
    for section in before.keys() & now.keys():
        if section in ("schemes", "channels"):
            for name in before[section].keys() & now[section].keys():
                found += _changes(f"{section}.{name}", before[section][name], now[section][name])
        else:
            # One that is left out is of the kind that it has by default.
            found += _changes(section, before[section] or _default(section), now[section] or _default(section))
    return sorted(found)


def union(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Settings of both, where they do not differ."""
    both = {**before, **now}
    for axis in ("schemes", "channels"):
        both[axis] = {**before.get(axis, {}), **now.get(axis, {})}
    return both


def identity(settings: dict[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _settings_of_scheme(entry: SchemeConfig, config: ExperimentConfig) -> dict[str, Any]:
    spec = schemes[entry.scheme]
    # Raised by one whichever is raised, what is sent or how it is decided.
    count = spec.revision + getattr(config.receiver, "revision", 1) - 1
    revision = {"revision": count} if count > 1 else {}
    found = settings_of(entry)
    if "channel" in found:
        found["channel"] = entry.trained_over.settings()
    return found | spec.fixes(entry, config) | revision


def _default(section: str) -> dict[str, Any]:
    field = ExperimentConfig.model_fields.get(section)
    return settings_of(field.default) if field and isinstance(field.default, Strict) else {}


def _changes(key: str, before: Any, now: Any) -> list[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        return [one for name in names for one in _changes(f"{key}.{name}", before.get(name), now.get(name))]
    return [] if before == now else [Change(key, before, now)]
