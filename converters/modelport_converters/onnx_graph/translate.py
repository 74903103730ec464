"""Walking a prepared graph: each node becomes one call of its operator's function."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import onnx_ir as ir

from modelport.errors import UnsupportedOps
from modelport_converters.onnx_graph.prepare import describe, version_of
from modelport_converters.onnx_graph.registry import Op, Registry, Traits, Unsupported, bind

Environment = MutableMapping[ir.Value, Any]

T = TypeVar("T", bound=Traits)
T_contra = TypeVar("T_contra", bound=Traits, contravariant=True)


class Target(Protocol[T_contra]):
    """What a target supplies beside its operators."""

    def constant(self, value: ir.Value) -> Any:
        """Return what stands for an initializer."""

    def call(self, op: Op[T_contra], node: ir.Node, inputs: list[Any], attributes: dict[str, Any]) -> Sequence[Any]:
        """Call an operator on bound arguments and return one value for each output."""

    def plain(self, value: Any) -> Any:
        """Return a value as ONNX means it, where the target holds it in another form."""


class Body:
    """A subgraph as a callable: takes the values of its inputs and returns those of its outputs.

    Attributes:
        graph: the subgraph.
        inputs: the number of inputs.
    """

    def __init__(self, graph: ir.Graph, walk: Walk[Any], outer: Environment) -> None:
        self.graph = graph
        self.inputs = len(graph.inputs)
        self._walk, self._outer = walk, outer

    def __call__(self, *values: Any) -> list[Any]:
        """Translate the subgraph on the values of its inputs; return those of its outputs."""
        inner: Environment = ChainMap({}, self._outer)
        inner.update(zip(self.graph.inputs, values, strict=True))
        return self._walk.graph(self.graph, inner)


class Walk(Generic[T]):
    """One translation.

    Args:
        model: prepared.
        registry: the target's operators.
        target: the rest that the target supplies.
    """

    def __init__(self, model: ir.Model, registry: Registry[T], target: Target[T]) -> None:
        self._model, self._registry, self._target = model, registry, target

    def __call__(self, *values: Any) -> list[Any]:
        """Translate the model's graph on the values of its inputs, in order; return those of its outputs."""
        return self.graph(self._model.graph, dict(zip(self._model.graph.inputs, values, strict=True)))

    def graph(self, graph: ir.Graph, values: Environment) -> list[Any]:
        """Translate a graph into `values`, which holds its inputs and what lies outside it."""
        for value in graph.initializers.values():
            if value not in values:  # one that is an input too has been given
                values[value] = self._target.constant(value)
        for node in graph:
            outputs = self._node(node, values)
            values.update(zip(node.outputs, outputs, strict=False))
        return [self._target.plain(values[value]) for value in graph.outputs]

    def _node(self, node: ir.Node, values: Environment) -> Sequence[Any]:
        op = self._registry.find(node.domain, node.op_type)
        assert op is not None, node.op_type  # prepared
        try:
            given = [None if value is None else values[value] for value in node.inputs]
            attributes = {name: self._attribute(item, values) for name, item in node.attributes.items()}
            wanted = max((index + 1 for index, value in enumerate(node.outputs) if value.name), default=0)
            inputs, attributes = bind(op, given, attributes, wanted)
            return self._target.call(op, node, inputs, attributes)
        except Unsupported as error:
            line = describe(node, version_of(self._model, node), str(error))
            raise UnsupportedOps([line], remedy="replace this operator in the source model") from error

    def _attribute(self, attribute: ir.Attr, values: Environment) -> Any:
        kinds = ir.AttributeType
        if attribute.type is kinds.GRAPH:
            return Body(attribute.as_graph(), self, values)
        if attribute.type is kinds.TENSOR:
            return attribute.as_tensor().numpy()
        if attribute.type is kinds.TENSORS:
            return [tensor.numpy() for tensor in attribute.as_tensors()]
        if attribute.type in (kinds.SPARSE_TENSOR, kinds.SPARSE_TENSORS):
            raise Unsupported("sparse tensors have no form in onnx_ir")
        return attribute.value
