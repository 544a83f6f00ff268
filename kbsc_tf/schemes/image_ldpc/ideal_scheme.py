"""BPG or JPEG over an ideal code: what a better channel code could still gain."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from kbsc_tf.config import ChannelConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.base import ChannelScheme, Report, Validation, silent
from kbsc_tf.schemes.cost import sharing
from kbsc_tf.schemes.image_ldpc.file_worth import FileWorth
from kbsc_tf.schemes.image_ldpc.ideal_code import IdealCode
from kbsc_tf.schemes.image_ldpc.image_files import picture_shapes, pictures, thumbnails
from kbsc_tf.transmission import SourceBatch, Transmission

_UNLIMITED = 1 << 30
LOSSES = tuple(1 / (1 + math.exp(-x)) for x in np.linspace(math.log(1e-5), math.log(99), 80))
"""Shares of lost blocks that a sender chooses from: 0.001 % to 99 %, evenly spaced in log odds."""


class IdealCodeScheme(ChannelScheme):
    """Send each image as the best file within what an ideal code carries; no header, checksum or padding is counted.

    Where blocks can be lost, the sender knows the channel's statistics, not its state. At each SNR it sends at the rate
    whose expected top-1 accuracy is best: (1 - loss) times what files of that size are worth, which `fit` learns from
    validation images. A lost block's images are not delivered.

    Parameters
    ----------
    k : int
        Twice the complex channel uses n per image.
    channel : ChannelConfig
    code : IdealCode
        Of that channel.
    worth : FileWorth
        Of the source coder's files.
    images : (int, int)
        Images in one block of the code, and in one file: a square number.
    snr_db : list of float
        SNRs to come, so that all files are made at once.
    loss : float, optional
        Share of lost blocks at every SNR, instead of the best one.
    """

    needs_images = True

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        code: IdealCode,
        worth: FileWorth,
        images: tuple[int, int],
        snr_db: list[float],
        loss: float | None = None,
    ) -> None:
        super().__init__(k, channel)
        self.files, self._code, self._worth, self._loss = worth.files, code, worth, loss
        self.name = f"{self.files.coder.name}_{code.name}"
        self.per_block, self.per_file = images
        self._snr_db, self._chooses = snr_db, loss is None and not code.is_certain
        self.budget = cache(self._budget)
        self._expect()

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        if not self._chooses:
            return
        # Where it was learned before, here or by the process that shares out the work, it is the same to the last bit.
        if not (folder and self._worth.load(folder)) and not self._worth.is_known:
            self._worth.learn(validation)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self._worth.save(folder)
        self._expect()

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self._chooses:
            self._worth.save(folder)

    def load(self, folder: Path) -> None:
        super().load(folder)
        if self._chooses:
            self._worth.load(folder)
            self._expect()

    def loss(self, snr_db: float) -> float:
        """Share of blocks that are lost at the chosen rate, Es/N0 ``snr_db`` in dB."""
        if self._loss is not None:
            return self._loss
        if self._code.is_certain or math.isinf(snr_db):
            return LOSSES[0]
        if not self._worth.is_known:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        return max(LOSSES, key=lambda loss: (1 - loss) * self._worth(self._size(snr_db, loss)))

    def prepare(self, batch: SourceBatch, progress: Callable[[int], None] | None = None) -> None:
        # Any budget will do: pictures are encoded for all announced ones.
        self.files.fit(self._pictures(batch), self.budget(self._snr_db[0]), progress)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        count, budget = len(batch.images), self.budget(snr_db)
        files = self.files.fit(self._pictures(batch), budget)
        blocks = len(files) * self.per_file // self.per_block
        lost = np.zeros(blocks, bool)
        if math.isfinite(snr_db):
            bits = 8 * budget * self.per_block / self.per_file
            lost = self._code.lost(blocks, self.k / 2 * self.per_block, bits, snr_db, seed)
        feasible = np.repeat([file is not None for file in files], self.per_file)[:count]
        delivered = feasible & ~np.repeat(lost, self.per_block)[:count]
        shapes = picture_shapes(batch.images, self.per_block, self.per_file)
        images = [image for one in zip(files, shapes, strict=True) for image in self.files.decode(*one, self.per_file)]
        small = thumbnails(self.files.coder, files, shapes, self.per_file)
        shown = [image if there else None for image, there in zip(images, delivered, strict=False)]
        groups = None if self._code.is_certain else sharing(self.per_block, count)
        return Transmission(
            None,
            shown,
            delivered,
            np.full(count, self.k / 2),
            feasible=feasible,
            groups=groups,
            thumbnail=None if small is None else small[:count],
        )

    def forget(self) -> None:
        self.files.forget()

    def _budget(self, snr_db: float) -> int:
        """Bytes of a file at Es/N0 ``snr_db`` (dB)."""
        return self._size(snr_db, self.loss(snr_db))

    def _size(self, snr_db: float, loss: float) -> int:
        uses = self.k / 2 * self.per_block
        return int(min(self._code.bits(uses, snr_db, loss) * self.per_file / self.per_block / 8, _UNLIMITED))

    def _pictures(self, batch: SourceBatch) -> list[np.ndarray]:
        return pictures(batch.images, self.per_block, self.per_file)

    def _expect(self) -> None:
        if not self._chooses or self._worth.is_known:
            for snr_db in self._snr_db:
                self.files.expect(self.budget(snr_db))
