"""Weights that stay outside the graph while it is translated, and come back as lazily read initializers.

In the traced function an operator without inputs stands for a weight, so TensorFlow never freezes it and tf2onnx never copies
it. (An input would not do: TensorFlow's optimizer makes an array of zeros for each.) What the translation puts behind a weight
(a convolution's kernel is transposed, a batch normalization scales it) is computed when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir as ir
import tensorflow as tf
from onnx_ir.passes.common import RemoveUnusedNodesPass

from modelport_converters.onnx_graph.schemas import nodes_in
from modelport_converters.tensorflow_to_onnx.handler import Form, handler
from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer, lazy
from modelport_converters.tensorflow_to_onnx.passes.scale_folding import fuse_scales

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_STAND_IN = "ImmutableConst"
"""The TensorFlow operator that stands for a weight."""

DOMAIN = "modelport.weights"
"""The domain of what stands for weights in an unfinished model."""


@dataclass(frozen=True)
class Weight:
    """A weight that stays outside the graph and is read when the model is written.

    Attributes:
        name: the initializer's name.
        dtype: such as "float32".
        shape: its sizes.
        read: returns the array.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], Array]

    @property
    def nbytes(self) -> int:
        """The size of the array in bytes."""
        return math.prod(self.shape) * int(tf.as_dtype(self.dtype).size)


def stand_in(weight: Weight) -> tf.Tensor:
    """Return the tensor that stands for a weight in the graph being traced."""
    return tf.raw_ops.ImmutableConst(dtype=weight.dtype, shape=weight.shape, memory_region_name=weight.name)


@handler(_STAND_IN, since=1)
def _unchanged(write: Form) -> None:
    """Left as it is: `set_apart` and `attach` see to it."""


def set_apart(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Move what stands for weights to a domain of its own, in place, so that the rest is a valid model."""
    for node in nodes_in(proto.graph.node):
        if node.op_type == _STAND_IN:
            node.domain = DOMAIN
    proto.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    return proto


def attach(proto: onnx.ModelProto, weights: Sequence[Weight]) -> ir.Model:
    """Turn what stands for weights into initializers, and take into them what is computed of them alone."""
    model = ir.from_proto(proto)
    del model.graph.opset_imports[DOMAIN]
    by_name, made = {weight.name: weight for weight in weights}, dict[str, ir.Value]()
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain != DOMAIN or node.graph is None:
            continue
        weight = by_name[node.attributes["memory_region_name"].as_string()]
        if weight.name not in made:
            tensor = lazy(weight.name, weight.read, _element(weight.dtype), weight.shape)
            made[weight.name] = initializer(model.graph, tensor)
        node.outputs[0].replace_all_uses_with(made[weight.name], replace_graph_outputs=True)
        node.graph.remove(node, safe=True)
    _fold(model.graph)
    fuse_scales(model.graph)
    RemoveUnusedNodesPass()(model)
    return model


def _element(dtype: str) -> ir.DataType:
    return ir.DataType.from_numpy(np.dtype(tf.as_dtype(dtype).as_numpy_dtype))


# --- folding -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """An operator on weights.

    Attributes:
        of_arrays: from its inputs and attributes to its output.
        of_shapes: from the sizes of its inputs, the inputs that are known, and the attributes, to the sizes of its output.
    """

    of_arrays: Callable[[Sequence[Array], Mapping[str, Any]], Array]
    of_shapes: Callable[[Sequence[tuple[int, ...]], Sequence[Array | None], Mapping[str, Any]], tuple[int, ...]]


def _transposed(shapes: Sequence[tuple[int, ...]], _: Any, attributes: Mapping[str, Any]) -> tuple[int, ...]:
    perm = attributes.get("perm", range(len(shapes[0]))[::-1])
    return tuple(shapes[0][axis] for axis in perm)


def _reshaped(
    shapes: Sequence[tuple[int, ...]], known: Sequence[Array | None], _: Mapping[str, Any]
) -> tuple[int, ...]:
    assert known[1] is not None
    sizes = [int(size) if size else shapes[0][axis] for axis, size in enumerate(known[1])]
    rest = math.prod(shapes[0]) // max(1, math.prod(size for size in sizes if size >= 0))
    return tuple(rest if size < 0 else size for size in sizes)


def _broadcast(function: Callable[[Array, Array], Array]) -> _Step:
    return _Step(
        lambda arrays, _: function(*arrays), lambda shapes, _, __: tuple(map(int, np.broadcast_shapes(*shapes)))
    )


_ARITHMETIC = {"Mul": np.multiply, "Add": np.add, "Sub": np.subtract, "Div": np.divide}
"""Only for floats: ONNX divides integers otherwise."""

_STEPS: dict[str, _Step] = {
    "Transpose": _Step(lambda arrays, attributes: arrays[0].transpose(attributes.get("perm")), _transposed),
    "Reshape": _Step(
        lambda arrays, _: arrays[0].reshape(_reshaped([arrays[0].shape], [None, arrays[1]], {})), _reshaped
    ),
    "Cast": _Step(
        lambda arrays, attributes: arrays[0].astype(ir.DataType(attributes["to"]).numpy()), lambda shapes, *_: shapes[0]
    ),
    "Identity": _Step(lambda arrays, _: arrays[0], lambda shapes, *_: shapes[0]),
    **{name: _broadcast(function) for name, function in _ARITHMETIC.items()},
}
"""Operators that are taken into the weights."""


def _fold(graph: ir.Graph) -> None:
    """Replace the steps behind lazy weights by weights; one with other uses stays: its bytes would be written twice."""
    for node in list(graph):
        tensors = [None if value is None else value.const_value for value in node.inputs]
        own = [value for value in node.inputs if value is not None and isinstance(value.const_value, ir.LazyTensor)]
        if not own or None in tensors or node.op_type not in _STEPS or node.domain:
            continue
        if node.outputs[0].is_graph_output() or any(len(value.uses()) > 1 for value in own):
            continue
        made = _folded(node, [tensor for tensor in tensors if tensor is not None])
        if made is not None:
            node.outputs[0].replace_all_uses_with(initializer(graph, made))
            graph.remove(node, safe=True)


def _folded(node: ir.Node, tensors: Sequence[ir.TensorProtocol]) -> ir.LazyTensor | None:
    step, attributes = _STEPS[node.op_type], {key: attribute.value for key, attribute in node.attributes.items()}
    shapes = [tuple(int(size) for size in tensor.shape.numpy()) for tensor in tensors]
    known = [None if isinstance(tensor, ir.LazyTensor) else tensor.numpy() for tensor in tensors]
    if node.op_type == "Reshape" and (known[1] is None or attributes.get("allowzero")):
        return None
    if node.op_type in _ARITHMETIC and not tensors[0].dtype.is_floating_point():
        return None
    shape = step.of_shapes(shapes, known, attributes)
    if math.prod(shape) > max(map(math.prod, shapes)):
        return None  # a broadcast that would be stored
    dtype = ir.DataType(attributes["to"]) if node.op_type == "Cast" else tensors[0].dtype
    return lazy(node.outputs[0].name or "", partial(_computed, step, tensors, attributes), dtype, shape)


def _computed(step: _Step, tensors: Sequence[ir.TensorProtocol], attributes: Mapping[str, Any]) -> Array:
    return np.ascontiguousarray(step.of_arrays([tensor.numpy() for tensor in tensors], attributes))
