"""The schema of experiment files as JSON Schema, from which editors complete and check YAML. Imports no TensorFlow."""

from typing import Any

from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict


def experiment_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a file under ``sims/``, with a description of every key.

    What depends on several keys at once is checked by `kbsc_tf.config.load_config` alone. Plug-ins that are installed
    are part of it.
    """
    return file_schema(ExperimentConfig, "kbsc_tf experiment")


def file_schema(config: type[Strict], title: str) -> dict[str, Any]:
    """As `experiment_schema`, for files of another kind that have a ``name``."""
    schema = config.model_json_schema()
    schema["required"].remove("name")  # which is the file's unless given
    for kind in (schema, *schema["$defs"].values()):
        if "description" in kind:
            kind["description"] = kind["description"].partition("\n\nExamples\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
