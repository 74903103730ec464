"""Sums of products in Einstein's notation."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer

Labels = tuple[str, ...]


@tf_op("Einsum")
class Einsum:
    """Two factors become one matrix product where their sizes allow it: runtimes know it better than Einsum.

    tf2onnx takes the labels a and A for one, and computes with sizes what is known before the model runs.
    """

    @classmethod
    def version_12(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Einsum is there from opset 12."""
        write = Writer(ctx, node)
        left, _arrow, right = node.get_attr_value("equation").decode().partition("->")
        terms, result = [_split(term) for term in left.split(",")], _split(right)
        product = _product(write, terms, result) if len(terms) == 2 else None
        write.finish(product or write("Einsum", *write.inputs, equation=_equation(terms, result)))


def _split(term: str) -> Labels:
    return tuple(re.findall(r"\.\.\.|[A-Za-z]", term))


def _equation(terms: Sequence[Labels], result: Labels) -> str:
    """Write the equation in small letters, which is all that ONNX has."""
    found = dict.fromkeys(label for term in [*terms, result] for label in term if label != "...")
    letters = {"...": "...", **dict(zip(found, string.ascii_lowercase, strict=False))}
    parts = ["".join(letters[label] for label in term) for term in [*terms, result]]
    return ",".join(parts[:-1]) + "->" + parts[-1]


def _product(write: Writer, terms: Sequence[Labels], result: Labels) -> str | None:
    """Write the product of two factors, in the order that spares transposing the result; None where there is no such form."""
    shapes = [write.shape(name) for name in write.inputs]
    if None in shapes or (terms[0].count("...") and terms[1].count("...")):
        return None
    factors = [_Factor(name, _expanded(term, len(shape or ())), shape or []) for name, term, shape in zip(write.inputs, terms, shapes, strict=True)]
    rank = max(len(factor.labels) - len(term) + 1 for factor, term in zip(factors, terms, strict=True) if "..." in term) if any("..." in term for term in terms) else 0
    ...
    return None


@dataclass(frozen=True)
class _Factor:
    """A factor: its tensor, the label and the size of each axis, -1 for an unknown size."""

    name: str
    labels: Labels
    sizes: Sequence[int]
