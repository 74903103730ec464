"""TensorFlow names for ONNX names: of a signature's tensors, and of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable


def tensor_names(names: Iterable[str]) -> list[str]:
    """Return unique identifiers for ONNX names, as the arguments of a SavedModel's signature have to be."""
    taken: list[str] = []
    for name in names:
        cleaned = re.sub(r"[^A-Za-z0-9_]", "_", name)
        cleaned = (
            cleaned if re.match(r"[A-Za-z]", cleaned) else f"t{cleaned}" if cleaned.startswith("_") else f"t_{cleaned}"
        )
        unique, number = cleaned, 1
        while unique in taken:
            number += 1
            unique = f"{cleaned}_{number}"
        taken.append(unique)
    return taken


def op_name(name: str) -> str:
    """Return an ONNX name as a name scope of TensorFlow, without the characters that it does not admit."""
    return re.sub(r"[^A-Za-z0-9_.\-/]", "_", name).lstrip("_-/.")
