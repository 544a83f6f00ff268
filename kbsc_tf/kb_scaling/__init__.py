"""A study of its own: search in knowledge bases of growing size."""
