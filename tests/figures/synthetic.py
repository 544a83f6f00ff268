"""Records made up to look like real ones, for figures and tables."""

import itertools
import math

import numpy as np
import pandas as pd

from kbsc_tf.metrics import wilson
from kbsc_tf.results.records import COLUMNS

IMAGES, VALUES = 2000, 3 * 32 * 32
ONE_TRIAL = {"trials": 1, "stop": ""}
MCS = {"qpsk-1/2": 1, "qpsk-3/4": 1.5, "16qam-1/2": 2, "16qam-3/4": 3, "64qam-2/3": 4, "64qam-5/6": 5}  # bits per use
SNRS = (-7.0, -4.0, -1.0, 2.0, 5.0, 8.0, 12.0, math.inf)
# Bits at which half of the images fit, and bits that bring the accuracy within 1/e of its best.
CODED = {
    "bpg_ldpc": (180, 420),
    "jpeg_ldpc": (900, 700),
    "feature_ldpc_pq": (24, 60),
    "feature_ldpc_sq": (40, 130),
    "index_ldpc": (12, 1),
    "label_ldpc": (6, 1),
}


def _sigmoid(x):
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, x))))


def _row(scheme, channel, mcs, k, snr_db, seed, share, uses, feasible=1.0, failed=0.0, psnr=None):
    correct = round(share * IMAGES)
    low, high = wilson(correct, IMAGES)
    row = dict.fromkeys(COLUMNS, math.nan) | ONE_TRIAL
    row |= {
        "scheme": scheme,
        "channel": channel,
        "mcs": mcs,
        "k": k,
        "snr_db": snr_db,
        "seed": seed,
        "training_seed": "",
        "n": IMAGES,
    }
    row |= {"channel_uses": uses, "cbr": uses / VALUES, "top1": correct / IMAGES, "top1_low": low, "top1_high": high}
    delivered = feasible * (1 - failed)
    row |= {"feasible": feasible, "delivered": delivered, "answered": delivered}
    if psnr is not None:
        missing = 1 - delivered
        value = (1 - missing) * psnr + missing * 12.6
        row |= {"psnr": value, "psnr_low": value - 0.12, "psnr_high": value + 0.12}
        row |= {"ms_ssim": (value - 8) / 30, "ms_ssim_low": (value - 8.2) / 30, "ms_ssim_high": (value - 7.8) / 30}
        row["stand_ins"] = round(missing * IMAGES)
    return row


def _payload(scheme, bits):
    """(accuracy, feasible, psnr) with this many bits."""
    half, needed = CODED[scheme]
    feasible = 0.0 if bits < 0.75 * half else 1.0 if bits > 1.4 * half else (bits / half - 0.75) / 0.65
    top = {"index_ldpc": 0.7, "label_ldpc": 0.785}.get(scheme, 0.69 * (1 - math.exp(-(bits - half / 2) / needed)))
    is_image = scheme.startswith(("bpg", "jpeg"))
    return max(top, 0.02) * feasible, feasible, 17 + 3.2 * math.log2(max(bits, 1) / 200) if is_image else None


def digital(channels=("awgn", "rayleigh_fast"), ks=(16, 64, 128, 256, 512), snrs=SNRS, seeds=(0,)):
    """Every scheme of the sweep; coded ones with six MCSs and a genie, JPEG too large for most budgets."""
    rows = []
    for channel, seed in ((c, s) for c in channels for s in seeds):
        loss, slope = (0.0, 1.6) if channel == "awgn" else (2.5, 0.55)
        for scheme, gain in (("kbsc", 0.0), ("pca", -1.0), ("raw", 1.0)):
            for k in (512,) if scheme == "raw" else ks:
                for snr in snrs:
                    share = 0.69 * _sigmoid((snr + gain - loss + 4 * math.log2(k / 16)) / 6 + 0.3) + seed / 200
                    rows.append(_row(scheme, channel, "", k, snr, seed, share, k / 2))
        for scheme in CODED:
            for k in ks:
                for snr in snrs:
                    best = []
                    for mcs, rate in MCS.items():
                        share, feasible, psnr = _payload(scheme, k / 2 * rate)
                        failed = 1 - _sigmoid(slope * (snr - loss - 3.4 * rate + 1.5))
                        row = _row(
                            scheme, channel, mcs, k, snr, seed, share * (1 - failed), k / 2, feasible, failed, psnr
                        )
                        row |= {"header_uses": 9 / rate, "crc_uses": 16 / rate, "padding_uses": 1.5}
                        row |= {"throughput": rate * row["delivered"], "goodput": 0.8 * rate * row["delivered"]}
                        rows.append(row | ({"bler": failed} if feasible else {}))
                        best.append(rows[-1])
                    genie = max(best, key=lambda row: (row["feasible"] > 0, row["top1"]))
                    share = min(genie["top1"] * 1.02 + (0.012 if genie["top1"] and math.isfinite(snr) else 0), 0.785)
                    psnr = None if math.isnan(genie["psnr"]) else genie["psnr"] + 0.3
                    row = _row(scheme, channel, "genie", k, snr, seed, share, k / 2, genie["feasible"], 0, psnr)
                    rows.append(row | {"header_uses": 6.0, "crc_uses": 9.0, "padding_uses": 1.0})
        for codec in ("bpg", "jpeg"):
            for k in ks:
                for snr in (snr for snr in snrs if math.isfinite(snr)):  # its capacity has no bound without noise
                    bits = k / 2 * math.log2(1 + 10 ** ((snr - loss / 2) / 10))
                    share, feasible, psnr = _payload(f"{codec}_ldpc", bits)
                    row = _row(f"{codec}_capacity", channel, "", k, snr, seed, share, k / 2, feasible, 0, psnr)
                    rows.append(row | {"header_uses": 5.0})
        rows += [_row("noise_free", channel, "", k, math.inf, seed, 0.6935, 0.0) for k in ks]
    return pd.DataFrame(rows).astype({"k": np.int64, "n": np.int64, "seed": np.int64})


def analogue(schemes=("kbsc", "pca"), channels=("awgn",), ks=(16, 64), snrs=(-7.0, 0.0, 10.0, math.inf), seeds=(0,)):
    """KBSC and PCA, or whatever is named, without coded schemes."""
    rows = []
    for scheme, channel, k, snr_db, seed in (
        (s, c, k, x, seed) for s in schemes for c in channels for k in ks for x in snrs for seed in seeds
    ):
        share = round(1000 * k / (k + 40) / (1 + math.exp(-min(snr_db, 40) / 4))) / 1000 + seed / 100
        low, high = wilson(share * 1000, 1000)
        row = dict.fromkeys(COLUMNS, math.nan) | ONE_TRIAL
        row |= {"scheme": scheme, "channel": channel, "mcs": "", "k": k}
        row |= {"snr_db": snr_db, "seed": seed, "training_seed": "", "n": 1000, "feasible": 1.0}
        row |= {"channel_uses": k / 2, "cbr": k / 2 / 3072}
        rows.append(row | {"top1": share, "top1_low": low, "top1_high": high})
    return pd.DataFrame(rows)


def ofdm(channels=("awgn", "ofdm_tdl-a_3kmh_1x2_ls_linear"), ks=(64,)):
    """PCA, and JPEG at one MCS, over flat and OFDM channels; a third of an OFDM channel's uses is overhead."""
    rows, schemes = [], [("pca", ""), ("jpeg_ldpc", "qpsk-1/2")]
    for (scheme, mcs), channel, k in itertools.product(schemes, channels, ks):
        is_ofdm = channel.startswith("ofdm")
        row = _row(scheme, channel, mcs, k, 5.0, 0, 0.5, k / 2 * (1.5 if is_ofdm else 1))
        if mcs:
            row |= {"header_uses": k / 8, "crc_uses": k / 16, "padding_uses": 0.0}
        if is_ofdm:
            row |= {"pilot_uses": k / 8, "guard_uses": k / 16, "prefix_uses": k / 32, "unused_uses": k / 32}
            row |= {"papr_db": 7.0 + k / 64 + (0.5 if mcs else 0.0)}
        rows.append(row)
    return pd.DataFrame(rows).astype({"k": np.int64, "n": np.int64, "seed": np.int64})
