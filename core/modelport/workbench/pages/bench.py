"""The page of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.version import __version__
from modelport.workbench import page as made
from modelport.workbench.bench.records import BenchReport, Case, Timing
from modelport.workbench.charts import Bar, Bars, Lines, Series
from modelport.workbench.page import NOTHING, Block, Cell, Figures, Page, Section, Table
from modelport.workbench.pages import common

_CHARTS = 12
_COLUMNS = ("p50", "p90", "p99", "samples per second", "rounds", "openings", "ratio", "95 % interval")


def page(report: BenchReport) -> Page:
    """Describe a benchmark, finished or interrupted."""
    names = [variant.name for variant in report.variants]
    timings: list[Block] = [
        *_over_sizes(report.cases, names),
        *_by_case(report.cases),
        *_ratios(report.cases),
        _table(report.cases),
    ]
    return Page(
        kind="Benchmark",
        title=" · ".join(names),
        verdict="Interrupted" if report.interrupted else "Measured",
        tone="warn" if report.interrupted else "",
        headline=_headline(report),
        key_figures=_key_figures(report),
        sections=[
            Section("Times", timings if report.cases else []),
            Section("Memory", _memory(report)),
            Section("Variants", [_variants(report)]),
            Section("Setting", common.facts(_setting(report))),
            Section("Notes", common.remarks(report.notes)),
            common.versions(report.versions),
        ],
        made_by=f"modelport {report.versions.get('modelport', __version__)}",
    )


def varying(cases: Sequence[Case]) -> tuple[str, list[float]] | None:
    """Return the one quantity that the cases differ in, with its value in each; None where there is no such quantity."""
    symbols = {symbol for case in cases for symbol in case.sizes}
    differing = [symbol for symbol in sorted(symbols) if len({case.sizes.get(symbol) for case in cases}) > 1]
    quantities = [(symbol, [float(case.sizes.get(symbol, 0)) for case in cases]) for symbol in differing]
    if not differing:
        quantities = [("samples", [float(case.samples) for case in cases])]
    if len(quantities) != 1:
        return None
    ((name, values),) = quantities
    return (name, values) if len(set(values)) == len(cases) > 1 and min(values) > 0 else None


def _headline(report: BenchReport) -> str:
    if not report.cases:
        return "Nothing was measured before it was stopped."
    last = report.cases[-1]
    compared = [timing for timing in last.timings if timing.ratio]
    if not compared:
        return f"{last.timings[0].variant} takes {made.seconds(last.timings[0].p50).text} at {last.label}."
    best = min(compared, key=lambda timing: timing.p50)
    assert best.ratio
    first = report.variants[0].name
    if not best.ratio.differs:
        return f"At {last.label}, {best.variant} and {first} take the same time, as far as could be measured."
    return (
        f"At {last.label}, {best.variant} takes {made.times(best.ratio.value).text} the time of {first} "
        f"(95\N{NO-BREAK SPACE}% interval {common.interval(best.ratio)})."
    )


def _key_figures(report: BenchReport) -> list[tuple[str, Cell]]:
    figures = [("variants", made.count(len(report.variants))), ("shapes", made.count(len(report.cases)))]
    if report.cases:
        fastest = min(report.cases[-1].timings, key=lambda timing: timing.p50)
        figures += [("fastest, last shape", made.seconds(fastest.p50)), ("rounds", made.count(fastest.rounds))]
    return figures


def _over_sizes(cases: Sequence[Case], names: Sequence[str]) -> list[Block]:
    quantity = varying(cases)
    if quantity is None:
        return []
    title, sizes = quantity
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for size, case in sorted(zip(sizes, cases, strict=True), key=lambda pair: pair[0]):
        for timing in case.timings:
            found[timing.variant].append((size, timing.p50 * 1e3))
    series = [Series(name, points) for name, points in found.items() if points]
    chart = Lines(
        f"Median time over {title}",
        f"One line for each of {len(series)} variants over {len(cases)} values of {title}, both axes logarithmic.",
        title,
        "ms",
        series,
    )
    rows = [
        [Cell(line.name), made.count(size), made.seconds(value / 1e3)] for line in series for size, value in line.points
    ]
    return [Figures([(chart, Table(chart.title, ("variant", title, "p50"), rows))])]


def _by_case(cases: Sequence[Case]) -> list[Block]:
    if not cases:
        return []
    left_out = f"Charts are drawn for the first {_CHARTS} of {len(cases)} shapes; the table holds them all."
    drawn = Figures([_bars(case) for case in cases[:_CHARTS]])
    return [drawn, *common.remarks([left_out] if len(cases) > _CHARTS else [])]


def _ratios(cases: Sequence[Case]) -> list[Block]:
    """Draw the ratios with their intervals, and 1 as a line."""
    found = [(case, timing, timing.ratio) for case in cases[:_CHARTS] for timing in case.timings if timing.ratio]
    if not found:
        return []
    first = cases[0].timings[0].variant
    bars = []
    for case, timing, ratio in found:
        label = timing.variant if len(cases) == 1 else f"{timing.variant}, {case.label}"
        cell = common.ratio(ratio)
        bars.append(Bar(label, ratio.value, cell.text, cell.tone, ratio.low, ratio.high))
    chart = Bars(
        f"Time as a multiple of that of {first}, with 95 % intervals",
        f"{len(bars)} ratios; a line marks 1, where both take the same time.",
        bars,
        mark=1.0,
    )
    rows = [
        [Cell(bar.label), common.ratio(ratio), Cell(common.interval(ratio))]
        for bar, (_, _, ratio) in zip(bars, found, strict=True)
    ]
    return [Figures([(chart, Table(chart.title, ("variant", "ratio", "95 % interval"), rows))])]


def _bars(case: Case) -> tuple[Bars, Table]:
    rows = [(timing, made.seconds(timing.p50)) for timing in case.timings]
    title = f"Median time at {case.label}"
    fastest = min(case.timings, key=lambda timing: timing.p50)
    description = f"{len(rows)} variants; the fastest is {fastest.variant} with {made.seconds(fastest.p50).text}."
    drawn = [Bar(timing.variant, timing.p50, _end(timing, cell)) for timing, cell in rows]
    return Bars(title, description, drawn), Table(
        title, ("variant", "p50"), [[Cell(t.variant), cell] for t, cell in rows]
    )


def _end(timing: Timing, cell: Cell) -> str:
    return f"{cell.text}, {made.times(timing.ratio.value).text}" if timing.ratio else cell.text


def _table(cases: Sequence[Case]) -> Table:
    rows = [
        [Cell(timing.variant), Cell(case.label), *_cells(timing, case)] for case in cases for timing in case.timings
    ]
    caption = "Quantiles of the time of one call; the ratio is to the first variant, in the same rounds"
    return Table(caption, ("variant", "shape", *_COLUMNS), rows, len(rows) > 14).without_empty_columns()


def _cells(timing: Timing, case: Case) -> list[Cell]:
    cells = [
        made.seconds(timing.p50),
        made.seconds(timing.p90),
        made.seconds(timing.p99),
        made.small(timing.throughput),
        made.count(timing.rounds),
        made.count(case.openings),
    ]
    if timing.ratio is None:
        return [*cells, NOTHING, NOTHING]
    return [*cells, common.ratio(timing.ratio), Cell(common.interval(timing.ratio))]


def _memory(report: BenchReport) -> list[Block]:
    known = {
        variant.name: made.size(variant.peak_bytes) for variant in report.variants if variant.peak_bytes is not None
    }
    if not known:
        return []
    description = "The largest resident memory of a process that only loads and runs the variant, at the largest shape."
    return [
        common.bars("Peak memory of each variant, in a process of its own", description, ("variant", "peak"), known)
    ]


def _variants(report: BenchReport) -> Table:
    rows = [made.texts(v.name, v.framework, v.how, v.engine, v.source) for v in report.variants]
    return Table("What was measured", ("variant", "framework", "how", "engine", "model"), rows)


def _setting(report: BenchReport) -> list[tuple[str, str | None]]:
    it = report.settings
    return [
        ("machine", report.machine),
        ("threads", str(it.threads) if it.threads else "each framework's own choice"),
        ("cores", ", ".join(map(str, it.affinity))),
        ("providers", ", ".join(it.providers)),
        ("warm-up", f"{it.warmup} calls of each variant at each shape"),
        ("rounds asked for", str(it.rounds) if it.rounds else None),
        ("seconds asked for", made.exact(it.seconds) if it.seconds else None),
    ]
