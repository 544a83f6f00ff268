"""The names that readers see."""

import math

import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.figures.style import in_house_order, looks_of
from kbsc_tf.registry import schemes
from kbsc_tf.results.names import (
    channel_text,
    is_grid,
    mcs_text,
    named,
    names_of,
    registered,
    scheme_text,
    snr_text,
)


def run_of(**changes):
    return {"names": names_of(ExperimentConfig(name="some", **changes))}


def test_names_and_kinds_come_from_the_run():
    channels = ["awgn", {"fading": "rayleigh", "name": "my_link"}, {"type": "ofdm", "model": "umi", "csi": "ls"}]
    schemes = ["bpg_ldpc", {"scheme": "swinjscc", "name": "swin_ra", "variant": "ra"}]
    labels = ["awgn", "my_link", "ofdm_umi_3kmh_1x1_ls_linear"]
    with named(run_of(channels=channels, schemes=schemes)):
        assert [channel_text(label) for label in labels] == ["AWGN", "my link", "UMi, 3 km/h, 1\u00d71, LS (linear)"]
        assert [is_grid(label) for label in labels] == [False, False, True]
        assert [scheme_text(name) for name in ("bpg_ldpc", "swin_ra")] == ["BPG + LDPC", "swin ra"]
        assert registered("swin_ra") == "swinjscc"
        assert [channel_text("rayleigh_fast"), scheme_text("not_there")] == ["rayleigh fast", "not there"]
    assert channel_text("awgn") == "awgn" and not is_grid(labels[2])  # nobody says so here


def test_a_label_means_what_its_run_says():
    """A user may call a flat channel as OFDM channels are called, and two runs may call two channels alike."""
    label = "ofdm_tdl-a_3kmh_1x2_ls_linear"
    ours, theirs = run_of(channels=[{"fading": "none", "name": label}]), run_of(channels=["awgn"])
    with named(ours):
        assert not is_grid(label) and channel_text(label) == "ofdm tdl-a 3kmh 1x2 ls linear"
    theirs["names"]["channels"]["awgn"]["text"] = "their AWGN"
    with named(run_of(channels=["awgn"]), theirs):
        assert channel_text("awgn") == "AWGN"
    with named(theirs, ours):
        assert channel_text("awgn") == "their AWGN" and channel_text(label).startswith("ofdm tdl-a")


def test_looks_are_those_of_the_specs_and_entries_of_one_scheme_differ():
    assert looks_of(["pca"])["pca"] == (schemes["pca"].colour, schemes["pca"].marker, "-", "line")
    assert in_house_order(["mine", "noise_free", "pca", "kbsc"]) == ["kbsc", "pca", "noise_free", "mine"]
    entries = [{"scheme": "swinjscc", "name": name, "variant": name} for name in ("sa", "ra")]
    with named(run_of(schemes=entries)):
        own, other = looks_of(["sa", "ra"]).values()
        assert own.colour == schemes["swinjscc"].colour and other.colour != own.colour
        assert looks_of(["ra"])["ra"] == other  # the same in a figure without its brother
        assert in_house_order(["noise_free", "ra", "kbsc"]) == ["kbsc", "ra", "noise_free"]


def test_snr_names():
    assert [snr_text(x) for x in (-7.0, 2.5, math.inf)] == ["\N{MINUS SIGN}7 dB", "2.5 dB", "no noise"]


@pytest.mark.parametrize(
    ("mcs", "text"),
    [
        ("qpsk-1/2", "QPSK 1/2"),
        ("16qam-2/3", "16-QAM 2/3"),
        ("genie", "best MCS by outcome"),
        ("", ""),
        ("my-code", "my-code"),
    ],
)
def test_mcs_names(mcs, text):
    assert mcs_text(mcs) == text


def test_scheme_names():
    assert [scheme_text(s) for s in ("bpg_ldpc", "label_ldpc", "my_scheme")] == [
        "BPG + LDPC", "zero-shot label + 5G code, informed sender", "my scheme",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "code, names",
    [
        ("auto", ["KB index + 5G code, informed sender", "feature + 5G code (PQ)", "BPG + LDPC"]),
        ("ldpc", ["KB index + LDPC, informed sender", "feature + LDPC (PQ)", "BPG + LDPC"]),
        ("polar", ["KB index + polar, informed sender", "feature + polar (PQ)", "BPG + polar"]),
    ],
)
def test_a_label_says_which_code_is_sent(code, names):
    """Of ``auto`` short payloads go on polar codes and long ones, as files of images are, on LDPC."""
    run = run_of(schemes=["index_ldpc", "feature_ldpc_pq", "bpg_ldpc"], coding={"code": code})
    with named(run):
        assert [scheme_text(name) for name in ("index_ldpc", "feature_ldpc_pq", "bpg_ldpc")] == names


def test_kbsc_trained_on_another_channel_is_told_from_kbsc():
    assert scheme_text("kbsc_awgn") == "KBSC trained on AWGN"
    one, other = looks_of(["kbsc", "kbsc_awgn"]).values()
    assert one.colour != other.colour and one.marker != other.marker
