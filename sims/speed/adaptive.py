"""Time of fitting the adaptive code and its receiver, for `bench.py`."""

from pathlib import Path

from timing import seconds_of

from speed.original import POSTERIOR, Ours


def bench_adaptive(features: Path, folder: Path) -> dict[str, float]:
    """Seconds to learn the receiver, with the knowledge base, and to fit one code for all SNRs and rates."""
    ours = Ours(features, folder)
    receiver_s = seconds_of(lambda: ours.prepare("adaptive", POSTERIOR))
    return {"receiver_s": receiver_s, "fit_s": seconds_of(ours.fit)}
