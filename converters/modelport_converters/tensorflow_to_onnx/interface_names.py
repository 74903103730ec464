"""Names of inputs, outputs and symbolic dimensions, from nested structures and shapes. Imports no framework."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BATCH = "N"
"""The symbolic name of a dynamic leading dimension, the batch."""


def path_name(path: Sequence[Any], default: str) -> str:
    """Name a leaf of a nested structure after its path.

    Dictionary keys name it: ("out", "logits") is out_logits. Positions alone number the default: output_0. The empty
    path, of a structure that is its own leaf, is the default itself.
    """
    keyed = next((index for index, key in enumerate(path) if isinstance(key, str)), None)
    parts = [default, *path] if keyed is None else path[keyed:]
    return "_".join(map(str, parts))


def unique(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Make names unique: one that occurs before or in `taken` is numbered, so that a, a becomes a, a_1."""
    used, result = set(taken), []
    for name in names:
        candidate, count = name, 0
        while candidate in used:
            count += 1
            candidate = f"{name}_{count}"
        used.add(candidate)
        result.append(candidate)
    return result


def symbolic(name: str, shape: Iterable[int | None]) -> tuple[int | str, ...]:
    """Name the dynamic sizes (None) of a shape: N for the leading axis, the tensor's name and the axis for any other."""
    stem = re.sub(r"\W", "_", name)
    stem = stem if re.match(r"[A-Za-z_]", stem) else f"dim_{stem}"
    names = (BATCH if axis == 0 else f"{stem}_{axis}" for axis in itertools.count())
    return tuple(name if size is None else int(size) for size, name in zip(shape, names, strict=False))
