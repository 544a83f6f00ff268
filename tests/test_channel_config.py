"""Channels in an experiment file: names, kinds, what is set and not used; and channels of earlier run.json."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from kbsc_tf.config import (
    AwgnConfig,
    ChannelConfig,
    FlatConfig,
    OfdmConfig,
    RayleighConfig,
    RicianConfig,
    load_config,
    parse_channel,
)
from kbsc_tf.config.channels.ofdm_models import MODELS
from kbsc_tf.errors import UserError
from kbsc_tf.results.migrate import migrate_channel
from kbsc_tf.results.records import read_records

RESULTS = sorted(
    path
    for path in (Path(__file__).parents[1] / "results").rglob("run.json")
    if "channels" in json.loads(path.read_text())["config"]
)
FLAT = [
    {},
    {"power": "per_batch"},
    {"name": "my_link"},
    {"fading": "rayleigh"},
    {"fading": "rayleigh", "coherence": "block"},
    {"fading": "rayleigh", "equaliser": "zf"},
    {"fading": "rayleigh", "csi": "none", "equaliser": "none"},
    {"fading": "rician", "rician_k_db": 3},
    {"preset": "original"},
    {"preset": "original", "fading": "rayleigh"},
    {"preset": "original", "fading": "rician", "rician_k_db": 3},
]
OFDM = [
    {"type": "ofdm"},
    {"type": "ofdm", "name": "my_grid"},
    {"type": "ofdm", "model": {"type": "umi", "direction": "uplink"}, "rx_antennas": 2},
    {"type": "ofdm", "model": {"speed_kmh": 120.5, "delay_spread_ns": 300}, "count_overhead": False},
    {"type": "ofdm", "model": {"type": "recorded", "path": "h.npz"}, "pilots": "none"},
    {"type": "ofdm", "csi": {"type": "ls", "interpolation": "lmmse"}, "pilots": {"symbols": [1]}, "equaliser": "zf"},
    {"type": "ofdm", "detector": {"type": "k_best", "k": 16}, "streams": 2, "tx_antennas": 2, "rx_antennas": 2}
    | {"pilots": "block"},
]


@pytest.fixture
def refuse(tmp_path):
    def refuse(channel, message):
        path = tmp_path / "trial.yaml"
        path.write_text(f"k: [16]\nchannels:\n  - {channel}\n")
        with pytest.raises(UserError, match=message) as caught:
            load_config(path)
        said = str(caught.value)
        assert "\n" not in said and len(said) < 400 and said.startswith(f"{path} line 3: ")

    return refuse


@pytest.mark.parametrize("settings", FLAT + OFDM, ids=str)
def test_a_dump_holds_what_is_used_and_reads_back(settings):
    channel = parse_channel(settings)
    dump = json.loads(json.dumps(channel.model_dump(mode="json")))
    assert parse_channel(dump) == channel == parse_channel(channel)
    assert migrate_channel(dump) in (dump, {key: value for key, value in dump.items() if value is not None})
    assert channel.is_grid == (channel.type == "ofdm") == isinstance(channel, OfdmConfig)
    assert isinstance(channel, FlatConfig) != channel.is_grid


def test_labels_and_texts_tell_channels_apart():
    channels = [parse_channel(settings) for settings in FLAT + OFDM if "power" not in settings]
    labels = [channel.label for channel in channels]
    texts = [channel.text for channel in channels]
    assert len(set(labels)) == len(labels) == len(set(texts))
    assert not any("_" in text for text in texts)
    assert RicianConfig().text == "Rician, fast" and parse_channel("awgn").text == "AWGN"


def sections(schema):
    """All models in a JSON schema, wherever they stand in it."""
    if isinstance(schema, dict):
        if "properties" in schema and "title" in schema:
            yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from sections(part)


def test_every_key_is_described():
    kinds = list(sections(TypeAdapter(ChannelConfig).json_schema()))
    assert len(kinds) > 15
    for kind in kinds:
        assert kind["description"]
        assert all(field.get("description", "").endswith(".") for field in kind["properties"].values()), kind["title"]


def test_a_name_is_enough():
    assert [parse_channel(name) for name in ("awgn", "rayleigh", "rician")] == [
        AwgnConfig(), RayleighConfig(), RicianConfig(),
    ]  # fmt: skip
    for name in set(MODELS) - {"awgn", "rayleigh", "recorded"}:
        assert parse_channel(name) == OfdmConfig(model=name) == OfdmConfig(model={"type": name})
    assert parse_channel({"type": "ofdm", "csi": "ls"}) == OfdmConfig(csi={"type": "ls", "interpolation": "linear"})
    assert OfdmConfig(pilots={"symbols": [1]}).pilots.type == "kronecker"


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (
            "{fading: none, coherence: fast}",
            "channels.0: coherence: not used with fading: none; remove it, or set fading to rayleigh or rician$",
        ),
        ("{equaliser: zf}", "channels.0: equaliser: not used with fading: none; "),
        ("{fading: rayleigh, rician_k_db: 6}", "rician_k_db: not used with fading: rayleigh; .* set fading to rician$"),
        ("{preset: original, csi: none}", "channels.0: csi: preset original has its own; remove one of them$"),
        ("{preset: original, power: per_batch}", "channels.0: power: preset original has its own"),
        ("{preset: original, fading: rayleigh, coherence: fast}", "channels.0: coherence: preset original has its own"),
        ("{preset: original, rician_k_db: 3}", "rician_k_db: not used with fading: none; .* set fading to rician$"),
        ("{preset: mine}", "channels.0.preset: unknown preset mine; known: original"),
        ("{fading: nakagami}", "channels.0: fading: got 'nakagami', expected one of none, rayleigh or rician$"),
        (
            "{csi: none, type: flat, model: umi}",
            "channels.0: model: a flat channel does not have it; .* set type: ofdm",
        ),
        ("raleigh", "channels.0: expected a channel .*; did you mean rayleigh. .*'raleigh'"),
        ("TDL_B2", "channels.0: expected a channel .*; did you mean tdl-b"),
        ("recorded", "channels.0: expected a channel such as .*'recorded'"),
        ("7", "channels.0: expected the name of a channel, or a mapping with the key type .*got 7"),
        (
            "{type: ofdm, model: {type: umi, delay_spread_ns: 30}}",
            "channels.0.model: delay_spread_ns: not used with type: umi; remove it, or set type to tdl-a ... tdl-e or "
            "cdl-a ... cdl-e$",
        ),
        ("{type: ofdm, model: {type: awgn, speed_kmh: 3}}", "channels.0.model: speed_kmh: not used with type: awgn"),
        ("{type: ofdm, model: {type: recorded, path: a, carrier_ghz: 3}}", "carrier_ghz: not used with type: recorded"),
        ("{type: ofdm, model: {type: tdl-b, direction: uplink}}", "direction: not used .* cdl-e, umi, uma or rma$"),
        ("{type: ofdm, model: {path: a.npz}}", "path: not used with type: tdl-a; remove it, or set type to recorded$"),
        ("{type: ofdm, model: {type: tdl_c}}", "channels.0.model: type: got 'tdl_c', .*; did you mean tdl-c.$"),
        ("{type: ofdm, model: {speed: 3}}", "unknown key channels.0.model.speed; did you mean speed_kmh"),
        ("{type: ofdm, model: 3}", "channels.0.model: expected one of awgn, .* or a mapping .*got 3"),
        ("{type: ofdm, speed_kmh: 3}", r"speed_kmh: belongs to model; write model: \{type: tdl-a, speed_kmh: ...\}$"),
        ("{type: ofdm, interpolation: lmmse}", r"interpolation: belongs to csi; write csi: \{type: ls, interp"),
        ("{type: ofdm, csi: {interpolation: linear}}", "interpolation: not used with type: perfect; .* type to ls$"),
        ("{type: ofdm, pilots: {type: none, symbols: [2]}}", "symbols: not used with type: none; .* or block$"),
        ("{type: ofdm, detector: {type: ep, k: 8}}", "channels.0.detector: k: not used with type: ep; .* to k_best$"),
        ("{type: ofdm, detector: {type: k_best, k: 0}}", "channels.0.detector.k: .*greater than or equal to 1"),
    ],
)
def test_what_is_set_and_not_used_is_refused(refuse, channel, message):
    refuse(channel, message)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_channels_of_committed_results_are_read_and_called_as_before(path):
    config = json.loads(path.read_text())["config"]
    channels = [parse_channel(migrate_channel(old)) for old in config["channels"]]
    assert {channel.label for channel in channels} == set(read_records(path.parent)["channel"])
    for part in ("training", "deepjscc", "swinjscc"):
        if old := config.get(part, {}).get("channel"):
            assert parse_channel(migrate_channel(old)).label


def test_migrating_keeps_what_was_used():
    old = {"type": "ofdm", "model": "umi", "path": None, "delay_spread_ns": 50.0, "speed_kmh": 60.0, "k_best": 16}
    old |= {"direction": "uplink", "detector": "k_best", "csi": "ls", "interpolation": "lmmse", "pilot_symbols": [1, 3]}
    old |= {"streams": 2, "tx_antennas": 2, "rx_antennas": 2, "pilots": "block", "cfo_hz": 5.0, "clipping_db": None}
    new = migrate_channel(old)
    assert new["model"] == {"type": "umi", "speed_kmh": 60.0, "direction": "uplink"}
    assert new["csi"] == {"type": "ls", "interpolation": "lmmse"} and new["detector"] == {"type": "k_best", "k": 16}
    assert new["pilots"] == {"type": "block", "symbols": [1, 3]} and parse_channel(new).cfo_hz == 5.0
    assert migrate_channel(new) == new and migrate_channel({"type": "ofdm"})["model"] == {"type": "tdl-a"}
    old = {"fading": "rayleigh", "preset": "original", "csi": "perfect", "coherence": "fast", "rician_k_db": 6.0}
    assert migrate_channel(old) == {"fading": "rayleigh", "preset": "original"}


@pytest.mark.parametrize(
    ("one", "other", "label", "text"),
    [
        ({}, {"power": "per_batch"}, "awgn_power=per_batch", "AWGN, power per_batch"),
        (
            {"fading": "rician"},
            {"fading": "rician", "rician_k_db": 3},
            "rician_fast_rician_k_db=3",
            "Rician, fast, rician k 3 dB",
        ),
        (
            {"type": "ofdm"},
            {"type": "ofdm", "model": {"delay_spread_ns": 300}},
            "ofdm_tdl-a_3kmh_1x1_perfect_delay_spread_ns=300",
            "TDL-A, 3 km/h, 1\N{MULTIPLICATION SIGN}1, perfect CSI, delay spread 300 ns",
        ),
        (
            {"type": "ofdm"},
            {"type": "ofdm", "guard_carriers": [3, 2], "cfo_hz": 120.5},
            "ofdm_tdl-a_3kmh_1x1_perfect_guard_carriers=3-2_cfo_hz=120.5",
            "TDL-A, 3 km/h, 1\N{MULTIPLICATION SIGN}1, perfect CSI, guard carriers 3-2, cfo 120.5 Hz",
        ),
        (
            {"type": "ofdm", "tx_antennas": 2, "rx_antennas": 2, "streams": 2},
            {"type": "ofdm", "tx_antennas": 2, "rx_antennas": 2},
            "ofdm_tdl-a_3kmh_2x2_streams=1_perfect",
            "TDL-A, 3 km/h, 2\N{MULTIPLICATION SIGN}2, streams 1, perfect CSI",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_label_says_what_differs(one, other, label, text):
    channel = parse_channel(other)
    assert (channel.label, channel.text) == (label, text) and parse_channel(one).label != label


def test_no_two_channels_of_other_physics_have_one_label():
    """Each key of each kind of channel, at another value than its default."""
    other = {
        "power": "per_batch", "coherence": "block", "csi": "none", "equaliser": "zf",
        "rician_k_db": 1.5,
        "domain": "time", "interleave": False, "count_overhead": False, "cfo_hz": 5.0, "linewidth_hz": 5.0,
        "clipping_db": 5.0, "snr_error_db": 5.0, "fft_size": 128, "subcarrier_spacing_khz": 15.0,
        "num_ofdm_symbols": 12, "cyclic_prefix": 9, "guard_carriers": [3, 3], "dc_null": False, "pilots": "none",
        "detector": "ep", "model": "cdl-a", "tx_antennas": 2, "rx_antennas": 2,
    }  # fmt: skip
    same = {"type", "name", "fading", "preset", "streams", "realisation", "features_per_grid"}
    for base in ({}, {"fading": "rayleigh"}, {"fading": "rician"}, {"type": "ofdm"}):
        plain = parse_channel(base)
        labels = [plain.label]
        for key in set(type(plain).model_fields) - same:
            changed = {key: "ls" if base.get("type") == "ofdm" and key == "csi" else other[key]}
            changed |= {"equaliser": "none"} if changed.get("csi") == "none" else {}
            changed |= {"tx_antennas": 2, "rx_antennas": 2, "streams": 2} if key == "detector" else {}
            labels.append(parse_channel({**base, **changed}).label)
        assert len(set(labels)) == len(labels) > 1, labels


def test_channels_whose_numbers_changed_are_of_another_revision():
    for channel, revision in {
        "awgn": 1, "rayleigh": 1, "tdl-a": 1, "cdl-a": 1, "umi": 2, "uma": 2, "rma": 2,
    }.items():  # fmt: skip
        assert parse_channel(channel).revision == revision
        assert parse_channel(channel).settings().get("revision", 1) == revision
    for interpolation, revision in {"nearest": 1, "linear": 2, "lmmse": 1}.items():
        channel = parse_channel({"type": "ofdm", "csi": {"type": "ls", "interpolation": interpolation}})
        assert channel.revision == revision and "revision" not in channel.label
        assert channel.model_copy(update={"clipping_db": 3.0}).revision == revision + 1
    assert parse_channel({"clipping_db": 3.0}).revision == 1


def test_clipping_has_one_name():
    for base, text in (({}, "AWGN"), ({"type": "ofdm", "model": "awgn"}, "OFDM AWGN")):
        channel = parse_channel({**base, "clipping_db": 3.0})
        assert channel.label.endswith("_clipping_db=3") and channel.text.startswith(text)
        assert channel.text.endswith(", clipping 3 dB")
