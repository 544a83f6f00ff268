"""The plug-in example as if it were installed: on the path of a process, with the metadata that pip would write."""

import os
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10, where pytest brings tomli
    import tomli as tomllib

EXAMPLE = Path(__file__).parent / "plugin_example"


def install(folder: Path, project: Path = EXAMPLE) -> dict[str, str]:
    """Write the metadata of a project into ``folder``; returns the environment of a process that finds it."""
    content = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = content["name"].replace("-", "_"), content.get("version", "1.0")
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in names.items())
        for group, names in content["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(project), *filter(None, [before])])}
