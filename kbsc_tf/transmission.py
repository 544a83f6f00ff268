"""What goes from a scheme to the receiver, and what it cost: the leaf that all rooms between them share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np


class Rows:
    """A dataclass whose fields have a row per image, or None: rows can be taken, and parts put one behind another."""

    _of_all: tuple[str, ...] = ()  # fields without a row per image

    def take(self, rows: np.ndarray) -> "Rows":
        """These rows, in this order."""
        return self._each(lambda name: _take(getattr(self, name), rows), [self])

    @classmethod
    def concat(cls, parts: Sequence["Rows"]) -> "Rows":
        """Several parts one behind another; a field that one of them lacks, the whole lacks."""
        return parts[0]._each(lambda name: _concat([getattr(part, name) for part in parts]), parts)

    def _each(self, change: Callable[[str], Any], parts: Sequence["Rows"]) -> "Rows":
        """This one with changed values in the fields that have rows; None in those that are None in any part."""
        names = [field.name for field in fields(self) if field.name not in self._of_all]
        lacking = {name for name in names if any(getattr(part, name) is None for part in parts)}
        return replace(self, **{name: None if name in lacking else change(name) for name in names})


def _take(values: Any, rows: np.ndarray) -> Any:
    if isinstance(values, Rows):
        return values.take(rows)
    if isinstance(values, dict):
        return {name: _take(column, rows) for name, column in values.items()}
    return [values[row] for row in rows] if isinstance(values, list) else values[rows]


def _concat(parts: list) -> Any:
    if isinstance(parts[0], Rows):
        return parts[0].concat(parts)
    if isinstance(parts[0], dict):
        return {name: _concat([part[name] for part in parts]) for name in parts[0]}
    return [value for part in parts for value in part] if isinstance(parts[0], list) else np.concatenate(parts)


@dataclass(frozen=True)
class SourceBatch(Rows):
    """What the sender has.

    Attributes
    ----------
    features : [B, D], float32
        Semantic features, L2-normalised.
    images : list of [H, W, 3] uint8, or None
        The source images, where the scheme asked for them (`Scheme.needs_images`).

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> batch = kbsc.SourceBatch(np.eye(2, 512, dtype=np.float32))
    >>> len(batch.features), batch.images
    (2, None)
    """

    features: np.ndarray
    images: list[np.ndarray] | None = None


@dataclass(frozen=True)
class Overhead(Rows):
    """Parts of the channel uses that carry no data, each [B], float64, in complex channel uses; no part counts twice.

    None: the scheme or its channel has no such part. What a code adds is shared out in proportion to the bits.

    Attributes
    ----------
    header : codec headers and length fields
    crc : checksums of transport and code blocks
    padding : zeros that fill a block up
    pilots : the air interface's pilots
    guards : guard carriers and DC
    prefix : cyclic prefix
    unused : resource elements without a symbol

    Examples
    --------
    >>> import numpy as np
    >>> from kbsc_tf.transmission import Overhead
    >>> Overhead(header=np.array([8.0, 8.0]), crc=np.array([12.0, 12.0])).pilots is None
    True
    """

    header: np.ndarray | None = None
    crc: np.ndarray | None = None
    padding: np.ndarray | None = None
    pilots: np.ndarray | None = None
    guards: np.ndarray | None = None
    prefix: np.ndarray | None = None
    unused: np.ndarray | None = None


@dataclass(frozen=True)
class Blocks(Rows):
    """The transport blocks that carried images.

    Attributes
    ----------
    number : [B], int64
        Images with one number share a block.
    sent : [B], bool
        Whether the block was sent: False where nothing that means one of its images fits into it.
    failed : [B], bool
        Whether its checks failed at the receiver.
    payload_bits : [B], float64
        The image's share of the block's payload in bits: header, length fields and padding included, CRCs not.
    data_bits : [B], float64
        Those that mean the image, its file or code word, without length fields and padding; 0 if it is not feasible.
    """

    number: np.ndarray
    sent: np.ndarray
    failed: np.ndarray
    payload_bits: np.ndarray
    data_bits: np.ndarray


class Coder(Protocol):
    """What makes codes of features, at the sender and of the receiver's own entries."""

    @property
    def rule(self) -> Any:
        """How its codes are compared, a `kbsc_tf.receiver.PosteriorRule`; None: as along the receiver's own axes."""

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """Codes [B, A], float32, of features [B, D]; about unit variance per coordinate."""


@dataclass(frozen=True)
class Observation(Rows):
    """What arrived of a code, coordinate by coordinate.

    Attributes
    ----------
    values : [B, A], float32
        Unbiased estimates; 0 where nothing arrived.
    noise_var_per_axis : [B, A], float32
        Their noise variance, linear; inf where nothing arrived.
    coder : Coder or None
        Made the code; None: its coordinates are those of the receiver's own axes.
    length : [B], int, or None
        Real symbols that were sent of each image, where it is not the same for all: those of one length were sent the
        same coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from kbsc_tf.transmission import Observation
    >>> arrived = Observation(np.float32([[0.3, 0.0]]), np.float32([[0.1, np.inf]]))
    >>> np.isfinite(arrived.noise_var_per_axis).tolist()  # of the second coordinate nothing arrived
    [[True, False]]
    """

    values: np.ndarray
    noise_var_per_axis: np.ndarray
    coder: Coder | None = None
    length: np.ndarray | None = None

    _of_all = ("coder",)


@dataclass(frozen=True)
class Transmission(Rows):
    """All that the receiver gets, and what it cost.

    Attributes
    ----------
    features : [B, D], float32, or None
        Received semantic features, or
    images : list of B [H, W, 3] uint8 or None, or None
        reconstructions, which the receiver embeds with its own CLIP; None in place of those not delivered.
    delivered : [B], bool
        False is an outage; it stays in every average and counts as wrong.
    channel_uses : [B], float64
        Complex channel uses, everything counted.
    noise_var_per_symbol : [B], float32, or None
        Mean effective noise power of the symbols at unit signal power, where the receiver knows it.
    entries : [B], int64, or None
        Knowledge base entries that the sender named, so that the receiver need not search; ``features`` are theirs.
    feasible : [B], bool, or None
        False: nothing that means the image fits the channel uses, whatever the noise; then it is not delivered
        either. None: always feasible.
    overhead : Overhead or None
        Channel uses that carry no data, where the scheme has such.
    papr_db : [B], float32, or None
        Peak-to-average power ratio, in dB, of the time signal of the image's resource grid, or on a flat channel of its
        symbols; None where the channel does not say.
    groups : [B], int64, or None
        Images with one number share a channel realisation or a code block, so that their outcomes are not
        independent. None: all are independent.
    observation : Observation or None
        What a receiver that decides by posterior looks at instead of ``features``, where the scheme has it.
    blocks : Blocks or None
        The transport blocks of a coded scheme.
    thumbnail : [B], bool, or None
        Whether what was sent codes the image at less than its size; None: the scheme sends no thumbnails.

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> features, delivered, uses = np.eye(2, 4, dtype=np.float32), np.array([True, False]), np.full(2, 32.0)
    >>> sent = kbsc.Transmission(features, None, delivered, uses)
    >>> kbsc.Transmission.concat([sent, sent]).delivered.mean()
    np.float64(0.5)
    """

    features: np.ndarray | None
    images: list[np.ndarray | None] | None
    delivered: np.ndarray
    channel_uses: np.ndarray
    noise_var_per_symbol: np.ndarray | None = None
    entries: np.ndarray | None = None
    feasible: np.ndarray | None = None
    overhead: Overhead | None = None
    papr_db: np.ndarray | None = None
    groups: np.ndarray | None = None
    observation: Observation | None = None
    blocks: Blocks | None = None
    thumbnail: np.ndarray | None = None

    @classmethod
    def concat(cls, parts: Sequence["Transmission"]) -> "Transmission":
        """Several transmissions one behind another. Parts number groups and blocks alike, but share none."""
        whole = super().concat(parts)
        if whole.groups is not None:
            whole = replace(whole, groups=_numbered([part.groups for part in parts]))
        if whole.blocks is not None:
            number = _numbered([part.blocks.number for part in parts])
            whole = replace(whole, blocks=replace(whole.blocks, number=number))
        return whole


def _numbered(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The numbers of all parts, int64, such that no two parts have one in common."""
    numbered, first = [], 0
    for part in parts:
        numbers, places = np.unique(part, return_inverse=True)
        numbered.append(first + places)
        first += len(numbers)
    return np.concatenate(numbered).astype(np.int64)
