"""Closed-form linear codes: PCA and the raw feature."""
