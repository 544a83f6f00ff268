"""The Kodak images, or others of any size: BPG's rate and distortion, and neural codecs over crops of them.

    python sims/kodak.py rate IMAGES OUT.csv [--bpg-tools]
    python sims/kodak.py send RUN IMAGES OUT.csv [--snr-db 0 --snr-db 10 ...] [--size 32]

IMAGES is a folder of PNG files. `rate` writes a row per image, chroma and QP; with --bpg-tools the reference programs
encode too, and the BD-rate of ours against theirs is printed. `send` cuts each image into crops, as large as the
images that RUN's schemes were trained on, sends every crop by each of them at equal channel uses, and measures the
image put together again. Beside them stands BPG of the whole image in the bits that an ideal code brings over all of
its channel uses.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import typer
from PIL import Image
from scipy.interpolate import PchipInterpolator

import kbsc_tf as kbsc
from kbsc_tf.codecs.bpg import BpgCodec
from kbsc_tf.codecs.bpg_tools import BpgToolsCodec
from kbsc_tf.codecs.image_codec import ImageCodec
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.metrics.image import ms_ssim, psnr
from kbsc_tf.progress import counting
from kbsc_tf.registry import schemes
from kbsc_tf.results.names import named, registered
from kbsc_tf.results.run_json import read_run

app = typer.Typer(add_completion=False, help=__doc__)
QP = (22, 27, 32, 37, 42)  # the range of HEVC's common test conditions, and one more
CHROMAS = ("444", "420")
Images = Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder of PNG files.")]
Out = Annotated[Path, typer.Argument(metavar="OUT.csv")]


def read_images(folder: Path) -> dict[str, np.ndarray]:
    """Return the PNG files of a folder by name, each [H, W, 3] uint8."""
    files = sorted(folder.glob("*.png"))
    if not files:
        raise UserError(f"{folder}: holds no .png files; give the folder of the images")
    return {file.stem: np.asarray(Image.open(file).convert("RGB")) for file in files}


def rate_row(codec: ImageCodec, image: np.ndarray, qp: int) -> dict:
    """Encode and decode one image."""
    started = time.process_time()
    file = codec.encode(image, qp)
    seconds, restored = time.process_time() - started, codec.decode(file)
    return {
        "qp": qp,
        "bytes": len(file),
        "bits_per_pixel": 8 * len(file) / (image.shape[0] * image.shape[1]),
        "psnr": float(psnr([image], [restored])[0]),
        "ms_ssim": float(ms_ssim([image], [restored])[0]),
        "encoding_cpu_s": seconds,
    }


def bd_rate(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Return how much more rate we need for the same PSNR, as a share of theirs (Bjøntegaard, piecewise cubic).

    Parameters
    ----------
    ours, theirs : DataFrame
        ``bits_per_pixel`` and ``psnr`` (dB) of one image at several QPs.
    """
    low = max(ours["psnr"].min(), theirs["psnr"].min())
    high = min(ours["psnr"].max(), theirs["psnr"].max())
    areas = []
    for one in (ours, theirs):
        one = one.sort_values("psnr")
        areas.append(PchipInterpolator(one["psnr"], np.log(one["bits_per_pixel"])).integrate(low, high))
    return math.expm1((areas[0] - areas[1]) / (high - low))


@app.command()
def rate(images: Images, out: Out, bpg_tools: Annotated[bool, typer.Option("--bpg-tools")] = False) -> None:
    """Measure sizes and quality of BPG files."""
    pictures, rows = read_images(images), []
    makers = {"kbsc_tf": BpgCodec} | ({"bpgenc": BpgToolsCodec} if bpg_tools else {})
    jobs = [(n, c, m) for n in pictures for c in CHROMAS for m in makers]
    with counting("BPG", len(jobs)) as advance:
        for name, chroma, maker in jobs:
            codec, job = makers[maker](chroma=chroma), {"image": name, "chroma": chroma, "encoder": maker}
            rows += [{**job, **rate_row(codec, pictures[name], qp)} for qp in QP]
            advance(1)
    table = pd.DataFrame(rows)
    write_atomically(out, table.to_csv(index=False))
    print(table.groupby(["encoder", "chroma", "qp"])[["bits_per_pixel", "psnr", "ms_ssim"]].mean().round(3))
    if bpg_tools:
        parts = dict(list(table.groupby(["image", "chroma", "encoder"])))
        rates = [100 * bd_rate(parts[n, c, "kbsc_tf"], parts[n, c, "bpgenc"]) for n in pictures for c in CHROMAS]
        print(f"BD-rate against bpgenc: {np.mean(rates):+.1f} % ({min(rates):+.1f} to {max(rates):+.1f})")


def cut(image: np.ndarray, size: int) -> np.ndarray:
    """Cut an image into crops, row by row -> [N, size, size, 3]; what does not fill a crop is left out."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    whole = image[: rows * size, : columns * size].reshape(rows, size, columns, size, 3)
    return whole.transpose(0, 2, 1, 3, 4).reshape(-1, size, size, 3)


def joined(crops: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Put crops together again to as much of an image of this shape as they fill."""
    size = crops.shape[1]
    rows, columns = shape[0] // size, shape[1] // size
    whole = crops.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4)
    return whole.reshape(rows * size, columns * size, 3)


def whole_bpg(image: np.ndarray, uses: float, snr_db: float) -> np.ndarray | None:
    """Return the best BPG of an image in the bits of an ideal code over AWGN; None where no file fits."""
    codec, bits = BpgCodec(chroma="420"), uses * math.log2(1 + 10 ** (snr_db / 10))
    file = codec.encode_to_budgets(image, [int(bits // 8)])[0]
    return None if file is None else codec.decode(file)


def networks(records: pd.DataFrame) -> list[tuple[str, int]]:
    """Return scheme and k of all that was trained and delivers images: others may show thumbnails, or nothing."""
    of_images = records[records["psnr"].notna() & records["scheme"].map(lambda name: schemes[registered(name)].trained)]
    return list(of_images[["scheme", "k"]].drop_duplicates().itertuples(index=False, name=None))


def send_row(name: str, scheme: str, k: int, snr_db: float, image: np.ndarray, restored: np.ndarray | None) -> dict:
    """Return the quality of one image after transmission; without figures where nothing could be sent."""
    point = {"image": name, "scheme": scheme, "k": k, "snr_db": snr_db}
    if restored is None:
        return {**point, "psnr": math.nan, "ms_ssim": math.nan}
    return {
        **point,
        "psnr": float(psnr([image], [restored])[0]),
        "ms_ssim": float(ms_ssim([image], [restored])[0]),
    }


@app.command()
def send(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Results folder with trained image schemes.")],
    images: Images,
    out: Out,
    snr_db: Annotated[list[float], typer.Option(help="Es/N0 in dB; may be repeated.")] = [0, 10],  # noqa: B006
    size: Annotated[int, typer.Option(help="Side of a crop in pixels.")] = 32,
) -> None:
    """Send images in crops by the image schemes of a run, over the first of its channels."""
    pictures = read_images(images)
    with named(read_run(run)):
        found = networks(kbsc.Run(run).frame())
    links = [kbsc.Link.load(run, scheme=scheme, k=k) for scheme, k in found]
    links = [link for link in links if link.delivers_images]
    if not links:
        raise UserError(f"{run}: holds no trained image schemes; give the folder of sims/neural_baselines.yaml")
    rows = []
    with counting("images", len(pictures)) as advance:
        for name, image in pictures.items():
            crops = cut(image, size)
            area = joined(crops, image.shape)
            for snr in snr_db:
                for link in links:
                    received = np.stack(link.transmit(crops, snr_db=snr, seed=0).images)
                    rows.append(send_row(name, link.scheme, link.k, snr, area, joined(received, image.shape)))
                for k in sorted({link.k for link in links}):
                    best = whole_bpg(area, k / 2 * len(crops), snr)
                    rows.append(send_row(name, "bpg_capacity of the whole image", k, snr, area, best))
            advance(1)
    table = pd.DataFrame(rows)
    write_atomically(out, table.to_csv(index=False))
    print(table.groupby(["scheme", "k", "snr_db"])[["psnr", "ms_ssim"]].mean().round(3).to_string())


if __name__ == "__main__":
    try:
        app()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
