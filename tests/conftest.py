"""Settings that must come before TensorFlow."""

import os

# Threads of TensorFlow and FAISS that wait would spin against each other on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
