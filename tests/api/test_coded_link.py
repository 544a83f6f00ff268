"""`kbsc_tf.CodedLink`: error rates of a link alone, what counts as throughput and goodput, and what is refused."""

import doctest
import math

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

import kbsc_tf as kbsc
from kbsc_tf.api import coded_link
from kbsc_tf.channel import build_channel
from kbsc_tf.coding.sionna_ber import BerLink
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.errors import Infeasible
from kbsc_tf.metrics import wilson

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def link():
    return kbsc.CodedLink("qpsk-1/2", "awgn", uses=256)


@pytest.fixture(scope="module")
def curve(link):
    return link.sweep([1.0, 1.5, math.inf], blocks=600, **QUIET)


def test_error_rates_are_those_of_sionnas_own_simulation(link, curve):
    """Intervals of 99.9 % of independent measurements overlap, in the waterfall; without noise nothing is lost."""
    frame = curve.frame().set_index("snr_db")
    plain = BerLink(TransportLink(link.plan, build_channel(link.channel)), seed=9)
    rates = []
    for snr_db in (1.0, 1.5):
        bits, decided = plain(500, snr_db - plain.snr_db(0.0))
        errors = int(tf.reduce_sum(tf.cast(tf.reduce_any(bits != decided, axis=1), tf.int32)))
        (low, high), (own_low, own_high) = (
            wilson(lost, count, 0.999) for lost, count in ((errors, 500), frame.loc[snr_db, ["block_errors", "blocks"]])
        )
        assert low <= own_high and own_low <= high
        rates.append(frame.loc[snr_db, "bler"])
    assert 0.3 < rates[0] < 0.7 and 0.05 < rates[1] < 0.35
    assert frame.loc[math.inf, ["block_errors", "bler", "ber"]].tolist() == [0, 0, 0]


def test_an_interval_is_wilsons_and_a_measurement_stops_at_the_errors_or_the_blocks(curve):
    frame = curve.frame()
    for row in frame.itertuples():
        assert (row.bler_low, row.bler_high) == wilson(row.block_errors, row.blocks)
    assert frame["blocks"][0] < 600 and frame["block_errors"][0] >= 100  # after the batch with the hundredth error
    assert frame["blocks"][2] == 600


def test_the_same_seed_gives_the_same_numbers_and_more_blocks_go_on(link, curve):
    again = kbsc.CodedLink("qpsk-1/2", "awgn", uses=256).sweep([1.5], blocks=600, **QUIET).frame()
    np.testing.assert_array_equal(again.iloc[0, 2:], curve.frame().iloc[1, 2:])
    other = link.sweep([1.5], blocks=600, seed=1, **QUIET).frame()
    assert other["ber"][0] != again["ber"][0]


def test_all_batches_have_one_shape():
    traced = kbsc.CodedLink("qpsk-1/2", "awgn", uses=100)
    traced.sweep(0.0, blocks=10, **QUIET)
    before = traced._link._channel.traces()  # links over AWGN share it
    traced.sweep([0.0, 5.0], blocks=700, **QUIET)
    assert traced._link._channel.traces() == before


def test_throughput_counts_payload_goodput_counts_data_and_neither_crcs(link):
    full = link.sweep(math.inf, blocks=20, **QUIET).frame().iloc[0]
    assert link.payload_bits == link.plan.payload_bits == 256 - 16
    assert full["throughput"] == full["goodput"] == 240 / 256 and full["rate"] == 0.5
    filled = kbsc.CodedLink("qpsk-1/2", "awgn", uses=256, payload_bits=200)
    part = filled.sweep(1.0, blocks=300, **QUIET).frame().iloc[0]
    assert 0 < part["bler"] < 1 and part["payload_bits"] == 200
    assert part["throughput"] == (1 - part["bler"]) * 240 / 256 and part["goodput"] == (1 - part["bler"]) * 200 / 256
    assert kbsc.CodedLink("qpsk-1/2", payload_bits=240).plan.channel_uses == 256


@pytest.mark.long
def test_pilots_count_and_blocks_of_one_grid_are_not_independent():
    channel = {"type": "ofdm", "model": "tdl-a", "csi": "ls"}
    measured = kbsc.CodedLink("qpsk-1/2", channel, uses=100)
    row = measured.sweep(3.0, blocks=500, errors=500, **QUIET).frame().iloc[0]
    assert row["channel_uses"] == measured.channel_uses > 110
    assert row["goodput"] == (1 - row["bler"]) * measured.payload_bits / measured.channel_uses
    low, high = wilson(row["block_errors"], 500)
    assert row["bler_high"] - row["bler_low"] > 1.5 * (high - low)


def test_a_function_can_be_the_channel():
    def silent(symbols, snr_db):
        return tf.zeros_like(symbols), tf.constant(1.0)

    assert kbsc.CodedLink("qpsk-1/2", silent, uses=100).sweep(9, blocks=20, **QUIET).frame()["bler"].tolist() == [1.0]


def test_ctrl_c_returns_what_there_is(link, monkeypatch, capsys):
    send, calls = TransportLink.__call__, []

    def interrupted(self, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return send(self, *arguments)

    monkeypatch.setattr(TransportLink, "__call__", interrupted)
    frame = link.sweep([math.inf, 20.0, 25.0], blocks=400).frame()
    assert frame["snr_db"].tolist() == [math.inf, 20.0][: len(frame)] and len(frame) in (1, 2)
    assert "interrupted" in capsys.readouterr().err
    calls[:] = [None] * 2
    assert link.sweep([3.0], blocks=400, **QUIET).frame().empty


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, kbsc.UserError, "expected uses, payload_bits or both"),
        ({"uses": 8}, Infeasible, "8 information bits in 8 channel uses: the code needs 12"),
        (
            {"uses": 100, "payload_bits": 100},
            Infeasible,
            "100 payload bits do not fit into 100 .* hold 89",
        ),
        ({"uses": 6000, "channel": "tdl-a"}, Infeasible, "a grid of 1032 data symbols does not hold the 6000"),
        ({"uses": 100, "channel": "awgm"}, kbsc.UserError, "channel: .* did you mean awgn"),
        ({"uses": 100, "channel": {"fadng": "none"}}, kbsc.UserError, "unknown key channel.fadng; did you mean fading"),
        ({"uses": 0}, kbsc.UserError, "uses: .* greater than or equal to 1"),
        ({"uses": 100, "mcs": "qsk-1/2"}, kbsc.UserError, "unknown modulation qsk; did you mean qpsk"),
        ({"uses": 100, "coding": {"fast": True}}, kbsc.UserError, "unknown key of coding fast; known: code, crc"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, kind, message):
    with pytest.raises(kind, match=message) as caught:
        kbsc.CodedLink(**{"mcs": "qpsk-1/2", **arguments})
    assert "\n" not in str(caught.value)


def test_levels_that_are_none_are_refused(link):
    with pytest.raises(kbsc.UserError, match="sweep: snr_db: expected an SNR in dB"):
        link.sweep("high")
    with pytest.raises(kbsc.UserError, match="plot: no point with a finite SNR"):
        link.sweep(math.inf, blocks=1, **QUIET).plot()


def test_curves_are_drawn_on_a_logarithmic_scale(link, curve):
    figure = curve.plot(link.sweep([3.0, 9.0], blocks=50, **QUIET))
    [axes] = figure.axes
    assert isinstance(figure, Figure) and axes.get_yscale() == "log"
    drawn = np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() not in ("_", "|")])
    assert set(curve.frame()["bler"][:2]) <= set(drawn) and (drawn > 0).all()
    low, high = axes.get_ylim()
    assert low <= drawn.min() and high > 1


def test_the_example_of_the_docstring_is_true():
    found = doctest.DocTestFinder().find(coded_link.CodedLink, "CodedLink", globs={})
    assert doctest.DocTestRunner().run(found[0]).failed == 0 and found[0].examples
