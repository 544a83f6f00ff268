"""The schema of experiment files as JSON Schema, from which editors complete and check YAML. Imports no TensorFlow."""

from typing import Any

from kbsc_tf.config.schema import ExperimentConfig


def experiment_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a file under ``sims/``, with a description of every key.

    What depends on several keys at once is checked by `kbsc_tf.config.load_config` alone.
    """
    schema = ExperimentConfig.model_json_schema()
    schema["required"].remove("name")  # which is the file's unless given
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "kbsc_tf experiment",
    }
