"""Tables for the terminal and for a README."""

import math

import pytest
from rich.console import Console
from synthetic import analogue, digital, ofdm

from kbsc_tf.figures.table import accuracy_table, channel_uses_table, markdown_table, papr_table


def cells(table):
    """Rows of a Markdown table as lists of cells, the rule left out."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [rows[0], *rows[2:]]


@pytest.mark.parametrize(("width", "snrs"), [(200, 13), (70, None)])
def test_table_fits_the_terminal(width, snrs):
    records = analogue(channels=("awgn", "rayleigh_fast"), snrs=(*map(float, range(-7, 5)), math.inf))
    table = accuracy_table(records, width=width)
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    text = console.export_text()
    assert "…" not in text and "KBSC" in text and "Rayleigh, fast" in text
    assert len(table.rows) == 8
    if snrs:
        assert len(table.columns) == 3 + snrs and "61.5 ±3.0" in text
    else:
        assert "of 13 SNRs shown" in text and "\N{MINUS SIGN}7" in text


def test_names_are_shown_as_written():
    channels = ("office [los]", "office [nlos]", "cost $x^$ a", ":smile: [/b]")
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(accuracy_table(analogue(channels=channels, schemes=("pca", "[red]")), width=200))
    text = console.export_text()
    assert all(name in text for name in (*channels, "[red]"))


def test_markdown_table():
    lines = markdown_table(analogue(schemes=("kbsc",), ks=(64,))).splitlines()
    assert lines[0] == "| Scheme | Channel | k | \N{MINUS SIGN}7 dB | 0 dB | 10 dB | no noise |"
    assert lines[2].startswith("| KBSC | AWGN | 64 |") and lines[2].endswith("| 61.5 ±3.0 |")


def test_coded_schemes_show_envelope_and_genie_or_every_mcs():
    records = digital(channels=("awgn",), ks=(256,))
    bpg = records[records["scheme"].isin(["kbsc", "bpg_ldpc"])]
    head, *rows = cells(markdown_table(bpg))
    assert head[:5] == ["Scheme", "MCS", "Channel", "k", "\N{MINUS SIGN}7 dB"]
    assert [row[:2] for row in rows] == [
        ["KBSC", ""],
        ["BPG + LDPC", "envelope"],
        ["BPG + LDPC", "best MCS by outcome"],
    ]
    best = bpg[(bpg["snr_db"] == 12) & ~bpg["mcs"].isin(["", "genie"])]["top1"].max()
    assert rows[1][head.index("12 dB")].startswith(f"{100 * best:.1f} ±")
    assert [row[1] for row in cells(markdown_table(bpg, all_mcs=True))[2:4]] == ["QPSK 1/2", "QPSK 3/4"]
    assert len(accuracy_table(bpg, width=200, all_mcs=True).rows) == 8


def test_image_metrics_have_their_own_unit_and_decimals():
    records = digital(channels=("awgn",), ks=(512,), snrs=(12.0,))
    rows = cells(markdown_table(records, "psnr"))
    assert [row[0] for row in rows[1:]] == [
        *["BPG + LDPC"] * 2, *["JPEG + LDPC"] * 2, "BPG, capacity", "JPEG, capacity",
    ]  # fmt: skip
    assert rows[1][-1].endswith(" ±0.12") and 20 < float(rows[1][-1].split()[0]) < 26
    assert accuracy_table(records, "psnr").title.startswith("PSNR (dB) with")
    assert accuracy_table(records, "ms_ssim").title.startswith("MS-SSIM with")
    assert cells(markdown_table(records, "ms_ssim"))[1][-1].startswith("0.")


def test_what_does_not_fit_is_no_accuracy_of_zero():
    records = digital(channels=("awgn",), ks=(16,), snrs=(12.0,))
    rows = cells(markdown_table(records[records["scheme"] == "jpeg_ldpc"]))
    assert [row[-1] for row in rows[1:]] == ["no fit", "no fit"]


def test_channel_uses_are_split_into_payload_and_overhead():
    records = digital(ks=(64,), snrs=(5.0, 12.0))
    rows = {tuple(row[:3]): row[3:] for row in cells(channel_uses_table(records))}
    assert rows["Scheme", "MCS", "k"] == ["Channel uses", "Payload", "Header", "CRC", "Padding"]
    assert rows["KBSC", "", "64"] == ["32.0", "32.0 (100 %)", "", "", ""]
    assert rows["feature + 5G code (PQ)", "16-QAM 1/2", "64"] == [
        "32.0", "18.0 (56 %)", "4.5 (14 %)", "8.0 (25 %)", "1.5 (5 %)",
    ]  # fmt: skip
    assert rows["JPEG + LDPC", "QPSK 1/2", "64"] == ["no fit", "", "", "", ""]
    assert rows["noise-free feature", "", "64"] == ["0.0", "0.0", "", "", ""]


def test_an_air_interface_has_its_own_parts_and_a_row_per_channel():
    rows = {tuple(row[:4]): row[4:] for row in cells(channel_uses_table(ofdm()))}
    heads = ["Channel uses", "Payload", "Header", "CRC", "Padding", "Pilots", "Guards", "Prefix", "Unused"]
    assert rows["Scheme", "MCS", "Channel", "k"] == heads
    name = "TDL-A, 3 km/h, 1\N{MULTIPLICATION SIGN}2, LS (linear)"
    assert rows["PCA", "", "AWGN", "64"] == ["32.0", "32.0 (100 %)", *[""] * 7]
    assert rows["PCA", "", name, "64"] == [
        "48.0", "32.0 (67 %)", "", "", "", "8.0 (17 %)", "4.0 (8 %)", "2.0 (4 %)", "2.0 (4 %)",
    ]  # fmt: skip
    assert rows["JPEG + LDPC", "QPSK 1/2", name, "64"][1:5] == [
        "20.0 (42 %)", "8.0 (17 %)", "4.0 (8 %)", "0.0 (0 %)",
    ]  # fmt: skip
    assert cells(channel_uses_table(ofdm(channels=("awgn",))))[0][:4] == ["Scheme", "MCS", "k", "Channel uses"]
    without_guards = ofdm().assign(guard_uses=math.nan)
    assert "Guards" not in cells(channel_uses_table(without_guards))[0]


def test_papr():
    rows = cells(papr_table(ofdm(ks=(64, 128))))
    name = "TDL-A, 3 km/h, 1\N{MULTIPLICATION SIGN}2, LS (linear)"
    assert rows[0] == ["Scheme", "MCS", "Channel", "Mean PAPR (dB)"]
    assert rows[1:] == [["PCA", "", name, "8.50"], ["JPEG + LDPC", "QPSK 1/2", name, "9.00"]]
    assert len(cells(papr_table(ofdm(channels=("awgn",))))) == 1
