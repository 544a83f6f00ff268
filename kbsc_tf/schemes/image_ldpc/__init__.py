"""BPG or JPEG over 5G LDPC, or over an ideal code."""
