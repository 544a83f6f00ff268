"""Reading and writing the codes that BPG headers and HEVC parameter sets are made of."""

from kbsc_tf.codecs.image_codec import CodecError

MAX_EXP_GOLOMB_ZEROS = 31  # ue(v) values need at most 32 bits, ITU-T H.265 clause 9.2
MAX_UE7_BYTES = 5  # 32 bits at 7 bits a byte


class BitReader:
    """Read a byte string bit by bit, most significant bit first.

    Parameters
    ----------
    data : bytes
        Without emulation prevention bytes.

    Raises
    ------
    CodecError
        By every method: a read beyond the end, or a code that is too long.
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = self._length = 8 * len(data)

    @property
    def position(self) -> int:
        """Bits read so far."""
        return self._length - self._left

    @property
    def left(self) -> int:
        """Bits not read yet."""
        return self._left

    def u(self, bits: int) -> int:
        """An unsigned integer of ``bits`` bits, u(n)."""
        if bits > self._left:
            raise CodecError("the header ends too early")
        self._left -= bits
        return (self._value >> self._left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """One bit, u(1)."""
        return bool(self.u(1))

    def ue(self) -> int:
        """An unsigned Exp-Golomb code, ue(v): ITU-T H.265 clause 9.2."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > MAX_EXP_GOLOMB_ZEROS:
                raise CodecError("the header has an Exp-Golomb code of more than 32 bits")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb code, se(v): ITU-T H.265 clause 9.2.2."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


class BitWriter:
    """The counterpart of `BitReader`."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, value: int, bits: int) -> None:
        """Write ``value`` in ``bits`` bits."""
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit into {bits} bits")
        self._bits.append(f"{value:0{bits}b}")

    def ue(self, *values: int) -> None:
        """Write unsigned Exp-Golomb codes."""
        for value in values:
            self.u(value + 1, 2 * (value + 1).bit_length() - 1)

    def to_bytes(self) -> bytes:
        """All that was written, filled up with zeros to whole bytes."""
        bits = "".join(self._bits)
        bits += "0" * (-len(bits) % 8)
        return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def read_ue7(data: bytes, position: int) -> tuple[int, int]:
    """Read the ue7(32) code at ``position``: 7 bits a byte, most significant first, high bit = more bytes follow.

    Returns
    -------
    int, int
        The value and the position behind it.

    Raises
    ------
    CodecError
        The data ends inside the code, or it is longer than its value of at most 32 bits needs.
    """
    value = 0
    for index in range(position, position + MAX_UE7_BYTES):
        if index >= len(data):
            raise CodecError("the header ends too early")
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            if value >> 32:
                break
            return value, index + 1
        if not value:  # a leading 0x80 says nothing: the format forbids it
            break
    raise CodecError("the header has a number that is not a ue7(32) code")


def write_ue7(value: int) -> bytes:
    """The shortest ue7(32) code of ``value``."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
