"""Outputs of the published DeepJSCC networks, against which their converted checkpoints are tested.

A tool, not a test: run it in a separate environment that has PyTorch and NumPy, with a clone of
github.com/chunbaobao/Deep-JSCC-PyTorch, which holds the checkpoints:

    python torch_checkpoints.py DEEPJSCC_CHECKOUT OUT_FOLDER

Writes RUN__EPOCH.npz for every out/checkpoints/RUN/EPOCH.pkl: `images`, `latent`, `received` and `restored`, all
[4, height, width, channels].
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch_vectors import draw_images, noisy, save, to_channels_first, to_channels_last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deepjscc", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    checkpoints = sorted((arguments.deepjscc / "out" / "checkpoints").glob("*/*.pkl"))
    if not checkpoints:
        parser.error(f"{arguments.deepjscc} holds no out/checkpoints/*/*.pkl; give a whole clone")
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    sys.path.insert(0, str(arguments.deepjscc))
    for path in checkpoints:
        save(arguments.out / f"{path.parent.name}__{path.stem}.npz", vectors(path))


@torch.no_grad()
def vectors(path: Path) -> dict:
    """Images, what the encoder makes of them, that with noise, and what the decoder makes of it."""
    from model import DeepJSCC

    state = torch.load(path, map_location="cpu", weights_only=True)
    network = DeepJSCC(c=len(state["encoder.conv5.conv.weight"]) // 2)
    network.load_state_dict(state, strict=True)
    network.eval()
    rng = np.random.RandomState(50)
    images = draw_images(4, 32, 32, 256, rng)
    latent = to_channels_last(network.encoder(to_channels_first(images)))
    received = noisy(latent, 0.3, rng)
    restored = to_channels_last(network.decoder(to_channels_first(received)))
    return {"images": images, "latent": latent, "received": received, "restored": restored}


if __name__ == "__main__":
    main()
