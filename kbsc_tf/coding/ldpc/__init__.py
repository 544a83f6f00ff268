"""5G LDPC codes: code blocks, encoding and rate matching, decoding."""
