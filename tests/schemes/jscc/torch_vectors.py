"""Outputs of the original PyTorch networks, against which the Keras networks are tested.

A tool, not a test: run it in a separate environment that has PyTorch and NumPy, with checkouts of SwinJSCC
(github.com/semcomm/SwinJSCC) and of DeepJSCC (github.com/chunbaobao/Deep-JSCC-PyTorch):

    python torch_vectors.py SWINJSCC_CHECKOUT DEEPJSCC_CHECKOUT OUT_FOLDER

Weights are not stored: `drawn_weights.draw` makes them again from the names, the shapes and the seed.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import types
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from drawn_weights import draw

SNR_DB = 7
VARIANTS = {
    "none": "SwinJSCC_w/o_SAandRA",
    "sa": "SwinJSCC_w/_SA",
    "ra": "SwinJSCC_w/_RA",
    "sa_ra": "SwinJSCC_w/_SAandRA",
}


@dataclass(frozen=True)
class Size:
    """A network by size and the images it gets."""

    image: tuple[int, int]  # height, width
    widths: list[int]
    depths: list[int]
    heads: list[int]
    window: int
    bottleneck: int  # channels of the latent where the rate is fixed
    rate: int  # channels kept where it varies
    batch: int
    spare_head: bool = False  # whether there is a head even where the rate varies, which does not use it
    built_for: tuple[int, int] | None = None  # the size of images before `update_resolution`, if another


# The last two are as in the original's main.py.
TINY = Size((16, 16), [8, 16], [2, 2], [2, 4], window=2, bottleneck=6, rate=5, batch=2)
CIFAR = Size((32, 32), [128, 256], [2, 4], [4, 8], window=2, bottleneck=16, rate=16, batch=2, spare_head=True)
SMALL = Size(
    (128, 256),
    [128, 192, 256, 320],
    [2, 2, 2, 2],
    [4, 6, 8, 10],
    window=8,
    bottleneck=96,
    rate=96,
    batch=1,
    built_for=(256, 256),
)
# What is kept of the large case: steps that are odd meet all phases of the windows and of the pixel shuffles.
TOKEN_STEP, PIXEL_STEP = 3, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("swinjscc", type=Path)
    parser.add_argument("deepjscc", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    stand_in_for_timm_and_cuda()
    sys.path[:0] = [str(arguments.swinjscc), str(arguments.deepjscc)]

    save(arguments.out / "deepjscc_c4.npz", deepjscc_vectors(c=4, seed=1))
    cases = [("tiny", TINY, short, 10) for short in VARIANTS] + [("cifar", CIFAR, short, 20) for short in VARIANTS]
    for name, size, short, seed in [*cases, ("small", SMALL, "sa_ra", 30)]:
        save(arguments.out / f"swinjscc_{name}_{short}.npz", swinjscc_vectors(size, VARIANTS[short], seed))
    torch_files(arguments.out)


def save(path: Path, arrays: dict) -> None:
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {path.stat().st_size} bytes")


def stand_in_for_timm_and_cuda() -> None:
    """Let the original run without timm, of which it uses three small things, and without a GPU."""
    layers = types.ModuleType("timm.models.layers")
    layers.DropPath = torch.nn.Identity
    layers.to_2tuple = lambda x: x if isinstance(x, tuple) else (x, x)
    layers.trunc_normal_ = torch.nn.init.trunc_normal_
    sys.modules.update({"timm": types.ModuleType("timm"), "timm.models": types.ModuleType("timm.models")})
    sys.modules["timm.models.layers"] = layers
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor
    torch.Tensor.get_device = lambda tensor: torch.device("cpu")


def load_drawn(network: torch.nn.Module, seed: int) -> dict:
    """Give a network its drawn weights; the fields that describe them: `names`, `shapes`, `buffers`, `seed`."""
    state = network.state_dict()
    buffers = {
        ".".join(filter(None, [prefix, name])): None if buffer is None else tuple(buffer.shape)
        for prefix, module in network.named_modules()
        for name, buffer in module._buffers.items()
    }
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if name not in buffers}
    weights = {name: torch.from_numpy(value) for name, value in draw(shapes, seed).items()}
    network.load_state_dict({**state, **weights}, strict=True)
    network.eval()
    return {
        "names": np.array(list(state)),
        "shapes": json.dumps(shapes),
        "buffers": json.dumps(buffers),
        "seed": seed,
    }


def to_channels_last(x: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1))


def to_channels_first(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


def draw_images(batch: int, height: int, width: int, levels: int, rng: np.random.RandomState) -> np.ndarray:
    return (rng.randint(levels, size=(batch, height, width, 3)) / (levels - 1)).astype(np.float32)


def noisy(latent: np.ndarray, std: float, rng: np.random.RandomState) -> np.ndarray:
    return (latent + std * rng.standard_normal(latent.shape)).astype(np.float32)


@torch.no_grad()
def deepjscc_vectors(c: int, seed: int) -> dict:
    """`images`, `latent`, `received` and `restored` are [3, height, width, channels]."""
    from model import DeepJSCC

    network = DeepJSCC(c)
    fields = load_drawn(network, seed)
    rng = np.random.RandomState(seed + 1000)
    images = draw_images(3, 32, 32, 256, rng)
    latent = to_channels_last(network.encoder(to_channels_first(images)))
    received = noisy(latent, 0.3, rng)
    restored = to_channels_last(network.decoder(to_channels_first(received)))
    return dict(**fields, c=c, images=images, latent=latent, received=received, restored=restored)


def swinjscc_network(size: Size, variant: str) -> torch.nn.Module:
    from net.network import SwinJSCC

    has_head = size.spare_head or variant in (VARIANTS["none"], VARIANTS["sa"])
    common = {
        "model": variant,
        "img_size": size.built_for or size.image,
        "C": size.bottleneck if has_head else None,
        "window_size": size.window,
        "mlp_ratio": 4.0,
        "qkv_bias": True,
        "qk_scale": None,
        "norm_layer": torch.nn.LayerNorm,
        "patch_norm": True,
    }
    layers = {"embed_dims": size.widths, "depths": size.depths, "num_heads": size.heads}
    options = types.SimpleNamespace(
        model=variant, channel_type="awgn", multiple_snr=str(SNR_DB), C=str(size.rate), distortion_metric="MSE"
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return SwinJSCC(
            options,
            types.SimpleNamespace(
                encoder_kwargs=dict(common, **layers, patch_size=2, in_chans=3),
                decoder_kwargs=dict(common, **{name: values[::-1] for name, values in layers.items()}),
                downsample=len(size.depths),
                device=torch.device("cpu"),
                logger=None,
                pass_channel=True,
                norm=False,
                CUDA=False,
            ),
        )


@torch.no_grad()
def swinjscc_vectors(size: Size, variant: str, seed: int) -> dict:
    """`images` and `restored` are [batch, height, width, 3], `latent` and `received` [batch, tokens, channels].

    Where the rate varies, `mask` [batch, channels] is what `latent` and `received` have been multiplied by. Of the
    large case, `latent` holds one token of `token_step`, and `restored` one pixel of `pixel_step` along each axis.
    """
    network = swinjscc_network(size, variant)
    fields = load_drawn(network, seed)
    height, width = size.image
    large = size is SMALL
    rng = np.random.RandomState(seed + 1000)
    images = draw_images(size.batch, height, width, 4 if large else 256, rng)  # few levels compress

    network.encoder.update_resolution(height, width)
    network.decoder.update_resolution(height // 2**network.downsample, width // 2**network.downsample)
    latent = network.encoder(to_channels_first(images), SNR_DB, size.rate, variant)
    masks = {}
    if variant in (VARIANTS["ra"], VARIANTS["sa_ra"]):
        latent, mask = latent
        assert torch.equal(mask, mask[:, :1].expand_as(mask)), "the mask is the same for all tokens"
        masks = {"mask": mask[:, 0].numpy()}
    latent = latent.numpy()
    received = noisy(latent, 0.1, rng)
    if masks:
        received *= masks["mask"][:, None]
    restored = to_channels_last(network.decoder(torch.from_numpy(received), SNR_DB, variant))

    token_step, pixel_step = (TOKEN_STEP, PIXEL_STEP) if large else (1, 1)
    return dict(
        **fields,
        variant=variant,
        size=json.dumps(asdict(size) | {"head": hasattr(network.encoder, "head_list")}),
        snr_db=SNR_DB,
        rate=size.rate,
        token_step=token_step,
        pixel_step=pixel_step,
        images=images,
        latent=latent[:, ::token_step],
        **masks,
        received=received,
        restored=restored[:, ::pixel_step, ::pixel_step],
    )


class RunsACommand:
    """Unpickling this would run a shell command."""

    def __reduce__(self):
        return os.system, ("exit 3",)


def torch_files(out: Path) -> None:
    """Files of torch.save: all kinds of tensors, what they hold, the format before PyTorch 1.6, and a hostile one."""
    rng = np.random.RandomState(40)
    base = torch.from_numpy(rng.standard_normal(12).astype(np.float32))
    tensors = OrderedDict(
        [
            ("plain.weight", torch.from_numpy(rng.standard_normal((2, 3)).astype(np.float32))),
            ("transposed.weight", torch.from_numpy(rng.standard_normal((2, 4)).astype(np.float32)).T),
            ("shared.first", base[:6].view(2, 3)),
            ("shared.second", base[4:12:2]),
            ("double", torch.from_numpy(rng.standard_normal(3))),
            ("half", torch.from_numpy(rng.standard_normal((3, 1)).astype(np.float16))),
            ("steps", torch.tensor(123456789012, dtype=torch.int64)),
            ("flags", torch.tensor([True, False, True])),
            ("empty", torch.zeros(0, 3)),
        ]
    )
    tensors._metadata = OrderedDict({"": {"version": 1}})  # as state dicts have
    assert not tensors["transposed.weight"].is_contiguous()
    assert tensors["shared.second"].untyped_storage().data_ptr() == base.untyped_storage().data_ptr()
    torch.save(tensors, out / "torch_file.pt")
    np.savez(out / "torch_file.npz", **{name: tensor.numpy() for name, tensor in tensors.items()})
    legacy = {"weight": torch.arange(6, dtype=torch.float32).view(2, 3)}
    torch.save(legacy, out / "torch_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(OrderedDict(weight=torch.ones(2), extra=RunsACommand()), out / "torch_module.pt")


if __name__ == "__main__":
    main()
