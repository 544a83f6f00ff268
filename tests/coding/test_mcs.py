"""Names of modulation and coding schemes, and the sets against their sources."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from sionna.phy.nr.utils import decode_mcs_index

from kbsc_tf.coding import Mcs, mcs_set
from kbsc_tf.errors import UserError


@pytest.mark.parametrize(
    "text, modulation, rate, name",
    [
        ("qpsk-1/2", "qpsk", Fraction(1, 2), "qpsk-1/2"),
        ("4QAM-1/3", "qpsk", Fraction(1, 3), "qpsk-1/3"),
        (" 16qam-2/3 ", "16qam", Fraction(2, 3), "16qam-2/3"),
        ("qpsk-120/1024", "qpsk", Fraction(120, 1024), "qpsk-120/1024"),
        ("64qam-0.5", "64qam", Fraction(1, 2), "64qam-1/2"),
        ("256qam-682.5/1024", "256qam", Fraction(1365, 2048), "256qam-1365/2048"),
        ("pi2_bpsk-3/8", "pi2_bpsk", Fraction(3, 8), "pi2_bpsk-3/8"),
    ],
)
def test_names_are_read_and_written(text, modulation, rate, name):
    mcs = Mcs.parse(text)
    assert (mcs.modulation, mcs.rate, mcs.name) == (modulation, rate, name)
    assert Mcs.parse(mcs.name) == mcs


@pytest.mark.parametrize(
    "text, said",
    [
        ("qpsk", "as in"),
        ("qpsk-half", '"half" is no code rate'),
        ("qpsk-1/0", '"1/0" is no code rate'),
        ("8psk-1/2", "unknown modulation 8psk; did you mean qpsk? Known: bpsk, pi2_bpsk, qpsk, 16qam, 64qam, 256qam"),
        ("qpsk-0.96", "at most 0.95"),
        ("qpsk-0/3", "above 0"),
        ("", "as in"),
    ],
)
def test_mistakes_are_named(text, said):
    with pytest.raises(UserError, match=f'^MCS "{text}"') as caught:
        Mcs.parse(text)
    assert said in str(caught.value)


def test_efficiency_counts_information_bits_per_channel_use():
    assert Mcs.parse("64qam-1/2").bits_per_symbol == 6
    assert Mcs.parse("64qam-1/2").efficiency == 3.0


def test_table_1_is_that_of_sionna():
    orders, rates = decode_mcs_index(list(range(29)), table_index=1, is_pusch=False)
    table = mcs_set("38.214_table1", "none")
    assert [mcs.bits_per_symbol for mcs in table] == orders.numpy().tolist()
    assert [float(mcs.rate) for mcs in table] == pytest.approx(rates.numpy().tolist())
    assert table[0].name == "qpsk-120/1024" and table[28].name == "64qam-948/1024"
    assert [Mcs.parse(mcs.name) for mcs in table] == list(table)


def test_swinjscc_uses_fewer_schemes_over_fading():
    awgn, fading = mcs_set("swinjscc", "none"), mcs_set("swinjscc", "rayleigh")
    assert [mcs.name for mcs in awgn] == ["qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3", "64qam-1/2"]
    assert fading == awgn[:4] == mcs_set("swinjscc", "rician")


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_the_wide_set_holds_swinjscc_and_goes_further_on_both_sides(fading):
    wide = mcs_set("wide", fading)
    efficiencies = [mcs.efficiency for mcs in wide]
    assert set(mcs_set("swinjscc", fading)) < set(wide) and efficiencies == sorted(efficiencies)
    assert wide[0] == Mcs.parse("qpsk-1/12") and efficiencies[-1] == 6.0
    # No step is wider than 4 dB of power, so that little is lost to the grain of the set.
    assert all(10 * math.log10((2**high - 1) / (2**low - 1)) < 4 for low, high in pairwise(efficiencies))


def test_an_unknown_set_lists_the_names():
    with pytest.raises(UserError, match="wide, swinjscc, 38.214_table1"):
        mcs_set("wifi", "none")
