"""The values that a graph itself names, as values of its inputs: bounds of clips, constants compared with, leaves of trees.

Each floating-point input is followed through operators that keep or move its values (value = scale * input + shift), up to
those that compare it with a constant; the constant is carried back to the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from modelport.proof.cases.graph_index import GraphIndex
from modelport.proof.cases.tree_leaves import Box, leaves_of

Array = NDArray[Any]

_KEEP = ("Identity", "Cast", "CastLike", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose", "Concat", "Slice")
_MOVE = ("Add", "Sub", "Mul", "Div", "Neg")
_COMPARE = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Min", "Max")
_MOST = 4096
"""Elements of a constant that are read."""

_FEW = 16
"""Elements of a constant that is tried at every input, where it was not followed to one."""


@dataclass(frozen=True, eq=False)
class NamedValues:
    """Values that a graph names, at one of its inputs.

    Attributes:
        anywhere: for any of its elements.
        columns: by column of the last axis.
        exact: whether the graph compares the input itself; else what it compares was computed from it, with rounding errors.
    """

    anywhere: Array = field(default_factory=lambda: np.empty(0))
    columns: dict[int, Array] = field(default_factory=dict)
    exact: bool = True

    def __eq__(self, other: object) -> bool:
        """Whether another one names the same values."""
        return isinstance(other, NamedValues) and repr(self) == repr(other)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.anywhere.size or self.columns)


@dataclass(frozen=True)
class _Path:
    """A value on the way from an input: ``value = scale * input + shift``, its columns beginning at `first`."""

    value: str
    scale: Array
    shift: Array
    first: int | None

    @property
    def moved(self) -> bool:
        return bool(np.any(self.scale != 1) or np.any(self.shift != 0))

    def back(self, values: Array, column: int | None = None) -> Array:
        scale, shift = (part if part.size == 1 or column is None else part[column] for part in (self.scale, self.shift))
        return np.asarray((values - shift) / scale, np.float64)


def named_values(index: GraphIndex, name: str) -> tuple[NamedValues, list[Box], int]:
    """Return what a graph names at one of its inputs: values, the boxes of leaves, and how many leaves there are."""
    width = index.width(name)
    anywhere: list[Array] = []
    columns: dict[int, list[Array]] = {}
    boxes: list[Box] = []
    leaves = 0
    exact = True
    for path, node, position in _followed(index, name):
        if node.op_type.startswith("TreeEnsemble"):
            found, count = leaves_of({attribute.name: attribute for attribute in node.attribute})
            boxes, leaves = boxes + _moved_boxes(found, path, width), leaves + count
            continue
        for values in _named_by(index, node, position):
            exact &= not path.moved
            by_column = _by_column(values, width, last=path.first is not None)
            if by_column is not None:
                for column, few in by_column.items():
                    columns.setdefault(column, []).append(path.back(few, column))
            elif path.scale.size == 1:
                anywhere.append(path.back(values.reshape(-1).astype(np.float64)))
    if not anywhere and not columns:
        anywhere = list(_unreached(index))
    every = _finite(anywhere)
    return NamedValues(every, {c: v for c, few in columns.items() if (v := _finite(few)).size}, exact), boxes, leaves


def _followed(index: GraphIndex, name: str) -> Iterator[tuple[_Path, NodeProto, int]]:
    """Yield every consumer of an input, or of a value computed of it alone, with the way to it."""
    pending = [_Path(name, np.ones(1), np.zeros(1), 0)]
    seen = set()
    while pending:
        path = pending.pop()
        for node, position in index.consumers.get(path.value, ()):
            yield path, node, position
            after = _after(index, path, node, position)
            if after is not None and node.output[0] not in seen:
                seen.add(node.output[0])
                pending.append(after)


def _after(index: GraphIndex, path: _Path, node: NodeProto, position: int) -> _Path | None:
    value, scale, shift = node.output[0], path.scale, path.shift
    if node.op_type in _KEEP:
        if position > 0 and node.op_type != "Concat":
            return None
        first = index.first_column(node, position, path.first)
        return _Path(value, scale, shift, first) if first is not None or scale.size == 1 else None
    if node.op_type == "Neg":
        return _Path(value, -scale, -shift, path.first)
    if node.op_type == "Scaler":
        attributes = {a.name: np.asarray(a.floats, np.float64) for a in node.attribute}
        offset, factor = attributes.get("offset", np.zeros(1)), attributes.get("scale", np.ones(1))
        return _Path(value, scale * factor, (shift - offset) * factor, path.first)
    if node.op_type not in _MOVE:
        return None
    other = index.numbers(node.input[1 - position], _MOST)
    if other is None or other.dtype.kind not in "fiu" or (other.size > 1 and other.shape[-1] != other.size):
        return None
    return _moved(value, path, node.op_type, position, other.reshape(-1).astype(np.float64))


def _moved(value: str, path: _Path, operator: str, position: int, other: Array) -> _Path | None:
    scale, shift = path.scale, path.shift
    if max(len({scale.size, other.size} - {1}), len({shift.size, other.size} - {1})) > 1:
        return None
    if operator == "Add":
        return _Path(value, scale, shift + other, path.first)
    if operator == "Sub":
        sign = 1 if position == 0 else -1
        return _Path(value, sign * scale, sign * (shift - other), path.first)
    if (operator == "Div" and position == 1) or np.any(other == 0):
        return None
    factor = other if operator == "Mul" else 1 / other
    return _Path(value, scale * factor, shift * factor, path.first)


def _named_by(index: GraphIndex, node: NodeProto, position: int) -> Iterator[Array]:
    """Yield the constants that a node holds its input against."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in _COMPARE or (node.op_type == "Clip" and position == 0):
        for place, name in enumerate(node.input):
            values = index.numbers(name, _MOST) if place != position and name else None
            if values is not None and values.dtype.kind in "fiu":
                yield values
    if node.op_type == "Clip":
        yield from (np.asarray([attributes[key]]) for key in ("min", "max") if key in attributes)
    elif node.op_type == "Binarizer":
        yield np.asarray([attributes.get("threshold", 0.0)])
    elif node.op_type == "ThresholdedRelu":
        yield np.asarray([attributes.get("alpha", 1.0)])
    elif node.op_type == "Shrink":
        yield np.asarray([-1.0, 1.0]) * attributes.get("lambd", 0.5)
    elif node.op_type == "HardSigmoid":
        alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
        yield np.asarray([-beta / alpha, (1 - beta) / alpha]) if alpha else np.zeros(0)
    elif node.op_type == "HardSwish":
        yield np.asarray([-3.0, 3.0])
    elif node.op_type == "QuantizeLinear" and position == 0 and len(node.input) > 1:
        scale = index.numbers(node.input[1], 1)
        if scale is not None:
            yield scale.reshape(-1).astype(np.float64) * np.asarray([-128.5, -128, -0.5, 0.5, 127, 127.5, 255, 255.5])


def _unreached(index: GraphIndex) -> Iterator[Array]:
    """Yield the few constants that values anywhere in the graph are compared with."""
    for node in index.nodes():
        for position in range(min(len(node.input), 2)):
            for values in _named_by(index, node, position):
                if values.size <= _FEW:
                    yield values.reshape(-1).astype(np.float64)


def _by_column(values: Array, width: int | None, *, last: bool) -> dict[int, Array] | None:
    """Return the values of a constant by the column that they are compared with; None where they have none of their own.

    Columns are the last axis, or the one before it where an axis was added (bins); `last` says whether the former is known.
    """
    if width is None or values.size < 2 or values.ndim == 0:
        return None
    if last and values.shape[-1] == width and width > 1:
        return {column: values.reshape(-1, width)[:, column].astype(np.float64) for column in range(width)}
    if values.ndim > 1 and values.shape[-2] == width:
        rows = np.moveaxis(values, -2, 0).reshape(width, -1)
        return {column: rows[column].astype(np.float64) for column in range(width)}
    return None


def _moved_boxes(boxes: Sequence[Box], path: _Path, width: int | None) -> list[Box]:
    """Return boxes in the features of a tree as boxes in the columns of the input."""
    if path.first is None:
        return []
    found = []
    for box in boxes:
        moved: Box = {}
        for feature, (low, high) in box.items():
            column = feature - path.first
            if column >= 0 and (width is None or column < width):
                ends = [
                    float(path.back(np.asarray(end), column if path.scale.size > 1 else None).item())
                    for end in (low, high)
                ]
                moved[column] = (min(ends), max(ends))
        found.append(moved)
    return found


@np.errstate(invalid="ignore")
def _finite(values: Sequence[Array]) -> Array:
    if not values:
        return np.empty(0)
    flat = np.concatenate([each.reshape(-1) for each in values])
    return np.unique(flat[np.isfinite(flat) & (np.abs(flat) < 1e30)])
