"""How a source of images is to be read."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """What whoever runs an experiment says about reading its images; no result depends on it but by ``skip_bad``.

    Attributes
    ----------
    skip_bad : bool
        Leave out images that cannot be read, and list them as ``skipped`` of their set, instead of refusing.
    cache : Path or None
        Cache folder, see `kbsc_tf.data.cache.cache_root`.
    progress : bool
        Show a bar where reading takes noticeable time.
    """

    skip_bad: bool = False
    cache: Path | None = None
    progress: bool = True
