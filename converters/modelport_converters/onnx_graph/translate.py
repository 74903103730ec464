"""The walk over a prepared graph: each node becomes one call of its operator's function."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import onnx_ir as ir

from modelport.errors import UnsupportedOps
from modelport_converters.onnx_graph.prepare import describe, version_of
from modelport_converters.onnx_graph.registry import Op, Registry, Traits, Unsupported, bind

Value: TypeAlias = Any
"""What stands for a value of the graph in the target."""

Attributes = dict[str, Any]
Environment = MutableMapping[ir.Value, Value]

T = TypeVar("T", bound=Traits)
T_contra = TypeVar("T_contra", bound=Traits, contravariant=True)


class Target(Protocol[T_contra]):
    """The hooks that a target supplies beside its operators."""

    def constant(self, value: ir.Value) -> Value:
        """Return the target's value of an initializer."""

    def call(self, op: Op[T_contra], node: ir.Node, inputs: list[Value], attributes: Attributes) -> Sequence[Value]:
        """Call an operator on bound arguments and return one value for each output."""

    def plain(self, value: Value) -> Value:
        """Return a value in ONNX's layout, where the target holds it in another."""


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

    def __call__(self, *values: Value) -> list[Value]:
        """Translate the subgraph on the values of its inputs; return those of its outputs."""
        inner: Environment = ChainMap({}, self._outer)
        inner.update(zip(self.graph.inputs, values, strict=True))
        return self._walk.graph(self.graph, inner)


class Walk(Generic[T]):
    """The translation of one model.

    Args:
        model: prepared.
        registry: the target's operators.
        target: the rest that the target supplies.
    """

    def __init__(self, model: ir.Model, registry: Registry[T], target: Target[T]) -> None:
        self._model, self._registry, self._target = model, registry, target

    def __call__(self, *values: Value) -> list[Value]:
        """Translate the model's graph on the values of its inputs, in order; return those of its outputs."""
        return self.graph(self._model.graph, dict(zip(self._model.graph.inputs, values, strict=True)))

    def graph(self, graph: ir.Graph, values: Environment) -> list[Value]:
        """Translate a graph within an environment that holds its inputs and the values of outer scopes; return its outputs."""
        for value in graph.initializers.values():
            if value not in values:  # one that is an input too has been given
                values[value] = self._target.constant(value)
        for node in graph:
            outputs = self._node(node, values)
            values.update(zip(node.outputs, outputs, strict=False))
        return [self._target.plain(values[value]) for value in graph.outputs]

    def _node(self, node: ir.Node, values: Environment) -> Sequence[Value]:
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
