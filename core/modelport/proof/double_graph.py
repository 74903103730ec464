"""An ONNX graph in float64: every float32 constant, cast and declared type widened."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, numpy_helper

from modelport.model import graphs_of


def in_double(model: onnx.ModelProto, nudge: np.random.Generator | None = None) -> onnx.ModelProto:
    """Return a copy of a model, its weights within it, that computes in float64 what the model computes in float32.

    Args:
        model: the model.
        nudge: moves every float32 initializer to one of its neighbours, drawn at random, before it is widened.
    """
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for graph in graphs_of(wide.graph):
        _widen(graph, nudge)
    for function in wide.functions:
        for node in function.node:
            _widen_node(node)
    return wide


def _widen(graph: GraphProto, nudge: np.random.Generator | None) -> None:
    for tensor in graph.initializer:
        if nudge is not None and tensor.data_type == TensorProto.FLOAT:
            moved = last_digit_moved(numpy_helper.to_array(tensor), nudge)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
        _widen_tensor(tensor)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    for node in graph.node:
        _widen_node(node)


def last_digit_moved(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return floats that are the next ones up or down, drawn at random."""
    ways = np.where(rng.random(array.shape) < 0.5, -np.inf, np.inf).astype(array.dtype)
    return np.asarray(np.nextafter(array, ways))


def _widen_node(node: NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            _widen_tensor(attribute.t)
        elif attribute.name in ("to", "dtype", "stash_type") and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
        elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            values: object = attribute.f if attribute.name == "value_float" else list(attribute.floats)
            tensor = numpy_helper.from_array(np.asarray(values, np.float64))
            attribute.CopyFrom(onnx.helper.make_attribute("value", tensor))


def _widen_tensor(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
