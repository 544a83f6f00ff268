"""Results folders of earlier versions, of experiments and of studies of the knowledge base's size. No TensorFlow."""

from pathlib import Path
from typing import Any

from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.results.migrate import describe_old, migrate_folder
from kbsc_tf.results.run_json import head_of


def migrate(path: Path | str) -> str:
    """Bring any results folder up to date, as `kbsc_tf.results.migrate.migrate_folder` does."""
    return migrate_folder(path, _describe)


def _describe(old: dict[str, Any]) -> dict[str, Any]:
    if old.get("type") != "kb_scaling":
        return describe_old(old)
    unused = () if old.get("decision") == "vote" else ("temperature", "neighbours")
    config = KbScalingConfig.model_validate({key: value for key, value in old.items() if key not in unused})
    return head_of(config.settings(), config.model_dump(mode="json"))
