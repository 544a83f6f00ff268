"""BPG through the reference programs: with stand-ins for them, and with the real ones where they are on PATH."""

import os
import pickle
import shutil
import stat
import sys

import numpy as np
import pytest
from codec_samples import picture, psnr_db

from kbsc_tf.codecs import BpgCodec, BpgToolsCodec, CodecError
from kbsc_tf.errors import UserError

STAND_IN = """#!{python}
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from kbsc_tf.codecs import BpgCodec
options = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
if Path(sys.argv[0]).name == "bpgenc":
    with open({log!r}, "a") as log:
        print(" ".join(f"{{k}} {{v}}" for k, v in options.items() if k != "-o"), file=log)
    image = np.asarray(Image.open(sys.argv[-1]))
    if image.shape[0] == 13:
        sys.exit("Unlucky image")
    Path(options["-o"]).write_bytes(BpgCodec(options["-f"]).encode(image, int(options["-q"])))
else:
    pixels = BpgCodec().decode(Path(sys.argv[-1]).read_bytes())
    if pixels.shape[0] == 14:
        sys.exit("Could not decode")
    Image.fromarray(pixels[: pixels.shape[0] // 16 * 16]).save(options["-o"])
"""


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    for name in ("bpgenc", "bpgdec"):
        path = tmp_path / name
        path.write_text(STAND_IN.format(python=sys.executable, log=str(tmp_path / "log")))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path / "log"


def test_without_the_programs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="bpgenc is not on PATH: build libbpg"):
        BpgToolsCodec().encode(picture(16, 16), 30)
    with pytest.raises(UserError, match="bpgdec is not on PATH"):
        BpgToolsCodec().decode(BpgCodec().encode(picture(16, 16), 30))


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="needs scripts as programs")
def test_options_and_errors(stand_ins):
    codec = pickle.loads(pickle.dumps(BpgToolsCodec("420", "jctvc")))
    image = picture(16, 16)
    data = codec.encode(image, 33)
    assert data == BpgCodec("420").encode(image, 33)
    assert stand_ins.read_text() == "-q 33 -f 420 -e jctvc\n"
    np.testing.assert_array_equal(codec.decode(data), BpgCodec().decode(data))
    assert codec.header_bytes(data) == BpgCodec().header_bytes(data)
    with pytest.raises(UserError, match="bpgenc -q 33 -f 420 -e jctvc failed: Unlucky image"):
        codec.encode(picture(13, 16), 33)
    with pytest.raises(CodecError, match="bpgdec cannot decode the file: Could not decode"):
        codec.decode(BpgCodec().encode(picture(14, 16), 33))
    with pytest.raises(CodecError, match="another size"):
        codec.decode(BpgCodec().encode(picture(17, 16), 33))


def test_bad_files_never_reach_the_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CodecError, match="not a BPG file"):
        BpgToolsCodec().decode(b"nothing")


def test_options_are_checked():
    for wrong in ({"chroma": "grey"}, {"encoder": "x264"}):
        with pytest.raises(ValueError, match="expected one of"):
            BpgToolsCodec(**wrong)


@pytest.mark.skipif(not (shutil.which("bpgenc") and shutil.which("bpgdec")), reason="bpgenc, bpgdec not on PATH")
def test_the_real_programs():
    image = picture(48, 33)
    for encoder in ("x265", "jctvc"):
        codec = BpgToolsCodec("444", encoder)
        try:
            data = codec.encode(image, 25)
        except UserError:
            continue  # this encoder was not compiled in
        np.testing.assert_array_equal(codec.decode(data), BpgCodec().decode(data))
        assert psnr_db(codec.decode(data), image) > 30
        assert len(codec.encode_to_budget(image, 300)) <= 300
        return
    pytest.fail("bpgenc has neither encoder")
