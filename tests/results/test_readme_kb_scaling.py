"""The README of large knowledge bases says what its records hold: its table, its sentences, its time."""

import json

import numpy as np
import pandas as pd
import pytest
from readmes import RESULTS, Readme, disagree, wrong_cells


def test_knowledge_bases_of_three_sizes():
    (table,) = Readme("results/kb_scaling").tables
    rows = pd.read_csv(RESULTS / "kb_scaling/kb_scaling.csv").set_index(["entries", "index"])

    def expected(row, head):
        r = rows.loc[int(row["entries"].replace(",", "")), row["index"]]
        exact = r.factory == "Flat"
        return {
            "accuracy, %": (100 * r.accuracy, 100 * r.accuracy_low, 100 * r.accuracy_high),
            "less exact, points": "–"
            if exact
            else (100 * r.difference, 100 * r.difference_low, 100 * r.difference_high),
            "recall@1": r.recall_1,
            "recall@10": r.recall_k,
            "batched, queries/s": r.queries_per_s,
            "CPU/query, ms": 1e3 * r.batch_cpu_s_per_query,
            "one by one, ms": 1e3 * r.single_s,
            "build, s (CPU)": "–" if exact else (r.train_s + r.add_s, r.build_cpu_s),
            "index, MB": r.bytes / 1e6,
            "bytes/entry": r.bytes_per_entry,
            "load": r.load,
        }[head]

    assert wrong_cells(table, expected, table.heads[2:]) == []


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


def test_the_time_of_the_run():
    run = json.loads((RESULTS / "kb_scaling/run.json").read_text(encoding="utf-8"))
    assert Readme("results/kb_scaling").not_said(f", {run['wall_time_s'] / 60:.0f} minutes)") == []


@pytest.mark.parametrize(("printed", "value"), [("29.3 ±1.3", (29.34, 1.26)), ("1.39e+04", 13874), ("-0.5", -0.54)])
def test_a_cell_agrees_to_its_last_digit(printed, value):
    assert not disagree(printed, value)
    assert disagree(printed, tuple(1.05 * v for v in value) if isinstance(value, tuple) else 1.2 * value)
