"""Recognition of ONNX's recurrent cells, GRU and RNN, in the body of a Loop.

The body is read as a formula in a normal form, a nested tuple: sums are flat, products are unordered, and a slice of the
columns of a sum of matrix products is the sum of the products with the sliced matrices. However a body is written, equal
formulas compute the same (but for the order of a sum). The formulas of the cells are those of ONNX's specification, with the
update gate z, the reset gate r, the candidate h' and the new state H (`*` elementwise):

    RNN: H = f(X W + H_0 R + b)
    GRU: z = f(X Wz + H_0 Rz + bz),  r = f(X Wr + H_0 Rr + br),  H = z * H_0 + (1 - z) * h'
         h' = g(X Wh + bW + r * (H_0 Rh + bR))   with linear_before_reset
         h' = g(X Wh + bW + (r * H_0) Rh + bR)   without
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
"""The input of a time step [batch, features]."""

H: Formula = ("h",)
"""The state before a time step [batch, units]."""

LINEAR = "Affine"
"""ONNX's activation that with alpha 1 and beta 0 is the identity."""

_ACTIVATIONS = ("Elu", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")
"""Activations that ONNX's operator and cells name alike. An Elu must have alpha 1."""

_HARD_SIGMOID = "HardSigmoid"

_TO_THE_END = 2**31 - 1
"""Ends of a Slice from here on mean the end of the axis."""

_DEEPEST = 50
"""The deepest chain of operators that is read; no cell is deeper."""


@dataclass(frozen=True)
class Weights:
    """A slice of the columns of a float32 initializer.

    Attributes:
        value: a vector or a matrix.
        row: the only row of a matrix that is taken, None for all.
        start: the first column.
        stop: the column behind the last.
    """

    value: ir.Value
    row: int | None
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the unsliced initializer, or of its row."""
        assert self.value.const_value is not None
        sizes = tuple(int(size) for size in self.value.const_value.shape.numpy())
        return sizes if self.row is None else sizes[1:]


@dataclass(frozen=True)
class Cell:
    """An ONNX cell and its weights.

    Attributes:
        op: "GRU" or "RNN".
        activations: their names in ONNX, gates first.
        after: whether a GRU applies its reset gate after the matrix product (linear_before_reset).
        kernel: [features, gates * units].
        recurrent: [units, gates * units].
        biases: input and recurrent bias [gates * units] each, None where absent.
        units: the size of the state.
    """

    op: str
    activations: tuple[str, ...]
    after: bool
    kernel: Weights
    recurrent: Weights
    biases: tuple[Weights | None, Weights | None]
    units: int


class Unrecognized(Exception):
    """The body computes something that has no formula here."""


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
    """Return the number of columns, where weights determine it."""
    if formula[0] in ("weights", "matmul"):
        weights: Weights = formula[-1]
        return weights.stop - weights.start
    if formula[0] == "sum":
        widths = {_width(part) for part, _ in formula[1] if part[0] != "number"}
        if len(widths) == 1:
            return widths.pop()
    raise Unrecognized


def _columns(formula: Formula, start: int, stop: int) -> Formula:
    """Slice the columns: 0 <= start < stop <= width."""
    if formula[0] == "sum":
        return _sum(*(_columns(part, start, stop) for part, count in formula[1] for _ in range(count)))
    if formula[0] in ("weights", "matmul"):
        old: Weights = formula[-1]
        return (*formula[:-1], Weights(old.value, old.row, old.start + start, old.start + stop))
    if formula[0] == "number":
        return formula
    raise Unrecognized


# --- reading -----------------------------------------------------------------------------------------------------------


class Reader:
    """The formulas of the values of a body.

    Args:
        known: the formulas of the body's inputs.
        sizes: reads shape tensors.
    """

    def __init__(self, known: Mapping[ir.Value, Formula], sizes: Sizes) -> None:
        self._known, self.sizes, self._depth = dict(known), sizes, 0

    def read(self, value: ir.Value | None) -> Formula:
        """Return the formula of a value.

        Raises:
            Unrecognized: where there is none.
        """
        if value is None:
            raise Unrecognized
        if value not in self._known:
            if self._depth == _DEEPEST:
                raise Unrecognized
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
            raise Unrecognized
        return _RULES[node.op_type](self, node, node.outputs.index(value))


def _constant(value: ir.Value) -> Formula:
    """A float32 initializer: weights, or a number where it is a scalar."""
    tensor = value.const_value
    if tensor is None or not value.is_initializer() or value.is_graph_input() or tensor.dtype != ir.DataType.FLOAT:
        raise Unrecognized
    if not tensor.shape.rank():
        return ("number", float(tensor.numpy()))
    return _vector(Weights(value, None, 0, int(tensor.shape.numpy()[-1])))


def _is_matrix(formula: Formula) -> bool:
    return formula[0] == "weights" and formula[1].row is None and len(formula[1].shape) == 2


def _read_matmul(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs[:2])
    if left[0] == "weights" or not _is_matrix(right):
        raise Unrecognized
    return _matmul(left, right[1])


def _read_gemm(reader: Reader, node: ir.Node, _: int) -> Formula:
    """Gemm, which tf2onnx writes for a static batch size."""
    attributes = node.attributes
    turned = attributes.get_int("transA", 0) or attributes.get_int("transB", 0)
    if turned or attributes.get_float("alpha", 1.0) != 1 or attributes.get_float("beta", 1.0) != 1:
        raise Unrecognized
    return _sum(_read_matmul(reader, node, 0), *(reader.read(value) for value in node.inputs[2:]))


def _read_sub(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs)
    if left != ("number", 1.0):
        raise Unrecognized
    return ("rest", right)


def _read_mul(reader: Reader, node: ir.Node, _: int) -> Formula:
    left, right = (reader.read(value) for value in node.inputs)
    hard = _hard_sigmoid(left, right) or _hard_sigmoid(right, left)
    return hard or _product(left, right)


def _hard_sigmoid(clipped: Formula, scale: Formula) -> Formula | None:
    """Clip(x + 3, 0, 6) / 6, Keras's hard_sigmoid."""
    if clipped[0] != "clip" or scale != ("number", float(np.float32(1 / 6))) or clipped[2:] != (0.0, 6.0):
        return None
    parts = dict(clipped[1][1]) if clipped[1][0] == "sum" else {}
    if parts.pop(("number", 3.0), 0) != 1 or not parts:
        return None
    return (_HARD_SIGMOID, _sum(*Counter(parts).elements()))


def _read_clip(reader: Reader, node: ir.Node, _: int) -> Formula:
    if len(node.inputs) != 3:
        raise Unrecognized
    clipped, low, high = (reader.read(value) for value in node.inputs)
    if low[0] != "number" or high[0] != "number":
        raise Unrecognized
    return ("clip", clipped, low[1], high[1])


def _read_split(reader: Reader, node: ir.Node, index: int) -> Formula:
    """A Split into equal parts along the columns, or into the rows of a matrix."""
    formula, axis, count = reader.read(node.inputs[0]), node.attributes.get_int("axis", 0), len(node.outputs)
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is not None and len(set(reader.sizes.numbers(given) or ())) != 1:
        raise Unrecognized
    if axis == 0 and _is_matrix(formula) and formula[1].shape[0] == count:
        whole: Weights = formula[1]
        return ("row", Weights(whole.value, index, whole.start, whole.stop))
    part, rest = divmod(_width(formula), count)
    if rest or (axis != -1 and (axis != 1 or formula[0] == "weights")):
        raise Unrecognized
    return _columns(formula, index * part, (index + 1) * part)


def _read_slice(reader: Reader, node: ir.Node, _: int) -> Formula:
    """A Slice of the columns that keeps all rows."""
    formula = reader.read(node.inputs[0])
    starts, ends, axes, *steps = (reader.sizes.numbers(value) for value in node.inputs[1:])
    if starts is None or ends is None or axes is None or any(set(step or [0]) != {1} for step in steps):
        raise Unrecognized
    rank = 1 if formula[0] == "weights" and not _is_matrix(formula) else 2
    start, stop = 0, _width(formula)
    for first, last, axis in zip(starts, ends, axes, strict=True):
        if axis in (rank - 1, -1):
            start, stop, _ = slice(first, last).indices(_width(formula))
        elif first != 0 or last < _TO_THE_END:
            raise Unrecognized
    if start >= stop:
        raise Unrecognized
    return _columns(formula, start, stop)


def _read_squeeze(reader: Reader, node: ir.Node, _: int) -> Formula:
    """A Squeeze of a matrix of one row."""
    formula = reader.read(node.inputs[0])
    if formula[0] != "row" or len(node.inputs) < 2 or reader.sizes.numbers(node.inputs[1]) != [0]:
        raise Unrecognized
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
    """Return the cell whose new state a formula is, None where ONNX has none.

    The formula of each cell that the weights and activations in it could form is written out and compared.
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
    """Return a formula and its subexpressions, each once."""
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
    """Yield the cells of these weights whose shapes fit."""
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
    """Return the formula of the new state, from ONNX's specification of GRU and RNN."""

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
