"""``modelport bench``: models measured against one another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from modelport.cli.escapes import visible_line
from modelport.cli.limits import memory_option
from modelport.cli.reporting import html_report
from modelport.cli.running import INTERRUPTED, split_options
from modelport.cli.trusting import trust_options

if TYPE_CHECKING:
    from modelport.workbench.bench import BenchReport
    from modelport.workbench.bench.records import Timing


def _cores(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Read ``0,1`` or ``0-3``, as a click callback."""
    try:
        ends = [part.split("-") for part in text.split(",") if part.strip()]
        return tuple(core for end in ends for core in range(int(end[0]), int(end[-1]) + 1))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of cores, as in 0,1 or 0-3", context, parameter) from None


def _leave_interrupted(command: Callable[..., BenchReport]) -> Callable[..., None]:
    """Leave with the status of an interruption once everything that was measured is printed and written."""

    @functools.wraps(command)
    def leaving(*args: Any, **options: Any) -> None:
        if command(*args, **options).interrupted:
            click.get_current_context().exit(INTERRUPTED)

    return leaving


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--shapes", default="", metavar="NAME=SHAPE,…", help="As 'x=1x3x224x224,16x3x224x224'; ';' between inputs."
)
@click.option(
    "--grid", multiple=True, metavar="DIM=SIZE,…", help="Sizes of a symbolic dimension, as 'N=1,8'; repeatable."
)
@click.option("--samples", type=click.Path(path_type=Path), help="Inputs: .npz, .npy, .csv or a folder of images.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For models that do not say their inputs."
)
@click.option(
    "-f", "--from", "from_", multiple=True, metavar="KEY", help="Framework of each model, in order; repeatable."
)
@click.option(
    "--provider", "providers", multiple=True, metavar="NAME", help="Execution provider of ONNX files; repeatable."
)
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="As eager, compiled; repeatable.")
@click.option("--threads", type=int, default=0, help="Threads within an operator; by default each engine's own choice.")
@click.option("--affinity", default="", metavar="CORES", callback=_cores, help="Cores to run on, as 0,1 or 0-3.")
@click.option("--rounds", type=int, help="Rounds for each shape; by default as many as fit into the time.")
@click.option("--seconds", type=float, help="Time for each shape; by default a second for each variant.")
@click.option("--warmup", type=int, default=3, show_default=True, help="Unmeasured calls of each variant.")
@click.option("--no-memory", is_flag=True, help="Do not measure peak memory.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the result to this .png or .svg file.")
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@click.option(
    "-O", "options", multiple=True, metavar="KEY=VALUE", callback=split_options, help="A plugin's option; repeatable."
)
@trust_options("inside the models")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
@_leave_interrupted
@html_report
def bench(models: tuple[Path, ...], no_memory: bool, as_json: bool, quiet: bool, debug: bool,
          **rest: Any) -> BenchReport:  # fmt: skip
    """Measure MODELS of any framework against the first of them, in interleaved rounds.

    \b
    modelport bench model.onnx optimized.onnx --grid N=1,16 --plot bench.svg
    modelport bench net.pt2 net.onnx --variant eager --variant compiled --threads 2
    """
    from modelport.cli.output import print_json
    from modelport.workbench.bench import bench as run

    typed = click.get_current_context().find_root().obj
    command = typed if isinstance(typed, str) else ""
    with _Bar(quiet=quiet) as bar:
        report = run(*models, memory=not no_memory, progress=bar, command=command, **rest)
    if as_json:
        print_json(report)
    elif not quiet:
        print_bench(report)
    return report


def print_bench(report: BenchReport) -> None:
    """Print one table for each shape, and how it was measured, on stdout."""
    from rich.table import Table

    from modelport.cli.output import Terminal, plain

    console = Terminal()
    for case in report.cases:
        console.print(
            f"{case.label}, {case.timings[0].rounds} rounds, {case.openings} openings", style="bold", markup=False
        )
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("variant", overflow="fold")
        for head in ("p50 ms", "p90 ms", "p99 ms", "samples/s", "ratio", "95 % interval"):
            table.add_column(head, justify="right", no_wrap=True)
        for timing in case.timings:
            table.add_row(plain(timing.variant), *_cells(timing))
        console.print(table)
        console.print()
    for line in (*_memory(report), *_settings(report)):
        console.print(line, markup=False, soft_wrap=True)


def _cells(timing: Timing) -> list[str]:
    ratio = timing.ratio
    return [
        *(f"{seconds * 1e3:.4g}" for seconds in (timing.p50, timing.p90, timing.p99)),
        f"{timing.throughput:.4g}" if timing.throughput < 1000 else f"{timing.throughput:,.0f}",
        f"{ratio.value:.3f}" if ratio else "1",
        f"{ratio.low:.3f} to {ratio.high:.3f}" if ratio else "",
    ]


def _memory(report: BenchReport) -> list[str]:
    from modelport.safety.memory import written

    peaks = [f"{variant.name} {written(variant.peak_bytes)}" for variant in report.variants if variant.peak_bytes]
    return [f"peak memory, each in a process of its own at the largest shape: {', '.join(peaks)}"] if peaks else []


def _settings(report: BenchReport) -> list[str]:
    """Say how it was measured."""
    used = report.settings
    threads = str(used.threads) if used.threads else "each engine's own choice"
    cores = ", ".join(map(str, used.affinity)) or "all"
    engines = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    lines = [
        f"interleaved rounds after {used.warmup} calls to warm up; ratios within rounds, against {report.variants[0].name}",
        f"threads: {threads}; cores: {cores}; providers: {', '.join(used.providers)}",
        f"machine: {report.machine}",
        f"versions: {engines}",
    ]
    return lines + [f"note: {note}" for note in report.notes]


class _Bar:
    """A progress bar with the time left, on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from modelport.cli.output import Terminal

        console = Terminal(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("opening", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, what: str, part: float) -> None:
        """Show what is being done, and the part of all measuring that is done."""
        self._progress.update(self._task, description=visible_line(what), completed=part)
