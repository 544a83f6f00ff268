"""The names that readers see."""

import itertools
import math

import pytest

from kbsc_tf.config import OfdmConfig
from kbsc_tf.config.channels.ofdm_models import MODELS
from kbsc_tf.figures.style import looks_of
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("awgn", "AWGN"),
        ("rayleigh_fast", "Rayleigh, fast"),
        ("rayleigh_block_none_csi_none", "Rayleigh, block, no CSI, no equaliser"),
        ("rician_fast_perfect_csi_zf", "Rician, fast, perfect CSI, ZF"),
        ("rayleigh_original", "Rayleigh, original"),
        ("my_link", "my link"),
        ("ofdm_tdl-a_3kmh_1x2_ls_linear", "TDL-A, 3 km/h, 1×2, LS (linear)"),
        ("ofdm_rayleigh_1x1_perfect", "OFDM Rayleigh, 1×1, perfect CSI"),
        ("ofdm_awgn_1x1_perfect_data_only", "OFDM AWGN, 1×1, perfect CSI, data symbols only"),
        ("ofdm_recorded_2x4_ls_lmmse_zf", "OFDM recorded, 2×4, LS (LMMSE), ZF"),
        ("ofdm_cdl-c_120.5kmh_4x4_ls_nearest_k_best", "CDL-C, 120.5 km/h, 4×4, LS (nearest), K-best"),
        ("ofdm_umi_0kmh_2x2_perfect_zf_ep_data_only", "UMi, 0 km/h, 2×2, perfect CSI, ZF, EP, data symbols only"),
        ("OFDM, indoors", "OFDM, indoors"),
        ("ofdm_tdl-a", "ofdm tdl-a"),  # a name like any, it says nothing of what labels say
    ],
)
def test_channel_names(label, text):
    assert channel_text(label) == text


def test_snr_names():
    assert [snr_text(x) for x in (-7.0, 2.5, math.inf)] == ["\N{MINUS SIGN}7 dB", "2.5 dB", "no noise"]


def test_every_ofdm_label_has_a_name_of_its_own(tmp_path):
    """Labels come from the configuration, names from labels: none is left out, no two become one."""
    names = {}
    csi = ("perfect", *({"type": "ls", "interpolation": name} for name in ("nearest", "linear", "lmmse")))
    options = [MODELS, (False, True), ("zf", "lmmse"), ("linear", "k_best", "ep"), csi]
    size = {"tx_antennas": 2, "rx_antennas": 4, "streams": 2, "guard_carriers": (5, 5), "dc_null": False}
    for model, data_only, equaliser, detector, csi in itertools.product(*options):
        fields = {"equaliser": equaliser, "detector": detector, "count_overhead": not data_only, **size}
        model = {"type": model, "path": tmp_path / "h.npz"} if model == "recorded" else model
        config = OfdmConfig(model=model, csi=csi, **fields)
        names[config.label] = channel_text(config.label)
        assert config.text == names[config.label]
        assert not names[config.label].startswith("ofdm ") and "_" not in names[config.label]
    assert len(set(names.values())) == len(names) == len(MODELS) * 2 * 24


@pytest.mark.parametrize(
    ("mcs", "text"),
    [("qpsk-1/2", "QPSK 1/2"), ("16qam-2/3", "16-QAM 2/3"), ("genie", "genie"), ("", ""), ("my-code", "my-code")],
)
def test_mcs_names(mcs, text):
    assert mcs_text(mcs) == text


def test_scheme_names():
    assert [scheme_text(s) for s in ("bpg_ldpc", "label_ldpc", "my_scheme")] == [
        "BPG + LDPC", "zero-shot label + LDPC (bound)", "my scheme",
    ]  # fmt: skip


def test_kbsc_trained_on_another_channel_is_told_from_kbsc():
    assert scheme_text("kbsc_awgn") == "KBSC trained on AWGN"
    one, other = looks_of(["kbsc", "kbsc_awgn"]).values()
    assert one.colour != other.colour and one.marker != other.marker
