"""Einsum as one matrix product of transposed and reshaped factors."""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Labels = tuple[str, ...]

_MULTIPLIED = {"float16", "float32", "float64", "int32", "int64"}
"""The types that ONNX Runtime multiplies matrices of."""


@handler("Einsum", since=12)
def einsum(op: Operation, *factors: Value) -> Value:
    """Two factors become one matrix product where their sizes allow it, which runtimes know better than Einsum.

    tf2onnx takes the labels a and A for one, and computes while the model runs what is known before.
    """
    left, _arrow, right = op.attr("equation").partition("->")
    terms, result = [_split(term) for term in left.split(",")], _split(right)
    return _product(op, terms, result) or op.graph.op("Einsum", *factors, equation=_equation(terms, result))


def _split(term: str) -> Labels:
    return tuple(re.findall(r"\.\.\.|[A-Za-z]", term))


def _equation(terms: Sequence[Labels], result: Labels) -> str:
    """Write the equation in small letters, which is all that ONNX has."""
    found = dict.fromkeys(label for term in [*terms, result] for label in term if label != "...")
    letters = {"...": "...", **dict(zip(found, string.ascii_lowercase, strict=False))}
    *factors, last = ["".join(letters[label] for label in term) for term in [*terms, result]]
    return f"{','.join(factors)}->{last}"


def _product(op: Operation, terms: Sequence[Labels], result: Labels) -> Value | None:
    """Write the product, in the order that spares transposing the result if there is one; None where it has no such form."""
    shapes = [op.shape(x) for x in op.inputs]
    dots = [index for index, term in enumerate(terms) if "..." in term]
    if len(terms) != 2 or None in shapes or len(dots) > 1 or op.dtype.name not in _MULTIPLIED:
        return None
    if dots:  # the axes that the dots stand for get labels of their own
        count = len(shapes[dots[0]] or ()) - len(terms[dots[0]]) + 1
        terms, result = [_undotted(term, count) for term in terms], _undotted(result, count)
    factors = [_Factor(x, term, tuple(shape or ())) for x, term, shape in zip(op.inputs, terms, shapes, strict=True)]
    plans = [plan for x, y in (factors, factors[::-1]) if (plan := _plan(x, y, result)) is not None]
    plans.sort(key=lambda plan: plan.natural != result)
    return plans[0].written() if plans else None


def _undotted(term: Labels, count: int) -> Labels:
    return tuple(part for label in term for part in (map(str, range(count)) if label == "..." else (label,)))


@dataclass(frozen=True)
class _Factor:
    """A factor: its value, the label of each axis, and its size, -1 where dynamic."""

    value: Value
    labels: Labels
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class _Plan:
    """A product of stacks of matrices.

    Attributes:
        x, y: the factors.
        batch: the labels that both factors and the result have.
        rows, columns: those of the result that only x has, or only y.
        summed: those that the result has not.
        sizes: of every label, -1 where unknown.
        result: the labels of the result in their order.
    """

    x: _Factor
    y: _Factor
    batch: Labels
    rows: Labels
    columns: Labels
    summed: Labels
    sizes: Mapping[str, int]
    result: Labels

    @property
    def natural(self) -> Labels:
        """The order in which a matrix product gives the labels of the result."""
        return (*self.batch, *self.rows, *self.columns)

    @property
    def kept(self) -> Labels:
        """The labels in front that stay axes of x: without a batch, a product takes any number of rows."""
        return self.batch or self.rows

    def possible(self) -> bool:
        """Whether every reshape is told its sizes."""
        rows = (self.rows,) if self.batch else ()
        merged = [(*rows, self.summed), (self.summed, self.columns)]
        opened = (*(rows if len(self.rows) > 1 else ()), *((self.columns,) if len(self.columns) > 1 else ()))
        fits = all(
            all(len(group) == 1 for group in groups) or sum(self._size(group) < 0 for group in groups) <= 1
            for groups in merged
        )
        return fits and sum(self.sizes[label] < 0 for group in opened for label in group) <= 1

    def written(self) -> Value:
        """Write the product."""
        rows = (self.rows,) if self.batch else ()
        x = self._merged(self.x, self.kept, [*rows, self.summed])
        y = self._merged(self.y, self.batch, [self.summed, self.columns])
        product = x @ y
        flat = [group for group in (*rows, self.columns) if len(group) > 1]
        if flat:
            held = len(self.kept) + (1 if rows and len(self.rows) == 1 else 0)
            opened = self.natural[held:]
            product = fn.reshape(product, [0] * held + [self.sizes[label] for label in opened])
        return _transposed(product, self.natural, self.result)

    def _merged(self, factor: _Factor, kept: Labels, groups: Sequence[Labels]) -> Value:
        """Bring the axes of a factor into order, each group of them merged into one."""
        wanted = (*kept, *(label for group in groups for label in group))
        ordered = _transposed(factor.value, factor.labels, wanted)
        if all(len(group) == 1 for group in groups):
            return ordered
        return fn.reshape(ordered, [0] * len(kept) + [self._size(group) for group in groups])

    def _size(self, group: Iterable[str]) -> int:
        sizes = [self.sizes[label] for label in group]
        return -1 if min(sizes) < 0 else math.prod(sizes)


def _plan(x: _Factor, y: _Factor, result: Labels) -> _Plan | None:
    """Say how the labels are multiplied; None for a repeated label, a sum of one factor alone, or a missing matrix axis."""
    if any(len(set(labels)) < len(labels) for labels in (x.labels, y.labels, result)):
        return None
    batch = tuple(label for label in result if label in x.labels and label in y.labels)
    rows = tuple(label for label in result if label not in y.labels)
    columns = tuple(label for label in result if label not in x.labels)
    summed = tuple(label for label in x.labels if label in y.labels and label not in result)
    if not (rows and columns and summed) or {*x.labels, *y.labels} != {*result, *summed}:
        return None
    sizes: dict[str, int] = {}
    for label, size in zip((*x.labels, *y.labels), (*x.sizes, *y.sizes), strict=True):
        sizes[label] = max(size, sizes.get(label, -1))
    plan = _Plan(x, y, batch, rows, columns, summed, sizes, result)
    return plan if plan.possible() else None


def _transposed(x: Value, labels: Labels, wanted: Labels) -> Value:
    return x if labels == wanted else fn.transpose(x, [labels.index(label) for label in wanted])
