"""5G LDPC decoding layer by layer, in NumPy: nothing to compile, and half of flooding's iterations."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.threads import thread_count

LLR_MAX = np.float32(20)
"""Greatest magnitude of received LLRs and of messages, as in Sionna."""

OFFSET = np.float32(0.5)
"""Of ``offset-minsum``, as in Sionna."""

_MOST_SURE = np.float32(1 - 2**-24)  # the greatest tanh below 1
_ROW = 8192  # values of one edge of the base graph in all slots: the arrays of a layer stay in a core's cache
_LEAST_SLOTS, _MOST_SLOTS = 32, 512


class LayeredDecoder:
    """Decode a stream of blocks, as many side by side as a core's cache holds, on every core.

    llr [reach] ─► first free slot ─► layer after layer in all slots ─► code word, or iterations used up: bits [K]

    A layer is a row of the base graph: Z checks with no bit in common. Each layer has what the layers before it found
    in the same iteration, so that half the iterations do. A block is done when all its parity checks hold. CRCs play no
    part in it, so that each is looked at once and lets as many errors pass as its length says. What becomes of a block
    depends on its LLRs alone.

    Parameters
    ----------
    code : LdpcCode
    iterations : int
        At most.
    check_node : {"boxplus-phi", "boxplus", "minsum", "offset-minsum"}
        The first two are one here: the sum-product rule, by hyperbolic tangents.

    References
    ----------
    D. E. Hocevar, A reduced complexity decoder architecture via layered decoding of LDPC codes, IEEE SiPS 2004.
    """

    def __init__(self, code: LdpcCode, iterations: int, check_node: str = "boxplus-phi") -> None:
        self.code, self.iterations, self.check_node = code, iterations, CHECK_NODES[check_node]
        z = code.block.lifting_size
        self.slots = _eights(min(max(_LEAST_SLOTS, _ROW // z), _MOST_SLOTS))
        layers = code.layers
        edges = np.cumsum([0, *(len(columns) for columns, _ in layers)])
        self.layers = [
            (slice(first, end), columns.tolist(), shifts.tolist())
            for (columns, shifts), first, end in zip(layers, edges, edges[1:], strict=False)
        ]
        # Bits of every check, one check behind another, and where each begins.
        lifted = [columns * z + (np.arange(z)[:, None] + shifts) % z for columns, shifts in layers]
        self.bits_of_checks = np.concatenate([rows.ravel() for rows in lifted])
        degrees = np.concatenate([np.full(z, rows.shape[1]) for rows in lifted])
        self.first_bits = np.cumsum(degrees) - degrees

    def __call__(self, batches: Iterable[np.ndarray], count: int) -> np.ndarray:
        """As `kbsc_tf.coding.ldpc.decoder.Decoder`."""
        bits = np.empty([count, self.code.block.info_bits], np.uint8)
        threads = min(thread_count(), -(-count // 64))
        stream = _Stream(batches, count)
        if threads <= 1:
            _Slots(self, stream, bits).run()
            return bits
        with ThreadPoolExecutor(threads) as pool:
            done = [pool.submit(_Slots(self, stream, bits, threads).run) for _ in range(threads)]
            try:
                for one in done:
                    one.result()
            finally:
                stream.close()
        return bits


class _Stream:
    """Blocks in their order, for several threads."""

    def __init__(self, batches: Iterable[np.ndarray], count: int) -> None:
        self._batches, self._lock = iter(batches), threading.Lock()
        self._rows, self._next, self.left = np.zeros([0, 0], np.float32), 0, count

    def take(self, most: int) -> tuple[int, np.ndarray]:
        """Return the number of the first block and the LLRs of up to ``most`` blocks; none are left if there are 0."""
        with self._lock:
            while self.left and not len(self._rows):
                self._rows = next(self._batches, None)
                if self._rows is None:  # fewer than announced
                    self.left, self._rows = 0, np.zeros([0, 0], np.float32)
            taken, self._rows = self._rows[:most], self._rows[most:]
            taken = taken[: self.left]
            first, self._next, self.left = self._next, self._next + len(taken), self.left - len(taken)
            return first, taken

    def close(self) -> None:
        """Give out no more blocks, and let those in slots go."""
        self.left = -1


class _Slots:
    """What one thread decodes: N blocks side by side.

    Attributes
    ----------
    llrs : [columns, Z, N], float32
        log p(0)/p(1) of every bit.
    messages : [edges, Z, N], float32
        From checks to bits.
    block, age : [N], int
        Who is in a slot, -1 for nobody, and since how many iterations.
    """

    def __init__(self, decoder: LayeredDecoder, stream: _Stream, bits: np.ndarray, threads: int = 1) -> None:
        self.decoder, self.stream, self.bits = decoder, stream, bits
        slots, z = min(decoder.slots, _eights(-(-len(bits) // threads))), decoder.code.block.lifting_size
        columns = 1 + max(column for _, columns, _ in decoder.layers for column in columns)
        self.llrs = np.zeros([columns, z, slots], np.float32)
        self.messages = np.zeros([decoder.layers[-1][0].stop, z, slots], np.float32)
        self.block, self.age = np.full(slots, -1), np.zeros(slots, int)
        self._take_room()

    def run(self) -> None:
        """Decode until no block is left."""
        while True:
            self._fill()
            if (self.block < 0).all() or self.stream.left < 0:
                return
            for layer in self.decoder.layers:
                self._update(*layer)
            self.age += 1
            self._leave()

    def _take_room(self) -> None:
        degree = max(len(columns) for _, columns, _ in self.decoder.layers)
        self._room = np.empty([3, degree, *self.llrs.shape[1:]], np.float32)
        self._behind = np.empty(self.llrs.shape[1:], np.float32)

    def _fill(self) -> None:
        """Put blocks into free slots; where none are left, and most slots are free, go on with fewer slots."""
        free = np.flatnonzero(self.block < 0)
        while len(free) and self.stream.left > 0:
            first, llrs = self.stream.take(len(free))
            if not len(llrs):
                break
            slots, free = free[: len(llrs)], free[len(llrs) :]
            self._place(slots, np.clip(llrs, -LLR_MAX, LLR_MAX))
            self.block[slots], self.age[slots] = np.arange(first, first + len(slots)), 0
        busy = np.flatnonzero(self.block >= 0)
        if 0 < _eights(len(busy)) <= len(self.block) // 2:
            kept = np.concatenate([busy, np.flatnonzero(self.block < 0)])[: _eights(len(busy))]
            self.llrs, self.messages = self.llrs[:, :, kept].copy(), self.messages[:, :, kept].copy()
            self.block, self.age = self.block[kept], self.age[kept]
            self._take_room()

    def _place(self, slots: np.ndarray, llrs: np.ndarray) -> None:
        """Write received LLRs log p(1)/p(0) [*, reach]: dropped bits are unknown, fillers are surely 0."""
        block, bits = self.decoder.code.block, self.llrs.reshape(-1, len(self.block))
        dropped, behind = 2 * block.lifting_size, block.info_bits + block.filler_bits
        bits[:, slots] = 0
        bits[dropped : block.info_bits, slots] = -llrs[:, : block.info_bits - dropped].T
        bits[block.info_bits : behind, slots] = LLR_MAX
        bits[behind : dropped + block.filler_bits + block.reach, slots] = -llrs[:, block.info_bits - dropped :].T
        self.messages[:, :, slots] = 0

    def _update(self, edges: slice, columns: list[int], shifts: list[int]) -> None:
        """One layer: bits tell checks what they know from elsewhere, and are told what the other bits say."""
        told, *room = self._room[:, : len(columns)]
        split = [self.llrs.shape[1] - shift for shift in shifts]
        for row, column, shift, end in zip(told, columns, shifts, split, strict=True):
            row[:end], row[end:] = self.llrs[column, shift:], self.llrs[column, :shift]
        messages = self.messages[edges]
        told -= messages
        self.decoder.check_node(told, messages, room, self._behind)
        told += messages
        for row, column, shift, end in zip(told, columns, shifts, split, strict=True):
            self.llrs[column, shift:], self.llrs[column, :shift] = row[:end], row[end:]

    def _leave(self) -> None:
        """Give out the bits of blocks that are done."""
        is_one = self.llrs.reshape(-1, len(self.block)) < 0
        words = np.packbits(is_one, axis=1)
        checks = np.bitwise_xor.reduceat(words[self.decoder.bits_of_checks], self.decoder.first_bits, axis=0)
        is_code_word = np.unpackbits(np.bitwise_or.reduce(checks, axis=0)) == 0
        done = np.flatnonzero((self.block >= 0) & (is_code_word | (self.age >= self.decoder.iterations)))
        self.bits[self.block[done]] = is_one[: self.bits.shape[1], done].T
        self.block[done] = -1


def _sum_product(told: np.ndarray, out: np.ndarray, room: list[np.ndarray], behind: np.ndarray) -> None:
    tanhs, rest = room
    np.multiply(told, np.float32(0.5), out=tanhs)
    np.tanh(tanhs, out=tanhs)
    _of_others(np.multiply, tanhs, rest, behind)
    np.clip(rest, -_MOST_SURE, _MOST_SURE, out=rest)
    np.add(rest, np.float32(1), out=tanhs)
    np.subtract(np.float32(1), rest, out=rest)
    np.divide(tanhs, rest, out=tanhs)
    np.log(tanhs, out=out)  # 2 artanh


def _min_sum(told: np.ndarray, out: np.ndarray, room: list[np.ndarray], behind: np.ndarray) -> None:
    values, least = room
    np.copysign(np.float32(1), told, out=values)
    _of_others(np.multiply, values, out, behind)
    np.abs(told, out=values)
    _of_others(np.minimum, values, least, behind)
    np.minimum(least, LLR_MAX, out=least)
    np.multiply(out, least, out=out)


def _offset_min_sum(told: np.ndarray, out: np.ndarray, room: list[np.ndarray], behind: np.ndarray) -> None:
    _min_sum(told, out, room, behind)
    np.abs(out, out=room[0])
    np.subtract(room[0], OFFSET, out=room[0])
    np.maximum(room[0], np.float32(0), out=room[0])
    np.copysign(room[0], out, out=out)


CHECK_NODES: dict[str, Callable[[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray], None]] = {
    "boxplus": _sum_product,
    "boxplus-phi": _sum_product,
    "minsum": _min_sum,
    "offset-minsum": _offset_min_sum,
}


def _of_others(join: np.ufunc, values: np.ndarray, out: np.ndarray, behind: np.ndarray) -> None:
    """Join, of [degree, Z, N], for each edge the values of all others: those before it, then those behind it."""
    degree = len(values)
    out[1] = values[0]
    for edge in range(2, degree):
        join(out[edge - 1], values[edge - 1], out=out[edge])
    behind[:] = values[-1]
    for edge in range(degree - 2, 0, -1):
        join(out[edge], behind, out=out[edge])
        join(behind, values[edge], out=behind)
    out[0] = behind


def _eights(count: int) -> int:
    """``count``, rounded up to a multiple of 8: bits of slots are packed into bytes."""
    return -(-count // 8) * 8
