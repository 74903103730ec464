"""Parts that the pages of several records share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from modelport.report import Stage
from modelport.workbench import page
from modelport.workbench.charts import Bar, Bars
from modelport.workbench.page import NOTHING, Block, Cell, Facts, Remarks, Section, Table, Tone
from modelport.workbench.timing import Ratio


def stages(passed: Sequence[Stage]) -> list[Block]:
    """Draw how long each stage took."""
    if not passed:
        return []
    total = math.fsum(stage.seconds for stage in passed)
    longest = max(passed, key=lambda stage: stage.seconds)
    chart = Bars(
        f"Time of each stage, {page.seconds(total).text} together",
        f"{len(passed)} stages in their order; the longest is {longest.name} with {page.seconds(longest.seconds).text}.",
        [Bar(stage.name, stage.seconds, page.seconds(stage.seconds).text) for stage in passed],
    )
    rows = [
        [Cell(stage.name), page.seconds(stage.seconds), page.percent(stage.seconds / total if total else 0.0)]
        for stage in passed
    ]
    return [page.Figures([(chart, Table("Stages in their order", ("stage", "time", "share"), rows))])]


def bars(
    title: str, description: str, columns: tuple[str, str], named: Mapping[str, Cell], mark: float | None = None
) -> page.Figures:
    """Draw numbers by name, as bars with their table."""
    drawn = [Bar(name, cell.value or 0.0, cell.text, cell.tone) for name, cell in named.items()]
    rows = [[Cell(name), cell] for name, cell in named.items()]
    return page.Figures([(Bars(title, description, drawn, mark), Table(title, columns, rows))])


def before_and_after(title: str, column: str, before: Cell, after: Cell) -> page.Figures:
    """Draw a quantity of the model before and after."""
    return bars(title, f"From {before.text} to {after.text}.", ("model", column), {"before": before, "after": after})


def speed(measured: Ratio, rounds: int) -> str:
    """Say how a measured ratio of times is to be read."""
    return f"{page.times(measured.value).text} the time, 95 % interval {interval(measured)}, over {rounds} interleaved rounds."


def operators(before: Mapping[str, int], after: Mapping[str, int]) -> list[Block]:
    """Tabulate how often each operator occurs before and after, those that changed most first."""
    if not after:
        return []
    names = sorted({*before, *after}, key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name))
    rows = [_operator(name, before.get(name, 0), after.get(name, 0)) for name in names]
    total = _operator("all", sum(before.values()), sum(after.values()))
    return [
        Table(
            "How often each operator occurs", ("operator", "before", "after", "change"), [total, *rows], len(rows) > 14
        )
    ]


def ratio(measured: Ratio) -> Cell:
    """Write a ratio of times; green and red where its interval excludes 1."""
    tone: Tone = "" if not measured.differs else "good" if measured.value < 1 else "bad"
    return page.times(measured.value, tone)


def interval(measured: Ratio) -> str:
    """Write a ratio's interval."""
    return f"{measured.low:.2f} to {measured.high:.2f}"


def remarks(notes: Iterable[str], warnings: Iterable[str] = ()) -> list[Block]:
    """Show warnings, then notes, each once."""
    blocks: list[Block] = []
    if said := list(dict.fromkeys(warnings)):
        blocks.append(Remarks(said, "warn"))
    if said := list(dict.fromkeys(notes)):
        blocks.append(Remarks(said))
    return blocks


def facts(rows: Iterable[tuple[str, str | None]]) -> list[Block]:
    """Show the facts that there are."""
    known = [(term, text) for term, text in rows if text]
    return [Facts(known)] if known else []


def versions(numbers: Mapping[str, str]) -> Section:
    """Tabulate the versions of what took part."""
    rows = [page.texts(name, number) for name, number in numbers.items()]
    return Section("Versions", [Table("What took part", ("package", "version"), rows)] if rows else [])


def _operator(name: str, before: int, after: int) -> list[Cell]:
    change = after - before
    written = Cell(f"{change:+d}", change, "good" if change < 0 else "") if change else NOTHING
    return [Cell(name), page.count(before), page.count(after), written]
