"""Let atheris look for bytes that the parsers of files trip over: guided by what parts of the code they reach.

    python tests/fuzz/guided.py [--seconds 60] [--corpus build/fuzz] [TARGET ...]

Targets: bpg, jpeg, image, npz, npy, torch, safetensors, index. A file is read, or refused in one sentence, within
5 s and 2 GB; anything else is left in CORPUS/found, and the exit status is 1. Put such a file, made small, into
tests/fuzz/found/TARGET/, where test_found.py reads it for ever. Needs atheris, which is no dependency of the tests.
"""

import argparse
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found"
_SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())


def targets() -> dict[str, Callable[[bytes], object]]:
    """What reads bytes, by name; each may raise UserError, or ValueError for what a caller turns into one."""
    import numpy as np
    from PIL import Image

    from kbsc_tf.codecs import BpgCodec, JpegCodec
    from kbsc_tf.data.decode import BadImageError, decode
    from kbsc_tf.errors import UserError
    from kbsc_tf.files import load_array, load_arrays
    from kbsc_tf.schemes.jscc.torch_file import read_state_dict

    Image.init()  # reads its formats now, while they are instrumented
    bpg, jpeg = BpgCodec(max_pixels=1 << 20), JpegCodec(max_pixels=1 << 20)
    refusals = UserError, BadImageError

    def one_of(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
        def call(data: bytes) -> None:
            with contextlib.suppress(*refusals):
                try:
                    read(data)
                except refusals as error:
                    assert str(error) and "\n" not in str(error) and len(str(error)) < 2000, repr(error)
                    raise

        return call

    def from_file(suffix: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        path = _SCRATCH / f"kbsc-fuzz-{os.getpid()}{suffix}"

        def call(data: bytes) -> object:
            path.write_bytes(data)
            try:
                return read(path)
            finally:
                path.unlink()

        return call

    def index(data: bytes) -> None:
        from kbsc_tf.knowledge.index import check_entries, index_from_bytes

        with contextlib.suppress(RuntimeError, ValueError, MemoryError):  # which KnowledgeBase.load puts into words
            found = index_from_bytes(data)
            check_entries(found, "Flat", "l2")
            found.search(np.zeros((2, found.d), np.float32), 2)

    readers = {
        "bpg": lambda data: (bpg.decode(data), bpg.header_bytes(data)),
        "jpeg": lambda data: (jpeg.decode(data), jpeg.header_bytes(data)),
        "image": decode,
        "npz": from_file(".npz", lambda path: load_arrays(path, "write it again")),
        "npy": from_file(".npy", lambda path: load_array(path, "write it again", "r")),
        "torch": from_file(".pth", read_state_dict),
        "safetensors": from_file(".safetensors", read_state_dict),
        "index": index,
    }
    return {name: one_of(read) for name, read in readers.items()}


def seeds(target: str) -> Iterator[bytes]:
    """Whole files to begin with, small ones."""
    import numpy as np

    rng = np.random.default_rng(0)
    sys.path[:0] = [str(HERE), str(HERE.parent / "codecs")]
    if target in ("bpg", "jpeg"):
        from codec_samples import picture

        from kbsc_tf.codecs import BpgCodec, JpegCodec

        for chroma in ("444", "422", "420"):
            codec = BpgCodec(chroma, preset="fast") if target == "bpg" else JpegCodec(chroma)
            yield from (codec.encode(picture(*size), codec.qualities[40]) for size in ((16, 16), (7, 5)))
    elif target == "image":
        from test_fuzz import image_files

        yield from image_files()
    elif target in ("npz", "npy"):
        numbers, names = rng.standard_normal((3, 2)).astype(np.float32), np.array(["a", "é"])
        for save in (np.savez, np.savez_compressed) if target == "npz" else ():
            save(file := io.BytesIO(), x=numbers, names=names)
            yield file.getvalue()
        for array in (numbers, names) if target == "npy" else ():
            np.save(file := io.BytesIO(), array)
            yield file.getvalue()
    elif target in ("torch", "safetensors"):
        from test_saved_files import torch_files

        yield from (content for suffix, content in torch_files() if (suffix == ".pth") == (target == "torch"))
    else:
        import faiss

        x = rng.standard_normal((40, 4)).astype(np.float32)
        for factory in ("Flat", "IVF2,Flat", "HNSW4", "SQ8", "PCA2,Flat"):
            made = faiss.index_factory(4, factory)
            made.train(x)
            made.add(x)
            yield faiss.serialize_index(made).tobytes()


def main() -> int:
    """Look through the targets one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"), help="folder of what was tried and is kept")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print(
            "fuzz: atheris is not there; pip install atheris into an environment that has kbsc_tf, and give its Python "
            "as FUZZ_PYTHON to make fuzz",
            file=sys.stderr,
        )
        return 2
    known = ["bpg", "jpeg", "image", "npz", "npy", "torch", "safetensors", "index"]
    if unknown := sorted(set(arguments.targets) - set(known)):
        print(f"fuzz: unknown target {unknown[0]}; expected one of {', '.join(known)}", file=sys.stderr)
        return 2
    ended = {name: _search(name, arguments) for name in arguments.targets or known}
    for name, status in ended.items():
        print(f"{name}: {'nothing found' if status == 0 else f'found something, see {arguments.corpus / name}-found'}")
    return int(any(ended.values()))


def _search(target: str, arguments: argparse.Namespace) -> int:
    corpus, found = arguments.corpus / target, arguments.corpus / f"{target}-found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(content)
    limits = [f"-max_total_time={arguments.seconds}", "-timeout=5", "-rss_limit_mb=2048", "-max_len=16384"]
    options = [*limits, f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0"]
    return subprocess.run([sys.executable, __file__, "--run", target, *options, str(corpus)]).returncode


def _run(target: str) -> None:
    """In a process of its own: libFuzzer ends it, and so does a crash."""
    import atheris

    with atheris.instrument_imports(include=["kbsc_tf", "zipfile", "pickletools", "PIL", "numpy.lib"]):
        read = targets()[target]
    atheris.Setup([sys.argv[0], *sys.argv[3:]], read)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        _run(sys.argv[2])
    else:
        sys.exit(main())
