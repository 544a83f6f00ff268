"""What `bench_gpu.py` does on one device: each part times itself and returns arrays that both devices must agree in."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from timing import median_seconds

REPEATS = 5
Evidence = dict[str, np.ndarray]


class Sizes(NamedTuple):
    """How much each part does."""

    entries: int
    queries: int
    batch: int
    blocks: int
    images: int
    clip_layers: int


SIZES = {
    "full": Sizes(entries=200_000, queries=5_000, batch=4_096, blocks=2_048, images=64, clip_layers=12),
    "small": Sizes(entries=2_000, queries=200, batch=128, blocks=64, images=4, clip_layers=2),
}


def _features(count: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((count, 512)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def memory(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """TensorFlow and FAISS side by side: a product while an index lies on the device."""
    import tensorflow as tf

    from kbsc_tf.knowledge import search_devices

    kb, product = _knowledge_base(sizes, gpu), tf.function(lambda x: tf.matmul(x, x, transpose_b=True))
    x = tf.constant(_features(sizes.queries, 1))
    taken = median_seconds(lambda: (product(x).numpy(), kb.search(x.numpy(), 1)), repeats=2)
    of = tf.config.experimental.get_memory_info("GPU:0") if gpu else {}
    figures = {"search_devices": search_devices(), "kb_device": kb.device, "seconds": taken, "tensorflow_bytes": of}
    return figures, {"product": product(x).numpy()[:50, :50]}


def _knowledge_base(sizes: Sizes, gpu: bool):
    from kbsc_tf.config import NearestConfig
    from kbsc_tf.features import FeatureSet
    from kbsc_tf.knowledge import KnowledgeBase

    x = _features(sizes.entries, 0)
    entries = FeatureSet("bench", x, np.arange(len(x)) % 100, tuple(map(str, range(100))), ("",) * len(x), "bench")
    return KnowledgeBase.build(entries, NearestConfig(gpu=gpu))


def search(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """Exact search, saved and loaded again: the ids are those of the CPU."""
    from kbsc_tf.knowledge import KnowledgeBase

    kb, queries = _knowledge_base(sizes, gpu), _features(sizes.queries, 2)
    taken = median_seconds(lambda: kb.search(queries, 5), REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        kb.save(Path(folder) / "kb")
        again = KnowledgeBase.load(Path(folder) / "kb", gpu=gpu)
        ids, loaded = (one.search(queries, 5)[1] for one in (kb, again))
    figures = {"entries": sizes.entries, "queries_per_s": len(queries) / taken}
    return figures, {"ids": ids, "ids_after_loading": loaded}


def training(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """Steps of KBSC's training and batches of a sweep, eager, in graph mode and by XLA, over AWGN."""
    import keras
    import tensorflow as tf

    from kbsc_tf.config import AwgnConfig
    from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
    from kbsc_tf.schemes.kbsc.config import LossWeights
    from kbsc_tf.schemes.kbsc.feature_losses import SemanticLoss
    from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder

    x, figures, evidence = _features(sizes.batch, 3), {}, {}
    inputs = {"feature": x, "snr_db": np.full(len(x), np.inf, np.float32)}  # without noise, so that devices can agree
    for mode, settings in {
        "eager": {"run_eagerly": True},
        "graph": {"jit_compile": False},
        "xla": {"jit_compile": True},
    }.items():
        keras.utils.set_random_seed(0)
        link = SemanticLink(SemanticEncoder(128, 512), SemanticDecoder(128, 512), AwgnConfig())
        link.compile(optimizer=keras.optimizers.SGD(0.1), loss=SemanticLoss(LossWeights(), x.mean(axis=0)), **settings)
        evidence[f"loss_{mode}"] = np.array([float(link.train_on_batch(inputs, x))])
        taken = median_seconds(lambda link=link: link.train_on_batch(inputs, x), REPEATS)
        figures[f"training_features_per_s_{mode}"] = len(x) / taken
        transmit = link.transmit if mode == "eager" else tf.function(link.transmit, jit_compile=mode == "xla")
        taken = median_seconds(
            lambda transmit=transmit: transmit(tf.constant(x), tf.constant(5.0)).features.numpy(), REPEATS
        )
        figures[f"sweep_features_per_s_{mode}"] = len(x) / taken
    return figures, evidence


def coded(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """Information bits over LDPC and AWGN; lost blocks are as many as on the CPU, within their interval."""
    from kbsc_tf.channel import FlatChannel

    return _link(sizes, FlatChannel(), 1.5)


def ofdm(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """The same over an OFDM grid and TDL-A with estimated channels."""
    from kbsc_tf.channel import build_channel
    from kbsc_tf.config import OfdmConfig

    return _link(sizes, build_channel(OfdmConfig(model="tdl-a", csi="ls")), 9.0)


def _link(sizes: Sizes, channel, snr_db: float) -> tuple[dict, Evidence]:
    from kbsc_tf.coding import Mcs, TransportPlan
    from kbsc_tf.coding.transport_link import TransportLink

    plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 512)
    bits = np.random.default_rng(0).integers(0, 2, (sizes.blocks, plan.payload_bits), np.uint8)
    link = TransportLink(plan, channel)
    taken = median_seconds(lambda: link(bits, snr_db, 1), repeats=3)
    _, delivered = link(bits, snr_db, 1)
    figures = {"mbit_per_s": sizes.blocks * plan.info_bits / taken / 1e6, "bler": float(1 - delivered.mean())}
    return figures, {"lost_blocks": np.array([(~delivered).sum(), sizes.blocks])}


def clip(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """CLIP ViT-B/32 with drawn weights: images a second, and the same features."""
    import os

    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    from transformers import CLIPVisionConfig, TFCLIPVisionModel

    model = TFCLIPVisionModel(CLIPVisionConfig(num_hidden_layers=sizes.clip_layers))
    pixels = np.random.default_rng(4).standard_normal((sizes.images, 3, 224, 224)).astype(np.float32)
    model(pixel_values=tf.constant(pixels[:1]))
    rng = np.random.default_rng(5)
    for variable in model.weights:  # drawn by NumPy: the same on every device
        if len(variable.shape) > 1 or "class_embedding" in variable.name:
            variable.assign(rng.standard_normal(variable.shape).astype(np.float32) * 0.02)
    embed = tf.function(lambda x: model(pixel_values=x).pooler_output)
    taken = median_seconds(lambda: embed(tf.constant(pixels)).numpy(), repeats=3)
    return {"images_per_s": sizes.images / taken}, {"features": embed(tf.constant(pixels[:4])).numpy()}


def cluster(sizes: Sizes, gpu: bool) -> tuple[dict, Evidence]:
    """A sweep on Ray, whose points reserve half a GPU each: the same records."""
    import kbsc_tf as kbsc

    executor = {"kind": "ray", "num_cpus": 1, "num_gpus": 0.5 if gpu else 0}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = kbsc.run(
            {
                "name": "bench_gpu",
                "data": {"source": "procedural", "training_images": 400, "test_images": 200},
                "schemes": ["pca"],
                "k": [16],
                "snr_db": [0, 10],
                "executor": executor,
            },
            out=Path(folder) / "run",
        )
        accuracies = run.frame()["top1"].to_numpy()
    return {"seconds": time.perf_counter() - started}, {"accuracies": accuracies}


# Name -> part and how its evidence is compared: greatest difference, or "ids" and "counts" (see `bench_gpu.agree`).
PARTS: dict[str, tuple[Callable[[Sizes, bool], tuple[dict, Evidence]], float | str]] = {
    "memory": (memory, 1e-3),
    "search": (search, "ids"),
    "training": (training, 1e-2),
    "coded_link": (coded, "counts"),
    "ofdm_link": (ofdm, "counts"),
    "clip": (clip, 2e-2),
    "ray": (cluster, 0.02),
}
