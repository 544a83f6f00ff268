"""kb_scaling.csv: a row for each size of the knowledge base and index. Imports no TensorFlow and no faiss."""

from pathlib import Path

import pandas as pd

from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.sweep.study_folder import StudyFolder, Table

FILE = "kb_scaling.csv"
TEXT = ["index", "factory", "storage"]
COLUMNS = [
    "entries", *TEXT, "n", "top_k", "accuracy", "accuracy_low", "accuracy_high",
    "difference", "difference_low", "difference_high", "difference_p",
    "recall_1", "recall_1_low", "recall_1_high", "recall_k", "recall_k_low", "recall_k_high",
    "queries_per_s", "batch_s_per_query", "batch_cpu_s_per_query", "single_s", "singles",
    "train_s", "add_s", "build_cpu_s", "bytes", "bytes_per_entry", "threads", "load",
]  # fmt: skip
_WHOLE = ["entries", "n", "top_k", "singles", "bytes", "threads"]
TABLE = Table(FILE, COLUMNS, TEXT, _WHOLE, ["entries", "index"])


def read_rows(folder: Path | str) -> pd.DataFrame:
    """Read kb_scaling.csv of a results folder.

    Returns
    -------
    DataFrame
        ``COLUMNS``, rows by size, then as they came. ``difference``: accuracy less that of exact search on the same
        received features. ``storage``: "ram", or "disk" for features (exact search) or lists on disk. ``load``: the
        machine's load average; above its number of cores the clock's times are too long, those of the CPU are not.

    Raises
    ------
    UserError
        The file is missing or unreadable, lacks a column, or has a cell that is not a number.
    """
    return TABLE.read(folder).sort_values("entries", kind="stable").reset_index(drop=True)


class ScalingResults(StudyFolder):
    """The results folder of one study of the knowledge base's size, see `StudyFolder`; sizes and indices may differ."""

    def __init__(self, path: Path | str, config: KbScalingConfig, device: str) -> None:
        super().__init__(path, config, TABLE, device)
