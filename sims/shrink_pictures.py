"""Make the pictures that READMEs show small: python sims/shrink_pictures.py FOLDER

Every PNG under FOLDER that is wider than 1,000 pixels becomes as wide, with 64 colours: enough for a page. For a paper
there is the PDF that ``kbsc plot`` draws.
"""

import argparse
import io
from pathlib import Path

from PIL import Image

from kbsc_tf.files import write_atomically

WIDTH, COLOURS, DPI = 1000, 64, 143


def shrink(path: Path) -> None:
    """Replace a picture by a smaller one; a small one stays as it is."""
    with Image.open(path) as picture:
        if picture.width <= WIDTH:
            return
        size = WIDTH, round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    # Median cut, Pillow's default, would give thin lines the colour of their neighbours.
    few = small.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    few.save(buffer := io.BytesIO(), "PNG", optimize=True, dpi=(DPI, DPI))
    write_atomically(path, buffer.getvalue())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    for found in sorted(parser.parse_args().folder.rglob("*.png")):
        shrink(found)
