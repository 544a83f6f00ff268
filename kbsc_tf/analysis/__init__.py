"""What records and outcomes tell: paired tests, confidence. No TensorFlow."""
