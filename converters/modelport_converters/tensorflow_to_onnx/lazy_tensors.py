"""Lazily read tensors (`onnx_ir.LazyTensor`): read, and computed, when the model is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]


def lazy(name: str, read: Callable[[], Array], dtype: ir.DataType, shape: Sequence[int]) -> ir.LazyTensor:
    """Return a tensor that calls `read` whenever its values are asked for, and keeps none of them."""
    return ir.LazyTensor(
        lambda: ir.tensor(read(), dtype=dtype, name=name), dtype=dtype, shape=ir.Shape(shape), name=name
    )


def derived(tensor: ir.TensorProtocol, function: Callable[[Array], Array], name: str) -> ir.TensorProtocol:
    """Apply a function that keeps shape and dtype to a tensor; the result is lazy where the tensor is."""
    if not isinstance(tensor, ir.LazyTensor):
        return ir.tensor(function(tensor.numpy()), name=name)
    return lazy(name, lambda: function(tensor.numpy()), tensor.dtype, tensor.shape.numpy())


def initializer(graph: ir.Graph, tensor: ir.TensorProtocol) -> ir.Value:
    """Register a tensor as an initializer of a graph and return its value."""
    shape, kind = ir.Shape(tensor.shape.numpy()), ir.TensorType(tensor.dtype)
    value = ir.Value(name=tensor.name, shape=shape, type=kind, const_value=tensor)
    graph.register_initializer(value)
    return value
