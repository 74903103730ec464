"""Detached weights: kept outside the graph during the conversion, attached afterwards as lazily read initializers.

In the traced function an operator without inputs is the placeholder of a weight, so that TensorFlow never freezes it and
tf2onnx never copies it. (A function's argument would not do: Grappler makes an array of zeros for each.) What the conversion
puts behind a weight (a convolution's kernel is transposed, a batch normalization scales it) is computed when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir as ir
import tensorflow as tf
from onnx_ir.passes.common import RemoveUnusedNodesPass

from modelport.model import nodes_in
from modelport_converters.onnx_builder import Value
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler
from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer, lazy
from modelport_converters.tensorflow_to_onnx.passes.scale_folding import fold_scales
from modelport_converters.tensorflow_to_onnx.passes.weight_folding import fold_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLACEHOLDER = "ImmutableConst"
"""The TensorFlow operator that stands for a weight."""

DOMAIN = "modelport.weights"
"""The domain of the placeholders of weights in an unfinished model."""


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
    read: Callable[[], NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """The size of the array in bytes."""
        return math.prod(self.shape) * int(tf.as_dtype(self.dtype).size)


def placeholder(weight: Weight) -> tf.Tensor:
    """Return the placeholder of a weight in the graph being traced."""
    return tf.raw_ops.ImmutableConst(dtype=weight.dtype, shape=weight.shape, memory_region_name=weight.name)


@handler(_PLACEHOLDER, since=1)
def _unchanged(_: Operation, *_inputs: Value) -> None:
    """Left as it is: `set_apart` and `attach` see to it."""


def set_apart(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Move the placeholders of weights to a domain of their own, in place, so that the rest is a valid model."""
    for node in nodes_in(proto.graph.node):
        if node.op_type == _PLACEHOLDER:
            node.domain = DOMAIN
    proto.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    return proto


def attach(proto: onnx.ModelProto, weights: Sequence[Weight]) -> ir.Model:
    """Replace the placeholders of weights by initializers, and fold into them what is computed of them alone."""
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
    fold_weights(model.graph)
    fold_scales(model.graph)
    RemoveUnusedNodesPass()(model)
    return model


def _element(dtype: str) -> ir.DataType:
    return ir.DataType.from_numpy(np.dtype(tf.as_dtype(dtype).as_numpy_dtype))
