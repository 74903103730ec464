"""Reads the body of a loop as a formula, and compares it with those of the cells that ONNX has: GRU and RNN.

A formula is a nested tuple. Sums are flat and products have no order, and a part of the columns of a sum of matrix products
is the sum of the products with that part of the matrices, so that however a body is written, equal formulas compute the same
(but for the order of a sum).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from modelport_converters.tensorflow_to_onnx.passes.symbolic_shapes import Sizes

Formula = tuple[Any, ...]

X: Formula = ("x",)
"""What a step takes of the sequence [batch, features]."""

H: Formula = ("h",)
"""The state before a step [batch, units]."""

LINEAR = "Affine"
"""ONNX's name for what is no activation, with alpha 1 and beta 0."""

_ACTIVATIONS = ("Elu", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")
"""Those of which operator and activation have one name in ONNX. An Elu has its alpha of 1."""

_HARD_SIGMOID = "HardSigmoid"

_TO_THE_END = 2**31 - 1
"""What tf2onnx and others write for an end that is left open, or more."""

_DEEPEST = 50
"""No cell has so many operators behind each other."""


@dataclass(frozen=True)
class Weights:
    """Columns of an initializer of float32.

    Attributes:
        value: a vector or a matrix.
        row: the one of a matrix that is meant, None for all.
        start: the first column.
        stop: the one behind the last.
    """

    value: ir.Value
    row: int | None
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the whole, or of the row."""
        assert self.value.const_value is not None
        sizes = tuple(int(size) for size in self.value.const_value.shape.numpy())
        return sizes if self.row is None else sizes[1:]


@dataclass(frozen=True)
class Cell:
    """A cell of ONNX and its weights.

    Attributes:
        op: "GRU" or "RNN".
        activations: their names in ONNX, gates first.
        after: whether a GRU multiplies by its reset gate behind the matrix product.
        kernel: [features, gates * units].
        recurrent: [units, gates * units].
        biases: of input and of state [gates * units] each, None where there is none.
        units: how many there are.
    """

    op: str
    activations: tuple[str, ...]
    after: bool
    kernel: Weights
    recurrent: Weights
    biases: tuple[Weights | None, Weights | None]
    units: int


class Other(Exception):
    """A body that no formula is known for."""


# --- formulas ----------------------------------------------------------------------------------------------------------


def _sum(*parts: Formula) -> Formula:
    counts: Counter[Formula] = Counter()
    for part in parts:
        counts.update(dict(part[1]) if part[0] == "sum" else {part: 1})
    return ("sum", frozenset(counts.items())) if counts.total() > 1 else next(iter(counts))


def _product(left: Formula, right: Formula) -> Formula:
    return ("product", frozenset(Counter([left, right]).items()))


def _matmul(left: Formula, weights: Weights) -> Formula:
    return ("matmul", left, weights)


def _vector(weights: Weights) -> Formula:
    return ("weights", weights)


def _width(formula: Formula) -> int:
    """Return the number of columns where it follows from weights."""
    if formula[0] in ("weights", "matmul"):
        weights: Weights = formula[-1]
        return weights.stop - weights.start
    if formula[0] == "sum":
        widths = {_width(part) for part, _ in formula[1] if part[0] != "number"}
        if len(widths) == 1:
            return widths.pop()
    raise Other


def _columns(formula: Formula, start: int, stop: int) -> Formula:
    """Return a part of the columns; the end lies behind the start, and both within the width."""
    if formula[0] == "sum":
        return _sum(*(_columns(part, start, stop) for part, count in formula[1] for _ in range(count)))
    if formula[0] in ("weights", "matmul"):
        old: Weights = formula[-1]
        return (*formula[:-1], Weights(old.value, old.row, old.start + start, old.start + stop))
    if formula[0] == "number":
        return formula
    raise Other


# --- reading -----------------------------------------------------------------------------------------------------------


class Reader:
    """Reads the formulas of values.

    Args:
        known: the formulas of the values that a step begins with.
        sizes: which read the constants.
    """

    def __init__(self, known: Mapping[ir.Value, Formula], sizes: Sizes) -> None:
        self._known, self.sizes, self._depth = dict(known), sizes, 0

    def read(self, value: ir.Value | None) -> Formula:
        """Return the formula of a value.

        Raises:
            Other: where there is none.
        """
        if value is None:
            raise Other
        if value not in self._known:
            if self._depth == _DEEPEST:
                raise Other
            self._depth += 1
            self._known[value] = self._read(value)
            self._depth -= 1
        return self._known[value]

    def _read(self, value: ir.Value) -> Formula:
        node = value.producer()
        if node is None:
            return _constant(value)
        if node.op_type in _ACTIVATIONS and not node.domain and node.attributes.get_float("alpha", 1.0) == 1:
            return (node.op_type, self.read(node.inputs[0]))
        if node.domain or node.op_type not in _RULES:
            raise Other
        return _RULES[node.op_type](self, node, node.outputs.index(value))


def _constant(value: ir.Value) -> Formula:
    """Weights, or one number for all."""
    tensor = value.const_value
    if tensor is None or not value.is_initializer() or value.is_graph_input() or tensor.dtype != ir.DataType.FLOAT:
        raise Other
    if not tensor.shape.rank():
        return ("number", float(tensor.numpy()))
    return _vector(Weights(value, None, 0, int(tensor.shape.numpy()[-1])))


def _is_matrix(formula: Formula) -> bool:
    return formula[0] == "weights" and formula[1].row is None and len(formula[1].shape) == 2


def _read_matmul(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs[:2])
    if left[0] == "weights" or not _is_matrix(right):
        raise Other
    return _matmul(left, right[1])


def _read_gemm(reader: Reader, node: ir.Node, _: int) -> Formula:
    """A product and a sum, as tf2onnx writes them for a batch of a known size."""
    attributes = node.attributes
    turned = attributes.get_int("transA", 0) or attributes.get_int("transB", 0)
    if turned or attributes.get_float("alpha", 1.0) != 1 or attributes.get_float("beta", 1.0) != 1:
        raise Other
    return _sum(_read_matmul(reader, node, 0), *(reader.read(value) for value in node.inputs[2:]))


def _read_sub(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs)
    if left != ("number", 1.0):
        raise Other
    return ("rest", right)


def _read_mul(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs)
    hard = _hard_sigmoid(left, right) or _hard_sigmoid(right, left)
    return hard or _product(left, right)


def _hard_sigmoid(clipped: Formula, scale: Formula) -> Formula | None:
    """Clip(x + 3, 0, 6) / 6, as Keras computes it."""
    if clipped[0] != "clip" or scale != ("number", float(np.float32(1 / 6))) or clipped[2:] != (0.0, 6.0):
        return None
    parts = dict(clipped[1][1]) if clipped[1][0] == "sum" else {}
    if parts.pop(("number", 3.0), 0) != 1 or not parts:
        return None
    return (_HARD_SIGMOID, _sum(*Counter(parts).elements()))


def _read_clip(reader: Reader, node: ir.Node, _: int) -> Formula:
    if len(node.inputs) != 3:
        raise Other
    clipped, low, high = (reader.read(value) for value in node.inputs)
    if low[0] != "number" or high[0] != "number":
        raise Other
    return ("clip", clipped, low[1], high[1])


def _read_split(reader: Reader, node: ir.Node, index: int) -> Formula:
    """Equal parts of the columns, or the rows of a matrix."""
    formula, axis, count = reader.read(node.inputs[0]), node.attributes.get_int("axis", 0), len(node.outputs)
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is not None and len(set(reader.sizes.numbers(given) or ())) != 1:
        raise Other
    if axis == 0 and _is_matrix(formula) and formula[1].shape[0] == count:
        whole: Weights = formula[1]
        return ("row", Weights(whole.value, index, whole.start, whole.stop))
    part, rest = divmod(_width(formula), count)
    if rest or (axis != -1 and (axis != 1 or formula[0] == "weights")):
        raise Other
    return _columns(formula, index * part, (index + 1) * part)


def _read_slice(reader: Reader, node: ir.Node, _: int) -> Formula:
    """Columns, of which all rows stay."""
    formula = reader.read(node.inputs[0])
    starts, ends, axes, *steps = (reader.sizes.numbers(value) for value in node.inputs[1:])
    if starts is None or ends is None or axes is None or any(set(step or [0]) != {1} for step in steps):
        raise Other
    rank = 1 if formula[0] == "weights" and not _is_matrix(formula) else 2
    start, stop = 0, _width(formula)
    for first, last, axis in zip(starts, ends, axes, strict=True):
        if axis in (rank - 1, -1):
            start, stop, _ = slice(first, last).indices(_width(formula))
        elif first != 0 or last < _TO_THE_END:
            raise Other
    if start >= stop:
        raise Other
    return _columns(formula, start, stop)


def _read_squeeze(reader: Reader, node: ir.Node, _: int) -> Formula:
    """A row alone becomes a vector."""
    formula = reader.read(node.inputs[0])
    if formula[0] != "row" or len(node.inputs) < 2 or reader.sizes.numbers(node.inputs[1]) != [0]:
        raise Other
    return _vector(formula[1])


_RULES: dict[str, Callable[[Reader, ir.Node, int], Formula]] = {
    "Add": lambda reader, node, _: _sum(*(reader.read(value) for value in node.inputs)),
    "Clip": _read_clip,
    "Gemm": _read_gemm,
    "Identity": lambda reader, node, _: reader.read(node.inputs[0]),
    "MatMul": _read_matmul,
    "Mul": _read_mul,
    "Slice": _read_slice,
    "Split": _read_split,
    "Squeeze": _read_squeeze,
    "Sub": _read_sub,
}

# --- cells -------------------------------------------------------------------------------------------------------------


def cell_of(formula: Formula) -> Cell | None:
    """Return the cell whose new state this is, None where ONNX has none.

    Each cell that can be made of the weights and activations in the formula is written out and compared.
    """
    parts = _parts(formula)
    matrices = dict.fromkeys(_whole(part[-1]) for part in parts if part[0] == "matmul")
    vectors = dict.fromkeys(_whole(part[1]) for part in parts if part[0] == "weights")
    names = dict.fromkeys([*(part[0] for part in parts if part[0] in (*_ACTIVATIONS, _HARD_SIGMOID)), LINEAR])
    if len(matrices) > 2 or len(vectors) > 2:
        return None
    some = [*vectors, None]
    for kernel, recurrent, own, second in itertools.product(matrices, matrices, some, some):
        for cell in _cells(kernel, recurrent, (own, second), list(names)):
            if _written(cell) == formula:
                return cell
    return None


def _parts(formula: Formula) -> list[Formula]:
    """Return a formula and all it is made of, each once."""
    found, waiting = dict[Formula, None](), [formula]
    while waiting:
        part = waiting.pop()
        if part not in found:
            found[part] = None
            inner = [one for one, _ in part[1]] if part[0] in ("sum", "product") else part[1:]
            waiting += [one for one in inner if isinstance(one, tuple)]
    return list(found)


def _whole(weights: Weights) -> Weights:
    return Weights(weights.value, weights.row, 0, weights.shape[-1])


def _cells(
    kernel: Weights, recurrent: Weights, biases: tuple[Weights | None, Weights | None], names: list[str]
) -> Iterator[Cell]:
    """Yield the cells of these weights, where their sizes fit."""
    units, columns = recurrent.shape
    if kernel.shape[1] != columns or any(bias is not None and bias.shape != (columns,) for bias in biases):
        return
    if columns == units:
        for name in names:
            yield Cell("RNN", (name,), False, kernel, recurrent, biases, units)
    if columns == 3 * units:
        for gates, candidate, after in itertools.product(names, names, (True, False)):
            yield Cell("GRU", (gates, candidate), after, kernel, recurrent, biases, units)


def _written(cell: Cell) -> Formula:
    """Return the new state, as ONNX's specification of GRU and RNN has it."""

    def gate(index: int, *parts: Formula) -> Formula:
        return _sum(*(_columns(part, index * cell.units, (index + 1) * cell.units) for part in parts))

    def applied(position: int, inner: Formula) -> Formula:
        name = cell.activations[position]
        return inner if name == LINEAR else (name, inner)

    own, second = ([_vector(bias)] if bias is not None else [] for bias in cell.biases)
    given, kept = [_matmul(X, cell.kernel), *own], [_matmul(H, cell.recurrent), *second]
    if cell.op == "RNN":
        return applied(0, _sum(*given, *kept))
    update, reset = (applied(0, gate(index, *given, *kept)) for index in (0, 1))
    if cell.after:
        fresh = _sum(gate(2, *given), _product(reset, gate(2, *kept)))
    else:
        fresh = gate(2, *given, _matmul(_product(reset, H), cell.recurrent), *second)
    return _sum(_product(update, H), _product(("rest", update), applied(1, fresh)))
