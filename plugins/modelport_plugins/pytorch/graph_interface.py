"""Inputs and outputs of an exported graph renamed, ordered and shaped as the signature says."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from modelport.errors import CannotConvert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_ir as ir

    from modelport.signature import Signature, TensorSpec

_WRAPPED = "module."
"""What the wrapper of `forward.flat_module` puts before the names of weights."""
_STACK_TRACE = "pkg.torch.onnx.stack_trace"
_WORD = re.compile(r"[A-Za-z_]\w*")


def conform(model: ir.Model, signature: Signature) -> ir.Model:
    """Give a graph, whose inputs and outputs are in the signature's order, its names and dimensions; returns the model.

    Raises:
        CannotConvert: when an input or output is lost, or a symbolic dimension is fixed or tied to another one.
    """
    graph = model.graph
    if len(graph.outputs) != len(signature.outputs):
        raise CannotConvert(
            f"the exporter returned {len(graph.outputs)} outputs, the model has {len(signature.outputs)}",
            remedy="report it, with the output of --debug",
        )
    inputs = _inputs(graph, signature)
    graph.inputs[:] = inputs
    symbols = _symbols(inputs, signature)
    for value in _values(graph):
        if value.shape is not None:
            value.shape = _renamed(value.shape, symbols)
    for value, spec in zip(inputs, signature.inputs, strict=True):
        _set_shape(value, spec)
    _name(graph, signature)
    for node in model.graph.all_nodes():
        node.metadata_props.pop(_STACK_TRACE, None)  # paths of the machine that exported
    return model


def _inputs(graph: ir.Graph, signature: Signature) -> list[ir.Value]:
    """Return the graph's inputs in order, those added again that TorchScript leaves out as unused."""
    if len(graph.inputs) == len(signature.inputs):
        return list(graph.inputs)
    present = {value.name: value for value in graph.inputs}
    if not present.keys() <= {spec.name for spec in signature.inputs}:
        raise CannotConvert(
            f"the exporter's graph has the inputs {', '.join(map(str, present))}, "
            f"the model has {', '.join(spec.name for spec in signature.inputs)}",
            remedy="report it, with the output of --debug",
        )
    return [present.get(spec.name) or _unused(spec) for spec in signature.inputs]


def _unused(spec: TensorSpec) -> ir.Value:
    import ml_dtypes  # noqa: F401, makes bfloat16 known to NumPy
    import numpy as np
    import onnx_ir as ir

    kind = ir.TensorType(ir.DataType.from_numpy(np.dtype(spec.dtype)))
    return ir.Value(name=spec.name, type=kind, shape=ir.Shape(list(spec.shape or ())))


def _symbols(inputs: Sequence[ir.Value], signature: Signature) -> dict[str, str]:
    """Map the exporter's dimension names to the signature's."""
    symbols: dict[str, str] = {}
    for value, spec in zip(inputs, signature.inputs, strict=True):
        for axis, wanted in enumerate(spec.shape or ()):
            if not isinstance(wanted, str) or value.shape is None:
                continue
            found = value.shape[axis]
            if isinstance(found, int):
                raise CannotConvert(
                    f"the exporter fixed {wanted} at {found}",
                    where=f"axis {axis} of the input '{spec}'",
                    remedy=f"write {found} instead of {wanted} in --input, or make forward independent of this size",
                )
            name = str(found.value)
            if _WORD.fullmatch(name) and symbols.setdefault(name, wanted) != wanted:
                raise CannotConvert(
                    f"the model needs {symbols[name]} and {wanted} to be equal",
                    where=f"axis {axis} of the input '{spec}'",
                    remedy="give both dimensions the same name in --input",
                )
    return symbols


def _renamed(shape: ir.Shape, symbols: Mapping[str, str]) -> ir.Shape:
    import onnx_ir as ir

    def rename(dim: int | ir.SymbolicDim) -> int | str | None:
        if isinstance(dim, int) or dim.value is None:
            return dim if isinstance(dim, int) else None
        return _WORD.sub(lambda word: symbols.get(word[0], word[0]), str(dim.value))

    return ir.Shape([rename(dim) for dim in shape])


def _set_shape(value: ir.Value, spec: TensorSpec) -> None:
    """Set an input's shape to the signature's, which may fix a dimension that the graph leaves open."""
    import onnx_ir as ir

    if spec.shape is not None:
        value.shape = ir.Shape(list(spec.shape))


def _name(graph: ir.Graph, signature: Signature) -> None:
    """Name inputs and outputs after the signature and weights after the model's parameters; other values give way."""
    final = {id(value): spec.name for value, spec in zip(graph.inputs, signature.inputs, strict=True)}
    final.update({id(value): spec.name for value, spec in zip(graph.outputs, signature.outputs, strict=True)})
    taken = set(final.values())
    for value in graph.initializers.values():
        name = str(value.name).removeprefix(_WRAPPED)
        if name not in taken:  # else a weight is called like an input or output, and keeps its prefix
            final.setdefault(id(value), name)
    values = {id(value): value for value in _values(graph)}
    taken = {*final.values(), *(str(value.name) for value in values.values())}
    reserved = set(final.values())
    fresh = (name for number in itertools.count() if (name := f"value_{number}") not in taken)
    for key, value in values.items():  # first make room, then name: two values may swap names
        if key in final or value.name in reserved:
            value.name = next(fresh)
    for key, name in final.items():
        values[key].name = name


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    """Yield every value of a graph and of the graphs inside its nodes."""
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph.all_nodes():
        yield from node.outputs
    for inner in graph.subgraphs():
        yield from inner.inputs
        yield from inner.initializers.values()
