"""Constant folding: nodes whose inputs are all constants are evaluated."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

_LIMIT = 2**20
"""Results of more bytes than this are left to the target, except where the work is only a rearrangement of a weight."""

_REARRANGING = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_KEPT = frozenset(
    {
        "Bernoulli", "Constant", "DequantizeLinear", "ImageDecoder", "Multinomial", "Optional", "RandomNormal",
        "RandomNormalLike", "RandomUniform", "RandomUniformLike", "RegexFullMatch", "SequenceConstruct", "SequenceEmpty",
        "StringNormalizer", "StringSplit", "TfIdfVectorizer",
    }
)  # fmt: skip
"""Random, not tensors, or cheaper to keep: a quantised weight is smaller than the floats it stands for.

Those on strings the reference evaluator does otherwise than the schema says: it strips accents, matches by Python's expressions,
splits at Unicode's spaces, and weighs columns instead of n-grams.
"""

_GROWING = {"ConstantOfShape": 0, "Expand": 1}
"""Operators whose result may be far larger than their inputs, and the input that gives its shape."""


def fold(model: ir.Model) -> None:
    """Replace, in place, every node whose inputs are all constants by its result, subgraphs included.

    Nodes are visited in topological order, so whole constant chains disappear. What the reference evaluator cannot compute
    stays as it is.
    """
    for graph in (model.graph, *model.graph.subgraphs()):
        if isinstance(graph, ir.Graph):
            _fold_graph(graph, dict(model.opset_imports))


def _fold_graph(graph: ir.Graph, opsets: dict[str, int]) -> None:
    for node in list(graph):
        if _foldable(node):
            results = _evaluate(node, opsets)
            if results is not None:
                _replace(graph, node, results)


def _foldable(node: ir.Node) -> bool:
    if node.domain not in ("", "ai.onnx.ml") or node.op_type in _KEPT or not node.inputs:
        return False
    tensors = [value.const_value if value is not None else None for value in node.inputs]
    given = [value for value in node.inputs if value is not None]
    if any(value.const_value is None or value.is_graph_input() for value in given):
        return False
    if any(
        attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for attribute in node.attributes.values()
    ):
        return False
    if node.op_type in _REARRANGING:
        return True
    if node.op_type in _GROWING:
        shape = tensors[_GROWING[node.op_type]]
        return shape is not None and 8 * math.prod(np.ravel(shape.numpy()).tolist() or [1]) <= _LIMIT
    return node.op_type != "Tile" and sum(tensor.nbytes for tensor in tensors if tensor is not None) <= _LIMIT


def _evaluate(node: ir.Node, opsets: dict[str, int]) -> list[Any] | None:
    names = {value: f"i{index}" for index, value in enumerate(dict.fromkeys(node.inputs)) if value is not None}
    proto = ir.to_proto(node)
    del proto.input[:], proto.output[:]
    proto.input.extend(names[value] if value is not None else "" for value in node.inputs)
    proto.output.extend(f"o{index}" if value.name else "" for index, value in enumerate(node.outputs))
    wanted = [name for name in proto.output if name]
    graph = onnx.helper.make_graph(
        [proto],
        "node",
        [onnx.helper.make_empty_tensor_value_info(name) for name in names.values()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in wanted],
    )
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=imports))
            feeds = {name: value.const_value.numpy() for value, name in names.items() if value.const_value is not None}
            found = dict(zip(wanted, evaluator.run(None, feeds), strict=True))
    except Exception:  # what it cannot evaluate, the target will
        return None
    results = [found.get(f"o{index}") for index in range(len(node.outputs))]
    return results if all(result is None or isinstance(result, np.ndarray) for result in results) else None


def _replace(graph: ir.Graph, node: ir.Node, results: list[Any]) -> None:
    for value, result in zip(node.outputs, results, strict=True):
        if result is None or not (value.uses() or value.is_graph_output()):
            continue
        if value.is_graph_output():  # an output must come from a node
            return
        constant = ir.Value(name=value.name, const_value=_tensor(result, value))
        constant.shape, constant.type = ir.Shape(result.shape), ir.TensorType(constant.const_value.dtype)  # type: ignore[union-attr]
        value.replace_all_uses_with(constant)
        graph.register_initializer(constant)
    graph.remove(node, safe=True)


def _tensor(result: np.ndarray, value: ir.Value) -> ir.TensorProtocol:
    if result.dtype.kind in "OSU":
        texts = [text.encode() if isinstance(text, str) else bytes(text) for text in result.ravel().tolist()]
        return ir.StringTensor(texts, shape=ir.Shape(result.shape), name=value.name)
    return ir.tensor(np.ascontiguousarray(result), name=value.name)
