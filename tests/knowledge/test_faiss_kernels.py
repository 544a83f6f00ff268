"""FAISS multiplies matrices with the kernels of this processor, and nothing else notices."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbsc_tf.knowledge.faiss_kernels import kernels

AVX2 = "processor : 0\nflags\t\t: fpu sse2 fma avx avx2\n"
AVX512 = AVX2.replace("avx2", "avx2 avx512f avx512dq avx512cd avx512bw avx512vl")
CODE = """
import os
import kbsc_tf.knowledge
import threadpoolctl
found = [one for one in threadpoolctl.threadpool_info() if "faiss" in one["filepath"]]
print(*{one["architecture"] for one in found if one["internal_api"] == "openblas"}, os.environ.get("OPENBLAS_CORETYPE"))
"""


def loaded(**environment):
    """Architecture of the OpenBLAS that FAISS brought along, and the variable afterwards."""
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"} | environment
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=clean)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (AVX512, "SkylakeX"),
        (AVX512.replace("avx512vl", ""), "Haswell"),
        (AVX2, "Haswell"),
        (AVX2.replace("fma", ""), None),
        ("Features : fp asimd", None),
        ("", None),
    ],
)
def test_the_fastest_kernels_that_a_processor_can_run(cpuinfo, name):
    assert kernels(cpuinfo) == name


def test_faiss_is_loaded_with_them_and_the_variable_is_gone():
    wanted = kernels(Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else None
    if wanted is None:
        pytest.skip("no x86 processor with AVX2, or no Linux")
    if len(found := loaded()) == 1:
        pytest.skip("this FAISS brings no OpenBLAS")
    assert found == [wanted, "None"]


def test_what_the_user_names_stays():
    if len(loaded()) == 1 or kernels(Path("/proc/cpuinfo").read_text()) is None:
        pytest.skip("this FAISS brings no OpenBLAS, or the processor has no AVX2")
    assert loaded(OPENBLAS_CORETYPE="Nehalem") == ["Nehalem", "Nehalem"]
