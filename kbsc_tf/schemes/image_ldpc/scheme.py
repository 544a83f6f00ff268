"""BPG or JPEG and 5G LDPC: the separation-based baseline, with every bit counted."""

from collections.abc import Callable

import numpy as np

from kbsc_tf.codecs import CodecError
from kbsc_tf.codecs.bit_fields import read_ue7, write_ue7
from kbsc_tf.coding import Mcs
from kbsc_tf.coding.bits import bits_to_bytes, pack
from kbsc_tf.coding.selection import transport_plan
from kbsc_tf.config import ChannelConfig, CodecConfig, CodingConfig
from kbsc_tf.schemes.coded.harq import ONCE, HarqConfig
from kbsc_tf.schemes.coded.scheme import CodedScheme, Packed
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles, picture_shapes, pictures, thumbnails
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission


class ImageLdpcScheme(CodedScheme):
    """Send each image as the best file that fits its channel uses at one modulation and code rate.

    A transport block holds, per file, its length (7 bits a byte, the high bit: more follows), what the source coder
    makes of the image, headers included, and zeros to the end. One abbreviated stream alone needs no length. An image
    is delivered if all checksums of its block hold and its file decodes to the size of a source image.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    coding : CodingConfig
    mcs : Mcs
    files : ImageFiles
        Of the source coder; shared with other schemes.
    codec : CodecConfig
        ``tiled``: the images of a block are one picture in one file.
    harq : HarqConfig, optional
        How often a block may be sent.
    """

    needs_images = True

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        coding: CodingConfig,
        mcs: Mcs,
        files: ImageFiles,
        codec: CodecConfig,
        harq: HarqConfig = ONCE,
    ) -> None:
        plan = transport_plan(coding, mcs, harq.share(k))
        super().__init__(f"{files.coder.name}_ldpc", k, channel, coding, plan, mcs.name, harq)
        self.files, self.per_file = files, self.per_block if codec.tiled else 1
        share = plan.payload_bits // 8 * self.per_file // self.per_block
        self._has_length = not files.coder.is_abbreviated or self.per_file < self.per_block
        self.budget = max(0, share - len(write_ue7(share)) * self._has_length)
        files.expect(self.budget)

    def prepare(self, batch: SourceBatch, progress: Callable[[int], None] | None = None) -> None:
        self.files.fit(pictures(batch.images, self.per_block, self.per_file), self.budget, progress)

    def pack(self, batch: SourceBatch) -> Packed:
        count = len(batch.features)
        files = self.files.fit(pictures(batch.images, self.per_block, self.per_file), self.budget)
        lengths = [write_ue7(len(file or b"")) * self._has_length for file in files]
        contents = [length + (file or b"") for length, file in zip(lengths, files, strict=True)]
        coder, per_payload, size = self.files.coder, self.per_block // self.per_file, self.plan.payload_bits
        if size < 8 * per_payload:  # not even a length for every file: none is sent
            contents = [b""] * len(files)
        headers = [
            8 * (len(c) - len(f) + coder.header_bytes(f)) if f else 8 * len(c)
            for f, c in zip(files, contents, strict=True)
        ]
        payloads = [b"".join(contents[i : i + per_payload]) for i in range(0, len(contents), per_payload)]
        small = thumbnails(coder, files, picture_shapes(batch.images, self.per_block, self.per_file), self.per_file)
        padding = [(size - 8 * len(payload)) / self.per_block for payload in payloads]
        return Packed(
            pack(payloads, size),
            np.repeat([file is not None for file in files], self.per_file)[:count],
            np.repeat(np.divide(headers, self.per_file), self.per_file)[:count],
            np.repeat(padding, self.per_block)[:count],
            np.repeat([8 * len(file or b"") / self.per_file for file in files], self.per_file)[:count],
            None if small is None else small[:count],
        )

    def unpack(
        self, bits: np.ndarray, arrived: np.ndarray, batch: SourceBatch
    ) -> tuple[list[np.ndarray | None], np.ndarray]:
        images: list[np.ndarray | None] = []
        shapes = picture_shapes(batch.images, self.per_block, self.per_file)
        per_payload = self.per_block // self.per_file
        for number, row in enumerate(bits):
            first = number * self.per_block
            if not arrived[first : first + self.per_block].any():
                images += [None] * self.per_block
                continue
            content = bits_to_bytes(row)
            files = split_files(content, per_payload) if self._has_length else [content]
            for file, shape in zip(files, shapes[number * per_payload :], strict=False):
                images += self._decode(file, shape)
        sizes = [image.shape for image in batch.images]
        whole = [image is not None and image.shape == size for image, size in zip(images, sizes, strict=False)]
        delivered = np.array(whole, bool) & arrived
        return [image if there else None for image, there in zip(images, delivered, strict=False)], delivered

    def transmission(
        self, content: list[np.ndarray | None], delivered: np.ndarray, **cost: np.ndarray | Overhead | Blocks | None
    ) -> Transmission:
        return Transmission(None, content, delivered, **cost)

    def forget(self) -> None:
        super().forget()
        self.files.forget()

    def _decode(self, file: bytes, shape: tuple[int, int]) -> list[np.ndarray | None]:
        try:
            return self.files.decode(file, shape, self.per_file)
        except (CodecError, ValueError):  # a block that passed its checksums with wrong bits, or an empty file
            return [None] * self.per_file


def split_files(content: bytes, count: int) -> list[bytes]:
    """The ``count`` files of a payload; empty where a length field does not make sense."""
    files, position = [], 0
    for _ in range(count):
        try:
            length, position = read_ue7(content, position)
        except CodecError:
            length = 0
        files.append(content[position : position + length])
        position += length
    return files
