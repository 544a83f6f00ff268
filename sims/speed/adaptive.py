"""Time of fitting the adaptive code and its receiver, for `bench.py`."""

import time
from pathlib import Path

from speed.original import POSTERIOR, Ours


def bench_adaptive(features: Path, folder: Path) -> dict[str, float]:
    """Seconds to learn the receiver, with the knowledge base, and to fit one code for all SNRs and rates."""
    ours = Ours(features, folder)
    start = time.perf_counter()
    ours.prepare("adaptive", POSTERIOR)
    receiver_s = time.perf_counter() - start
    start = time.perf_counter()
    ours.fit()
    return {"receiver_s": receiver_s, "fit_s": time.perf_counter() - start}
