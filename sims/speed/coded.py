"""Speed of BPG + LDPC against the obvious script, and of the coded link against graph mode; for `bench.py`."""

import shutil
import time

import numpy as np
import tensorflow as tf
from sionna.phy.channel import AWGN
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Constellation, Demapper, Mapper

from kbsc_tf.channel import FlatChannel
from kbsc_tf.codecs import BpgCodec, BpgToolsCodec, SourceCoder
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.config import AwgnConfig, CodecConfig, CodingConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles
from kbsc_tf.schemes.image_ldpc.scheme import ImageLdpcScheme
from kbsc_tf.transmission import SourceBatch

K, MCS, SNR_DB = 1024, "16qam-1/2", 12.0
IMAGES, OBVIOUS_IMAGES, BLOCKS, TURNS = 1000, 10, 512, 5


def bench_images() -> dict[str, float | str]:
    """Images/s of encoding to the budget, coding, channel, decoding; everything compiled once before."""
    images = procedural_set(IMAGES + 200, 0, "bench")
    files = ImageFiles(SourceCoder(BpgCodec()))
    scheme = ImageLdpcScheme(K, AwgnConfig(), CodingConfig(), Mcs.parse(MCS), files, CodecConfig())
    pictures = images.read(np.arange(IMAGES))
    batch = SourceBatch(np.zeros((IMAGES, 1), np.float32), pictures)
    others = images.read(np.arange(IMAGES, IMAGES + 200))  # files and code words of what is timed are not made yet
    scheme.transmit(SourceBatch(np.zeros((len(others), 1), np.float32), others), SNR_DB, 0)
    scheme.forget()
    start = time.perf_counter()
    sent = scheme.transmit(batch, SNR_DB, 0)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    for picture in pictures[:OBVIOUS_IMAGES]:
        obvious(picture, scheme.plan)
    obvious_s = time.perf_counter() - start
    ours, baseline = IMAGES / seconds, OBVIOUS_IMAGES / obvious_s
    return {
        "mcs": MCS,
        "channel_uses": K // 2,
        "delivered": float(sent.delivered.mean()),
        "images_per_s": ours,
        "baseline": "bpgenc and bpgdec" if shutil.which("bpgenc") else "a fresh codec context per image",
        "baseline_images_per_s": baseline,
        "ratio": ours / baseline,
    }


def obvious(image: np.ndarray, plan: TransportPlan) -> np.ndarray | None:
    """One image as most public baselines send it: everything made anew, eager."""
    codec = BpgToolsCodec if shutil.which("bpgenc") else BpgCodec
    file = codec().encode_to_budget(image, plan.payload_bits // 8)
    bits = np.zeros((1, plan.info_bits), np.float32)
    bits[0, : 8 * len(file)] = np.unpackbits(np.frombuffer(file, np.uint8))
    encoder = LDPC5GEncoder(plan.info_bits, plan.coded_bits, num_bits_per_symbol=4)
    decoder = LDPC5GDecoder(encoder, num_iter=20, hard_out=True, return_infobits=True)
    constellation = Constellation("qam", 4)
    no = 10 ** (-SNR_DB / 10)
    received = AWGN()(Mapper(constellation=constellation)(encoder(tf.constant(bits))), no)
    decoded = decoder(Demapper("app", constellation=constellation)(received, no)).numpy()
    content = np.packbits(decoded[0, : 8 * len(file)].astype(np.uint8)).tobytes()
    return codec().decode(content) if content == file else None


def bench_link() -> dict[str, dict[str, float]]:
    """Information Mbit/s of the coded link by decoder, the same blocks and noise, and the share of blocks lost."""
    decoders = {
        "layered": DecoderSettings(),
        "flooding": DecoderSettings(schedule="flooding"),
        "flooding_in_graph_mode": DecoderSettings(schedule="flooding", jit=False),
    }
    figures = {}
    for name, mcs, uses, snr_db in (
        ("qpsk-1/2, 1024 coded bits", "qpsk-1/2", 512, 2.0),
        ("16qam-1/2, 2048 coded bits", "16qam-1/2", 512, 8.0),
        ("64qam-1/2, 6144 coded bits", "64qam-1/2", 1024, 13.0),
    ):
        plan = TransportPlan.for_uses(Mcs.parse(mcs), uses)
        links = {kind: TransportLink(plan, FlatChannel(), settings) for kind, settings in decoders.items()}
        seconds, one = {kind: [] for kind in links}, {}
        for turn in range(TURNS + 1):
            # New ones in every turn: links keep the code words of payloads that they have sent.
            bits = np.random.default_rng(turn).integers(0, 2, (BLOCKS, plan.payload_bits), np.uint8)
            for kind, link in links.items():
                start = time.perf_counter()
                _, delivered = link(bits, snr_db, turn)
                seconds[kind].append(time.perf_counter() - start)
                one[f"{kind}_lost"] = 1 - float(delivered.mean())
        total = BLOCKS * plan.blocks * plan.info_bits / 1e6
        # The first turn compiled.
        speeds = {kind: total / float(np.median(times[1:])) for kind, times in seconds.items()}
        one |= {f"{kind}_mbit_per_s": speed for kind, speed in speeds.items()}
        one |= {"ratio": speeds["layered"] / speeds["flooding"]}
        figures[name] = one | {"ratio_to_graph_mode": speeds["layered"] / speeds["flooding_in_graph_mode"]}
    return figures
