"""Published PyTorch weights in our models: every name is mapped, and a missing or surplus one is an error."""

import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers

from kbsc_tf.errors import UserError
from kbsc_tf.schemes.jscc.config import SwinSize
from kbsc_tf.schemes.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.schemes.jscc.modnet import ModNet
from kbsc_tf.schemes.jscc.swin import SwinBlock
from kbsc_tf.schemes.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder
from kbsc_tf.schemes.jscc.torch_file import read_state_dict

Entry = tuple[str, keras.Variable]
"""PyTorch's name of a tensor and the variable that it becomes."""

# Constants that follow from window and image size, and those of the training loss.
_BUFFERS = r"\.attn_mask$|\.relative_position_index$|^distortion_loss\.dist\.(window|weights)$"
# Layers that the original makes for every variant and calls for some.
_UNUSED_HEAD, _UNUSED_MODNET = r"|^(en|de)coder\.head_list\.", r"|^(en|de)coder\.(bm|sm)_list\."


def load_deepjscc(path: Path) -> tuple[DeepJsccEncoder, DeepJsccDecoder]:
    """Encoder and decoder from a checkpoint of the repository ``chunbaobao/Deep-JSCC-PyTorch``.

    Its symbols have unit power per real value and its noise variance 1 / (2 SNR): its "SNR" of s dB is Es/N0 =
    s + 3.01 dB here.

    Raises
    ------
    UserError
        The file is no such checkpoint; names what is missing, surplus or of another shape.
    """
    state = read_state_dict(path)
    last = state.get("encoder.conv5.conv.weight", np.empty((0,)))
    if last.ndim != 4 or not len(last):
        raise UserError(f"{path}: no DeepJSCC checkpoint (encoder.conv5.conv.weight is missing); give another file")
    encoder, decoder = DeepJsccEncoder(len(last)), DeepJsccDecoder(len(last))
    _assign(path, state, [*_deepjscc(encoder, decoder)], "(?!)")
    return encoder, decoder


def load_swinjscc(
    path: Path, size: SwinSize, snr_adaptive: bool, rate_adaptive: bool
) -> tuple[SwinJsccEncoder, SwinJsccDecoder]:
    """Encoder and decoder from a checkpoint of the repository ``semcomm/SwinJSCC``, of the given size and variant.

    Its channel hands the encoder's amplitude to the decoder; see `SwinJsccDecoder.scale` and `ImageLink.measure`.

    Raises
    ------
    UserError
        The file is no such checkpoint; names what is missing, surplus or of another shape.
    """
    state = read_state_dict(path)
    head = state.get("encoder.head_list.weight")
    if head is None and not rate_adaptive:
        raise UserError(f"{path}: encoder.head_list.weight is missing; choose the variant of SwinJSCC that it holds")
    channels = size.widths[-1] if rate_adaptive else len(head)
    settings = size, channels, snr_adaptive, rate_adaptive
    encoder, decoder = SwinJsccEncoder(*settings), SwinJsccDecoder(*settings)
    unused = _BUFFERS
    unused += _UNUSED_HEAD if rate_adaptive else ""
    unused += "" if snr_adaptive or rate_adaptive else _UNUSED_MODNET
    _assign(path, state, [*_swinjscc(encoder, decoder)], unused)
    return encoder, decoder


def _deepjscc(encoder: DeepJsccEncoder, decoder: DeepJsccDecoder) -> Iterator[Entry]:
    for side, model, convolution, prelu in (
        ("encoder.conv", encoder, "conv", "prelu"),
        ("decoder.tconv", decoder, "transconv", "activate"),
    ):
        for number, layer in enumerate(model.convolutions, 1):
            yield from _layer(f"{side}{number}.{convolution}", layer)
        for number, activation in enumerate(model.activations, 1):
            yield f"{side}{number}.{prelu}.weight", activation.alpha


def _swinjscc(encoder: SwinJsccEncoder, decoder: SwinJsccDecoder) -> Iterator[Entry]:
    yield from _layer("encoder.patch_embed.proj", encoder.patches)
    yield from _stages("encoder", encoder.stages)
    for number, merge in enumerate(encoder.merges, 1):
        yield from _layer(f"encoder.layers.{number}.downsample.norm", merge.norm)
        yield from _layer(f"encoder.layers.{number}.downsample.reduction", merge.reduce)
    yield from _layer("encoder.norm", encoder.norm)
    yield from _stages("decoder", decoder.stages)
    for number, expansion in enumerate(decoder.expansions):
        yield from _layer(f"decoder.layers.{number}.upsample.norm", expansion.norm)
        yield from _layer(f"decoder.layers.{number}.upsample.increment", expansion.increase)
    for side, model in (("encoder", encoder), ("decoder", decoder)):
        if model.head:
            yield from _layer(f"{side}.head_list", model.head)
    if decoder.snr_net:
        yield from _modnet("decoder", "", decoder.snr_net)
    if encoder.rate_net:
        yield from _modnet("encoder", "", encoder.rate_net)
    if encoder.snr_net:  # the original's second one, where there are two
        yield from _modnet("encoder", "1" if encoder.rate_net else "", encoder.snr_net)


def _stages(side: str, stages: list[list[SwinBlock]]) -> Iterator[Entry]:
    for stage, blocks in enumerate(stages):
        for number, block in enumerate(blocks):
            where, attention = f"{side}.layers.{stage}.blocks.{number}", block.attention
            yield f"{where}.attn.relative_position_bias_table", attention.bias_table
            for name, layer in (
                ("norm1", block.norm1),
                ("attn.qkv", attention.qkv),
                ("attn.proj", attention.project),
                ("norm2", block.norm2),
                ("mlp.fc1", block.expand),
                ("mlp.fc2", block.project),
            ):
                yield from _layer(f"{where}.{name}", layer)


def _modnet(side: str, suffix: str, net: ModNet) -> Iterator[Entry]:
    for number, layer in enumerate((*net.steps, net.gate)):
        yield from _layer(f"{side}.sm_list{suffix}.{number}", layer)
    for number, modulator in enumerate(net.modulators):
        for place, layer in zip((0, 2, 4), modulator, strict=True):
            yield from _layer(f"{side}.bm_list{suffix}.{number}.fc.{place}", layer)


def _layer(name: str, layer: layers.Layer) -> Iterator[Entry]:
    """``weight`` and, if it has one, ``bias`` of a dense, convolutional or normalising layer."""
    is_norm = isinstance(layer, layers.LayerNormalization)
    yield f"{name}.weight", layer.gamma if is_norm else layer.kernel
    bias = layer.beta if is_norm else layer.bias
    if bias is not None:
        yield f"{name}.bias", bias


def _assign(path: Path, state: dict[str, np.ndarray], entries: list[Entry], unused: str) -> None:
    """Set all variables, or none; what the pattern ``unused`` matches may be in the file and is left there."""
    names = {name for name, _ in entries}
    surplus = sorted(name for name in state.keys() - names if not re.search(unused, name))
    for what, found in (("is missing", sorted(names - state.keys())), ("has no place in the model", surplus)):
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise UserError(f"{path}: {found[0]}{more} {what}; choose the size and variant that the file holds")
    values = [_in_our_order(state[name], variable) for name, variable in entries]
    for (name, variable), value in zip(entries, values, strict=True):
        if value.shape != tuple(variable.shape):
            raise UserError(
                f"{path}: {name} has shape {state[name].shape}, which does not fit the {tuple(variable.shape)} here; "
                "choose the size and variant that the file holds"
            )
        if not np.isfinite(value).all():
            raise UserError(f"{path}: {name} has values that are not finite; save it again or give another file")
    for (_, variable), value in zip(entries, values, strict=True):
        variable.assign(value)


def _in_our_order(value: np.ndarray, variable: keras.Variable) -> np.ndarray:
    """PyTorch has outputs before inputs before places; one slope of a PReLU stands for a map."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if variable.path.endswith("bias_table"):
        return value
    return value.reshape(variable.shape) if value.size == 1 else value.T
