"""From the coding section of an experiment to transport plans, and the sentence for what cannot be."""

import pytest

from kbsc_tf.coding.selection import chosen_mcs, transport_plan
from kbsc_tf.config import AwgnConfig, CodingConfig, parse_channel
from kbsc_tf.errors import Infeasible, UserError


def test_a_named_set_follows_the_channel():
    names = {
        f: [m.name for m in chosen_mcs(CodingConfig(mcs="swinjscc"), parse_channel(f))] for f in ("awgn", "rayleigh")
    }
    assert names["awgn"] == ["qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3", "64qam-1/2"]
    assert names["rayleigh"] == names["awgn"][:4]


def test_images_of_a_block_share_its_channel_uses():
    [mcs] = chosen_mcs(CodingConfig(mcs=["qpsk-1/2"]), AwgnConfig())
    plans = [transport_plan(CodingConfig(images_per_block=count), mcs, 128) for count in (1, 10)]
    assert [plan.channel_uses for plan in plans] == [64, 640]
    assert [plan.payload_bits for plan in plans] == [64 - 11, 640 - 16]  # polar, LDPC


def test_code_and_crc_are_those_of_the_section():
    [mcs] = chosen_mcs(CodingConfig(mcs=["qpsk-1/2"]), AwgnConfig())

    def plan(**settings):
        return transport_plan(CodingConfig(**settings), mcs, 128)

    assert plan(code="ldpc").payload_bits == 64 - 16 and not plan(code="ldpc").is_polar
    assert plan(code="ldpc", crc=24).payload_bits == plan(code="polar", crc=24).payload_bits == 64 - 24
    assert (plan(code="ldpc", crc=24).crc_name, plan(code="polar", crc=24).crc_name) == ("CRC24A", "CRC24C")
    assert plan(crc=0).payload_bits == 64 and plan(crc=0).is_polar


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block_length": 1 << 21}, "coding: block length 2097152: expected 16 to 1048576 coded bits"),
        ({"mcs": ["qpsk-1/2", "qpsk-0.5"]}, "coding.mcs: a value stands twice in qpsk-1/2, qpsk-1/2"),
        ({"mcs": ["64qam-0.96"]}, "coding.mcs: MCS .64qam-0.96.: code rate 0.96: .* at most 0.95"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    coding = CodingConfig(**settings)
    with pytest.raises(UserError, match=message):
        transport_plan(coding, chosen_mcs(coding, AwgnConfig())[0], 128)


@pytest.mark.parametrize(
    ("mcs", "k", "message"),
    [
        ("qpsk-1/3", 16, "5 information bits in 8 channel uses: the code needs 12"),
        ("qpsk-120/1024", 128, "15 information bits in 64 channel uses: the CRC alone takes 16"),
    ],
)
def test_where_nothing_fits_is_no_mistake(mcs, k, message):
    coding = CodingConfig(mcs=[mcs])
    with pytest.raises(Infeasible, match=message):
        transport_plan(coding, *chosen_mcs(coding, AwgnConfig()), k)
