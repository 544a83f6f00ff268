"""BPG through the reference programs ``bpgenc`` and ``bpgdec``, for comparison with `BpgCodec`."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.bpg_container import read_bpg, read_header
from kbsc_tf.codecs.hevc import MAX_QP
from kbsc_tf.codecs.image_codec import MAX_PIXELS, CodecError, ImageCodec, check_image, check_quality
from kbsc_tf.errors import UserError

REMEDY = "build libbpg (https://bellard.org/bpg) and put it there, or use the codec bpg, which needs nothing"


class BpgToolsCodec(ImageCodec):
    """BPG files by ``bpgenc``, decoded by ``bpgdec``; both are looked for on PATH when they are needed.

    Parameters
    ----------
    chroma : {"444", "422", "420"}
        bpgenc's ``-f``.
    encoder : {"x265", "jctvc"}
        bpgenc's ``-e``; jctvc has to be compiled in. With x265, bpgenc codes at a QP 3 below the one it is given.
    max_pixels : int
        A file that says it has more is refused before ``bpgdec`` is started.
    timeout_s : float
        Longest time for one image, in seconds.
    """

    name = "bpg_tools"
    qualities = range(MAX_QP, -1, -1)

    def __init__(
        self,
        chroma: Literal["444", "422", "420"] = "444",
        encoder: Literal["x265", "jctvc"] = "x265",
        max_pixels: int = MAX_PIXELS,
        timeout_s: float = 600.0,
    ) -> None:
        for name, value, allowed in (
            ("chroma", chroma, ("444", "422", "420")),
            ("encoder", encoder, ("x265", "jctvc")),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
        self.chroma, self.encoder, self.max_pixels, self.timeout_s = chroma, encoder, max_pixels, timeout_s

    def check(self) -> None:
        """Raise a UserError unless both programs are on PATH."""
        for program in ("bpgenc", "bpgdec"):
            _find(program)

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """Encode ``image`` ([H, W, 3], uint8) with ``bpgenc -q quality``, 51 (smallest) to 0."""
        from PIL import Image

        check_image(image, self.max_pixels)
        check_quality(quality, self.qualities)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "source.png"), Path(folder, "coded.bpg")
            Image.fromarray(image).save(source, compress_level=0)
            options = ["-q", str(quality), "-f", self.chroma, "-e", self.encoder]
            problem = self._run("bpgenc", *options, "-o", str(target), str(source))
            if problem is None and target.is_file():
                return target.read_bytes()
        raise UserError(f"bpgenc {' '.join(options)} failed: {problem or 'it wrote no file'}")

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a BPG file to RGB, [H, W, 3], uint8; raises `CodecError` if it cannot be decoded."""
        from PIL import Image

        read_bpg(data, self.max_pixels)
        header, _ = read_header(data)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "coded.bpg"), Path(folder, "decoded.png")
            source.write_bytes(data)
            problem = self._run("bpgdec", "-o", str(target), str(source))
            if problem is not None or not target.is_file():
                raise CodecError(f"bpgdec cannot decode the file: {problem or 'it wrote no image'}")
            with Image.open(target) as image:
                pixels = np.asarray(image.convert("RGB"))
        if pixels.shape[:2] != (header.height, header.width):
            raise CodecError("bpgdec decoded the file to another size than its header says")
        return pixels

    def header_bytes(self, data: bytes) -> int:
        """Bytes before the start code of the slice NAL unit."""
        return read_bpg(data, self.max_pixels).header_bytes

    def _run(self, program: str, *arguments: str) -> str | None:
        """Run a program: None, or what went wrong."""
        found = _find(program)
        try:
            done = subprocess.run(
                [found, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=self.timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no result after {self.timeout_s:g} s"
        except OSError as error:
            raise UserError(f"{found} cannot be run: {error.strerror}; {REMEDY}") from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            return lines[-1] if lines else f"exit status {done.returncode}"
        return None


def _find(program: str) -> str:
    """Path of a program on PATH."""
    found = shutil.which(program)
    if found is None:
        raise UserError(f"{program} is not on PATH: {REMEDY}")
    return found
