"""Quantised features over 5G LDPC."""
