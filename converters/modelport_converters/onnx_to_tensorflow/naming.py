"""The names that TensorFlow gives to what has an ONNX name."""

from __future__ import annotations

import re
from collections.abc import Iterable


def tensor_names(names: Iterable[str]) -> list[str]:
    """Return the names that a SavedModel's signature uses for ONNX names: letters, digits and `_`, and each only once."""
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
    """Return a name with only characters that TensorFlow admits in the name of an operation."""
    return re.sub(r"[^A-Za-z0-9_.\-/]", "_", name).lstrip("_-/.")
