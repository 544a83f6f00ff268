"""Sentences with numbers in the README of large knowledge bases."""

import numpy as np
import pandas as pd
from readmes import RESULTS, Readme


def test_large_knowledge_bases():
    kb = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["index", "entries"])
    flat, ivf, pq_ivf, pq = (kb.loc[name] for name in ("Flat", "IVFsqrt,Flat", "IVFsqrt,PQ64", "PQ64"))
    fast, exact = kb.loc["HNSW32 efSearch=64"].loc[10**6], kb.loc["HNSW32 efSearch=256"].loc[10**6]
    gains = np.diff(100 * flat.accuracy)
    cpu = [flat.batch_cpu_s_per_query[10**6] / hnsw.batch_cpu_s_per_query for hnsw in (exact, fast)]
    smaller = [flat.bytes[10**6] / index.bytes[10**6] for index in (pq_ivf, pq)]
    ranked = sorted(kb[kb.factory != "Flat"].difference_p)
    holm = max(p * (len(ranked) - i) for i, p in enumerate(ranked) if p <= exact.difference_p)
    assert all(row.difference_low <= 0 <= row.difference_high for row in ivf.loc[[10**5, 10**6]].itertuples())
    missing = Readme("results/kb_scaling").not_said(
        f"Ten times the entries gain {min(gains):.0f} to {max(gains):.0f} points of accuracy",
        f"(IVF, Flat) loses {-100 * ivf.difference[10**4]:.1f} points at 10^4 entries",
        f"is {cpu[0]:.0f} to {cpu[1]:.0f} times less than that of exact search, for {exact.build_cpu_s / 60:.0f} "
        "minutes of CPU to "
        "build",
        f"takes {smaller[0]:.0f} to {smaller[1]:.0f} times less memory at 10^6 entries and costs "
        f"{-100 * pq.difference[10**6]:.0f} "
        f"points alone, {-100 * pq_ivf.difference[10**6]:.0f} within lists",
        f"the nearest entry for {100 * pq_ivf.recall_1[10**6]:.0f} % of the queries at 10^6 and gives up "
        f"{-100 * pq_ivf.difference[10**6]:.0f} points",
        f"({1e3 * flat.batch_cpu_s_per_query[10**6]:.1f} against {1e3 * ivf.batch_cpu_s_per_query[10**6]:.1f} ms)",
        f"HNSW is {100 * exact.difference:.1f} points ({100 * exact.difference_low:.1f} to "
        f"{100 * exact.difference_high:.1f}) "
        f"*above* exact search at 10^6: the p-value is {exact.difference_p:.4f}, {holm:.3f} after Holm's correction "
        "over the "
        f"{len(ranked)} comparisons",
    )
    assert missing == []
