"""Figures and tables of what became of single images. Imports no TensorFlow."""
