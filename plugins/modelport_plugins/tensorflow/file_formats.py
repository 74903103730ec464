"""File formats of TensorFlow, detected by contents: SavedModel folders, frozen graphs, and checkpoints, which are no models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelport.spec import Detection

if TYPE_CHECKING:
    from pathlib import Path

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
_TEXT_GRAPH = re.compile(rb"\s*(#[^\n]*\s*)*(node|versions|library)\s*[{:]")
_CHECKPOINT = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


def detect(source: Path) -> Detection | None:
    """Claim a path by what it holds."""
    if source.is_dir():
        for name in SAVED_MODEL_FILES:
            if (source / name).is_file():
                return Detection(1.0, f"the folder holds {name}")
        if _checkpoint_in(source):
            return Detection(0.3, "the folder holds a TensorFlow checkpoint")
        return None
    if source.name in SAVED_MODEL_FILES:
        return Detection(1.0, f"{source.name} is part of a SavedModel")
    if _CHECKPOINT.search(source.name):
        return Detection(0.3, "named like a TensorFlow checkpoint")
    if source.suffix in (".pb", ".pbtxt") and source.is_file():
        with source.open("rb") as file:
            evidence = _graph_evidence(file.read(256))
        return Detection(0.9, evidence) if evidence else None
    return None


def _graph_evidence(head: bytes) -> str | None:
    """Say why the first bytes are those of a GraphDef, if they are.

    In binary it is a row of fields 1, nodes, each of which begins with field 1, its name. An ONNX model begins with a number.
    """
    if _TEXT_GRAPH.match(head):
        return "begins like a GraphDef in text form"
    if head[:1] != b"\x0a":
        return None
    at = 1
    while at < len(head) and head[at] & 0x80:
        at += 1
    return "begins with the nodes of a GraphDef" if head[at + 1 : at + 2] == b"\x0a" else None


def is_checkpoint(source: Path) -> bool:
    """Whether a path is a checkpoint's folder or one of its files."""
    return (source.is_dir() and _checkpoint_in(source)) or _CHECKPOINT.search(source.name) is not None


def _checkpoint_in(folder: Path) -> bool:
    return (folder / "checkpoint").is_file() or any(folder.glob("*.index"))
