"""mismatch.csv: a row for each part of the study, point, method and amount. Imports no TensorFlow and no faiss."""

from kbsc_tf.sweep.study_folder import Table

FILE = "mismatch.csv"
OWN, MATCHED, CLEAN, UNEQUAL = "receiver's own", "matched", "clean", "clean, unequal shares"
KEY = ["part", "sender", "scheme", "channel", "k", "snr_db", "method", "amount"]
SHARES = ["accuracy", "difference", "abstained_missing", "abstained_known", "break_even"]
COLUMNS = [
    *KEY, "n", *(name + end for name in SHARES for end in ("", "_low", "_high")), "difference_p", "update_uses",
    "query_uses",
]  # fmt: skip
TABLE = Table(FILE, COLUMNS, ["part", "sender", "scheme", "channel", "method"], ["k", "n"], KEY)
"""A row of mismatch.csv.

==============  ========================  ===================================  ================================
part            method                    amount                               difference: accuracy less that of
==============  ========================  ===================================  ================================
encoders        matched, none, aligner    anchors                              matched
stale           rule, equal shares        imbalance                            the rule before it
partial         decision rule             share of classes that are missing    nearest
poisoned        decision rule             share of flipped labels              nearest
update          none, clean, a code       new entries of a missing class       none
==============  ========================  ===================================  ================================

``clean`` entries come for nothing, and ``equal shares`` are those of the posterior, see docs/concepts/mismatch.md.
``n`` is images times draws. Of ``partial`` they are those of known classes, and shown and right ones are accurate.
``update_uses``: complex channel uses of the whole update, resent blocks included; ``query_uses``: of a query.
``break_even``: queries after which the update has paid; NaN where it never does.
"""
