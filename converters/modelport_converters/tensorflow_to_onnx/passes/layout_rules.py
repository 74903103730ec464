"""Layout rules: how an ONNX operator takes transposed inputs, for each that computes alike in any layout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.passes.constants import axes_of, constant, constant_shape, is_constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Add = Callable[[NDArray[Any], str], ir.Value]
    """Adds an initializer, from an array and the stem of a name."""

    Perm = tuple[int, ...]

_ELEMENTWISE = frozenset((
    "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BitwiseAnd", "BitwiseNot", "BitwiseOr",
    "BitwiseXor", "Cast", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Div", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu",
    "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow",
    "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub",
    "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor",
))  # fmt: skip
_REDUCTIONS = frozenset((
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare",
))  # fmt: skip
_ALONG_AN_AXIS = {"Concat": 1, "Hardmax": -1, "LogSoftmax": -1, "Softmax": -1, "Split": 0}
"""Operators with an attribute `axis`, and its default."""


@dataclass(frozen=True)
class Rule:
    """How a node takes transposed inputs.

    Attributes:
        turned: the indices of the inputs that are transposed.
        turns_outputs: whether the outputs are transposed then.
        rewrite: adapts the node's axes.
    """

    turned: tuple[int, ...]
    turns_outputs: bool = True
    rewrite: Callable[[ir.Node, Add], None] = lambda node, add: None


def rule_of(node: ir.Node, perm: Perm) -> Rule | None:
    """Return the rule for a node whose inputs of that rank are transposed by `perm`; None for layout-dependent nodes."""
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type in _ELEMENTWISE:
        return _elementwise(node, len(perm))
    if not node.inputs or _rank(node.inputs[0]) != len(perm) or is_constant(node.inputs[0]):
        return None
    if node.op_type in _ALONG_AN_AXIS:
        return _along_an_axis(node, perm)
    if node.op_type in _REDUCTIONS or node.op_type == "Squeeze":
        return _reduction(node, perm)
    special = {"Pad": _pad, "Slice": _slice, "Shape": _shape}.get(node.op_type)
    return special(node, perm) if special else None


def _rank(value: ir.Value | None) -> int | None:
    return value.shape.rank() if value is not None and value.shape is not None else None


def _elementwise(node: ir.Node, rank: int) -> Rule | None:
    turned, images = [], 0
    for index, value in enumerate(node.inputs):
        if value is None:
            continue
        if is_constant(value):
            shape = constant_shape(value) or ()
            if len(shape) > rank:
                return None
            turned += [index] if math.prod(shape) != 1 else []
        elif _rank(value) == rank:
            turned.append(index)
            images += 1
        elif _rank(value) != 0:
            return None
    return Rule(tuple(turned)) if images else None


def _along_an_axis(node: ir.Node, perm: Perm) -> Rule | None:
    several = node.op_type == "Concat"
    if several and any(_rank(value) != len(perm) for value in node.inputs):
        return None
    axis = _moved(_int(node, "axis", _ALONG_AN_AXIS[node.op_type]), perm)

    def rewrite(node: ir.Node, add: Add) -> None:
        node.attributes["axis"] = ir.AttrInt64("axis", axis)

    return Rule(tuple(range(len(node.inputs))) if several else (0,), rewrite=rewrite)


def _reduction(node: ir.Node, perm: Perm) -> Rule | None:
    """A reduction or Squeeze; one that drops its axes must leave the others in order."""
    axes = axes_of(node)
    if not axes:
        return None
    moved = [_moved(axis, perm) for axis in axes]
    drops = node.op_type == "Squeeze" or not _int(node, "keepdims", 1)
    kept = [axis for axis in perm if perm.index(axis) not in moved]
    if drops and kept != sorted(kept):
        return None

    def rewrite(node: ir.Node, add: Add) -> None:
        if "axes" in node.attributes:
            node.attributes["axes"] = ir.AttrInt64s("axes", sorted(moved))
        else:
            node.replace_input_with(1, add(np.asarray(sorted(moved), np.int64), "axes"))

    return Rule((0,), turns_outputs=not drops, rewrite=rewrite)


def _pad(node: ir.Node, perm: Perm) -> Rule | None:
    pads = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    if pads is None or pads.size != 2 * len(perm) or (len(node.inputs) > 3 and node.inputs[3] is not None):
        return None

    def rewrite(node: ir.Node, add: Add) -> None:
        node.replace_input_with(1, add(pads.reshape(2, -1)[:, list(perm)].ravel(), "pads"))

    return Rule((0,), rewrite=rewrite)


def _slice(node: ir.Node, perm: Perm) -> Rule | None:
    if len(node.inputs) < 4 or (axes := constant(node.inputs[3])) is None:
        return None

    def rewrite(node: ir.Node, add: Add) -> None:
        moved = [_moved(int(axis), perm) for axis in axes]
        node.replace_input_with(3, add(np.asarray(moved, np.int64), "axes"))

    return Rule((0,), rewrite=rewrite)


def _shape(node: ir.Node, perm: Perm) -> Rule | None:
    """The Shape of the transposed input, put back in order by a Gather."""
    if node.attributes:
        return None

    def rewrite(node: ir.Node, add: Add) -> None:
        inner = ir.node("Shape", [node.inputs[0]])
        sizes = inner.outputs[0]
        sizes.type, sizes.shape = node.outputs[0].type, node.outputs[0].shape
        sizes.name = inner.name = f"{node.outputs[0].name}_turned"
        node.prepend(inner)
        node.op_type = "Gather"
        node.resize_inputs(2)
        node.replace_input_with(0, sizes)
        node.replace_input_with(1, add(np.argsort(perm).astype(np.int64), "order"))

    return Rule((0,), turns_outputs=False, rewrite=rewrite)


def _int(node: ir.Node, name: str, default: int) -> int:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def _moved(axis: int, perm: Perm) -> int:
    """Return where a transposition puts an axis."""
    return perm.index(axis % len(perm))
