"""The receiver's knowledge base: labelled features in a FAISS index. The only importer of faiss."""

# Before any other module imports faiss.
import kbsc_tf.knowledge.faiss_kernels  # noqa: F401

# isort: split
from kbsc_tf.knowledge.decision import Decision
from kbsc_tf.knowledge.index import search_devices, set_search_threads
from kbsc_tf.knowledge.knowledge_base import KnowledgeBase

__all__ = [
    "Decision",
    "KnowledgeBase",
    "search_devices",
    "set_search_threads",
]
