"""What transposing its image inputs means for an ONNX operator: a rule for each one that computes alike in any layout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Add = Callable[[NDArray[Any], str], ir.Value]
    """Makes an initializer of an array, named after a name."""

    Perm = tuple[int, ...]

_LARGEST_CONSTANT = 2**20
"""Constants of more elements are left to be read lazily."""

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
"""Operators with the attribute `axis`, and its default."""


@dataclass(frozen=True)
class Rule:
    """How a node takes transposed inputs.

    Attributes:
        turned: the inputs that are to be transposed.
        turns_outputs: whether the outputs come out transposed; else they stay as they are.
        rewrite: adapts the node itself.
    """

    turned: tuple[int, ...]
    turns_outputs: bool = True
    rewrite: Callable[[ir.Node, Add], None] = lambda node, add: None


def rule_of(node: ir.Node, perm: Perm) -> Rule | None:
    """Return the rule for a node whose image inputs are transposed by `perm`; None where there is none."""
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


def is_constant(value: ir.Value | None) -> bool:
    """Tell whether a value is a constant small enough to be rearranged."""
    shape = None if value is None else _constant_shape(value)
    return shape is not None and math.prod(shape) <= _LARGEST_CONSTANT


def _constant_shape(value: ir.Value) -> tuple[int, ...] | None:
    """Return the sizes of a constant, None for any other value."""
    tensor = None if value.is_graph_input() else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tuple(int(size) for size in tensor.shape.numpy())


def constant(value: ir.Value | None) -> NDArray[Any] | None:
    """Return the array of a small constant."""
    if value is None or not is_constant(value):
        return None
    tensor = ir.convenience.get_const_tensor(value)
    assert tensor is not None
    return np.asarray(tensor.numpy())


def axes_of(node: ir.Node) -> list[int]:
    """Return the axes of a reduction or Squeeze, from its attribute or its second input; none where they are not known."""
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = node.attributes.get_ints("axes", []) if given is None else given.ravel().tolist()
    return list(axes or [])


def _rank(value: ir.Value | None) -> int | None:
    return value.shape.rank() if value is not None and value.shape is not None else None


def _elementwise(node: ir.Node, rank: int) -> Rule | None:
    turned, images = [], 0
    for index, value in enumerate(node.inputs):
        if value is None:
            continue
        if is_constant(value):
            shape = _constant_shape(value) or ()
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
    """Reductions, with the axes in an attribute or an input; those that drop their axes must leave the others in order."""
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
    """The shape of the transposed image, with its sizes put back in order."""
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
