"""Decode mutated BPG files; run as a script, so that a crash of FFmpeg is an exit status: fuzz_bpg.py COUNT SEED.

Prints JSON: how many files were decoded and refused, seconds of the slowest, the most memory in MB before and after.
"""

import json
import random
import re
import sys
import time
from pathlib import Path

import numpy as np
from codec_samples import CONFORMANCE, picture

from kbsc_tf.codecs import BpgCodec, CodecError
from kbsc_tf.codecs.bit_fields import write_ue7
from kbsc_tf.codecs.bpg_container import read_bpg, read_header


def valid_files():
    sizes = [(16, 16), (32, 32), (7, 5), (61, 96), (130, 70)]
    made = [
        BpgCodec(chroma, preset="fast").encode(picture(*size), qp)
        for chroma in ("444", "422", "420", "grey")
        for size in sizes
        for qp in (20, 35, 51)
    ]
    return made + [path.read_bytes() for path in sorted(CONFORMANCE.glob("*.bpg"))]


def flip_bits(data, others, rng):
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def truncate(data, others, rng):
    return data[: rng.randrange(len(data))]


def splice(data, others, rng):
    other = rng.choice(others)
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def insert(data, others, rng):
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:]


def random_header(data, others, rng):
    """Other sizes, flags or block sizes in front of real picture data."""
    body = read_bpg(bytes(data), 1 << 26).units
    hevc = rng.randbytes(rng.randrange(1, 6)) if rng.random() < 0.5 else bytes.fromhex("b91d00")
    sides = [rng.choice((1, 8, 32, 100, 1000, 5000, 70_000, 2**31)) for _ in range(2)]
    numbers = b"".join(map(write_ue7, (*sides, rng.choice((0, 0, 0, 20, 2**32 - 1)), len(hevc))))
    first = rng.choice((data[4], rng.randrange(256)))
    second = rng.choice((0, 0, rng.randrange(256)))
    return data[:4] + bytes([first, second]) + numbers + hevc + b"\0\0\1".join(unit.data for unit in body)


MUTATIONS = (flip_bits, truncate, splice, insert, random_header)


def main(count, seed):
    rng, files = random.Random(seed), valid_files()
    codec = BpgCodec(max_pixels=1 << 22)
    for file in files:
        codec.decode(file)
    report = {"decoded": 0, "refused": 0, "slowest_s": 0.0, "memory_before_mb": peak_mb()}
    for _ in range(count):
        data = bytes(rng.choice(MUTATIONS)(bytearray(rng.choice(files)), files, rng))
        start = time.process_time()
        try:
            pixels = codec.decode(data)
        except CodecError as error:
            report["refused"] += 1
            assert str(error) and "\n" not in str(error)
        else:
            header, _ = read_header(data)
            assert pixels.dtype == np.uint8
            assert pixels.shape == (header.height, header.width, 3)
            report["decoded"] += 1
        report["slowest_s"] = max(report["slowest_s"], time.process_time() - start)
    report["memory_after_mb"] = peak_mb()
    print(json.dumps(report))


def peak_mb():
    """Most memory so far; getrusage, which counts the parent too, only where there is nothing better."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
