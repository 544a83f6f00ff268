"""One thread: eigenvectors to the bit, whatever the number of threads outside."""

import os
import subprocess
import sys

import numpy as np
from threadpoolctl import threadpool_info

from kbsc_tf.threads import one_thread

CODE = """
import hashlib
import numpy as np
from kbsc_tf.threads import one_thread
x = np.random.default_rng(0).standard_normal((400, 512))
with one_thread():
    print(hashlib.sha256(np.linalg.eigh(x.T @ x)[1].tobytes()).hexdigest())
"""


def test_numpy_and_faiss_keep_to_one_thread_within_the_block():
    import faiss  # noqa: F401

    np.linalg.eigh(np.eye(4))
    before = [pool["num_threads"] for pool in threadpool_info()]
    with one_thread():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_eigenvectors_do_not_depend_on_the_number_of_threads():
    """Of a matrix without full rank, whose null space has any number of bases."""
    found = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True, env=environment)
        found.add(run.stdout)
    assert len(found) == 1
