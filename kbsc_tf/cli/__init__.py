"""The `kbsc` command. Heavy imports wait until a command needs them: help and bad arguments answer at once."""

from kbsc_tf.cli import begin, demo, experiments, folders, lookup, send  # noqa: F401  (they add their commands)
from kbsc_tf.cli.app import app
from kbsc_tf.cli.main import main

__all__ = ["app", "main"]
