"""Every outcome of a point, a Parquet file each: for confusion matrices and paired tests. Imports no TensorFlow."""

import json
import uuid
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, make_folder
from kbsc_tf.results.points import Point, as_json, as_point
from kbsc_tf.seals import sealed, unsealed

FOLDER = "per_image"
_GROUP_ROWS = 100_000
_PART = ".part"  # ends the name of a file that is being written
_SCHEMA = pa.schema(
    [
        ("trial", pa.int32()),
        ("image", pa.int32()),  # row in the sender's set
        ("label", pa.int32()),
        ("shown", pa.int32()),  # class of the image that is shown, -1 without
        ("entry", pa.int32()),  # its entry of the knowledge base, -1 without
        ("delivered", pa.bool_()),
        ("correct", pa.bool_()),
        ("confidence", pa.float32()),
        ("group", pa.int64()),  # images of a trial with one number share a channel realisation or a code block
        ("psnr", pa.float32()),
        ("ms_ssim", pa.float32()),
        ("channel_uses", pa.float32()),  # complex; null in files of earlier versions
    ]
)
HEAD = b"kbsc"  # key of a file's metadata that says which point it is of
_CHECKS = b"kbsc_checks"  # and of that with the checksums of the head and of every column


@contextmanager
def per_image_writer(folder: Path, point: Point, class_names: tuple[str, ...]) -> Iterator["PerImageWriter"]:
    """A writer of one point's file, which is there as a whole when the block ends well, and else not at all."""
    path = folder / FOLDER / f"{point.stem}.parquet"
    make_folder(path.parent)
    # Its own: a worker that was given up may still be writing when another has begun the point again.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PART}")
    head = {**dict(zip(Point._fields, as_json(point), strict=True)), "class_names": list(class_names), "checked": True}
    try:
        with pq.ParquetWriter(temporary, _SCHEMA.with_metadata({HEAD: json.dumps(head)}), compression="zstd") as file:
            writer = PerImageWriter(file)
            yield writer
            writer.flush()
            file.add_key_value_metadata({_CHECKS: sealed({"head": head, "columns": writer.checksums})})
        temporary.replace(path)
    except OSError as error:
        raise cannot("write", path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


class PerImageWriter:
    """Adds trials to the file of a point, in row groups of some 100,000 rows, so that memory stays flat."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file
        self._waiting: list[pa.Table] = []
        self.checksums: dict[str, int] = {}

    def add(self, columns: dict[str, Any]) -> None:
        """Write a trial: its number, and [B] values for every other column; PSNR and MS-SSIM may be None."""
        count = len(columns["image"])
        arrays = []
        for field in _SCHEMA:
            values = columns[field.name]
            if values is None or field.name == "trial":
                values = [values] * count
            arrays.append(pa.array(values, field.type))
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._file.schema))
        if sum(map(len, self._waiting)) >= _GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting as a row group."""
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._file.write_table(table)
            self.checksums = _checksums(table, self.checksums)
            self._waiting.clear()


def remove_parts(folder: Path, recorded: Collection[Point]) -> None:
    """Remove what killed processes were writing of points that have been recorded since."""
    stems = {point.stem for point in recorded}
    for path in (folder / FOLDER).glob(f".*{_PART}"):
        if path.name[1:].rpartition(".parquet.")[0] in stems:
            path.unlink(missing_ok=True)


def read_per_image(folder: Path | str, point: Point) -> pd.DataFrame:
    """All outcomes of a point: a row per trial and image.

    Returns
    -------
    DataFrame
        trial, image, label, shown, entry (ints; -1: nothing), delivered, correct (bool), confidence (float32), group
        (int64), psnr, ms_ssim (float32, NaN for schemes that deliver no images), channel_uses (float32, NaN in files of
        earlier versions).

    Raises
    ------
    UserError
        The point has no file, or it is damaged.
    """
    path = Path(folder) / FOLDER / f"{point.stem}.parquet"
    if not path.exists():
        raise UserError(
            f"{path}: no outcomes of {point.text}; run the sweep with --set sweep.per_image=true into a new --out"
        )
    table, (head, checks) = _read(path), _head(path)
    now = _checksums(table, {})
    if checks is not None and {name: now.get(name) for name in checks} != checks:
        raise _damaged(path, ValueError("its checksums do not fit"))
    classes = pc.max(table["label"]).as_py(), pc.max(table["shown"]).as_py()
    if any(one is not None and one >= len(head["class_names"]) for one in classes):
        raise _damaged(path, ValueError("it has other classes than it names"))
    return table.to_pandas()


def per_image_points(folder: Path | str) -> list[Point]:
    """Points whose outcomes are kept, in the order of their file names; empty without any."""
    heads = (_head(path)[0] for path in sorted((Path(folder) / FOLDER).glob("*.parquet")))
    return [as_point([head[name] for name in Point._fields]) for head in heads]


def class_names(folder: Path | str) -> list[str]:
    """Names of the classes that ``label`` and ``shown`` count; empty without any outcomes."""
    first = next(iter(sorted((Path(folder) / FOLDER).glob("*.parquet"))), None)
    return [] if first is None else _head(first)[0]["class_names"]


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from None


def _head(path: Path) -> tuple[dict[str, Any], dict[str, int] | None]:
    """What a file says of itself, and the checksums of its columns; None in files of earlier versions."""
    try:
        metadata = pq.read_metadata(path).metadata
        head, checks = json.loads(metadata[HEAD]), None
        if "checked" in head or _CHECKS in metadata:
            checks = unsealed(json.loads(metadata[_CHECKS]))
            if checks is None or checks["head"] != head:
                raise ValueError("its checksum does not fit")
            checks = checks["columns"]
        if as_point([head[name] for name in Point._fields]).stem != path.stem:
            raise ValueError("it is that of another point")
        if not all(isinstance(name, str) for name in head["class_names"]):
            raise TypeError("its class names are not text")
        return head, checks
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None


def _checksums(table: pa.Table, before: dict[str, int]) -> dict[str, int]:
    """CRC-32 of the values of each column, gone on with from rows ``before``."""
    return {name: zlib.crc32(table[name].to_numpy().tobytes(), before.get(name, 0)) for name in table.schema.names}


def _damaged(path: Path, error: Exception) -> UserError:
    why = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
    return UserError(f"{path}: damaged or not of this program ({why}); delete the file and its line in records.csv")
