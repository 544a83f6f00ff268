"""What a bench ran on."""

import os
import platform
from datetime import datetime, timezone
from pathlib import Path

from kbsc_tf.results.provenance import code_state, versions
from kbsc_tf.threads import thread_count

_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")  # that decide how fast products are


def describe_machine() -> dict[str, object]:
    """Processor, cores, memory, versions and the state of the code."""
    lines = [line.partition(":") for line in _read("/proc/cpuinfo").splitlines()]
    about = {name.strip(): value.strip() for name, _, value in lines}
    memory = next((line.split()[1] for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), None)
    flags = set(about.get("flags", "").split())
    return {
        "processor": about.get("model name", platform.processor() or "unknown"),
        "instructions": [flag for flag in _FLAGS if flag in flags],
        "cores": os.cpu_count(),
        "threads": thread_count(),
        "memory_gb": None if memory is None else round(int(memory) / 1e6, 1),
        "system": platform.platform(terse=True),
        "versions": versions(),
        **code_state(),
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
