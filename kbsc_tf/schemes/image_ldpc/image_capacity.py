"""BPG or JPEG over an ideal code: what no channel code of any length can exceed."""

from collections.abc import Callable

import numpy as np

from kbsc_tf.channel.capacity import block_gains, capacity
from kbsc_tf.config import ChannelConfig, CodecConfig
from kbsc_tf.schemes.base import ChannelScheme
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles, pictures, untile
from kbsc_tf.transmission import SourceBatch, Transmission

_UNLIMITED = 1 << 30


class ImageCapacityScheme(ChannelScheme):
    """Send each image as the best file within n C bits, C the capacity of the channel in bits per complex use.

    AWGN: C = log2(1 + SNR). Fast fading: the ergodic capacity, as if a code saw the whole fading distribution within
    one image. Block fading: the outage capacity, at which the gain is too small with probability ``codec.outage``;
    those images are not delivered. No length field, checksum or padding is counted: an ideal code needs none.

    Parameters
    ----------
    k : int
        Twice the complex channel uses n per image.
    channel : ChannelConfig
    files : ImageFiles
    codec : CodecConfig
    per_file : int
        Images in one file, a square number.
    snr_db : list of float
        SNRs to come, so that all files are made at once.
    """

    needs_images = True

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        files: ImageFiles,
        codec: CodecConfig,
        per_file: int,
        snr_db: list[float],
    ) -> None:
        super().__init__(k, channel)
        self.name = f"{files.codec.name}_capacity"
        self.files, self.codec, self.per_file = files, codec, per_file
        for one in snr_db:
            files.expect(self.budget(one))

    def budget(self, snr_db: float) -> int:
        """Bytes of a file at Es/N0 ``snr_db`` (dB)."""
        bits = self.k / 2 * self.per_file * capacity(snr_db, self.channel, self.codec.outage)
        return int(bits // 8) if np.isfinite(bits) else _UNLIMITED

    def prepare(self, batch: SourceBatch, progress: Callable[[int], None] | None = None) -> None:
        # Any budget will do: pictures are encoded for all announced ones.
        self.files.fit(pictures(batch.images, self.per_file, self.per_file), self.budget(0.0), progress)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        count = len(batch.images)
        files = self.files.fit(pictures(batch.images, self.per_file, self.per_file), self.budget(snr_db))
        feasible = np.repeat([file is not None for file in files], self.per_file)[:count]
        arrived = np.repeat(self._arrived(len(files), snr_db, seed), self.per_file)[:count]
        images: list[np.ndarray | None] = []
        for file in files:
            picture = None if file is None else self.files.codec.decode(file)
            images += [None] * self.per_file if picture is None else untile(picture, self.per_file)
        delivered = feasible & arrived
        shown = [image if there else None for image, there in zip(images, delivered, strict=False)]
        return Transmission(None, shown, delivered, np.full(count, self.k / 2), feasible=feasible)

    def forget(self) -> None:
        self.files.forget()

    def _arrived(self, count: int, snr_db: float, seed: int | None) -> np.ndarray:
        """Whether the gain of each file's block supports the rate."""
        if self.channel.fading == "none" or self.channel.coherence == "fast" or np.isinf(snr_db):
            return np.ones(count, bool)
        gains = block_gains(count, seed, self.channel.fading, self.channel.rician_k_db)
        rate = capacity(snr_db, self.channel, self.codec.outage)
        return np.log2(1 + gains * 10 ** (snr_db / 10)) >= rate
