"""Where results that can be computed again are kept on disk."""

import os
from pathlib import Path

from kbsc_tf.files import home_path

REMEDY = "free space or name another folder (features.store or KBSC_CACHE)"


def cache_root(path: Path | None = None) -> Path:
    """Return the cache folder: ``path``, else the environment variable ``KBSC_CACHE``, else ``~/.cache/kbsc_tf``.

    The folder need not exist.
    """
    return home_path(path or os.environ.get("KBSC_CACHE") or "~/.cache/kbsc_tf")
