"""Modulation and coding schemes by name, and the sets that experiments choose from."""

import re
from dataclasses import dataclass
from fractions import Fraction

from kbsc_tf.config.strict import unknown_name
from kbsc_tf.errors import UserError

BITS_PER_SYMBOL = {"bpsk": 1, "pi2_bpsk": 1, "qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
"""Modulations of 3GPP TS 38.211, clause 5.1, all Gray mapped, and the bits that a complex symbol carries."""

ALIASES = {"4qam": "qpsk"}

MAX_RATE = Fraction(19, 20)
"""A receiver may skip transport blocks above this code rate (TS 38.214, clause 5.1.3), and Sionna has no code there."""

_WIDE = (
    *("qpsk-1/12", "qpsk-1/8", "qpsk-1/5", "qpsk-1/3", "qpsk-1/2", "qpsk-2/3"),
    *("16qam-1/2", "16qam-2/3", "64qam-1/2", "64qam-2/3", "64qam-5/6", "256qam-3/4"),
)
_SWINJSCC = {
    # Over fading the baseline keeps the sturdier ones.
    "awgn": ("qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3", "64qam-1/2"),
    "fading": ("qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2"),
}
# TS 38.214, table 5.1.3.1-1: target code rate x 1024 of MCS index 0 to 28.
_TABLE_1 = (
    ("qpsk", (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)),
    ("16qam", (340, 378, 434, 490, 553, 616, 658)),
    ("64qam", (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)),
)


@dataclass(frozen=True)
class Mcs:
    """A modulation and a nominal code rate.

    Parameters
    ----------
    modulation : {"bpsk", "pi2_bpsk", "qpsk", "16qam", "64qam", "256qam"}
    rate : Fraction
        Information bits, CRCs included, per coded bit; above 0, at most 0.95.

    Raises
    ------
    UserError
        Another modulation, or a rate out of range.

    Examples
    --------
    >>> from kbsc_tf.coding import Mcs
    >>> mcs = Mcs.parse("16qam-1/2")
    >>> mcs.modulation, float(mcs.rate), mcs.name
    ('16qam', 0.5, '16qam-1/2')
    """

    modulation: str
    rate: Fraction

    def __post_init__(self) -> None:
        check_modulation(self.modulation)
        if not 0 < self.rate <= MAX_RATE:
            raise UserError(f"code rate {float(self.rate):.4g}: expected above 0 and at most {float(MAX_RATE)}")

    @classmethod
    def parse(cls, text: str) -> "Mcs":
        """Read "qpsk-1/2", "16qam-2/3", "qpsk-120/1024" or "64qam-0.5"; "4qam" is QPSK."""
        expected = 'expected a modulation and a code rate, as in "qpsk-1/2", "qpsk-120/1024" or "64qam-0.5"'
        modulation, dash, rate = str(text).strip().lower().rpartition("-")
        if not dash:
            raise UserError(f'MCS "{text}": {expected}')
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(\d+))?", rate)
        if match is None or match[2] and int(match[2]) == 0:
            raise UserError(f'MCS "{text}": "{rate}" is no code rate; {expected}')
        try:
            return cls(ALIASES.get(modulation, modulation), Fraction(match[1]) / int(match[2] or 1))
        except UserError as error:
            raise UserError(f'MCS "{text}": {error}') from None

    @property
    def name(self) -> str:
        """Canonical name, which `parse` reads: rates of TS 38.214 over 1024, others reduced."""
        numerator, denominator = self.rate.numerator, self.rate.denominator
        # Simple rates such as 1/2 or 3/8 keep their name; 120/1024 would be the unfamiliar 15/128.
        if 16 < denominator <= 1024 and 1024 % denominator == 0:
            numerator, denominator = numerator * 1024 // denominator, 1024
        return f"{self.modulation}-{numerator}/{denominator}"

    @property
    def bits_per_symbol(self) -> int:
        """Coded bits per complex symbol."""
        return BITS_PER_SYMBOL[self.modulation]

    @property
    def efficiency(self) -> float:
        """Information bits, CRCs included, per complex channel use."""
        return float(self.bits_per_symbol * self.rate)


def check_modulation(modulation: str) -> None:
    """Raise a UserError that lists the modulations unless ``modulation`` is one."""
    if modulation not in BITS_PER_SYMBOL:
        raise UserError(unknown_name("modulation", modulation, BITS_PER_SYMBOL))


MCS_SETS = ("wide", "swinjscc", "38.214_table1")
"""What `mcs_set` knows."""


def mcs_set(name: str, fading: str) -> tuple[Mcs, ...]:
    """Modulation and coding schemes that a transmitter chooses from.

    Parameters
    ----------
    name : {"wide", "swinjscc", "38.214_table1"}
        ``wide``: from 1/6 to 6 information bits per channel use, for -9 to 20 dB over AWGN and for fading.
        ``swinjscc``: the set of the BPG + LDPC baseline in K. Yang et al., "SwinJSCC: Taming Swin Transformer for Deep
        Joint Source-Channel Coding", IEEE Transactions on Cognitive Communications and Networking, 2024.
        ``38.214_table1``: the 29 entries of 3GPP TS 38.214, table 5.1.3.1-1.
    fading : {"none", "rayleigh", "rician"}
        ``swinjscc`` has fewer entries over fading.

    Raises
    ------
    UserError
        Unknown name; lists the names.

    Examples
    --------
    >>> from kbsc_tf.coding import mcs_set
    >>> len(mcs_set("38.214_table1", "none"))
    29
    """
    if name == "wide":
        return tuple(map(Mcs.parse, _WIDE))
    if name == "swinjscc":
        return tuple(Mcs.parse(text) for text in _SWINJSCC["awgn" if fading == "none" else "fading"])
    if name == "38.214_table1":
        return tuple(Mcs(modulation, Fraction(rate, 1024)) for modulation, rates in _TABLE_1 for rate in rates)
    raise UserError(unknown_name("MCS set", name, MCS_SETS))
