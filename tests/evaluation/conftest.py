"""Fixtures of the tests of sweeps."""

import pytest
from rich.console import Console

from kbsc_tf.evaluation.progress import Progress


@pytest.fixture(scope="session")
def quiet():
    """Progress that says nothing."""
    return Progress(Console(quiet=True))
