"""The names that tables and figures give to schemes, channels, metrics and SNRs."""

import math
import re
from typing import NamedTuple


class Metric(NamedTuple):
    """How a metric is shown: its name, its unit ("" for none), factor and decimals of the shown number."""

    name: str
    unit: str
    scale: float
    decimals: int

    @property
    def label(self) -> str:
        """Name with its unit, for an axis or a heading."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


_SCHEMES = {
    "kbsc": "KBSC",
    "kbsc_awgn": "KBSC trained on AWGN",
    "pca": "PCA",
    "raw": "raw feature",
    "adaptive": "adaptive",
    "adaptive_linear": "adaptive, no network",
    "adaptive_progressive": "adaptive, progressive",
    "adaptive_supervised": "adaptive, supervised",
    "bpg_ldpc": "BPG + LDPC",
    "jpeg_ldpc": "JPEG + LDPC",
    "bpg_capacity": "BPG, capacity",
    "jpeg_capacity": "JPEG, capacity",
    "deepjscc": "DeepJSCC",
    "adjscc": "ADJSCC",
    "swinjscc": "SwinJSCC",
    "feature_ldpc_pq": "feature + LDPC (PQ)",
    "feature_ldpc_sq": "feature + LDPC (SQ)",
    "index_ldpc": "KB index + LDPC (bound)",
    "label_ldpc": "zero-shot label + LDPC (bound)",
    "noise_free": "no noise (ceiling)",
}
_CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh", "rician": "Rician"}
_WORDS = {**_CHANNELS, "zf": "ZF", "mmse": "MMSE", "none": "no equaliser"}
_METRICS = {
    "top1": Metric("Semantic accuracy", "%", 100, 1),
    "top5": Metric("Top-5 semantic accuracy", "%", 100, 1),
    "coarse1": Metric("Superclass accuracy", "%", 100, 1),
    "psnr": Metric("PSNR", "dB", 1, 2),
    "ms_ssim": Metric("MS-SSIM", "", 1, 3),
}
_OFDM = re.compile(  # as OfdmConfig.label makes them; a name that a user gave is none of these
    r"ofdm_(?P<model>[a-z]+(?:-[a-e])?)(?:_(?P<speed>[^_]+)kmh)?_(?P<antennas>\d+x\d+)"
    r"_(?P<csi>perfect|ls_nearest|ls_linear|ls_lmmse)(?:_(?P<equaliser>zf))?(?:_(?P<detector>k_best|ep))?(?P<data_only>_data_only)?"
)
_OFDM_MODELS = {
    "awgn": "OFDM AWGN", "rayleigh": "OFDM Rayleigh", "recorded": "OFDM recorded",
    "umi": "UMi", "uma": "UMa", "rma": "RMa",
}  # fmt: skip
_OFDM_WORDS = {
    "perfect": "perfect CSI", "ls_nearest": "LS (nearest)", "ls_linear": "LS (linear)", "ls_lmmse": "LS (LMMSE)",
    "zf": "ZF", "k_best": "K-best", "ep": "EP", None: "",
}  # fmt: skip


def metric_of(metric: str) -> Metric:
    """How a column of the records is shown; one that is not known here is taken for a share of images."""
    return _METRICS.get(metric, Metric(metric, "%", 100, 1))


def scheme_text(scheme: str) -> str:
    """Name of a scheme for readers."""
    return _SCHEMES.get(scheme, scheme.replace("_", " "))


def mcs_text(mcs: str) -> str:
    """Name of an MCS for readers: ``16qam-2/3`` becomes "16-QAM 2/3"."""
    modulation, _, rate = mcs.partition("-")
    if not rate or not modulation.lower().endswith(("qam", "psk")):
        return mcs
    order = modulation[:-3]
    return f"{order}{'-' if order.isdigit() else ''}{modulation[-3:]} {rate}".upper()


def channel_text(channel: str) -> str:
    """Name of a channel for readers; names that users gave stay theirs.

    ``rayleigh_fast`` becomes "Rayleigh, fast", ``ofdm_tdl-a_3kmh_1x2_ls_linear`` "TDL-A, 3 km/h, 1×2, LS (linear)".
    """
    if ofdm := _OFDM.fullmatch(channel):
        return _ofdm_text(**ofdm.groupdict())
    if channel.split("_")[0] not in _CHANNELS:
        return channel.replace("_", " ")
    words = channel.replace("none_csi", "no CSI").replace("perfect_csi", "perfect CSI").split("_")
    return ", ".join(_WORDS.get(word, word) for word in words)


def snr_text(snr_db: float) -> str:
    """ "-7 dB" with a true minus sign, or "no noise"."""
    return "no noise" if math.isinf(snr_db) else f"{snr_db:g} dB".replace("-", "\N{MINUS SIGN}")


def _ofdm_text(
    model: str,
    speed: str | None,
    antennas: str,
    csi: str,
    equaliser: str | None,
    detector: str | None,
    data_only: str | None,
) -> str:
    parts = [
        _OFDM_MODELS.get(model, model.upper()),
        f"{speed} km/h" if speed else "",
        antennas.replace("x", "\N{MULTIPLICATION SIGN}"),
        *(_OFDM_WORDS[word] for word in (csi, equaliser, detector)),
        "data symbols only" if data_only else "",
    ]
    return ", ".join(part for part in parts if part)
