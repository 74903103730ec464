"""TensorFlow name scopes: layer names with spaces, brackets or letters beyond ASCII are replaced while tracing."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER = re.compile(r"[^A-Za-z0-9_.\-]")


@contextlib.contextmanager
def valid_scope_names(model: Any) -> Iterator[None]:
    """Rename layers whose names are no valid name scopes while TensorFlow traces the model; Keras cannot trace it itself."""
    kept = {layer: layer.name for layer in model._flatten_layers() if valid_scope_name(layer.name) != layer.name}
    for layer, name in kept.items():
        layer.name = valid_scope_name(name)
    try:
        yield
    finally:
        for layer, name in kept.items():
            layer.name = name


def valid_scope_name(name: str) -> str:
    """Return a valid name scope: letters, digits, dots, hyphens and underscores, the first a letter, digit or dot."""
    name = _OTHER.sub("_", name)
    return name if re.match(r"[A-Za-z0-9.]", name) else f"layer{name}"
