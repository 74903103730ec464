"""Symbolic expansion of arithmetic into polynomials: the same formula written in another order has the same expansion."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

Factor = str | ir.Value
"""A variable by its name, or a constant of several elements."""

_MOST_STEPS = 8
"""The most operators between a value and the variables."""


def _ordered(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    return tuple(sorted(factors, key=lambda factor: factor if isinstance(factor, str) else f"~{id(factor)}"))


class Polynomial(dict[tuple[Factor, ...], float]):
    """The coefficient of each term, by its factors in a canonical order."""

    def __init__(self, terms: Mapping[tuple[Factor, ...], float]) -> None:
        super().__init__({_ordered(factors): value for factors, value in terms.items() if value})

    def __setitem__(self, factors: tuple[Factor, ...], value: float) -> None:
        super().__setitem__(_ordered(factors), value)

    def plus(self, other: Polynomial, sign: float = 1.0) -> Polynomial:
        """Return the sum, or with sign -1 the difference."""
        return Polynomial({key: self.get(key, 0.0) + sign * other.get(key, 0.0) for key in {**self, **other}})

    def times(self, other: Polynomial) -> Polynomial:
        """Return the product."""
        terms: dict[tuple[Factor, ...], float] = {}
        for mine, value in self.items():
            for theirs, factor in other.items():
                key = _ordered(mine + theirs)
                terms[key] = terms.get(key, 0.0) + value * factor
        return Polynomial(terms)


ZERO = Polynomial({})


class Expansion:
    """The expansion of values in given variables.

    Attributes:
        names: the variables: values and their names.
        inverse: values, each with the variable that stands for its reciprocal.
    """

    def __init__(self, names: Mapping[ir.Value, str], inverse: Mapping[ir.Value, str] | None = None) -> None:
        self.names, self.inverse = names, inverse or {}

    def __call__(self, value: ir.Value | None, steps: int = _MOST_STEPS) -> Polynomial | None:
        """Return the polynomial of a value, None where it is none of the variables and constants, or too deep."""
        if value is None or not steps:
            return None
        if value in self.names:
            return Polynomial({(self.names[value],): 1.0})
        if (given := number(value)) is not None:
            return Polynomial({(): given})
        if value.const_value is not None and not value.is_graph_input():
            return Polynomial({(value,): 1.0})
        node = value.producer()
        return None if node is None or node.domain else self._of(node, steps - 1)

    def _of(self, node: ir.Node, steps: int) -> Polynomial | None:
        if node.op_type not in ("Add", "Div", "Mul", "Neg", "Reciprocal", "Sub"):
            return None
        if node.op_type == "Reciprocal":
            return self._reciprocal(node.inputs[0])
        first = self(node.inputs[0], steps)
        if first is None or node.op_type == "Neg":
            return None if first is None else ZERO.plus(first, -1.0)
        second = self._reciprocal(node.inputs[1]) if node.op_type == "Div" else self(node.inputs[1], steps)
        if second is None:
            return None
        if node.op_type in ("Add", "Sub"):
            return first.plus(second, 1.0 if node.op_type == "Add" else -1.0)
        return first.times(second)

    def _reciprocal(self, value: ir.Value | None) -> Polynomial | None:
        if value is not None and value in self.inverse:
            return Polynomial({(self.inverse[value],): 1.0})
        given = number(value)
        return Polynomial({(): 1.0 / given}) if given else None


def number(value: ir.Value | None) -> float | None:
    """Return the element of a floating-point constant of one element, None for any other value."""
    tensor = None if value is None or value.is_graph_input() else ir.convenience.get_const_tensor(value)
    if tensor is None or tensor.size != 1 or not tensor.dtype.is_floating_point():
        return None
    return float(tensor.numpy().item())
