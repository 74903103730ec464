"""Names of layers that TensorFlow does not take for a scope of a graph: with spaces, brackets, letters beyond ASCII."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER = re.compile(r"[^A-Za-z0-9_.\-]")


@contextlib.contextmanager
def valid_names(model: Any) -> Iterator[None]:
    """Give such layers other names while TensorFlow traces the model; Keras itself cannot trace it either."""
    kept = {layer: layer.name for layer in model._flatten_layers() if valid_name(layer.name) != layer.name}
    for layer, name in kept.items():
        layer.name = valid_name(name)
    try:
        yield
    finally:
        for layer, name in kept.items():
            layer.name = name


def valid_name(name: str) -> str:
    """Return a name that can begin a scope: letters, digits, dots, hyphens and underscores, the first a letter or digit."""
    name = _OTHER.sub("_", name)
    return name if re.match(r"[A-Za-z0-9.]", name) else f"layer{name}"
