"""Writing models: ONNX files with their external data, and the provenance and other metadata that they carry."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import onnx
import onnx_ir as ir

from modelport.delivery.targets import writing
from modelport.delivery.workspace import Workspace
from modelport.model import initializers
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
    with writing(path):
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
        if not outside or not data.exists():
            return [path]
        if data.stat().st_size > 0:
            return [path, data]
        data.unlink()  # no single weight was large enough to go there
    return [path]


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
        facts["source"] = Path(record.source).name.encode("utf-8", "backslashreplace").decode()
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
    with Workspace(path, path.name) as workspace, writing(path):
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


def _append_metadata(path: Path, entries: Mapping[str, str]) -> None:
    """Add entries to an ONNX file's metadata_props; when that fails, it is as it was.

    A serialized protobuf message may be extended by appending another of its kind: repeated fields are concatenated.
    """
    addition = onnx.ModelProto()
    onnx.helper.set_model_props(addition, dict(entries))
    with writing(path):
        size = path.stat().st_size
        try:
            with path.open("ab") as file:
                file.write(addition.SerializeToString())
        except BaseException:
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
