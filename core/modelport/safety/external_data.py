"""The external data of an ONNX model: where it may lie, and that it is whole, before any library opens it."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from modelport.errors import CheckFailed, ModelportError, UnsafeSource
from modelport.model import bytes_of, dtype_name, tensors_of

_MEMORY_ADDRESS = "_ORT_MEM_ADDR_"
"""The mark by which ONNX Runtime tells an address in its own memory from a file."""


def check_external_data(model: onnx.ModelProto, path: Path, missing: type[ModelportError] = CheckFailed) -> None:
    """Check the file, the offset and the length of every tensor that is kept outside the model.

    Args:
        model: without its external data.
        path: the model's file; its folder is the one that external data must lie in.
        missing: the error for data that is not there, or not whole.

    Raises:
        UnsafeSource: for data outside the model's folder, also through a link, and for what is no regular file.
    """
    folder = path.parent.resolve()
    for tensor in tensors_of(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            _check(tensor, path, folder, missing)


def _check(tensor: onnx.TensorProto, path: Path, folder: Path, missing: type[ModelportError]) -> None:
    entries = [(entry.key, entry.value) for entry in tensor.external_data]
    found = dict(entries)
    location = found.get("location", "")
    if len(found) < len(entries):  # one library would read the first, another the last
        raise _damaged(missing, path, f"the external data of {tensor.name!r} is described twice")
    if not location:
        raise _damaged(missing, path, f"the external data of {tensor.name!r} has no location")
    _check_place(location, tensor.name, path, folder)
    file = path.parent / location
    if not file.is_file():
        raise missing(
            f"the external data {location!r} of {tensor.name!r} is missing",
            where=str(path),
            remedy="keep the external-data file beside the model",
        )
    needed = bytes_of(dtype_name(tensor.data_type), tensor.dims)
    offset, length = _number(found.get("offset"), 0), _number(found.get("length"), needed)
    if offset < 0 or length != needed:
        raise _damaged(
            missing,
            path,
            f"the external data of {tensor.name!r} begins at byte {found.get('offset', 0)} and has "
            f"{found.get('length', 'no')} bytes, where its dimensions take {needed:,}",
        )
    size = file.stat().st_size
    if size < offset + length:
        raise missing(
            f"the external data {location!r} is truncated: {tensor.name!r} ends at byte {offset + length:,}, "
            f"the file at {size:,}",
            where=str(path),
            remedy="copy the external-data file again, whole",
        )


def _check_place(location: str, name: str, path: Path, folder: Path) -> None:
    windows = PureWindowsPath(location)
    absolute = PurePosixPath(location).is_absolute() or windows.anchor
    if absolute or ".." in windows.parts or "\0" in location or _MEMORY_ADDRESS in location:
        raise UnsafeSource(
            f"the weights of {name!r} lie outside the model's folder, at {location!r}",
            where=str(path),
            remedy="save the model again with its external data beside it",
        )
    try:
        real = (path.parent / location).resolve()
        mode = real.stat().st_mode
    except (OSError, RuntimeError):  # there is no such file, or its links go round in a circle
        return
    if not real.is_relative_to(folder):
        raise UnsafeSource(
            f"the weights of {name!r} lie outside the model's folder: {location!r} is a link to {str(real)!r}",
            where=str(path),
            remedy="put the file itself beside the model, if you trust where it came from",
        )
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnsafeSource(
            f"the external data {location!r} of {name!r} is no regular file: reading it may never end",
            where=str(path),
            remedy="save the model again with its external data beside it",
        )


def _number(text: str | None, default: int) -> int:
    """Read an offset or a length; -1 for what is none."""
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1


def _damaged(kind: type[ModelportError], path: Path, what: str) -> ModelportError:
    return kind(what, where=str(path), remedy="export the model again")
