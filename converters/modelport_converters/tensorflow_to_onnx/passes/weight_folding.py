"""Constant folding of lazily read weights: what is computed of a weight alone is computed whenever it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer, lazy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Shape = tuple[int, ...]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class _Operator:
    """An operator that is folded.

    Attributes:
        of_arrays: from its inputs and attributes to its output.
        of_shapes: from the shapes of its inputs, the inputs that are not lazy, and the attributes, to the shape of its output.
    """

    of_arrays: Callable[[Sequence[Array], Attributes], Array]
    of_shapes: Callable[[Sequence[Shape], Sequence[Array | None], Attributes], Shape]


def fold_weights(graph: ir.Graph) -> None:
    """Fold operators on lazy weights, in place; a weight with other uses stays, since its bytes would be written twice."""
    for node in list(graph):
        tensors = [None if value is None else value.const_value for value in node.inputs]
        own = [value for value in node.inputs if value is not None and isinstance(value.const_value, ir.LazyTensor)]
        if not own or None in tensors or node.op_type not in _OPERATORS or node.domain:
            continue
        if node.outputs[0].is_graph_output() or any(len(value.uses()) > 1 for value in own):
            continue
        folded = _folded(node, [tensor for tensor in tensors if tensor is not None])
        if folded is not None:
            node.outputs[0].replace_all_uses_with(initializer(graph, folded))
            graph.remove(node, safe=True)


def _folded(node: ir.Node, tensors: Sequence[ir.TensorProtocol]) -> ir.LazyTensor | None:
    """Return the output of a node as a lazy tensor, None where it is not folded."""
    operator = _OPERATORS[node.op_type]
    attributes = {key: attribute.value for key, attribute in node.attributes.items()}
    shapes = [tuple(int(size) for size in tensor.shape.numpy()) for tensor in tensors]
    known = [None if isinstance(tensor, ir.LazyTensor) else tensor.numpy() for tensor in tensors]
    if node.op_type == "Reshape" and (known[1] is None or attributes.get("allowzero")):
        return None
    if node.op_type in _ARITHMETIC and not tensors[0].dtype.is_floating_point():
        return None
    shape = operator.of_shapes(shapes, known, attributes)
    if math.prod(shape) > max(map(math.prod, shapes)):
        return None  # a broadcast that would be stored
    dtype = ir.DataType(attributes["to"]) if node.op_type == "Cast" else tensors[0].dtype
    return lazy(node.outputs[0].name or "", partial(_computed, operator, tensors, attributes), dtype, shape)


def _computed(operator: _Operator, tensors: Sequence[ir.TensorProtocol], attributes: Attributes) -> Array:
    return np.ascontiguousarray(operator.of_arrays([tensor.numpy() for tensor in tensors], attributes))


# --- operators ---------------------------------------------------------------------------------------------------------


def _first_shape(shapes: Sequence[Shape], _: Sequence[Array | None], __: Attributes) -> Shape:
    return shapes[0]


def _transposed(shapes: Sequence[Shape], _: Sequence[Array | None], attributes: Attributes) -> Shape:
    perm = attributes.get("perm", range(len(shapes[0]))[::-1])
    return tuple(shapes[0][axis] for axis in perm)


def _reshaped(shapes: Sequence[Shape], known: Sequence[Array | None], _: Attributes) -> Shape:
    assert known[1] is not None
    sizes = [int(size) if size else shapes[0][axis] for axis, size in enumerate(known[1])]
    rest = math.prod(shapes[0]) // max(1, math.prod(size for size in sizes if size >= 0))
    return tuple(rest if size < 0 else size for size in sizes)


def _broadcast(function: Callable[[Array, Array], Array]) -> _Operator:
    return _Operator(
        lambda arrays, _: function(*arrays), lambda shapes, _, __: tuple(map(int, np.broadcast_shapes(*shapes)))
    )


_ARITHMETIC = {"Mul": np.multiply, "Add": np.add, "Sub": np.subtract, "Div": np.divide}
"""Only for floats: ONNX divides integers otherwise."""

_OPERATORS: dict[str, _Operator] = {
    "Transpose": _Operator(lambda arrays, attributes: arrays[0].transpose(attributes.get("perm")), _transposed),
    "Reshape": _Operator(
        lambda arrays, _: arrays[0].reshape(_reshaped([arrays[0].shape], [None, arrays[1]], {})), _reshaped
    ),
    "Cast": _Operator(lambda arrays, attributes: arrays[0].astype(ir.DataType(attributes["to"]).numpy()), _first_shape),
    "Identity": _Operator(lambda arrays, _: arrays[0], _first_shape),
    **{name: _broadcast(function) for name, function in _ARITHMETIC.items()},
}
