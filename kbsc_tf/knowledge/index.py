"""FAISS indices: factory string to trained index, CPU or GPU, bytes and back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np

from kbsc_tf.errors import UserError

METRICS = {"l2": faiss.METRIC_L2, "inner_product": faiss.METRIC_INNER_PRODUCT}
# TensorFlow shares the GPU; FAISS would otherwise reserve 1.5 GB of scratch space for itself.
_GPU_SCRATCH_BYTES = 256 << 20
_REFINED = 20  # candidates that a refined index compares anew, for each that is asked for


def set_search_threads(threads: int) -> None:
    """Set the number of OpenMP threads of every FAISS search in this process (default: left to OpenMP)."""
    if threads < 1:
        raise UserError(f"search threads: expected a number of at least 1, got {threads}")
    faiss.omp_set_num_threads(threads)


def build_index(features: np.ndarray, index: str, metric: str, probes: int | None = None) -> faiss.Index:
    """Make, train and fill an index on the CPU.

    Parameters
    ----------
    features : [N, D], float32, C-contiguous
    index : str
        FAISS factory string, such as "Flat", "IVF256,Flat", "HNSW32" or "PQ64".
    metric : {"l2", "inner_product"}
    probes : int, optional
        Lists an IVF index searches per query, see `search_widely`.

    Raises
    ------
    UserError
        Bad factory string or metric, one that does not fit D, or fewer features than the index needs for training.
    """
    count, dimension = features.shape
    built = make_index(dimension, index, metric)
    needed = training_needed(built, index)
    if count < needed:
        raise UserError(
            f"receiver.index: {index!r} needs at least {needed} knowledge base entries for training, there are "
            f"{count}; use Flat, a smaller index or a larger knowledge base"
        )
    try:
        if not built.is_trained:
            built.train(features)
        built.add(features)
    except RuntimeError as error:
        raise UserError(
            f"receiver.index: FAISS cannot build {index!r} over {count} entries ({cause(error)}); use for example Flat"
        ) from None
    search_widely(built, probes)
    return built


def search_widely(index: faiss.Index, probes: int | None = None) -> None:
    """Let an index look at more than FAISS's own defaults, which lose a large share of the nearest neighbours.

    An IVF index searches ``probes`` lists, a sixteenth of them unless given, instead of one. A refined one, such as
    "IVF256,PQ128x4fsr,Refine(SQ8)", compares twenty times as many entries anew as are asked for, instead of as many.
    """
    if ivf := faiss.try_extract_index_ivf(index):
        ivf.nprobe = min(probes or max(1, ivf.nlist // 16), ivf.nlist)
    if isinstance(index, faiss.IndexRefine):
        index.k_factor = _REFINED


def make_index(dimension: int, index: str, metric: str, field: str = "receiver") -> faiss.Index:
    """An empty index on the CPU; messages name the keys of the section ``field``.

    Raises
    ------
    UserError
        Bad factory string or metric, or one that does not fit the dimension.
    """
    if metric not in METRICS:
        raise UserError(f"{field}.metric: expected l2 or inner_product, got {metric!r}")
    if index == "Flat":
        return faiss.IndexFlat(dimension, METRICS[metric])
    try:
        made = faiss.index_factory(dimension, index, METRICS[metric])
    except RuntimeError as error:
        raise UserError(
            f"{field}.index: FAISS makes no index of {index!r} for {dimension}-dimensional features "
            f"({cause(error)}); use for example Flat, IVF256,Flat or HNSW32"
        ) from None
    quantised = faiss.downcast_index(faiss.try_extract_index_ivf(made) or made)
    if hasattr(quantised, "do_polysemous_training"):
        # It renumbers the codewords for a filter that searches here do not use, and takes minutes.
        quantised.do_polysemous_training = False
    return made


def training_needed(made: faiss.Index, index: str) -> int:
    """Entries without which an index cannot be trained: one per list, one per codeword; 0 if it is trained."""
    ivf = faiss.try_extract_index_ivf(made)
    return 0 if made.is_trained else max(ivf.nlist if ivf else 0, _codebook_size(index))


def place_index(index: faiss.Index, gpu: bool | None) -> tuple[faiss.Index, str]:
    """Move an index to the GPU if asked to or, with ``gpu=None``, if FAISS sees one and supports the index there.

    Returns
    -------
    index : faiss.Index
    device : {"cpu", "gpu"}

    Raises
    ------
    UserError
        ``gpu=True`` and FAISS sees no GPU, or has no GPU version of this index.
    """
    seen = faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0
    if gpu and not seen:
        raise UserError(
            "receiver.gpu: true, but FAISS sees no GPU; set it to false or null, or install the gpu extra (faiss-gpu)"
        )
    if gpu is False or not seen:
        return index, "cpu"
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(_GPU_SCRATCH_BYTES)
    try:
        moved = faiss.index_cpu_to_gpu(resources, 0, index)
    except RuntimeError as error:
        if gpu:
            raise UserError(
                f"receiver.gpu: true, but FAISS cannot put this index on the GPU ({cause(error)}); "
                "set it to false or null"
            ) from None
        return index, "cpu"
    return moved, "gpu"


def index_to_bytes(index: faiss.Index, device: str) -> bytes:
    """Serialise an index; one on the GPU is copied to the CPU first (FAISS cannot write it from there)."""
    return faiss.serialize_index(faiss.index_gpu_to_cpu(index) if device == "gpu" else index).tobytes()


def index_from_bytes(content: bytes) -> faiss.Index:
    """Inverse of :func:`index_to_bytes`, on the CPU; raises RuntimeError on bytes that are not an index."""
    with _no_more_than(len(content)):
        return faiss.deserialize_index(np.frombuffer(content, np.uint8))


@contextmanager
def _no_more_than(size: int) -> Iterator[None]:
    """Let FAISS, where it can be told, believe no length in an index that ``size`` bytes cannot hold.

    It would take and clear that memory first, some gigabytes for one bit.
    """
    before = {}
    for name in ("vector_byte_limit", "loop_limit"):
        if hasattr(faiss, f"set_deserialization_{name}"):  # of 1.9 it is not yet
            before[name] = getattr(faiss, f"get_deserialization_{name}")()
            getattr(faiss, f"set_deserialization_{name}")(size)
    try:
        yield
    finally:
        for name, limit in before.items():
            getattr(faiss, f"set_deserialization_{name}")(limit)


def check_entries(index: faiss.Index, factory: str, metric: str) -> None:
    """Raise ValueError of an index that was read and is not one of ``factory`` and ``metric``, whole and of numbers."""
    made = make_index(index.d, factory, metric)
    if not isinstance(index, type(made)) or index.metric_type != made.metric_type or not index.is_trained:
        raise ValueError(f"its index is no {factory} of {metric}")
    if isinstance(index, faiss.IndexFlat):
        if not np.isfinite(faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)).all():
            raise ValueError("its index holds NaN or infinity")
    elif ivf := faiss.try_extract_index_ivf(index):
        lists = ivf.invlists
        filled = [i for i in range(lists.nlist) if lists.list_size(i)]
        ids = [faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy() for i in filled]
        if not np.array_equal(np.sort(np.concatenate([*ids, []])), np.arange(index.ntotal)):
            raise ValueError("its index has an entry twice")


def _codebook_size(index: str) -> int:
    """Training points a product quantiser in the factory string needs: one per codeword, 2^bits."""
    bits = [int(found or 8) for found in re.findall(r"PQ\d+(?:x(\d+))?", index)]
    return 2 ** max(bits) if bits else 0


def cause(error: Exception) -> str:
    """The part of a FAISS message that says what is wrong, without its C++ signature."""
    return re.sub(r"^Error in .*? at \S+:\d+:\s*(Error: )?", "", str(error)).split("\n")[0][:160]


def search_devices() -> str:
    """What FAISS can search on here: "CPU", or "CPU and N GPU"."""
    gpus = getattr(faiss, "get_num_gpus", lambda: 0)()
    return f"CPU and {gpus} GPU" if gpus else "CPU"
