"""READMEs of results are what sims/write_readmes.py makes of their templates and records, and so is the overview."""

import sys

import pytest
from readmes import RESULTS, ROOT

from kbsc_tf.errors import UserError
from kbsc_tf.results.records import read_records

sys.path.insert(0, str(ROOT / "sims"))

import write_readmes
from pages.facts import Facts, Figure, between, headline, less, says

MANY_RECORDS = ["adaptive", "adaptive_parts", "baselines_cifar10", "baselines_tiny_imagenet_100", "channel_pq"]
MANY_RECORDS += [
    "feedback",
    "four_channels",
    "neural_baselines",
    "ofdm",
    "original",
    "paper",
    "real_clip",
    "docs/reproduction.md",
]


def quick(names):
    return [pytest.param(name, marks=pytest.mark.long) if name in MANY_RECORDS else name for name in names]


@pytest.mark.parametrize("name", quick(write_readmes.templates()))
def test_a_readme_is_what_its_template_makes_of_the_records(name):
    readme = RESULTS / name / "README.md"
    assert readme.read_text(encoding="utf-8") == write_readmes.rendered(name), "run python sims/write_readmes.py"


def test_the_overview_is_that_of_the_index():
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == write_readmes.overview()


@pytest.mark.parametrize("page", quick(write_readmes.SECTIONS))
def test_a_section_of_a_page_is_that_of_the_records(page):
    assert (ROOT / page).read_text(encoding="utf-8") == write_readmes.with_section(page)


def test_a_page_without_a_place_for_its_section_is_refused(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("no such lines")
    monkeypatch.setattr(write_readmes, "ROOT", tmp_path)
    with pytest.raises(UserError, match="README.md: expected the lines"):
        write_readmes.with_section("README.md")


def test_a_figure_is_that_of_the_records():
    facts = Facts(RESULTS / "cifar10")
    found, records = facts.at("pca", 64, -4, channel="rayleigh_fast"), read_records(RESULTS / "cifar10")
    [row] = records.query("scheme == 'pca' and k == 64 and snr_db == -4 and channel == 'rayleigh_fast'").itertuples()
    assert (found.value, found.low, found.high, found.n) == (
        100 * row.top1, 100 * row.top1_low, 100 * row.top1_high, row.n,
    )  # fmt: skip
    assert str(found) == f"{100 * row.top1:.1f} ±{50 * (row.top1_high - row.top1_low):.1f}"
    with pytest.raises(UserError, match="0 points have .*; a README's figure needs one"):
        facts.at("pca", 65, -4)


def test_a_figure_of_a_coded_scheme_is_its_envelopes():
    facts = Facts(RESULTS / "baselines_cifar10")
    all_mcs = facts.records.query("scheme == 'bpg_ldpc' and k == 1024 and snr_db == 5 and channel == 'awgn'")
    fixed = all_mcs[~all_mcs["mcs"].isin(["genie"])].set_index("mcs")
    chosen = fixed["validation_top1"].idxmax()
    assert facts.at("bpg_ldpc", 1024, 5).value == pytest.approx(100 * fixed["top1"][chosen])
    assert facts.at("bpg_ldpc", 1024, 5, mcs="qpsk-1/3").value == pytest.approx(100 * fixed["top1"]["qpsk-1/3"])


def test_uses_that_are_spared_are_interpolated_at_the_same_accuracy():
    """In the logarithm: between 16 uses and 64 that make 40 and 60 %, 50 % take 32."""
    facts, accuracies = Facts(RESULTS / "cifar10"), {16: 0.4, 64: 0.6}
    rows = facts.records.query("scheme == 'pca' and snr_db == 0 and channel == 'awgn'").iloc[:3]
    rows = rows.assign(k=[32, 128, 64], scheme=["pca", "pca", "other"], channel_uses=[16.0, 64.0, 24.0])
    facts.records = rows.assign(top1=[*accuracies.values(), 0.5], mcs="")
    assert facts.uses("other", 64, 0) == 24 and facts.spared("other", "pca", 64, 0) == "75 %"
    better = Facts(RESULTS / "cifar10")
    better.records = facts.records.assign(top1=[*accuracies.values(), 0.61])
    assert better.spared("other", "pca", 64, 0) == "above all"


def test_a_table_holds_the_points_asked_for():
    table = Facts(RESULTS / "cifar10").table(scheme=["kbsc", "pca"], channel="awgn", k=64, snr_db=[-7.0, 0.0])
    heads, _, *rows = table.splitlines()
    assert heads.split("|")[4:-1] == [" −7 dB ", " 0 dB "] and [row.split("|")[1] for row in rows] == [
        " KBSC ",
        " PCA ",
    ]


def test_a_claim_that_the_records_do_not_bear_out_stops_the_script():
    assert says(True, "A is ahead") == "A is ahead"
    with pytest.raises(UserError, match="do not bear out: 'A is ahead'"):
        says(False, "A is ahead")


def test_differences_and_ranges_are_of_shown_figures():
    low, high = Figure(51.26, 50, 52.6, 5000, 1), Figure(60.04, 58.7, 61.4, 5000, 1)
    assert (less(low, high), between([high, low])) == ("-8.8", "51.3 to 60.0")


def test_a_row_of_the_overview_is_a_headline_of_the_index():
    found = {"scheme": "pca", "mcs": "", "channel": "awgn", "k": 64, "snr_db": 0.0, "n": 5000}
    found |= {"top1": 0.5, "top1_low": 0.486, "top1_high": 0.514}
    assert headline({"headline": [found]}) == [["pca", "awgn, k = 64, 0 dB", "50.0 ±1.4", "5000"]]
    assert headline({}) == []
