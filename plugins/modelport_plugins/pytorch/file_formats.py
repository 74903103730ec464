"""File formats of PyTorch, detected by magic bytes and zip listings; imports nothing heavy."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Literal

from modelport.spec import Detection

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["exported", "torchscript", "pickled", "safetensors"]

EVIDENCE: dict[Format, str] = {
    "exported": "a program saved by torch.export",
    "torchscript": "a TorchScript archive",
    "pickled": "a file written by torch.save",
    "safetensors": "a safetensors header",
}
_SUFFIXES = (".pt2", ".pt", ".pth", ".ckpt", ".safetensors")
_LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""How torch.save began before version 1.6, behind the mark of pickle's protocol: a long integer of ten bytes."""

_PADDING = 64
"""More spaces than safetensors ever adds to a header, to align what follows."""


def detect(source: Path) -> Detection | None:
    """Claim a file by its contents, or weakly by its suffix alone (it may be damaged)."""
    if source.is_dir():
        return None
    found = format_of(source)
    if found:
        return Detection(1.0, EVIDENCE[found])
    suffix = source.suffix.lower()
    return Detection(0.5, f"the suffix {suffix}") if suffix in _SUFFIXES else None


def format_of(source: Path) -> Format | None:
    """Return which of PyTorch's formats a file is in, from its first bytes or zip listing; None for any other."""
    with source.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"\x80") and _LEGACY_MAGIC in head:
        return "pickled"
    if head.startswith(b"PK"):
        return _zip_format(source)
    return "safetensors" if _is_safetensors(source) else None


def _zip_format(source: Path) -> Format | None:
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return None
    members = {name.partition("/")[2] for name in names}
    if "serialized_exported_program.json" in names or "archive_format" in members | set(names):
        return "exported"
    if "constants.pkl" in members and any(name.startswith("code/") for name in members):
        return "torchscript"
    return "pickled" if "data.pkl" in members else None


def _is_safetensors(source: Path) -> bool:
    """Eight bytes of length, then a JSON object of that length, which is not read here: it may be long."""
    with source.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(source.stat().st_size - 8, 100_000_000):
            return False
        start = file.read(1)
        file.seek(8 + max(1, length - _PADDING))
        end = file.read(min(length - 1, _PADDING))
    return start == b"{" and end.rstrip().endswith(b"}")
