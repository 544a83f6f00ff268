"""What computes: GPUs prepared for sharing, and a description for records."""

import platform

import tensorflow as tf

from kbsc_tf.knowledge import search_devices


def share_gpus() -> None:
    """Let TensorFlow take GPU memory as it needs it, so that some is left for the FAISS index.

    Call before anything runs on a GPU.
    """
    for gpu in _gpus():
        tf.config.experimental.set_memory_growth(gpu, True)


def describe_devices() -> str:
    """Processor, TensorFlow's GPUs and the devices FAISS searches on."""
    gpus = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in _gpus()]
    tensorflow = ", ".join(gpus) or "CPU"
    return f"{platform.machine()} {platform.system()}; TensorFlow: {tensorflow}; FAISS: {search_devices()}"


def _gpus() -> list:
    return tf.config.list_physical_devices("GPU")
