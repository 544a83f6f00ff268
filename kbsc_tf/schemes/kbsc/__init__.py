"""KBSC: the trained encoder and decoder of arXiv 2504.01053."""
