"""A results folder on disk: points, records, outcomes, and what made them. No TensorFlow."""
