"""Fusion of layer normalization and GELU, which TensorFlow and Keras write as elementwise arithmetic in several orders.

A candidate is expanded into a polynomial (polynomials.py) and compared with the expanded definition, so that the order does
not matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer, lazy
from modelport_converters.tensorflow_to_onnx.passes.constants import axes_of
from modelport_converters.tensorflow_to_onnx.passes.polynomials import Expansion, Polynomial, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FIRST_LAYER_NORMALIZATION = 17
"""The opset."""

_STEPS = 5
"""The most operators between the reciprocal of the deviation, or Erf, and the result of the function."""


def fuse_functions(model: ir.Model) -> None:
    """Fuse in place; only float32, since ONNX lets LayerNormalization compute float64 in float32."""
    graph, found = model.graph, False
    for node in list(graph):
        if node.graph is graph and not node.domain:
            if node.op_type == "Sqrt" and graph.opset_imports.get("", 0) >= _FIRST_LAYER_NORMALIZATION:
                found |= _fuse_normalization(graph, node)
            elif node.op_type == "Erf":
                found |= _fuse_gelu(graph, node)
    if found:
        passes.RemoveUnusedNodesPass()(model)


def _results(value: ir.Value) -> Iterator[ir.Value]:
    """Yield what is computed of a value by few arithmetic operators, the nearest first."""
    reached = [value]
    for _ in range(_STEPS):
        reached = [
            user.outputs[0]
            for value in reached
            for user, _ in value.uses()
            if user.op_type in ("Add", "Div", "Mul", "Neg", "Reciprocal", "Sub") and user.graph is value.graph
        ]
        yield from reached


def _alike(value: ir.Value, x: ir.Value) -> bool:
    """Tell whether a value has the rank of x: broadcasting against constants with leading ones may raise it."""
    return value.shape is not None and x.shape is not None and value.shape.rank() == x.shape.rank()


def _last(start: ir.Value, matches: Callable[[ir.Value], bool]) -> ir.Value | None:
    """Return the farthest result that matches."""
    return next((value for value in reversed(list(_results(start))) if matches(value)), None)


# --- layer normalization ------------------------------------------------------------------------------------------------


def _fuse_normalization(graph: ir.Graph, root: ir.Node) -> bool:
    """Fuse (x - mean) / sqrt(variance + epsilon) * scale + shift over the last axes of x.

    Source: Ba et al., Layer Normalization, 2016.
    """
    found = _deviation(root)
    if found is None:
        return False
    x, mean, count, epsilon = found
    assert x.shape is not None
    sizes = [size for size in x.shape[-count:] if isinstance(size, int)]
    if x.dtype != ir.DataType.FLOAT or len(sizes) != count:
        return False
    expansion = Expansion({x: "x", mean: "mean"}, inverse={root.outputs[0]: "inverse"})

    def parameters(value: ir.Value) -> tuple[ir.Value | None, ir.Value | None] | None:
        return _scale_and_shift(expansion(value), sizes)

    result = _last(root.outputs[0], lambda value: _alike(value, x) and parameters(value) is not None)
    if result is None or (given := parameters(result)) is None:
        return False
    scale = _flat(graph, given[0], sizes) if given[0] else _ones(graph, f"{result.name}_scale", sizes)
    inputs = [x, scale, *([_flat(graph, given[1], sizes)] if given[1] else [])]
    _replace(graph, result, [ir.node("LayerNormalization", inputs, {"axis": -count, "epsilon": epsilon})])
    return True


def _deviation(root: ir.Node) -> tuple[ir.Value, ir.Value, int, float] | None:
    """Return x, its mean, the number of last axes that it is taken over, and epsilon, where the root is of x's variance."""
    total = _made_by(root.inputs[0], "Add")
    for variance, added in (total.inputs, reversed(total.inputs)) if total else ():
        epsilon, reduction = number(added), _made_by(variance, "ReduceMean")
        square = reduction.inputs[0] if reduction else None
        difference = _squared(square)
        if epsilon is None or reduction is None or difference is None:
            continue
        x, mean = difference.inputs
        average = _made_by(mean, "ReduceMean")
        if x is None or mean is None or average is None or average.inputs[0] is not x or x.shape is None:
            continue
        axes = [sorted(axis % x.shape.rank() for axis in axes_of(node)) for node in (reduction, average)]
        last = list(range(x.shape.rank()))[-len(axes[0]) :]
        kept = all(node.attributes.get_int("keepdims", 1) for node in (reduction, average))
        if axes[0] and axes[0] == axes[1] == last and kept:
            return x, mean, len(last), epsilon
    return None


def _squared(value: ir.Value | None) -> ir.Node | None:
    """Return the Sub whose result is squared."""
    product, power = _made_by(value, "Mul"), _made_by(value, "Pow")
    if product is not None and product.inputs[0] is product.inputs[1]:
        return _made_by(product.inputs[0], "Sub")
    if power is not None and number(power.inputs[1]) == 2:
        return _made_by(power.inputs[0], "Sub")
    return None


def _made_by(value: ir.Value | None, kind: str) -> ir.Node | None:
    node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == kind and not node.domain else None


def _scale_and_shift(found: Polynomial | None, sizes: list[int]) -> tuple[ir.Value | None, ir.Value | None] | None:
    """Return scale and shift where the polynomial is (x - mean) * inverse * scale + shift; either may be absent."""
    if found is None:
        return None
    constants = {factor for factors in found for factor in factors if isinstance(factor, ir.Value)}
    scales: list[ir.Value | None] = [None, *constants]
    for scale in scales:
        for shift in scales:
            own = (scale,) if scale else ()
            wanted = Polynomial({("inverse", "x", *own): 1.0, ("inverse", "mean", *own): -1.0})
            if shift is not None:
                wanted[(shift,)] = 1.0
            if found == wanted and all(_has(value, sizes) for value in (scale, shift) if value):
                return scale, shift
    return None


def _has(value: ir.Value, sizes: list[int]) -> bool:
    shape = [] if value.shape is None else list(value.shape)
    return shape[-len(sizes) :] == sizes and all(size == 1 for size in shape[: -len(sizes)])


def _flat(graph: ir.Graph, value: ir.Value, sizes: list[int]) -> ir.Value:
    """Return a constant without its leading axes of size 1."""
    tensor = value.const_value
    assert tensor is not None
    if len(tensor.shape) == len(sizes):
        return value
    name = f"{value.name}_flat"
    if name in graph.initializers:
        return graph.initializers[name]
    return initializer(graph, lazy(name, lambda: tensor.numpy().reshape(sizes), tensor.dtype, sizes))


def _ones(graph: ir.Graph, name: str, sizes: list[int]) -> ir.Value:
    return initializer(graph, ir.tensor(np.ones(sizes, np.float32), name=name))


# --- GELU --------------------------------------------------------------------------------------------------------------


def _fuse_gelu(graph: ir.Graph, erf: ir.Node) -> bool:
    """Write GELU in the order that ONNX Runtime fuses, x * (1 + erf(x / sqrt 2)) / 2; Gelu exists from opset 20 on only.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    """
    x, sign = _under_the_root(erf.inputs[0])
    if x is None or x.dtype != ir.DataType.FLOAT:
        return False
    expansion = Expansion({x: "x", erf.outputs[0]: "erf"})
    wanted = Polynomial({("x",): 0.5, ("erf", "x"): 0.5 * sign})
    result = _last(erf.outputs[0], lambda value: _alike(value, x) and expansion(value) == wanted)
    if result is None:
        return False
    root, one, half = (
        initializer(graph, ir.tensor(np.float32(value), name=f"{result.name}_{name}"))
        for name, value in (("root", math.sqrt(2)), ("one", 1.0), ("half", 0.5))
    )
    nodes = [ir.node("Div", [x, root])]
    nodes.append(ir.node("Erf", nodes[-1].outputs))
    nodes.append(ir.node("Add", [nodes[-1].outputs[0], one]))
    nodes.append(ir.node("Mul", [x, nodes[-1].outputs[0]]))
    nodes.append(ir.node("Mul", [nodes[-1].outputs[0], half]))
    _replace(graph, result, nodes)
    return True


def _under_the_root(argument: ir.Value | None) -> tuple[ir.Value | None, float]:
    """Return x and its sign, where the argument of Erf is x / sqrt 2 or -x / sqrt 2."""
    value: ir.Value | None = argument
    found: tuple[ir.Value | None, float] = None, 0.0
    while value is not None and (node := value.producer()) is not None and node.op_type in ("Div", "Mul", "Neg"):
        factors = [factor for factor in node.inputs if number(factor) is None]
        value = factors[0] if len(factors) == 1 and factors[0] is not None else None
        expanded = Expansion({value: "x"})(argument) if value is not None else None
        factor = expanded.get(("x",), 0.0) if expanded else 0.0
        if math.isclose(abs(factor), math.sqrt(0.5), rel_tol=1e-6):
            found = value, math.copysign(1.0, factor)
    return found


def _replace(graph: ir.Graph, result: ir.Value, nodes: list[ir.Node]) -> None:
    """Replace the node that makes a result by others, the last of which makes it."""
    old = result.producer()
    assert old is not None
    for node in nodes[:-1]:
        node.name = f"{result.name}_{node.op_type}"
        node.outputs[0].name, node.outputs[0].type, node.outputs[0].shape = node.name, result.type, result.shape
    nodes[-1].name = old.name
    ir.convenience.replace_nodes_and_values(graph, old, [old], nodes, [result], [nodes[-1].outputs[0]])
