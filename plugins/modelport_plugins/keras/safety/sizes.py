"""The memory limit for weights and layer outputs, checked before they are allocated."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from modelport.safety import memory

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def weights_within_limit(keras: Any, where: str) -> Iterator[None]:
    """Have layers ask for their weights together before each is made; raises TooLarge with the layer that asks for too much."""
    own, total = keras.layers.Layer.add_weight, 0

    def add_weight(layer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        nonlocal total
        sizes = (shape,) if isinstance(shape, int) else shape or ()
        if all(isinstance(size, int) for size in sizes):
            total += math.prod(sizes) * _width(keras, kwargs.get("dtype") or layer.variable_dtype)
            memory.require(total, f"the model, up to the weights of the layer {layer.name!r},", where=where)
        return own(layer, shape, *args, **kwargs)

    with mock.patch.object(keras.layers.Layer, "add_weight", add_weight):
        yield


def require_results(keras: Any, model: Any, where: str) -> None:
    """Refuse layers whose result for one example is beyond the memory limit; raises TooLarge."""
    for layer in model._flatten_layers():
        for tensor in (tensor for node in layer._inbound_nodes for tensor in node.output_tensors):
            count = math.prod(size for size in tensor.shape if size is not None) * _width(keras, tensor.dtype)
            memory.require(count, f"the result of the layer {layer.name!r}", where=where)


def _width(keras: Any, dtype: Any) -> int:
    name = keras.backend.standardize_dtype(dtype)
    return (
        8
        if name == "string"
        else 2
        if name == "bfloat16"
        else 1
        if name.startswith("float8")
        else np.dtype(name).itemsize
    )
