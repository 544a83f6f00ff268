"""What a run was made of: configuration and environment, for the end of the page. Imports no TensorFlow."""

from typing import Any

import yaml

from kbsc_tf.figures.joined import Source


def about(source: Source) -> dict[str, Any]:
    """Label, hash, configuration as YAML, and all openings of the folder, the first one first."""
    run = source.run
    config = yaml.safe_dump(run["config"], sort_keys=False, allow_unicode=True)
    sessions = [_session(one) for one in [*run.get("earlier_sessions", []), run]]
    return {"label": source.label, "folder": source.folder.name, "hash": run.get("hash", ""), "config": config,
            "sessions": sessions}  # fmt: skip


def _session(one: dict[str, Any]) -> dict[str, str]:
    commit = one.get("commit")
    dirty = " with changes" if one.get("dirty") else ""
    return {
        "started": one.get("started") or "not recorded",
        "wall_time": _duration(float(one.get("wall_time_s") or 0)),
        "stages": _durations(one.get("stages_s") or {}),
        "parts": _durations(one.get("sweep_parts_s") or {}),
        "device": one.get("device") or "not recorded",
        "commit": f"{commit[:12]}{dirty}" if commit else "not under git",
        "command": " ".join(one.get("command") or []),
        "versions": ", ".join(f"{name} {version}" for name, version in (one.get("versions") or {}).items()),
    }


def _durations(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {_duration(float(taken))}" for name, taken in seconds.items())


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
