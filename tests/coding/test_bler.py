"""The fast link against the full one, and what its table keeps."""

import json
import math

import numpy as np
import pytest

from kbsc_tf.channel import FlatChannel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.bler import DEFAULT_STOP, BlerTable, BlockErrorRate, FastLink, StopRule
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.metrics import wilson

PLAN = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 100)
DECODER = DecoderSettings(10, "boxplus", jit=False)


def random_bits(count, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (count, PLAN.payload_bits), np.uint8)


def overlap(*counts):
    intervals = [wilson(errors, count, 0.999) for errors, count in counts]
    return max(low for low, _ in intervals) <= min(high for _, high in intervals)


@pytest.mark.long
def test_the_fast_link_loses_as_many_blocks_as_the_full_one(tmp_path):
    fast = FastLink(BlerTable(PLAN, FlatChannel(), "awgn", DECODER, store=tmp_path))
    full = TransportLink(PLAN, FlatChannel(), DECODER)
    bits, rates = random_bits(1000), []
    for snr_db in (1.0, 2.0, 3.0):
        received, delivered = fast(bits, snr_db, 5)
        np.testing.assert_array_equal(received[delivered], bits[delivered])
        assert not received[~delivered].any()
        _, full_delivered = full(bits, snr_db, 6)
        assert overlap(((~delivered).sum(), 1000), ((~full_delivered).sum(), 1000))
        rates.append(1 - full_delivered.mean())
    assert rates[0] > 0.4 > rates[1] > 0.02 > rates[2]  # around the waterfall


def test_a_rate_is_measured_once_and_kept(tmp_path):
    table = BlerTable(PLAN, FlatChannel(), "awgn", DECODER, StopRule(errors=20), tmp_path)
    measured = table(1.0)
    assert measured.errors >= 20 and measured.interval == wilson(measured.errors, measured.count)
    [file] = (tmp_path / "bler").iterdir()
    kept = json.loads(file.read_text())
    assert (kept["count"], kept["errors"], kept["bler"]) == (measured.count, measured.errors, measured.rate)
    assert (kept["low"], kept["high"]) == measured.interval
    assert kept["plan"]["info_bits"] == PLAN.info_bits and kept["channel"] == "awgn" and kept["snr_db"] == 1.0

    def never(symbols, snr_db):
        raise AssertionError("measured again")

    assert BlerTable(PLAN, never, "awgn", DECODER, StopRule(errors=20), tmp_path)(1.0) == measured
    file.write_text("{")
    assert table(1.0) == measured  # spoilt files are replaced by the same measurement
    assert json.loads(file.read_text()) == kept


def test_all_that_matters_is_in_the_name_of_the_file(tmp_path):
    def name(plan=PLAN, key="awgn", snr_db=1.0, decoder=DECODER, stop=DEFAULT_STOP):
        return BlerTable(plan, FlatChannel(), key, decoder, stop, tmp_path).file(snr_db)

    others = [
        name(plan=TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 101)),
        name(key="rayleigh"),
        name(snr_db=1.1),
        name(snr_db=math.inf),
        name(decoder=DECODER._replace(iterations=11)),
        name(decoder=DECODER._replace(check_node="minsum")),
        name(stop=StopRule(errors=50)),
        name(stop=StopRule(blocks=500)),
    ]
    assert len({name(), *others}) == len(others) + 1
    assert name() == name(decoder=DECODER._replace(jit=True))


def test_measurements_end(tmp_path):
    table = BlerTable(PLAN, FlatChannel(), "awgn", DECODER, StopRule(blocks=600), tmp_path)
    clean = table(math.inf)
    assert clean.errors == 0 and 600 <= clean.count < 1200 and clean.rate == 0
    long = TransportPlan.for_payload(Mcs.parse("16qam-1/2"), 1_000_000)
    assert BlerTable(long, FlatChannel(), "awgn", store=tmp_path).stop.blocks == 100


def test_draws_follow_the_seed_and_the_snr(tmp_path, monkeypatch):
    fast = FastLink(BlerTable(PLAN, FlatChannel(), "awgn", store=tmp_path))
    monkeypatch.setattr(fast, "table", lambda snr_db: BlockErrorRate(100, {0.0: 80, 5.0: 20}[snr_db]))
    bits = random_bits(2000)
    _, low = fast(bits, 0.0, 1)
    _, high = fast(bits, 5.0, 1)
    assert (high | ~low).all()  # what arrives also arrives at a higher SNR
    assert low.mean() == pytest.approx(0.2, abs=0.04) and high.mean() == pytest.approx(0.8, abs=0.04)
    np.testing.assert_array_equal(fast(bits, 0.0, 1)[1], low)
    assert not np.array_equal(fast(bits, 0.0, 2)[1], low)
