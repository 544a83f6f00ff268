"""What pydantic finds wrong with an experiment, as one sentence. Imports no TensorFlow."""

import re
from typing import Any

from pydantic_core import ErrorDetails

from kbsc_tf.config.strict import unknown_name


def location_of(problem: ErrorDetails, content: Any) -> tuple[str | int, ...]:
    """Where a problem is in the file; pydantic also names the alternatives of the schema that it has tried."""
    location: list[str | int] = []
    for part in problem["loc"]:
        if isinstance(content, dict | list) and part in (content if isinstance(content, dict) else range(len(content))):
            content = content[part]
            location.append(part)
    if problem["type"] == "missing":
        location.append(problem["loc"][-1])
    elif problem["type"] in ("unknown_key", "unused_key", "wrong_kind"):
        location.append(problem["ctx"]["key"])
    elif problem["type"] == "union_tag_invalid":
        location.append(problem["ctx"]["discriminator"].strip("'"))
    return tuple(location)


def message_of(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def explain(problem: ErrorDetails, location: tuple[str | int, ...]) -> str:
    """What is wrong, after the key as the file has it."""
    key, kind, details = ".".join(map(str, location)), problem["type"], problem.get("ctx", {})
    if kind == "unknown_key":
        return f"unknown key {key}{details['remedy']}"
    if kind == "unused_key":
        return f"{key}: {details['reason']}"
    if kind == "missing":
        return f"{key} is missing; give it"
    if kind == "wrong_kind":
        return f"{key}: expected {details['expected']} (got {details['got']:.80})"
    if kind == "string_type":
        return f"{key}: expected text; put it in quotes (got {problem['input']!r:.80})"
    if kind in ("literal_error", "union_tag_invalid"):
        listed, given = details.get("expected") or details["expected_tags"], details.get("tag", problem["input"])
        noun = [part for part in location if isinstance(part, str)][-1]
        noun = noun.removesuffix("s") if isinstance(problem["loc"][-1], int) else noun  # one of several
        known = re.findall(r"'([^']*)'", listed)  # pydantic has them in one text, each in quotes
        return f"{key}: {unknown_name(noun, given, known)}"
    if kind in ("model_type", "model_attributes_type"):
        return f"{key}: expected a mapping of keys (got {problem['input']!r:.80})"
    got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r:.80})"
    return f"{key}: " * bool(key) + message_of(problem) + got
