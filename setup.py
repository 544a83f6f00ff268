"""README.md as a package index shows it: there, links into the repository need its address."""

import os
import re
from pathlib import Path

from setuptools import setup

# Where the files of the repository can be read, https://HOST/OWNER/NAME/raw/COMMIT; CI and releases set it.
_SOURCE = os.environ.get("KBSC_SOURCE_URL", "").rstrip("/")
_LINK = re.compile(r"(?P<shows>!?)\[(?P<text>[^\]]*)\]\((?!https?:|#)(?P<path>[^)\s]+)\)")
_PICTURE = re.compile(r'(?P<before><img [^>]*src=")(?!https?:)(?P<path>[^"]+)(?P<after>"[^>]*>)')


def described(readme: str, source: str) -> str:
    """A README with absolute links; without an address, pictures are left out and links become their text."""
    pages = source.replace("/raw/", "/blob/")  # where files are shown, not downloaded

    def link(found: re.Match) -> str:
        shows, text, path = found["shows"], found["text"], found["path"]
        if not source:
            return "" if shows else text
        return f"{shows}[{text}]({source if shows else pages}/{path})"

    picture = rf"\g<before>{source}/\g<path>\g<after>" if source else ""
    return _PICTURE.sub(picture, _LINK.sub(link, readme))


if __name__ == "__main__":
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    setup(long_description=described(readme, _SOURCE), long_description_content_type="text/markdown")
