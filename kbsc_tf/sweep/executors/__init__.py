"""Who computes the points of a sweep: this process, several, or a Ray cluster. `base` says what an executor is."""
