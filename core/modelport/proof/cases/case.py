"""The cases of a proof, and the plan they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
        beside: whether it was generated beside the user's samples; how much an output varies is then measured apart.
    """

    label: str
    sizes: Mapping[str, int]
    inputs: Arrays
    required: bool = False
    extreme: bool = False
    finite: bool = True
    finite_rows: bool = False
    parts: tuple[Case, ...] = ()
    beside: bool = False

    @property
    def empty(self) -> bool:
        """Whether some input has no elements."""
        return any(not array.size for array in self.inputs.values())


@dataclass(frozen=True)
class Note:
    """A remark among the cases of a plan: what is left out, or was not found."""

    text: str


@dataclass(frozen=True)
class Slot:
    """One part of the minimum: the first alternative that the reference admits fills it.

    Attributes:
        alternatives: cases, made as they are tried.
        missing: what the proof lacks where the reference admits none of them; None where it then lacks nothing.
    """

    alternatives: Iterable[Case]
    missing: str | None


Reach = Literal["everything", "finite", "usual"]
"""How far the cases beyond the minimum go: to NaN, infinities and empty batches; to what is finite; not beyond usual values and
sizes, where a loss is measured and not judged."""

Sizes = Mapping[str, int]
"""Of symbolic dimensions."""

Search = Callable[[Callable[[Arrays], Mapping[str, Any]], list[tuple[Case, Mapping[str, Any]]]], Iterable[Case | Note]]
"""Finds further cases by asking the reference, from what it has answered so far."""


@dataclass(frozen=True)
class Plan:
    """The cases of a proof, generated anew whenever they are asked for.

    Attributes:
        minimum: yields the parts of the minimum in order.
        further: yields the cases beyond it, from the sizes of the first case that the reference admitted.
        search: looks for cases by asking the reference; None where there is nothing to look for.
    """

    minimum: Callable[[], Iterable[Slot | Note]]
    further: Callable[[Sizes], Iterable[Case | Note]]
    search: Search | None = None

    @classmethod
    def of(cls, slots: Sequence[Slot | Note], cases: Sequence[Case | Note] = ()) -> Plan:
        """Return the plan of given cases."""
        return cls(lambda: slots, lambda sizes: cases)
