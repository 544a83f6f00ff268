"""The channels of an experiment: flat, or OFDM."""
