"""The geometry of a report's charts; the template draws them as SVG.

Lengths along x are per cent of the chart's width, so that a chart fits a phone without its lettering shrinking; along y, pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_SHORT_LABEL = 10
_LABEL_ABOVE, _LABEL_BESIDE = 40, 26
_GUTTER = 21.0
_PER_CHARACTER = 1.9
"""The width of a character on a phone, in per cent of the chart."""
_LONGEST_LABEL = 44
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length and the text at its end; `low` and `high` are an interval drawn over it."""

    label: str
    value: float
    text: str
    tone: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def short_label(self) -> str:
        """The label, its middle left out where it would not fit."""
        half = _LONGEST_LABEL // 2
        return self.label if len(self.label) <= _LONGEST_LABEL else f"{self.label[:half]}…{self.label[-half:]}"


@dataclass(frozen=True)
class Bars:
    """Horizontal bars.

    Attributes:
        title, description: what a screen reader says of it.
        mark: a value at which a vertical line is drawn, such as 1 for ratios.
    """

    title: str
    description: str
    bars: Sequence[Bar]
    mark: float | None = None
    kind: str = field(default="bars", init=False)

    @property
    def beside(self) -> bool:
        """Whether labels are short enough to stand beside their bars."""
        return all(len(bar.label) <= _SHORT_LABEL for bar in self.bars)

    @property
    def row(self) -> int:
        """The height of a row in pixels."""
        return _LABEL_BESIDE if self.beside else _LABEL_ABOVE

    @property
    def start(self) -> float:
        """Where bars start."""
        return _GUTTER if self.beside else 0.0

    def x(self, value: float) -> float:
        """Return how far along a value lies."""
        largest = max([*(bar.high or bar.value for bar in self.bars), self.mark or 0.0], default=0.0)
        text = max((len(bar.text) for bar in self.bars), default=0)
        room = max(20.0, 95.0 - self.start - _PER_CHARACTER * text)
        return round(self.start + (room * value / largest if largest > 0 else 0.0), 3)


@dataclass(frozen=True)
class Histogram:
    """Counts in decades of the tolerance.

    Attributes:
        counts: of the values that are equal, of those up to each edge, of those beyond.
        edges: the upper edges of the bins between; the tolerance is 1.
    """

    title: str
    description: str
    counts: Sequence[int]
    edges: Sequence[float]
    kind: str = field(default="histogram", init=False)
    height: int = field(default=112, init=False)

    @property
    def width(self) -> float:
        """The width of a bin."""
        return 100.0 / len(self.counts)

    @property
    def tolerance(self) -> float:
        """Where the tolerance ends."""
        return round((list(self.edges).index(1.0) + 2) * self.width, 3)

    @property
    def bins(self) -> list[tuple[float, float, int, str, bool]]:
        """For each bin: its x, its height in pixels, its count, its share as text, and whether it is out of tolerance."""
        largest, total = max(self.counts), sum(self.counts)
        within = list(self.edges).index(1.0) + 2
        return [
            (
                round(index * self.width, 3),
                max(2.0, round(self.height * number / largest, 2)) if number else 0.0,
                number,
                _share(number / total) if number else "",
                index >= within,
            )
            for index, number in enumerate(self.counts)
        ]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The edges' positions and names."""
        return [(round((index + 2) * self.width, 3), power(edge)) for index, edge in enumerate(self.edges)]


@dataclass(frozen=True)
class Series:
    """A named line through points (x, y), in the order of x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Lines:
    """Lines over a quantity, both axes logarithmic.

    Attributes:
        x_title, y_title: the quantities with their units.
    """

    title: str
    description: str
    x_title: str
    y_title: str
    series: Sequence[Series]
    kind: str = field(default="lines", init=False)
    height: int = field(default=220, init=False)

    def x(self, value: float) -> float:
        """Return a value's position along x, in per cent."""
        return round(4.0 + 92.0 * _between(value, [x for line in self.series for x, _ in line.points]), 3)

    def y(self, value: float) -> float:
        """Return a value's position along y, in per cent from the top."""
        low, high = self.y_limits
        return round(100.0 * (1.0 - _between(value, [low, high])), 3)

    @property
    def y_limits(self) -> tuple[float, float]:
        """The lowest and the highest value along y, rounded outwards to ticks."""
        ticks = [tick for tick, _ in self.y_ticks]
        return min(ticks), max(ticks)

    @property
    def x_ticks(self) -> list[float]:
        """The values along x that were measured."""
        return sorted({x for line in self.series for x, _ in line.points})

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Round values that enclose what was measured."""
        values = [y for line in self.series for _, y in line.points]
        steps = [digit * 10.0**exponent for exponent in range(-9, 12) for digit in (1, 2, 5)]
        first = max(index for index, step in enumerate(steps) if step <= min(values))
        last = min(index for index, step in enumerate(steps) if step >= max(values))
        return [(step, f"{step:g}") for step in steps[first : max(last, first + 1) + 1]]


Chart = Bars | Histogram | Lines


def power(edge: float) -> str:
    """Write a power of ten."""
    return "1" if edge == 1.0 else f"10{raised(round(math.log10(edge)))}"


def raised(exponent: int) -> str:
    """Write an exponent."""
    return str(exponent).translate(_SUPERSCRIPT)


def _share(share: float) -> str:
    return "<1%" if share < 0.01 else ">99%" if 0.99 < share < 1.0 else f"{share:.0%}"


def _between(value: float, values: Sequence[float]) -> float:
    low, high = math.log(min(values)), math.log(max(values))
    return (math.log(value) - low) / (high - low) if high > low else 0.5
