"""The coded link end to end: error rates against a plain Sionna script, nothing delivered wrong, every run the same."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.channel import AWGN
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import BinarySource, Constellation, Demapper, Mapper

from kbsc_tf.channel import FlatChannel, Received, seed_noise
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.bits import bits_to_bytes, bytes_to_bits
from kbsc_tf.coding.block_codec import BlockCodec
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.errors import UserError
from kbsc_tf.metrics import wilson

FLOODING = DecoderSettings(schedule="flooding")  # as those compared with
SMALL = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 100)


def random_bits(plan, count, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (count, plan.payload_bits), np.uint8)


def small_link(channel=None, plan=SMALL):
    return TransportLink(plan, channel or FlatChannel(), DecoderSettings(jit=False), 16)


def assert_same_rate(errors, count, other_errors, other_count):
    """Intervals of 99.9 % overlap."""
    (low, high), (other_low, other_high) = wilson(errors, count, 0.999), wilson(other_errors, other_count, 0.999)
    assert low <= other_high and other_low <= high


def plain_sionna(k, n):
    """The script that everybody writes: SNR, count and seed -> blocks whose information bits are not all right."""
    encoder = LDPC5GEncoder(k, n, num_bits_per_symbol=2)
    decoder = LDPC5GDecoder(encoder, num_iter=20)
    constellation = Constellation("qam", 2)

    @tf.function(jit_compile=True)
    def run(bits, no):
        received = AWGN()(Mapper(constellation=constellation)(encoder(bits)), no)
        decoded = decoder(Demapper("app", constellation=constellation)(received, no))
        return tf.reduce_sum(tf.cast(tf.reduce_any(decoded != bits, axis=1), tf.int32))

    def errors(snr_db, count, seed):
        sionna_config.seed = seed
        source, no = BinarySource(), tf.constant(10 ** (-snr_db / 10), tf.float32)
        return sum(int(run(source([100, k]), no)) for _ in range(count // 100))

    return errors


# In the waterfall, where a mistake would show.
WATERFALL = [(1.25, 0.08, 0.22)]
WATERFALL += [pytest.param(*one, marks=pytest.mark.slow) for one in ((1.0, 0.35, 0.6), (1.5, 0.005, 0.05))]


@pytest.mark.long
@pytest.mark.parametrize(("snr_db", "low", "high"), WATERFALL)
def test_error_rate_over_awgn_is_that_of_a_plain_sionna_script(snr_db, low, high):
    plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 1024)
    assert (plan.info_bits, plan.coded_bits, plan.code_block.reach) == (1024, 2048, 2048)
    link, plain_errors = TransportLink(plan, FlatChannel(), FLOODING), plain_sionna(1024, 2048)
    _, delivered = link(random_bits(plan, 800), snr_db, seed=2)
    errors, plain = int((~delivered).sum()), plain_errors(snr_db, 600, seed=3)
    assert_same_rate(errors, 800, plain, 600)
    assert low < errors / 800 < high


@pytest.mark.parametrize("mcs", ["qpsk-1/2", "16qam-2/3"])
@pytest.mark.parametrize("size", [0, 1, 30, 1055, 1057, 70_000])
def test_bytes_come_back_over_a_noise_free_channel(mcs, size):
    plan = TransportPlan.for_payload(Mcs.parse(mcs), 8 * size)
    payload = np.random.default_rng(size).bytes(size)
    received, delivered = small_link(plan=plan).send_bytes([payload], math.inf, 0)
    assert delivered.all() and len(received[0]) == plan.payload_bits // 8
    assert received[0][:size] == payload and not any(received[0][size:])


@pytest.mark.parametrize("mcs", ["bpsk-1/2", "pi2_bpsk-1/3", "64qam-948/1024", "256qam-3/4", "qpsk-120/1024"])
@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_every_modulation_comes_back_over_a_noise_free_channel(mcs, fading):
    plan = TransportPlan.for_payload(Mcs.parse(mcs), 8 * 600)
    bits = random_bits(plan, 3)
    received, delivered = small_link(FlatChannel(fading), plan)(bits, math.inf, 1)
    assert delivered.all()
    np.testing.assert_array_equal(received, bits)


def test_pi2_bpsk_turns_from_symbol_to_symbol_through_all_blocks(eager):
    """TS 38.211, clause 5.1.1, with i counting through the transport block; the number of symbols of a block is odd."""
    sent = {}
    for modulation in ("bpsk", "pi2_bpsk"):

        class Recording(FlatChannel):
            def __call__(self, symbols, snr_db, modulation=modulation):
                sent[modulation] = np.asarray(symbols)
                return super().__call__(symbols, snr_db)

        plan = TransportPlan(modulation, 3, 101, 303)
        link = small_link(Recording(), plan)
        bits = random_bits(plan, 4)
        received, delivered = link(bits, math.inf, 0)
        assert delivered.all() and (received == bits).all()
    i = np.arange(909)
    np.testing.assert_allclose(sent["pi2_bpsk"], sent["bpsk"] * np.exp(1j * math.pi / 2 * (i % 2)), atol=1e-6)
    b = (np.real(sent["bpsk"][:4]) < 0).astype(int)
    formula = np.exp(1j * math.pi / 2 * (i % 2)) / 2**0.5 * ((1 - 2 * b) + 1j * (1 - 2 * b))
    np.testing.assert_allclose(sent["pi2_bpsk"][:4], formula, atol=1e-6)


TINY = TransportPlan("qpsk", 1, 24, 60)  # 8 bits of payload, a CRC of 16
# Of 24 bits, error patterns that the code's structure makes likely are a few times as often multiples of the CRC's
# polynomial as random ones (measured: 20 of 290,000 lost blocks at -3 dB, not 4); of 60 bits no longer.
SHORT = TransportPlan("qpsk", 1, 60, 150)


@pytest.mark.parametrize(
    "plan, channel, snr_db, count",
    [
        pytest.param(TINY, FlatChannel(), -30.0, 40_000, marks=pytest.mark.slow),
        pytest.param(SHORT, FlatChannel(), -2.0, 25_000, marks=pytest.mark.long),
        (TINY, FlatChannel("rayleigh", csi="none", equaliser="none"), 10.0, 40_000),
    ],
)
def test_wrong_payloads_pass_as_rarely_as_the_crc_says(plan, channel, snr_db, count):
    bits = random_bits(plan, count)
    received, delivered = TransportLink(plan, channel, blocks_per_call=512)(bits, snr_db, seed=4)
    wrong = int((delivered & (received != bits).any(axis=1)).sum())
    lost = int((~delivered).sum())
    expected = lost / 2**16
    # Poisson: at most one false alarm in 1e5.
    bound, tail = 0, 1 - math.exp(-expected)
    while tail > 1e-5:
        bound += 1
        tail -= math.exp(-expected) * expected**bound / math.factorial(bound)
    assert lost > count / 20 and wrong <= bound


def test_nothing_is_delivered_out_of_nothing():
    """A channel that hands over zeros, or infinite noise, or no gain: LLRs of zero, and words of zeros or ones."""

    def channel_of(noise, gain):
        def channel(symbols, snr_db):
            ones = tf.ones(tf.shape(symbols))
            return Received(tf.zeros_like(symbols), noise * ones, gain * ones)

        return channel

    for plan in (SMALL, TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), 9000)):
        for noise, gain in ((1.0, 1.0), (math.inf, 0.0), (0.0, 1.0)):
            _, delivered = small_link(channel_of(noise, gain), plan)(random_bits(plan, 20), 0.0, 1)
            assert not delivered.any()


class Repeating(CodeBlock):
    """Bits that come again after 5 K, as they did in earlier versions, instead of after the whole buffer."""

    buffer_bits = property(lambda self: 5 * self.info_bits)


def lost_at_minus_5_db(block, count):
    """Blocks of 128 bits whose decisions are wrong, QPSK over AWGN at -5 dB: paired, as bits and noise are the same."""
    codec = BlockCodec("qpsk", block, 128, FLOODING)
    rng, no = np.random.default_rng(6), 10**0.5
    bits = rng.integers(0, 2, (count, 128), np.uint8)
    sent, _ = codec.encode(bits)
    noise = rng.normal(size=(2, *sent.shape)) * (no / 2) ** 0.5
    received = (sent + noise[0] + 1j * noise[1]).astype(np.complex64)
    llrs = codec.demap(received, np.full(sent.shape, no, np.float32))
    return int((codec.decode([llrs], count) != bits).any(axis=1).sum())


@pytest.mark.long
def test_error_rate_at_a_low_rate_is_that_of_the_whole_buffer():
    """128 bits in 1024: .042 by independent code of an audit; with repetition after 5 K it was .076."""
    low, high = wilson(lost_at_minus_5_db(CodeBlock(128, 1024), 900), 900, 0.99)
    assert low < 0.042 < high < 0.076


@pytest.mark.slow
@pytest.mark.parametrize("coded_bits, before, after", [(1024, 0.076, 0.042)])
def test_the_whole_buffer_loses_fewer_blocks_than_repetition(coded_bits, before, after):
    """The audit's figures; 20,000 blocks of ours gave .0710 and .0384."""
    count = 10_000
    whole, repeated = (lost_at_minus_5_db(kind(128, coded_bits), count) for kind in (CodeBlock, Repeating))
    for errors, expected in ((whole, after), (repeated, before)):
        low, high = wilson(errors, count, 0.999)
        assert low < expected < high


def test_effective_noise_is_used():
    """Over fast fading the equalisers agree, as the gain is undone, and taking the noise for constant costs blocks."""
    plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 300)
    bits, lost = random_bits(plan, 600), {}

    def constant_noise(symbols, snr_db):
        received = FlatChannel("rayleigh", equaliser="zf")(symbols, snr_db)
        return received._replace(no_eff=tf.fill(tf.shape(symbols), 10.0 ** (-snr_db / 10)))

    channels = {"zf": FlatChannel("rayleigh", equaliser="zf"), "mmse": FlatChannel("rayleigh"), "wrong": constant_noise}
    for name, channel in channels.items():
        _, delivered = TransportLink(plan, channel, blocks_per_call=64)(bits, 3.6, seed=5)
        lost[name] = int((~delivered).sum())
    assert 30 < lost["zf"] < 400
    assert abs(lost["zf"] - lost["mmse"]) <= 3  # same noise: only rounding differs
    assert wilson(lost["wrong"], 600, 0.999)[0] > wilson(lost["mmse"], 600, 0.999)[1]


def test_block_fading_strikes_all_blocks_of_a_transport_block():
    plan = TransportPlan("qpsk", 4, 100, 200)
    bits = random_bits(plan, 60)
    link = small_link(FlatChannel("rayleigh", "block"), plan)
    received, _ = link(bits, 1.0, 6)
    blocks = np.split(received != bits, [76, 152, 228], axis=1)  # 100 bits less a CRC each; the last with the other CRC
    wrong = sum(block.any(axis=1).astype(int) for block in blocks)
    # With a common fade most transport blocks are all right or all wrong; with four fades few would be.
    assert np.isin(wrong, (0, 4)).mean() > 0.75 and 5 < (wrong == 4).sum() < 55


def test_the_result_depends_on_the_arguments_alone():
    link = small_link(FlatChannel("rayleigh"))
    bits = random_bits(SMALL, 100)
    received, delivered = link(bits, 3.0, 7)
    assert 10 < delivered.sum() < 90
    seed_noise(99)
    link(bits[:5], 20.0, 8)
    for other in (link, small_link(FlatChannel("rayleigh"))):
        again, delivered_again = other(bits, 3.0, 7)
        np.testing.assert_array_equal(again, received)
        np.testing.assert_array_equal(delivered_again, delivered)
    assert not np.array_equal(link(bits, 3.0, 8)[1], delivered)


def test_padding_and_later_payloads_do_not_leak():
    link = small_link()
    bits = random_bits(SMALL, 100)
    received, delivered = link(bits, 1.0, 7)
    for count in (1, 16, 65):
        fewer, fewer_delivered = link(bits[:count], 1.0, 7)
        np.testing.assert_array_equal(fewer, received[:count])
        np.testing.assert_array_equal(fewer_delivered, delivered[:count])
    assert link(bits[:0], 1.0, 7)[0].shape == (0, SMALL.payload_bits)


def test_links_share_what_is_compiled():
    one = small_link(FlatChannel(), TransportPlan("qpsk", 2, 100, 200))
    two = small_link(FlatChannel("rayleigh"), TransportPlan("qpsk", 5, 100, 200))
    assert one._codec is two._codec
    for link in (one, two):
        for count in (1, 30):
            for snr_db in (3.0, math.inf):
                link(random_bits(link.plan, count), snr_db, 1)
    for function in (one._codec._encode, one._codec._demap):
        assert function.experimental_get_tracing_count() == 1
    assert one._channel.traces() == two._channel.traces() == 1


def test_mistakes_are_named():
    link = small_link()
    with pytest.raises(ValueError, match=r"expected shape \[B, 84\], got \[3, 85\]"):
        link(np.zeros([3, 85], np.uint8), 0.0, 1)
    with pytest.raises(UserError, match="payload of 11 bytes: the plan carries 10"):
        link.send_bytes([b"x" * 11], 0.0, 1)
    assert bits_to_bytes(bytes_to_bits(b"ab")) == b"ab"


@pytest.mark.slow
def test_xla_is_faster_than_graph_mode():
    import time

    plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 1024)
    bits, speed = random_bits(plan, 512), {}
    for jit in (True, False):
        link = TransportLink(plan, FlatChannel(), DecoderSettings(jit=jit))
        link(bits[:1], 3.0, 1)
        start = time.process_time()
        link(bits, 3.0, 1)
        speed[jit] = bits.size / (time.process_time() - start)
    assert speed[True] > 1.3 * speed[False]


def test_what_is_compiled_cannot_be_exchanged():
    link = small_link()
    for attribute, value in (("channel", FlatChannel("rayleigh")), ("plan", TransportPlan("qpsk", 1, 100, 400))):
        with pytest.raises(AttributeError, match=attribute):
            setattr(link, attribute, value)


def test_payloads_are_encoded_once_for_all_snrs(monkeypatch):
    """And what arrives is what arrives when they are encoded anew."""
    from kbsc_tf.coding import transport_link
    from kbsc_tf.kept import Kept

    link, bits, encoded = small_link(), random_bits(SMALL, 20), []
    encode = link._codec.encode
    monkeypatch.setattr(link._codec, "encode", lambda blocks: encoded.append(len(blocks)) or encode(blocks))
    found = [link(bits, snr_db, seed=3) for snr_db in (0.0, 3.0, 0.0)]
    assert encoded == [20 * SMALL.blocks]
    monkeypatch.setattr(transport_link, "_ENCODED", Kept(0))
    for again, first in zip(link(bits, 3.0, seed=3), found[1], strict=True):
        np.testing.assert_array_equal(again, first)
    other = random_bits(SMALL, 20, seed=2)
    assert link(other, 20.0, seed=3)[1].all() and len(encoded) == 3
