"""float16 and bfloat16: every operator whose schema admits the narrow type computes in it, the others stay in float32.

Casts stand where the two meet, one for each value. Branches and loop bodies keep float32 at their borders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx.defs import OpSchema
from onnx_ir.passes import common

from modelport.opset import opset_of
from modelport.workbench.quantize import graph as graphs

WIDE = ir.DataType.FLOAT

_ACCUMULATING = frozenset({"Range", "CumSum", "CumProd"})
"""They add up in their own type, and leave the narrow one's exact integers (2048, 256) soon."""

_DTYPE_ATTRIBUTES = frozenset({"dtype", "output_dtype", "output_datatype"})
_TYPE_NAMES = {ir.DataType.FLOAT16: "float16", ir.DataType.BFLOAT16: "bfloat16"}


def candidates(model: ir.Model, dtype: ir.DataType) -> list[str]:
    """Return the names of the nodes that can compute in the narrow type."""
    _infer(model)
    version = opset_of(model) or 1
    return [str(node.name) for node in graphs.nodes(model) if _Ports(node, version, dtype).fit]


def apply(model: ir.Model, dtype: ir.DataType, keep: frozenset[str], *, narrow_io: bool) -> ir.Model:
    """Carry a float32 model to a narrow type, in place.

    Args:
        model: with names for all nodes.
        dtype: FLOAT16 or BFLOAT16.
        keep: names of the nodes that stay in float32.
        narrow_io: whether inputs and outputs become narrow, too.
    """
    _infer(model)
    _Caster(model, dtype, keep, narrow_io).run()
    common.TopologicalSortPass()(model)
    return model


def _infer(model: ir.Model) -> None:
    common.ShapeInferencePass(check_type=False, strict_mode=False)(model)


class _Ports:
    """Which float32 inputs and outputs of a node may be narrow.

    Attributes:
        fit: whether the node can compute in the narrow type at all.
        inputs, outputs: for each of its values, whether it is narrow when the node is.
    """

    def __init__(self, node: ir.Node, version: int, dtype: ir.DataType) -> None:
        self._narrow = f"tensor({_TYPE_NAMES[dtype]})"
        self.inputs = [False] * len(node.inputs)
        self.outputs = [False] * len(node.outputs)
        schema = _schema(node, version)
        self.fit = schema is not None and not _stays(node)
        if schema is None or not self.fit:
            return
        constraints = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
        sides: tuple[tuple[Any, Any, list[bool]], ...] = (
            (node.inputs, schema.inputs, self.inputs),
            (node.outputs, schema.outputs, self.outputs),
        )
        for values, formals, narrow in sides:
            for at, value in enumerate(values):
                if value is None or not self.fit:
                    continue
                if value.dtype is None or not isinstance(value.type, ir.TensorType):
                    self.fit = False
                elif value.dtype == WIDE:
                    kind = formals[min(at, len(formals) - 1)].type_str
                    narrow[at] = self._narrow in constraints.get(kind, ())
                    self.fit = self.fit and (narrow[at] or kind == "tensor(float)")
        self.fit = self.fit and any(self.inputs + self.outputs)


class _Caster:
    def __init__(self, model: ir.Model, dtype: ir.DataType, keep: frozenset[str], narrow_io: bool) -> None:
        self.model, self.dtype, self.narrow_io = model, dtype, narrow_io
        version = opset_of(model) or 1
        self.ports = {
            node: ports
            for node in graphs.nodes(model)
            if node.name not in keep and (ports := _Ports(node, version, dtype)).fit
        }
        self.cast: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def run(self) -> None:
        everywhere = list(graphs.nodes(self.model))
        for node, ports in self.ports.items():
            for result, narrow in zip(node.outputs, ports.outputs, strict=True):
                if narrow:
                    result.type = ir.TensorType(self.dtype)
            if node.op_type == "Cast" and node.attributes["to"].value == WIDE:
                node.attributes["to"] = ir.AttrInt64("to", self.dtype)
        if self.narrow_io:
            for given in self.model.graph.inputs:
                given.type = ir.TensorType(self.dtype) if given.dtype == WIDE else given.type
        for node in everywhere:
            inputs = self.ports[node].inputs if node in self.ports else [False] * len(node.inputs)
            for at, (value, narrow) in enumerate(zip(node.inputs, inputs, strict=True)):
                if value is not None and self._is_float(value):
                    node.replace_input_with(at, self._as(value, self.dtype if narrow else WIDE))
        self._outputs()
        graphs.drop_unused(self.model)

    def _is_float(self, value: ir.Value) -> bool:
        return value.dtype in (WIDE, self.dtype)

    def _as(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """Return a value in a type: itself, its weight converted, or a Cast beside its producer."""
        if value.dtype == dtype:
            return value
        if (value, dtype) not in self.cast:
            constant = value.is_initializer() and value.const_value is not None and not value.is_graph_input()
            self.cast[value, dtype] = self._weight(value) if constant else self._node(value, dtype)
        return self.cast[value, dtype]

    def _weight(self, value: ir.Value) -> ir.Value:
        tensor, name = value.const_value, f"{value.name}/{_TYPE_NAMES[self.dtype]}"
        assert tensor is not None
        assert value.graph is not None
        lazy = ir.LazyTensor(
            lambda: ir.Tensor(_rounded(tensor.numpy(), self.dtype), dtype=self.dtype, name=name),
            dtype=self.dtype, shape=tensor.shape, name=name,  # type: ignore[arg-type]
        )  # fmt: skip
        made = ir.Value(name=name, shape=value.shape, type=ir.TensorType(self.dtype), const_value=lazy)
        value.graph.register_initializer(made)
        return made

    def _node(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        suffix = _TYPE_NAMES.get(dtype, "float32")
        node = ir.node("Cast", [value], {"to": int(dtype)}, name=f"{value.name}/to_{suffix}")
        made = node.outputs[0]
        made.name, made.shape, made.type = f"{value.name}/{suffix}", value.shape, ir.TensorType(dtype)
        producer = value.producer()
        if producer is not None:
            assert producer.graph is not None
            producer.graph.insert_after(producer, node)
        else:
            assert value.graph is not None
            value.graph.insert_before(value.graph[0], node)
        return made

    def _outputs(self) -> None:
        """Give the outputs the type that the signature or the enclosing node expects, under the names that they had."""
        for graph in self.model.graphs():
            main = graph is self.model.graph
            wanted = self.dtype if main and self.narrow_io else WIDE
            for at, value in enumerate(graph.outputs):
                if not self._is_float(value) or value.dtype == wanted:
                    continue
                made, name = self._as(value, wanted), value.name
                graph.outputs[at] = made
                if main and made.name != name:
                    value.name, made.name = f"{name}/{_TYPE_NAMES[self.dtype]}", name


def _stays(node: ir.Node) -> bool:
    """Whether a node stays in float32 whatever its schema says: its attributes hold floats or types, or it accumulates."""
    if node.op_type == "Cast":
        return False
    kinds = {attribute.type for attribute in node.attributes.values()}
    typed = {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS, ir.AttributeType.TENSOR, ir.AttributeType.TENSORS}
    return bool(kinds & typed) or bool(_DTYPE_ATTRIBUTES & set(node.attributes)) or node.op_type in _ACCUMULATING


def _schema(node: ir.Node, version: int) -> OpSchema | None:
    if node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type, version, ""):
        return None  # what another domain admits is not known here
    return onnx.defs.get_schema(node.op_type, version, "")


def _rounded(array: NDArray[Any], dtype: ir.DataType) -> NDArray[Any]:
    """Round to the narrow type; what is finite stays finite, what is not zero stays so.

    The largest float32 serves as a mask's infinity, and 1e-12 keeps divisors off zero: both must not lose that meaning.
    """
    import ml_dtypes

    info = ml_dtypes.finfo(dtype.numpy())  # type: ignore[no-untyped-call]
    smallest = np.float32(info.smallest_subnormal)
    finite = np.where(np.isfinite(array), np.clip(array, np.float32(info.min), np.float32(info.max)), array)
    nonzero = np.where((finite != 0) & (np.abs(finite) < smallest), np.copysign(smallest, finite), finite)
    result: NDArray[Any] = nonzero.astype(dtype.numpy())
    return result


def kept_wide(model: ir.Model, dtype: ir.DataType) -> Iterator[str]:
    """Yield the operators that compute in float32 although the model was carried to a narrow type."""
    for node in graphs.nodes(model):
        floats = [value for value in (*node.inputs, *node.outputs) if value is not None and value.dtype == WIDE]
        if floats and node.op_type != "Cast":
            yield node.op_type
