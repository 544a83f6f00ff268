"""Curves, galleries, tables and the HTML report, from records alone. No TensorFlow."""
