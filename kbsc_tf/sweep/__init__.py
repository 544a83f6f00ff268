"""Run a sweep: which points, who computes them, how far it is. No TensorFlow."""
