"""The check of a .pt2 archive: torch.export.load unpickles some members and makes Python source of others.

Loading such a member runs what it says. The archive is therefore listed and read first, and anything but plain tensors,
weights-only pickles and programs of pure operators is refused unless the user trusts the file.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from typing import TYPE_CHECKING, Any

from modelport_plugins.pytorch.safety import exported_program
from modelport_plugins.pytorch.safety.archive import Archive, unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REMEDY = (
    "export it again with plain tensors as weights, constants and example inputs, and with PyTorch's own operators"
)
_TENSOR_RECORD = re.compile(r"(?:weight|tensor)_\w+", re.ASCII)
"""Names of records that hold bytes of a tensor; PyTorch unpickles some of the others, by how they begin."""

_BEFORE = "serialized_exported_program.json"
"""The program's member in archives of PyTorch before version 2.7, which torch.export.load reads by another reader."""


def check(source: Path) -> None:
    """Raise UnsafeSource when torch.export.load, or running its program, would do more than compute.

    Raises:
        RuntimeError, ValueError, zipfile.BadZipFile: when the archive is damaged.
        TooLarge: when its contents are beyond the memory limit.
    """
    with zipfile.ZipFile(source) as listing:
        names = listing.namelist()
    if _BEFORE in names or "version" in names:
        raise unsafe(
            source,
            "this program was saved by a version of PyTorch whose archives cannot be checked",
            remedy="load and save it again (torch.export.load, torch.export.save)",
        )
    archive = Archive(source)
    for name in archive.names:
        for reason in _dangers(archive, name):
            raise unsafe(
                source, f"loading this program would run code that it carries: {reason}", where=name, remedy=_REMEDY
            )


def _dangers(archive: Archive, name: str) -> Iterator[str]:
    base = name.rpartition("/")[2]
    if name.startswith("models/"):
        yield from exported_program.dangers(json.loads(archive.read(name)))
    elif name.startswith("data/aotinductor/"):
        yield "it is compiled code"
    elif base.startswith(("custom_obj_", "opaque_obj_")):
        yield "it is a pickled object"
    elif base.endswith(".pt"):
        yield from _pickle_dangers(archive.read(name))
    elif base.endswith("_config.json"):
        yield from _payload_dangers(archive, name)


def _payload_dangers(archive: Archive, name: str) -> Iterator[str]:
    """The list of the weights, or of the constants; PyTorch takes an empty record for zeros of any size."""
    folder = name.rpartition("/")[0]
    for key, payload in json.loads(archive.read(name))["config"].items():
        record = str(payload.get("path_name"))
        if payload.get("use_pickle") or not _TENSOR_RECORD.fullmatch(record):
            yield f"it names {record}, which is no plain tensor"
        yield from exported_program.strings(key)
        sizes = [size.get("as_int", 0) for size in (payload.get("tensor_meta") or {}).get("sizes", ())]
        if archive.sizes.get(f"{folder}/{record}".lower()) == 0 and math.prod(sizes):
            raise ValueError(f"the record of {key} is empty")


def _pickle_dangers(data: bytes) -> Iterator[str]:
    import torch

    if not data:
        return
    try:
        content: Any = torch.load(io.BytesIO(data), weights_only=True, map_location="meta")
    except Exception:
        yield "it is a pickle of more than tensors"
    else:
        yield from exported_program.strings(content)
