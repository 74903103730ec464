"""Symbolic shape inference: the sizes of values in terms of the dimensions of the graph's inputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.passes.constants import constant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Size = int | str | tuple[ir.Value, int]
"""A static size, the symbolic dimension of an input, or an axis of a value of which no more is known."""

_LARGEST = 16
"""Constants of more elements are not read: they are no shapes."""

_DEEPEST = 50
"""The most operators that are followed back from a value."""

_SAME_SIZES = {"Cast", "Elu", "Identity", "Relu", "ReverseSequence", "Sigmoid", "Softplus", "Softsign", "Tanh"}


class Sizes:
    """The symbolic sizes of the values of a graph; `tell` declares those that no rule infers."""

    def __init__(self) -> None:
        self._told: dict[ir.Value, Sequence[Size]] = {}
        self._depth = 0

    def tell(self, value: ir.Value, sizes: Sequence[Size]) -> None:
        """Declare the sizes of a value."""
        self._told[value] = sizes

    def rank(self, value: ir.Value) -> int | None:
        """Return the rank, None where it is unknown."""
        return value.shape.rank() if value.shape is not None else None

    def of(self, value: ir.Value, axis: int) -> Size:
        """Return the size along a non-negative axis."""
        if value in self._told:
            return self._told[value][axis]
        size = value.shape[axis] if value.shape is not None and axis < value.shape.rank() else None
        if isinstance(size, int):
            return size
        node = value.producer()
        if node is None:
            name = size.value if size is not None and value.is_graph_input() else None
            return name if name else (value, axis)
        rule = _RULES.get(node.op_type) if not node.domain and self._depth < _DEEPEST else None
        self._depth += 1
        found = rule(self, node, axis) if rule else None
        self._depth -= 1
        return (value, axis) if found is None else found

    def integers(self, value: ir.Value | None) -> list[Size] | None:
        """Return the elements of an integer scalar or vector that is computed of sizes, None for any other value."""
        if value is None:
            return None
        if value.const_value is not None:
            array = constant(value) if value.const_value.size <= _LARGEST else None
            return None if array is None or array.dtype.kind not in "iu" else [int(item) for item in array.ravel()]
        node = value.producer()
        rule = _OF_INTEGERS.get(node.op_type) if node is not None and not node.domain else None
        return rule(self, node) if rule is not None and node is not None else None

    def numbers(self, value: ir.Value | None) -> list[int] | None:
        """Return the elements of a small integer constant, None for any other value."""
        found = self.integers(value)
        numbers = [item for item in found or [] if isinstance(item, int)]
        return numbers if found is not None and len(numbers) == len(found) else None


# --- sizes of outputs --------------------------------------------------------------------------------------------------


def _same(sizes: Sizes, node: ir.Node, axis: int) -> Size | None:
    return sizes.of(node.inputs[0], axis) if node.inputs[0] is not None else None


def _transposed(sizes: Sizes, node: ir.Node, axis: int) -> Size | None:
    perm = node.attributes.get_ints("perm", [])
    return sizes.of(node.inputs[0], perm[axis]) if node.inputs[0] is not None and perm else None


def _expanded(sizes: Sizes, node: ir.Node, axis: int) -> Size | None:
    """An expanded scalar has the target shape."""
    target = sizes.integers(node.inputs[1])
    single = node.inputs[0] is not None and node.inputs[0].shape is not None and node.inputs[0].shape.rank() == 0
    return target[axis] if target is not None and single else None


def _reshaped(sizes: Sizes, node: ir.Node, axis: int) -> Size | None:
    """The size for -1 is the only dynamic one of the input, where the others have equal products."""
    source, target = node.inputs[0], sizes.numbers(node.inputs[1])
    if source is None or source.shape is None or target is None or 0 in target or axis >= len(target):
        return None
    if target[axis] >= 0:
        return target[axis]
    found = [sizes.of(source, position) for position in range(source.shape.rank())]
    known = [size for size in found if isinstance(size, int)]
    others = [size for size in found if not isinstance(size, int)]
    rest = math.prod(size for size in target if size >= 0)
    return others[0] if len(others) == 1 and math.prod(known) == rest else None


def _projected(sizes: Sizes, node: ir.Node, axis: int) -> Size | None:
    """A product with a matrix keeps every axis but the last."""
    left, right = node.inputs
    if left is None or right is None or sizes.rank(right) != 2 or sizes.rank(left) is None:
        return None
    return sizes.of(left, axis) if axis < (sizes.rank(left) or 0) - 1 else None


_RULES: dict[str, Callable[[Sizes, ir.Node, int], Size | None]] = {
    **dict.fromkeys(_SAME_SIZES, _same),
    "Expand": _expanded,
    "MatMul": _projected,
    "Reshape": _reshaped,
    "Transpose": _transposed,
}

# --- elements of shape tensors -----------------------------------------------------------------------------------------


def _shape(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    source = node.inputs[0]
    rank = sizes.rank(source) if source is not None else None
    if source is None or rank is None or "start" in node.attributes or "end" in node.attributes:
        return None
    return [sizes.of(source, axis) for axis in range(rank)]


def _as_it_is(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    return sizes.integers(node.inputs[0])


def _cast(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    whole = ir.DataType(node.attributes.get_int("to", 0)) in (ir.DataType.INT32, ir.DataType.INT64)
    return sizes.integers(node.inputs[0]) if whole else None


def _sliced(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    found = sizes.integers(node.inputs[0])
    bounds = [sizes.numbers(value) for value in node.inputs[1:]]
    if (
        found is None
        or any(bound is None or len(bound) != 1 for bound in bounds)
        or bounds[2:] not in ([[0]], [[0], [1]])
    ):
        return None
    (start, end) = (bound[0] for bound in bounds[:2] if bound)
    return found[start:end]


def _gathered(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    found, indices = sizes.integers(node.inputs[0]), sizes.numbers(node.inputs[1])
    if found is None or indices is None or not all(-len(found) <= index < len(found) for index in indices):
        return None
    return [found[index] for index in indices]


def _joined(sizes: Sizes, node: ir.Node) -> list[Size] | None:
    parts = [sizes.integers(value) for value in node.inputs]
    known = [part for part in parts if part is not None]
    return [item for part in known for item in part] if len(known) == len(parts) else None


_OF_INTEGERS: dict[str, Callable[[Sizes, ir.Node], list[Size] | None]] = {
    "Cast": _cast,
    "Concat": _joined,
    "Gather": _gathered,
    "Identity": _as_it_is,
    "Shape": _shape,
    "Slice": _sliced,
    "Squeeze": _as_it_is,
    "Unsqueeze": _as_it_is,
}
