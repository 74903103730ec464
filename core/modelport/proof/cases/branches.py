"""The branches of a graph's If nodes: inputs that take either one, found by evaluating the condition alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from modelport.proof.cases.graph_index import GraphIndex

_MOST_NODES = 200
_SCALES = (0.0, 1e-8, 1e-3, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)


class Condition:
    """The condition of an If node as a graph of its own.

    Attributes:
        node: the If node's name.
    """

    def __init__(self, node: str, model: onnx.ModelProto) -> None:
        self.node = node
        self._model = model
        self._inputs = [value.name for value in model.graph.input]

    def evaluate(self, arrays: Mapping[str, NDArray[Any]]) -> bool | None:
        """Return which branch the inputs take; None where the condition cannot be evaluated."""
        try:
            with np.errstate(all="ignore"):
                (value,) = ReferenceEvaluator(self._model).run(None, {name: arrays[name] for name in self._inputs})
            return bool(np.asarray(value).reshape(-1)[0])
        except Exception:  # whatever the evaluator lacks: the branch stays unknown
            return None


def conditions_of(model: onnx.ModelProto, index: GraphIndex) -> list[Condition]:
    """Return the conditions of the main graph's If nodes that are computed of inputs by few nodes and small constants."""
    found = []
    for node in model.graph.node:
        if node.op_type == "If":
            alone = _alone(model, index, node.input[0])
            if alone is not None:
                found.append(Condition(node.name or node.output[0], alone))
    return found


def _alone(model: onnx.ModelProto, index: GraphIndex, name: str) -> onnx.ModelProto | None:
    """Return the part of a graph that computes one value; None where it is large, or takes no input."""
    needed, pending = set(), [name]
    while pending:
        value = pending.pop()
        if value in needed or not value:
            continue
        needed.add(value)
        producer = index.producers.get(value)
        pending += producer.input if producer is not None else ()
    nodes = [node for node in model.graph.node if needed & set(node.output)]
    inputs = [value for value in model.graph.input if value.name in needed and value.name not in index.constants]
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    if not inputs or len(nodes) > _MOST_NODES or any(index.numbers(tensor.name, 2**20) is None for tensor in weights):
        return None
    graph = helper.make_graph(nodes, "condition", inputs, [onnx.ValueInfoProto(name=name)], weights)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def tried(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[NDArray[Any]]:
    """Yield float64 arrays of very different means, magnitudes and peaks."""
    for scale in _SCALES:
        values = rng.standard_normal(shape)
        for kind in (values, np.abs(values), -np.abs(values), np.ones(shape), -np.ones(shape), _peak(shape, rng)):
            yield kind * scale


def _peak(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    array = np.zeros(shape)
    if array.size:
        array.reshape(-1)[rng.integers(0, array.size)] = 1.0
    return array
