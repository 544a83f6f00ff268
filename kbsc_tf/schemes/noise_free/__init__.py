"""The retrieval ceiling."""
