"""Constants of a graph as NumPy arrays, where they are small enough to be read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 2**20
"""Constants of more elements are left to be read lazily."""


def is_constant(value: ir.Value | None) -> bool:
    """Tell whether a value is a constant small enough to be read."""
    shape = None if value is None else constant_shape(value)
    return shape is not None and math.prod(shape) <= _LARGEST


def constant_shape(value: ir.Value) -> tuple[int, ...] | None:
    """Return the shape of a constant, None for any other value."""
    tensor = None if value.is_graph_input() else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tuple(int(size) for size in tensor.shape.numpy())


def constant(value: ir.Value | None) -> NDArray[Any] | None:
    """Return the array of a small constant, None for any other value."""
    if value is None or not is_constant(value):
        return None
    tensor = ir.convenience.get_const_tensor(value)
    assert tensor is not None
    return np.asarray(tensor.numpy())


def axes_of(node: ir.Node) -> list[int]:
    """Return the axes of a reduction or Squeeze, from its attribute or its second input; none where they are not known."""
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = node.attributes.get_ints("axes", []) if given is None else given.ravel().tolist()
    return list(axes or [])
