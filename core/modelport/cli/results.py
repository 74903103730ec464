"""What the terminal shows of `run` and `compare`, on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from modelport.cli.output import Terminal, plain

if TYPE_CHECKING:
    from modelport.workbench.compare import CompareReport
    from modelport.workbench.run import RunReport, Summary


def print_run(report: RunReport) -> None:
    """Print the best classes of every sample, or a summary of every output."""
    console = Terminal(soft_wrap=True)
    if report.output is not None:
        title = "probability" if report.probabilities else "score"
        rows = [
            [result.sample if rank == 0 else "", str(rank + 1), guess.label, f"{guess.probability:.4f}"]
            for result in report.results
            for rank, guess in enumerate(result.top)
        ]
        _print_table(console, ["sample", "", "class", title], rows)
    else:
        rows = [
            [result.sample if number == 0 else "", *_cells(summary)]
            for result in report.results
            for number, summary in enumerate(result.outputs)
        ]
        _print_table(console, ["sample", "output", "values", "min", "mean", "max", ""], rows)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    for file in report.files:
        console.print(f"written: {file}", markup=False)


def print_comparison(report: CompareReport, limit: int) -> None:
    """Print how far the models agree, and the worst samples."""
    from modelport.workbench.tables import agreement_rows, sample_rows

    console = Terminal()
    console.print(f"{report.count} samples from {report.samples}", markup=False)
    _print_table(console, *agreement_rows(report))
    if limit:
        console.print()
        _print_table(console, *sample_rows(report, limit=limit))
    if limit and report.count > limit:
        console.print(f"… and {report.count - limit} more: --rows, --markdown, --csv or --json show them", markup=False)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)


def _print_table(console: Terminal, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*map(plain, header), box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table)


def _cells(summary: Summary) -> list[str]:
    figures = (summary.minimum, summary.mean, summary.maximum)
    shape = ",".join(map(str, summary.shape))
    shown = " ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in summary.values)
    return [
        summary.output,
        f"{summary.dtype}[{shape}]",
        *["-" if figure is None else f"{figure:.4g}" for figure in figures],
        shown,
    ]
