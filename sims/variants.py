"""Arguments of scripts that run one experiment in several variants."""

import argparse
from pathlib import Path


def arguments(description: str) -> argparse.Namespace:
    """EXPERIMENT, OUT and any number of --set KEY=VALUE from the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()
