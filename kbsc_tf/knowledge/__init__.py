"""The receiver's knowledge base: labelled features in a FAISS index. The only importer of faiss."""

from kbsc_tf.knowledge.calibration import Calibration, fit_calibration
from kbsc_tf.knowledge.decision import Decision
from kbsc_tf.knowledge.fit_posterior import ValidationCodes, calibrate_posterior, fit_posterior
from kbsc_tf.knowledge.index import search_devices, set_search_threads
from kbsc_tf.knowledge.knowledge_base import KnowledgeBase
from kbsc_tf.knowledge.posterior import PosteriorRule, PosteriorSearch, metric_weights

__all__ = [
    "Calibration",
    "Decision",
    "KnowledgeBase",
    "PosteriorRule",
    "PosteriorSearch",
    "ValidationCodes",
    "calibrate_posterior",
    "fit_calibration",
    "fit_posterior",
    "metric_weights",
    "search_devices",
    "set_search_threads",
]
