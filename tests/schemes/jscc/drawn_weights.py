"""Weights for comparisons with PyTorch: drawn from a frozen generator by name, so that none need be stored."""

import re

import numpy as np

# The transposed convolutions of DeepJSCC share one PReLU, which a state dict lists under the name of each.
SHARED = re.compile(r"(^|\.)tconv\d+\.activate\.weight$")


def draw(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Tensors of the given shapes, float32, the same on every machine.

    They keep activations of order one, gates out of saturation, and every weight visible in the output.
    """
    rng = np.random.RandomState(seed)  # its stream never changes
    drawn, shared = {}, {}
    for name in sorted(shapes):
        if SHARED.search(name) and shared:
            drawn[name] = next(iter(shared.values())).reshape(shapes[name]).copy()
            continue
        mean, std = _distribution(name, tuple(shapes[name]))
        drawn[name] = (mean + std * rng.standard_normal(tuple(shapes[name]))).astype(np.float32)
        if SHARED.search(name):
            shared[name] = drawn[name]
    return drawn


def _distribution(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of the values of a parameter."""
    if name.endswith("bias"):
        return 0.0, 0.1
    if name.endswith((".prelu.weight", ".activate.weight")):
        return 0.25, 0.05
    if len(shape) == 1 and "norm" in name and name.endswith("weight"):
        return 1.0, 0.1
    if name.endswith("relative_position_bias_table"):
        return 0.0, 0.5
    std = float(1 / np.sqrt(np.prod(shape[1:])))
    if re.search(r"\bbm_list1?\.\d+\.fc\.0\.weight$", name):
        return 0.0, 0.05  # it sees an SNR in dB or a number of channels, of order ten to a hundred
    if re.search(r"\bsm_list1?\.\d+\.weight$", name):
        return 0.0, 2 * std  # a gate of about one half follows
    if len(shape) == 4:
        return 0.0, float(np.sqrt(2)) * std  # a convolution; where a PReLU follows, it halves the power
    return 0.0, std
