"""The cases of a proof, and the plan they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One set of inputs: an array for each input of the signature.

    Attributes:
        required: whether a proof must have run it.
        extreme: whether its values or sizes are unusual; runtimes may then depart from ONNX's definition, so that another
            evaluation of the same graph may decide, and nothing is concluded of how much an output varies.
        finite: whether it holds neither NaN nor infinities.
        finite_rows: whether only rows are compared that the reference answers with finite numbers.
        parts: what to run instead where the source refuses the whole.
    """

    label: str
    sizes: Mapping[str, int]
    inputs: Arrays
    required: bool = False
    extreme: bool = False
    finite: bool = True
    finite_rows: bool = False
    parts: tuple[Case, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether some input has no elements."""
        return any(not array.size for array in self.inputs.values())


@dataclass(frozen=True)
class Slot:
    """One part of the minimum: the first alternative that the reference admits fills it."""

    alternatives: Iterable[Case]
    missing: str


Reach = Literal["everything", "finite", "usual"]
"""How far the cases beyond the minimum go: to NaN, infinities and empty batches; to what is finite; not beyond usual values and
sizes, where a loss is measured and not judged."""

Search = Callable[[Callable[[Arrays], Mapping[str, Any]], list[tuple[Case, Mapping[str, Any]]]], Iterable[Case]]
"""Finds further cases by asking the reference, from what it has answered so far."""


@dataclass(frozen=True)
class Plan:
    """The cases of a proof; both parts are made as they are consumed, once."""

    required: Iterable[Slot]
    further: Iterable[Case]
    notes: list[str] = field(default_factory=list)
    search: Search | None = None
