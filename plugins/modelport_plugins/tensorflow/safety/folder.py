"""The check of a SavedModel's folder: complete, and without links and assets that lead out of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from modelport.errors import SourceUnreadable, UnsafeSource
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow
from modelport_plugins.tensorflow.safety.operators import asset_files


def check_complete(source: Path) -> None:
    """Raise SourceUnreadable for pipes, devices, and a damaged fingerprint, over which TensorFlow only logs a traceback."""
    import_tensorflow()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

    for path in source.rglob("*"):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise SourceUnreadable(
                "neither a file nor a folder", where=str(path), remedy="remove it from the SavedModel"
            )
    path = source / "fingerprint.pb"
    if path.is_file():
        try:
            FingerprintDef.FromString(path.read_bytes())
        except DecodeError as error:
            raise SourceUnreadable(
                "the SavedModel's fingerprint is damaged",
                where=str(path),
                remedy="copy the whole folder again; where only this file is lost, remove it: the model is read without it",
            ) from error


def parse_checked(source: Path) -> Any:
    """Parse the SavedModel proto of a folder without links and assets that lead out of it.

    Raises:
        UnsafeSource: for assets and links that lead out.
        OSError: when it cannot be parsed.
    """
    proto = import_tensorflow().__internal__.saved_model.parse_saved_model(str(source))
    inside = source.resolve()
    for path in source.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise UnsafeSource(
                "a link leads out of the SavedModel's folder",
                where=str(path),
                remedy="copy the folder with what its links name (cp -RL), or pass --trust if you trust its origin",
            )
    for graph in proto.meta_graphs:
        for asset in asset_files(graph):
            name = PurePosixPath(asset.filename)
            if name.is_absolute() or ".." in name.parts:
                raise UnsafeSource(
                    f"the SavedModel reads the file {asset.filename!r}, outside of its own folder",
                    where=str(source),
                    remedy="have it saved again with its files as assets, or pass --trust if you trust its origin",
                )
    return proto
