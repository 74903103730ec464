"""What a report's page is made of: titled sections of tables, charts, facts and remarks, and how numbers are written in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from modelport.workbench.charts import Chart, raised

Tone = Literal["", "good", "warn", "bad"]

_THIN, _TIMES = "\N{NARROW NO-BREAK SPACE}", "\N{MULTIPLICATION SIGN}"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Cell:
    """One cell: its text and, for numbers, the exact value, which the page keeps in ``data-value``."""

    text: str
    value: float | None = None
    tone: Tone = ""


NOTHING = Cell("\N{EN DASH}")
"""Where there is no number."""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes:
        long: whether it scrolls in a frame of its own, for tables of many rows.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    long: bool = False
    kind: str = field(default="table", init=False)

    def without_empty_columns(self) -> Table:
        """Leave out the columns that hold nothing."""
        kept = [
            index
            for index in range(len(self.columns))
            if not self.rows or any(row[index] is not NOTHING for row in self.rows)
        ]
        rows = [[row[index] for index in kept] for row in self.rows]
        return Table(self.caption, [self.columns[index] for index in kept], rows, self.long)

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [any(row[index].value is not None for row in self.rows) for index in range(len(self.columns))]


@dataclass(frozen=True)
class Figures:
    """Charts side by side, each with its numbers as a table."""

    charts: Sequence[tuple[Chart, Table]]
    kind: str = field(default="figures", init=False)


@dataclass(frozen=True)
class Facts:
    """Terms and what there is to say about them."""

    rows: Sequence[tuple[str, str]]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Remarks:
    """Notes and warnings, a paragraph each."""

    texts: Sequence[str]
    tone: Tone = ""
    kind: str = field(default="remarks", init=False)


@dataclass(frozen=True)
class Code:
    """Text to copy, as it is."""

    text: str
    kind: str = field(default="code", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: str = field(default="heading", init=False)


Block = Table | Figures | Facts | Remarks | Code | Heading


@dataclass(frozen=True)
class Section:
    """A part of the page; sections without blocks are left out."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """One report.

    Attributes:
        kind: what was done, such as "Conversion".
        title: what it was done to.
        verdict: one or two words; `tone` says how good they are.
        headline: the result in one sentence.
        key_figures: the few numbers that one looks for first.
        made_by: the program and its version.
    """

    kind: str
    title: str
    verdict: str
    tone: Tone
    headline: str
    key_figures: Sequence[tuple[str, Cell]]
    sections: Sequence[Section]
    made_by: str


def count(number: float) -> Cell:
    """Write a whole number with thin spaces between thousands."""
    return Cell(f"{number:,.0f}".replace(",", _THIN), number)


def small(number: float | None, tone: Tone = "") -> Cell:
    """Write a number of any magnitude with three digits, as a power of ten where that is shorter."""
    if number is None:
        return NOTHING
    if not math.isfinite(number):
        return Cell({math.inf: "∞", -math.inf: "-∞"}.get(number, "NaN"), tone=tone)
    if number == 0 or 1e-3 <= abs(number) < 1e5:
        return Cell(f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}", number, tone)
    mantissa, exponent = f"{number:.2e}".split("e")
    return Cell(f"{mantissa}{_THIN}{_TIMES}{_THIN}10{raised(int(exponent))}", number, tone)


def exact(number: float) -> str:
    """Write a number that somebody chose, such as a tolerance, without digits that say nothing."""
    mantissa, _, exponent = f"{number:g}".partition("e")
    if not exponent:
        return mantissa
    return (
        f"10{raised(int(exponent))}"
        if mantissa == "1"
        else f"{mantissa}{_THIN}{_TIMES}{_THIN}10{raised(int(exponent))}"
    )


def seconds(number: float) -> Cell:
    """Write a time in the unit that suits it."""
    scale, unit = next(((s, u) for s, u in ((1.0, "s"), (1e-3, "ms")) if number >= s), (1e-6, "µs"))
    return Cell(f"{number / scale:.3g}\N{NO-BREAK SPACE}{unit}" if number else "0\N{NO-BREAK SPACE}s", number)


def size(bytes_: float) -> Cell:
    """Write a size in decimal units."""
    number, unit = float(bytes_), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return Cell(f"{number:.3g}\N{NO-BREAK SPACE}{_UNITS[unit]}", float(bytes_))


def percent(share: float) -> Cell:
    """Write a share of 1 in per cent."""
    return Cell(f"{share:.1%}", share)


def times(factor: float, tone: Tone = "") -> Cell:
    """Write a ratio."""
    return Cell(f"{factor:.2f}{_TIMES}", factor, tone)


def texts(*words: str) -> list[Cell]:
    """Return cells of plain text."""
    return [Cell(word) for word in words]
