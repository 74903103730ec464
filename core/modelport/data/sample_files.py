"""The user's samples: read from arrays, a DataFrame, .npz, .npy, .csv or a folder of images, and fitted to a signature."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from modelport.data import images
from modelport.data.preprocessing import Preprocessing
from modelport.errors import InvalidSamples, nearest
from modelport.signature import Signature, TensorSpec

Columns = dict[str, NDArray[Any]]

_UNNAMED = "samples"
"""The name under which a lone array (an .npy file, a folder of images) is kept: it belongs to a model's only input."""


@dataclass(frozen=True)
class Samples:
    """Samples as the user gave them: arrays by name, before they are fitted to a model.

    Attributes:
        columns: arrays by name; the columns of a table are one-dimensional.
        table: True for a CSV file or a DataFrame, whose columns may make up one matrix.
        where: where they came from, for messages.
        images: the image files, when they are images; read once the model's layout is known.
        preprocessing: what is done to the images; None scales and stretches them to what the model's input says.
    """

    columns: Columns
    table: bool
    where: str
    images: Sequence[Path] = ()
    preprocessing: Preprocessing | None = None

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """What a plugin may learn from the samples: the name, dtype and shape of each, rows being symbolic."""
        return tuple(
            TensorSpec(name, dtype_name(array), ("N", *array.shape[1:])) for name, array in self.columns.items()
        )


def read(samples: Any) -> Samples:
    """Read samples of any accepted kind.

    Args:
        samples: a path, several paths of images, an array, a mapping of arrays, or a DataFrame.

    Raises:
        InvalidSamples: for a missing or unreadable file, or another kind of object.
    """
    if isinstance(samples, str | Path):
        return _read_path(Path(samples))
    if isinstance(samples, list | tuple) and samples and all(isinstance(path, Path) for path in samples):
        return _read_paths(samples)
    if isinstance(samples, Mapping):
        columns = {str(name): _as_array(value) for name, value in samples.items()}
        return Samples(columns=columns, table=all(array.ndim == 1 for array in columns.values()), where="samples")
    if hasattr(samples, "columns") and hasattr(samples, "__getitem__"):
        named = {str(name): _as_array(samples[name]) for name in samples.columns}
        return Samples(columns=named, table=True, where="samples")
    return Samples(columns={_UNNAMED: _as_array(samples)}, table=False, where="samples")


def fit(samples: Samples, signature: Signature) -> Columns:
    """Return one array for each input of the signature, in its dtype and rank.

    Raises:
        InvalidSamples: for missing columns, a shape or dtype that does not fit, or NaN where none was expected.
    """
    if samples.images:
        return {signature.inputs[0].name: images.read_images(samples.images, signature, samples.preprocessing)}
    arrays = {spec.name: _cast(array, spec, samples.where) for spec, array in _assign(samples, signature)}
    rows = {len(array) for spec in signature.inputs if (array := arrays[spec.name]).ndim}
    leads = {spec.shape[0] for spec in signature.inputs if spec.shape}
    if len(rows) > 1 and len(leads) == 1:
        counts = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items() if array.ndim)
        raise InvalidSamples(
            f"the samples have different numbers of rows ({counts})", where=samples.where, remedy="give equal ones"
        )
    if rows == {0}:
        raise InvalidSamples("there are no samples", where=samples.where, remedy="give at least one row")
    return arrays


def dtype_name(array: NDArray[Any]) -> str:
    """Return the dtype's name in the --input notation."""
    return "string" if array.dtype.kind in "OUST" else array.dtype.name


def _assign(samples: Samples, signature: Signature) -> list[tuple[TensorSpec, NDArray[Any]]]:
    columns, inputs = samples.columns, signature.inputs
    if all(spec.name in columns for spec in inputs):
        return [(spec, columns[spec.name]) for spec in inputs]
    if len(inputs) == 1 and not samples.table and len(columns) == 1:
        return [(inputs[0], next(iter(columns.values())))]
    if len(inputs) == 1 and samples.table:
        return [(inputs[0], _matrix(samples, inputs[0]))]
    missing = [spec.name for spec in inputs if spec.name not in columns]
    hints = [f"{name} (did you mean {close!r}?)" if (close := nearest(name, columns)) else name for name in missing]
    raise InvalidSamples(
        f"the samples lack {', '.join(hints)}",
        where=samples.where,
        remedy=f"name the columns or arrays after the inputs: {', '.join(map(str, inputs))}; found {', '.join(columns)}",
    )


def _matrix(samples: Samples, spec: TensorSpec) -> NDArray[Any]:
    """Make the columns of a table one matrix: those the model names, else all of them."""
    columns = samples.columns
    if spec.columns and not set(spec.columns) <= set(columns):
        missing = [name for name in spec.columns if name not in columns]
        raise InvalidSamples(
            f"the samples lack the column(s) {', '.join(missing)}",
            where=samples.where,
            remedy=f"the model was fitted on {', '.join(spec.columns)}; found {', '.join(columns)}",
        )
    names = list(spec.columns or columns)
    if spec.shape and isinstance(spec.shape[-1], int) and len(spec.shape) == 2 and len(names) != spec.shape[-1]:
        raise InvalidSamples(
            f"the samples have {len(names)} columns, the input {spec.name!r} has {spec.shape[-1]}",
            where=samples.where,
            remedy=f"give exactly the model's columns; found {', '.join(names)}",
        )
    text = [name for name in names if dtype_name(columns[name]) == "string"]
    if text and spec.dtype != "string":
        raise InvalidSamples(
            f"the column(s) {', '.join(text)} hold text, the input {spec.name!r} is {spec.dtype}",
            where=samples.where,
            remedy="remove them, or repair the values that are no numbers",
        )
    return np.stack([columns[name] for name in names], axis=1)


def _cast(array: NDArray[Any], spec: TensorSpec, where: str) -> NDArray[Any]:
    at = f"{where}, input {spec.name!r}"
    rank = len(spec.shape or ())
    if array.ndim == 1 and rank == 2:
        array = array.reshape((1, -1) if spec.shape and spec.shape[1] == len(array) > 1 else (-1, 1))
    if spec.shape is not None and array.ndim == rank - 1:
        array = array[np.newaxis]  # one sample without its batch axis
    if spec.shape is not None and array.ndim != rank:
        raise InvalidSamples(
            f"the samples have {array.ndim} dimensions, not {rank}", where=at, remedy=f"shape them like '{spec}'"
        )
    for axis, (size, dim) in enumerate(zip(array.shape, spec.shape or array.shape, strict=True)):
        if isinstance(dim, int) and size != dim and axis > 0:
            raise InvalidSamples(
                f"axis {axis} of the samples is {size}, not {dim}", where=at, remedy=f"shape them like '{spec}'"
            )
    text = dtype_name(array) == "string"
    unread = spec.dtype == "string" and array.dtype.kind != "b"  # conditions in a file may have been texts
    if (text != (spec.dtype == "string") and (text or unread)) or (array.dtype.kind == "f" and "int" in spec.dtype):
        raise InvalidSamples(
            f"the samples are {dtype_name(array)}, the model takes {spec.dtype}", where=at, remedy="convert them"
        )
    if array.dtype.kind == "f" and np.isnan(array).any() and not spec.nan:
        rows = np.unique(np.argwhere(np.isnan(np.atleast_1d(array)))[:, 0])
        raise InvalidSamples(
            f"{len(rows)} samples hold NaN, the first in row {rows[0]}",
            where=at,
            remedy="remove or fill them: this model does not take missing values",
        )
    if spec.dtype == "string":
        return np.asarray([str(item) for item in array.reshape(-1)], object).reshape(array.shape)
    if "int" in spec.dtype and array.size:
        info = np.iinfo(spec.dtype)
        if int(array.min()) < info.min or int(array.max()) > info.max:
            raise InvalidSamples(
                f"the samples exceed the range of {spec.dtype}", where=at, remedy="give values within it"
            )
    import ml_dtypes

    return array.astype(ml_dtypes.bfloat16 if spec.dtype == "bfloat16" else spec.dtype)


def _read_path(path: Path) -> Samples:
    if not path.exists():
        raise InvalidSamples("there is no such samples file", where=str(path), remedy="check the path of --samples")
    try:
        if path.is_dir():
            return Samples({}, table=False, where=str(path), images=images.list_images(path))
        if path.suffix.lower() in images.SUFFIXES:
            return Samples({}, table=False, where=str(path), images=[path])
        if path.suffix == ".npy":
            return Samples({_UNNAMED: np.load(path, allow_pickle=False)}, table=False, where=str(path))
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return Samples({name: archive[name] for name in archive.files}, table=False, where=str(path))
        if path.suffix == ".csv":
            return Samples(_read_csv(path), table=True, where=str(path))
    except (OSError, ValueError, EOFError, csv.Error, BadZipFile) as error:
        raise InvalidSamples(f"cannot read the samples: {error}", where=str(path), remedy="write them again") from error
    raise InvalidSamples(
        f"cannot read samples of the kind {path.suffix!r}",
        where=str(path),
        remedy="give .npz, .npy, .csv, an image or a folder of images",
    )


def _read_paths(paths: Sequence[Path]) -> Samples:
    """Read several images and folders of images as one; a single path may be of any kind."""
    parts = [_read_path(path) for path in paths]
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        if not part.images:
            raise InvalidSamples(
                "only images can be given several at a time", where=part.where, remedy="give this file alone"
            )
    found = [image for part in parts for image in part.images]
    return Samples({}, table=False, where=", ".join(part.where for part in parts), images=found)


def _read_csv(path: Path) -> Columns:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise ValueError("it needs a header line and at least one row")
    header, body = [name.strip() for name in rows[0]], rows[1:]
    if len(set(header)) < len(header):
        raise ValueError("two columns have the same name")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise ValueError(f"line {number} has {len(row)} fields, the header has {len(header)}")
    return {name: _parse_column([row[at] for row in body]) for at, name in enumerate(header)}


def _parse_column(texts: Sequence[str]) -> NDArray[Any]:
    """Read a column as int64 or float64 when every field is one (an empty field is NaN), as bool, else as strings."""
    for kind in (np.int64, np.float64):
        try:
            return np.asarray([text.strip() or "nan" for text in texts]).astype(kind)
        except (ValueError, OverflowError):
            continue
    if texts and set(texts) <= {"True", "False"}:
        return np.asarray([text == "True" for text in texts])
    return np.asarray(texts, object)


def _as_array(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind == "O" and not all(isinstance(item, str) for item in array.reshape(-1)):
        array = _with_missing(array)
    if array.dtype.kind == "O" and not all(isinstance(item, str) for item in array.reshape(-1)):
        raise InvalidSamples(
            f"cannot read samples of type {type(value).__name__}",
            remedy="give a NumPy array, a mapping of arrays, a DataFrame or a path",
        )
    return array


def _with_missing(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects, some of them missing (None, NaN, NA), as what ONNX Runtime would be fed.

    Beside texts, what is missing becomes the text that ONNX Runtime makes of it; beside numbers and conditions it is NaN.
    """
    items = list(array.reshape(-1))
    gaps = [item is None or type(item).__name__ in ("NAType", "NaTType") or _is_nan(item) for item in items]
    present = [item for item, gap in zip(items, gaps, strict=True) if not gap]
    if not present:
        return array
    if all(isinstance(item, str) for item in present):
        return np.asarray([str(item) for item in items], object).reshape(array.shape)
    if all(isinstance(item, int | float | np.number | np.bool_) for item in present):
        numbers = [np.nan if gap else float(item) for item, gap in zip(items, gaps, strict=True)]
        return np.asarray(numbers, np.float64).reshape(array.shape)
    return array


def _is_nan(item: Any) -> bool:
    return isinstance(item, float) and item != item
