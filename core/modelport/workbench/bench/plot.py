"""The picture of a benchmark: lines over sizes, or one bar for each variant where there is a single shape."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelport.delivery.targets import check_target, writing
from modelport.delivery.workspace import Workspace
from modelport.errors import FrameworkNotInstalled, InvalidOption
from modelport.workbench.bench.records import BenchReport, Case, Timing

_SUFFIXES = (".png", ".svg")
_UNIT = 1e3
_MARKERS = "os^Dvxp*"


@dataclass(frozen=True)
class Axis:
    """What varies between the cases: a label, and the size in each case."""

    label: str
    sizes: list[int]


def check_plot(plot: str | Path | None, reads: Sequence[Any] = ()) -> Path | None:
    """Return the target of a plot, refused before anything is measured.

    Args:
        plot: the target, if any.
        reads: what the command reads, and must not be replaced by the plot.

    Raises:
        InvalidOption: for another suffix than .png and .svg.
        OutputNotWritable: as `modelport.delivery.targets.check_target`.
        FrameworkNotInstalled: without matplotlib.
    """
    if plot is None:
        return None
    target = Path(plot)
    if target.suffix.lower() not in _SUFFIXES:
        raise InvalidOption(
            f"cannot draw a plot as {target.suffix or 'a file without a suffix'!r}",
            where=str(target),
            remedy="give a path that ends in .png or .svg",
        )
    check_target(target, folder=False, reads=reads)
    if importlib.util.find_spec("matplotlib") is None:
        raise FrameworkNotInstalled("bench --plot", "matplotlib", "pip install 'modelport[workbench]'")
    return target


def draw(report: BenchReport, target: Path) -> None:
    """Draw a report with at least one case to a .png or .svg file; raises OutputNotWritable."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "modelport", "font.size": 10}):
        figure = Figure(layout="constrained", dpi=150)
        FigureCanvasAgg(figure)
        if len(report.cases) == 1:
            _bars(figure, report.cases[0])
        else:
            _lines(figure, report)
        figure.supxlabel(f"{report.machine}; {threads_text(report.settings.threads)}", fontsize=7, color="0.4")
        metadata: dict[str, Any] = {"Date": None} if target.suffix.lower() == ".svg" else {}
        with Workspace(target, target.name) as workspace, writing(target):
            figure.savefig(workspace.path, metadata=metadata)
            workspace.deliver([workspace.path])


def threads_text(threads: int) -> str:
    """Say how many threads were used within an operator."""
    return f"{threads} thread{'s' if threads > 1 else ''}" if threads else "threads of each engine's own choice"


def varying(cases: Sequence[Case]) -> list[Axis]:
    """Return what varies between the cases; dimensions that are always equal are one axis."""
    columns: dict[tuple[int, ...], list[str]] = {}
    for symbol in cases[0].sizes:
        columns.setdefault(tuple(case.sizes[symbol] for case in cases), []).append(symbol)
    return [Axis(" = ".join(symbols), list(sizes)) for sizes, symbols in columns.items() if len(set(sizes)) > 1]


def panels(cases: Sequence[Case]) -> tuple[Axis, dict[str, list[int]]]:
    """Return the x axis, and for each panel its title and the places of its cases.

    One varying dimension makes one panel; of two, the one with fewer sizes is spread over panels; of more, the cases are
    numbered, for no axis orders them.
    """
    axes = varying(cases)
    if len(axes) == 1:
        return axes[0], {"": list(range(len(cases)))}
    if len(axes) == 2:
        across, along = sorted(axes, key=lambda axis: len(set(axis.sizes)))
        groups: dict[str, list[int]] = {}
        for place, size in enumerate(across.sizes):
            groups.setdefault(f"{across.label} = {size}", []).append(place)
        return along, groups
    return Axis("", list(range(1, len(cases) + 1))), {"": list(range(len(cases)))}


def _bars(figure: Any, case: Case) -> None:
    axes = figure.subplots()
    figure.set_size_inches(7, 1.6 + 0.5 * len(case.timings))
    places = range(len(case.timings))
    p50 = [timing.p50 * _UNIT for timing in case.timings]
    beyond = [max(timing.p90 - timing.p50, 0) * _UNIT for timing in case.timings]
    axes.barh(places, p50, xerr=[[0] * len(p50), beyond], capsize=3, height=0.6, color=[f"C{at % 10}" for at in places])
    axes.set_yticks(places, [timing.variant for timing in case.timings])
    axes.invert_yaxis()
    axes.bar_label(axes.containers[-1], [_text(timing) for timing in case.timings], padding=6)
    axes.margins(x=0.35)
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds per call: median, whisker to the 90th percentile")
    axes.set_title(case.label)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(figure: Any, report: BenchReport) -> None:
    along, groups = panels(report.cases)
    grid = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    figure.set_size_inches(max(6.0, 3.6 * len(groups) + 1.5), 4.4)
    for axes, (title, places) in zip(grid, groups.items(), strict=True):
        order = sorted(places, key=lambda place: along.sizes[place])
        for number, variant in enumerate(report.variants):
            _line(axes, number, variant.name, [along.sizes[at] for at in order], [report.cases[at] for at in order])
        axes.set_yscale("log")
        axes.set_title(title)
        axes.grid(alpha=0.3, which="both")
        sizes = sorted({along.sizes[place] for place in places})
        if along.label:
            axes.set_xscale("log", base=2)
            axes.set_xlabel(along.label)
            axes.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        else:
            axes.set_xticks(sizes, [report.cases[place].label for place in places], rotation=30, ha="right", fontsize=7)
    grid[0].set_ylabel("milliseconds per call\n(median, band to the 90th percentile)")
    grid[0].legend(fontsize=8)


def _line(axes: Any, number: int, name: str, x: Sequence[int], cases: Sequence[Case]) -> None:
    by_name: list[Mapping[str, Timing]] = [{timing.variant: timing for timing in case.timings} for case in cases]
    p50 = [timings[name].p50 * _UNIT for timings in by_name]
    p90 = [timings[name].p90 * _UNIT for timings in by_name]
    color = f"C{number % 10}"
    axes.plot(x, p50, marker=_MARKERS[number % len(_MARKERS)], color=color, label=name)
    axes.fill_between(x, p50, p90, color=color, alpha=0.15, linewidth=0)


def _text(timing: Timing) -> str:
    ratio = f"  ({timing.ratio.value:.2f}x)" if timing.ratio else ""
    return f"{timing.p50 * _UNIT:.3g} ms{ratio}"
