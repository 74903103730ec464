"""Writing results: in a workspace beside the target first, delivered by renaming, with provenance.

Nothing appears at the target before `Workspace.deliver`; what was there is put back when delivering fails half-way.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

import onnx
import onnx_ir as ir

from modelport.errors import ModelportError, OutputNotWritable
from modelport.opset import initializers
from modelport.report import Report

ExternalData = Literal["auto", "always", "never"]

EXTERNAL_BYTES = 512 * 2**20
"""Weights beyond this go to a file of their own: one file would be held in memory three times over while written and read."""

PROTOBUF_LIMIT = 1_800_000_000
"""What fits into one protobuf message with room for the graph; the hard limit is 2 GiB."""

_PREFIX = "modelport."
_CHUNK = 2**20
_METADATA_TAG = 14 << 3 | 2
"""How a field of metadata_props begins: its number in onnx.proto, and the wire type of a message."""


class Workspace:
    """A folder beside the target in which a result is made, checked and proven, then delivered or dropped.

    Attributes:
        target: where the result goes; None for conversions in memory.
        path: where it is made, under the target's own name, so that references to external data stay true.
    """

    def __init__(self, target: Path | None, default_name: str) -> None:
        self.target = target
        with _writing(target):
            if target is None:
                self._folder = Path(tempfile.mkdtemp(prefix="modelport-"))
            else:
                _check_parent(target)
                self._folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        self.path = self._folder / (target.name if target else default_name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModelportError):  # the reader knows the target, not the workspace
            made, wanted = str(self.path), str(self.target or "the model in memory")
            error.what = error.what.replace(made, wanted)
            error.where = error.where and error.where.replace(made, wanted)
        shutil.rmtree(self._folder, ignore_errors=True)

    def scratch(self, name: str) -> Path:
        """Return a path in the workspace that is not delivered."""
        folder = self._folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder / name

    def deliver(self, paths: Sequence[Path]) -> list[Path]:
        """Move the finished files (or folders) to the target's folder; all of them or none.

        Raises:
            OutputNotWritable: with everything as it was before.
        """
        if self.target is None:
            return list(paths)
        with _writing(self.target):
            return _replace_all([(path, self.target.parent / path.name) for path in paths], self._folder)


def write_onnx(model: ir.Model | onnx.ModelProto, path: Path, external: ExternalData = "auto") -> list[Path]:
    """Write a model, its large weights to ``<name>.data`` beside it where they need a file of their own.

    Args:
        model: provenance of an earlier conversion is dropped from it.
        path: the file to write.
        external: "auto" decides by `EXTERNAL_BYTES`; "never" still uses it above `PROTOBUF_LIMIT`.

    Returns:
        Every path written, the model first.
    """
    data = path.with_name(path.name + ".data")
    with _writing(path):
        if isinstance(model, onnx.ModelProto):
            _drop_provenance(model)
            if not _outside(model.ByteSize(), external):
                path.write_bytes(model.SerializeToString())
                return [path]
            model = ir.from_proto(model)
        for key in [key for key in model.metadata_props if key.startswith(_PREFIX)]:
            del model.metadata_props[key]
        outside = _outside(sum(tensor.nbytes for tensor in initializers(model)), external)
        if not outside:  # else the file would refer to the source's own external data
            model = ir.external_data.load_to_model(model)
        ir.save(model, path, external_data=data.name if outside else None)
        if data.exists() and data.stat().st_size == 0:  # no single weight was large enough to go there
            data.unlink()
    return [path, data] if data.exists() else [path]


def provenance_of(record: Report) -> dict[str, str]:
    """Return what an ONNX file keeps of the conversion that made it."""
    facts = {
        "version": record.modelport,
        "route": " -> ".join(record.route),
        "opset": str(record.opset),
        "verdict": record.verdict,
        "versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
    }
    if record.source_sha256:
        facts["source"] = Path(record.source).name
        facts["source_sha256"] = record.source_sha256
    if record.proofs:
        facts["max_abs_difference"] = repr(max(proof.max_abs for proof in record.proofs))
        facts["proof_cases"] = str(len(record.proofs[-1].cases))
    return facts


def append_provenance(path: Path, facts: Mapping[str, str]) -> None:
    """Add provenance to the metadata_props of a finished ONNX file without rewriting it."""
    _append_metadata(path, {_PREFIX + key: value for key, value in facts.items()})


def set_metadata(path: Path, key: str, value: str) -> None:
    """Set one entry of an ONNX file's metadata_props, without rewriting the file unless it has another value already.

    Raises:
        OutputNotWritable: with the file as it was.
    """
    found = read_metadata(path)
    if found.get(key) == value:
        return
    if key not in found:
        _append_metadata(path, {key: value})
        return
    model = onnx.load(str(path), load_external_data=False)
    for entry in model.metadata_props:
        entry.value = value if entry.key == key else entry.value
    with Workspace(path, path.name) as workspace, _writing(path):
        workspace.path.write_bytes(model.SerializeToString())
        workspace.deliver([workspace.path])


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata_props of a valid ONNX file, passing over its graph: the weights are not read."""
    found = {}
    with path.open("rb") as file:
        while (tag := _read_varint(file)) is not None:
            wire = tag & 7
            size = {0: 0, 1: 8, 5: 4}.get(wire)
            if wire == 0:
                _read_varint(file)
            elif size is None:
                size = _read_varint(file)
            if size is None:
                break
            if tag == _METADATA_TAG:
                entry = onnx.StringStringEntryProto.FromString(file.read(size))
                found[entry.key] = entry.value
            else:
                file.seek(size, os.SEEK_CUR)
    return found


def read_provenance(model: onnx.ModelProto) -> dict[str, str]:
    """Return the provenance that modelport wrote into a model, without its prefix."""
    return {p.key.removeprefix(_PREFIX): p.value for p in model.metadata_props if p.key.startswith(_PREFIX)}


def sha256(source: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files in the order of their names (names included)."""
    digest = hashlib.sha256()
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for file in files:
        if file != source:
            digest.update(file.relative_to(source).as_posix().encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def size_of(paths: Sequence[Path]) -> int:
    """Return the bytes in files and folders together."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    return sum(file.stat().st_size for file in files)


def check_target(target: Path, *, folder: bool) -> None:
    """Raise OutputNotWritable early, before any work, when the target cannot be written."""
    with _writing(target):
        _check_parent(target)
        if target.is_dir() and not folder:
            raise IsADirectoryError(errno.EISDIR, "it is a folder, and the result is a file", str(target))


def _append_metadata(path: Path, entries: Mapping[str, str]) -> None:
    """Add entries to an ONNX file's metadata_props; when that fails, it is as it was.

    A serialized protobuf message may be extended by appending another of its kind: repeated fields are concatenated.
    """
    addition = onnx.ModelProto()
    onnx.helper.set_model_props(addition, dict(entries))
    with _writing(path):
        size = path.stat().st_size
        try:
            with path.open("ab") as file:
                file.write(addition.SerializeToString())
        except OSError:
            os.truncate(path, size)
            raise


def _read_varint(file: BinaryIO) -> int | None:
    """Read a protobuf varint; None at the end of the file."""
    value = shift = 0
    while byte := file.read(1):
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
    return None


def _outside(size: int, external: ExternalData) -> bool:
    limit = {"auto": EXTERNAL_BYTES, "always": -1, "never": PROTOBUF_LIMIT}[external]
    return size > limit


def _drop_provenance(model: onnx.ModelProto) -> None:
    kept = [entry for entry in model.metadata_props if not entry.key.startswith(_PREFIX)]
    if len(kept) < len(model.metadata_props):
        del model.metadata_props[:]
        model.metadata_props.extend(kept)


def _check_parent(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(target.parent))


def _replace_all(moves: Sequence[tuple[Path, Path]], folder: Path) -> list[Path]:
    """Move every file to its place; on failure put back what was there."""
    aside = folder / "replaced"
    aside.mkdir()
    undo: list[tuple[Path, Path | None]] = []
    try:
        for made, target in moves:
            kept = aside / target.name if target.exists() else None
            if kept is not None and (target.is_dir() or len(moves) > 1):
                undo.append((target, kept))  # first, so that an interrupt between the two loses nothing
                target.replace(kept)
            elif kept is None:
                undo.append((target, None))
            made.replace(target)
    except BaseException:
        for target, kept in reversed(undo):
            if kept is None:
                _remove(target)
            elif kept.exists():
                _remove(target)
                kept.replace(target)
        raise
    return [target for _, target in moves]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(target: Path | None) -> Iterator[None]:
    """Turn the system's refusals into OutputNotWritable."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "there is no space left" if full else (error.strerror or str(error))
        remedy = "free some space, or choose another target with -o" if full else "choose another target with -o"
        raise OutputNotWritable(f"cannot write the target: {what}", where=str(target), remedy=remedy) from error
