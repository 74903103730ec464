"""The sizes that an ONNX graph's values have before anything runs, put to the memory limit.

ONNX's shape inference says the shapes. What it needs for that are the values of shape tensors: those that follow from constants
are computed here, with onnx's reference evaluator, a round of inference and a round of evaluation in turns. ONNX's own data
propagation is not used: it holds every element of a long vector in a message of its own, 200 bytes each.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    numpy_helper,
)
from onnx.reference import ReferenceEvaluator

from modelport.model import (
    bytes_of,
    dtype_name,
    graphs_of,
    sparse_tensors_of,
    tensor_types,
    tensors_of,
    title_of,
    values_of,
)
from modelport.safety import memory

_ROUNDS = 8
_FEW = 64
"""Only values of up to this many elements are computed: shapes, axes and scales are not longer."""
_KEPT_BYTES = 1024
"""Tensors beyond this are not carried into the inference, which needs their shapes alone."""
_RANDOM = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})

Constants = dict[str, NDArray[Any]]
Shape = tuple[int | None, ...]
Shapes = dict[str, Shape]


def require_sizes(model: ModelProto, path: Path) -> None:
    """Refuse a model with a tensor beyond the memory limit, among its weights or the values that its nodes would compute.

    Args:
        model: without its external data; left as it was.
        path: its file, for the error.

    Raises:
        TooLarge: naming the weight, or the node and its output. Sizes that depend on the inputs count as 1.
    """
    _require_weights(model, path)
    _require_values(model, path)
    bare = _bare(model)
    for _ in range(_ROUNDS):
        try:
            bare = onnx.shape_inference.infer_shapes(bare)
        except Exception:  # an invalid graph: the checker says what is wrong with it
            return
        _require_values(bare, path)
        opsets = {entry.domain: entry.version for entry in bare.opset_import}
        if not _evaluate(bare.graph, {}, {}, opsets):
            return


def _require_weights(model: ModelProto, path: Path) -> None:
    total = 0
    both: Iterator[TensorProto | SparseTensorProto] = chain(tensors_of(model), sparse_tensors_of(model))
    for tensor in both:
        values = tensor.values if isinstance(tensor, SparseTensorProto) else tensor
        count = bytes_of(dtype_name(values.data_type), tensor.dims)
        memory.require(count, f"the tensor {values.name!r} of dimensions {list(tensor.dims)}", where=str(path))
        total += count
    memory.require(total, "what the model holds in weights and constants together", where=str(path))


def _require_values(model: ModelProto, path: Path) -> None:
    for graph in graphs_of(model.graph):
        makers = {name: node for node in graph.node for name in node.output}
        for value in values_of(graph):
            for kind in tensor_types(value.type):
                sizes = [max(dim.dim_value, 1) for dim in kind.shape.dim]
                node = makers.get(value.name)
                what = (
                    f"the output {value.name!r} of the node {title_of(node)}" if node else f"the input {value.name!r}"
                )
                memory.require(
                    bytes_of(dtype_name(kind.elem_type), sizes),
                    f"{what}, {dtype_name(kind.elem_type)}{sizes},",
                    where=str(path),
                )


def _bare(model: ModelProto) -> ModelProto:
    """Return a copy with neither large tensors nor what the file says of its values' shapes, its functions inlined.

    Inference believes what a file says, and leaves a node alone that contradicts it.
    """
    bare = ModelProto(opset_import=model.opset_import, functions=model.functions, ir_version=model.ir_version)
    bare.graph.MergeFrom(GraphProto(name=model.graph.name, input=model.graph.input, output=model.graph.output))
    bare.graph.initializer.extend(map(_light, model.graph.initializer))
    bare.graph.node.extend(map(_light_constant, model.graph.node))
    if bare.functions:
        bare = onnx.inliner.inline_local_functions(bare)
    for graph in graphs_of(bare.graph):
        del graph.value_info[:]
        for value in graph.output:
            if value.type.HasField("tensor_type"):
                value.type.tensor_type.ClearField("shape")
    return bare


def _light(tensor: TensorProto) -> TensorProto:
    if bytes_of(dtype_name(tensor.data_type), tensor.dims) <= _KEPT_BYTES:
        return tensor
    return TensorProto(
        name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, data_location=TensorProto.EXTERNAL
    )


def _light_constant(node: NodeProto) -> NodeProto:
    tensors = [(attribute.name, _light(attribute.t)) for attribute in node.attribute if attribute.HasField("t")]
    if node.op_type != "Constant" or all(tensor.data_location == TensorProto.DEFAULT for _, tensor in tensors):
        return node
    light = NodeProto(op_type=node.op_type, name=node.name, output=node.output)
    light.attribute.extend(AttributeProto(name=name, type=AttributeProto.TENSOR, t=tensor) for name, tensor in tensors)
    return light


def _evaluate(graph: GraphProto, outer: Constants, shapes: Shapes, opsets: dict[str, int]) -> bool:
    """Replace, in place, every node whose few results follow from constants; tell whether there was any."""
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    constants = {name: value for name, value in outer.items() if name not in own}
    shapes = {**shapes, **_shapes(graph)}
    handed = {name for node in graph.node for name in node.input if name in constants}  # inference sees no outer values
    graph.initializer.extend(numpy_helper.from_array(constants[name], name) for name in sorted(handed))
    constants.update((tensor.name, value) for tensor in graph.initializer if (value := _few(tensor)) is not None)
    kept, found = [], bool(handed)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                found |= _evaluate(inner, constants, shapes, opsets)
        results = _results(node, constants, shapes, opsets)
        constants.update(results)
        if results and node.op_type != "Constant":
            graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in results.items())
            found = True
        else:
            kept.append(node)
    if found:
        nodes = [NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(nodes)
    return found


def _results(node: NodeProto, constants: Constants, shapes: Shapes, opsets: dict[str, int]) -> Constants:
    """Return the values of a node's outputs by name; nothing where they do not follow from constants, or are many."""
    if node.op_type in ("Shape", "Size") and not node.domain:
        # of the right shape without the memory for it
        feeds = {
            name: np.broadcast_to(np.int8(0), sizes)
            for name in node.input
            if (sizes := _static(shapes.get(name))) is not None
        }
    else:
        feeds = {name: constants[name] for name in node.input if name in constants}
    bodies = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
    names = [name for name in node.output if name]
    if len(feeds) < len({name for name in node.input if name}) or bodies or node.op_type in _RANDOM or node.domain:
        return {}
    if not names or not all(_are_few(shapes.get(name)) for name in names) or (not feeds and node.op_type != "Constant"):
        return {}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values = ReferenceEvaluator(node, opsets=opsets).run(None, feeds)
    except Exception:  # what the evaluator lacks is not known before it runs
        return {}
    return {name: value for name, value in zip(names, values, strict=False) if isinstance(value, np.ndarray)}


def _shapes(graph: GraphProto) -> Shapes:
    found: Shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in values_of(graph):
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            found[value.name] = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
    return found


def _few(tensor: TensorProto) -> NDArray[Any] | None:
    if tensor.data_location == TensorProto.EXTERNAL or not _are_few(tuple(tensor.dims)):
        return None
    try:
        return numpy_helper.to_array(tensor)
    except Exception:  # a damaged tensor: the checker says what is wrong with it
        return None


def _static(shape: Shape | None) -> tuple[int, ...] | None:
    sizes = tuple(size for size in shape or () if size is not None)
    return None if shape is None or len(sizes) < len(shape) else sizes


def _are_few(shape: Shape | None) -> bool:
    return shape is not None and math.prod(_FEW + 1 if size is None else size for size in shape) <= _FEW
