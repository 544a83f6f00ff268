"""A plug-in for kbsc_tf: a scheme, a channel, an encoder and a dataset, each in at most 40 lines."""
