"""``modelport optimize``: the same ONNX model with fewer nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.reporting import html_report
from modelport.proof.tolerance import ATOL, RTOL, SECONDS

if TYPE_CHECKING:
    from modelport.workbench.optimize import OptimizeReport


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Target.")
@click.option("--level", type=click.Choice(["portable", "ort", "transformer"]), default="portable", show_default=True,
              help="Standard operators only; ONNX Runtime's own; ONNX Runtime's with attention fused.")  # fmt: skip
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    help="Prove and time on these: .npz, .npy, .csv or a folder of images.",
)
@click.option("--keep-if-faster", is_flag=True, help="Write nothing when the result is slower; the exit status is 0.")
@click.option("--rtol", type=float, default=RTOL, show_default=True, help="Relative tolerance of the proof.")
@click.option("--atol", type=float, default=ATOL, show_default=True, help="Absolute tolerance of the proof.")
@click.option(
    "--proof-seconds", type=float, default=SECONDS, show_default=True, help="Budget for cases beyond the minimum."
)
@click.option(
    "--timing-seconds", type=float, default=4.0, show_default=True, help="For the speed ratio; 0 leaves it out."
)
@click.option("--external-data", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Keep the weights in a file of their own.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks and the libraries' own messages.")
@memory_option
@html_report
def optimize(model: Path, output: Path, as_json: bool, quiet: bool, debug: bool, **rest: Any) -> Any:
    """Optimise the ONNX file MODEL, prove that it computes the same, measure its speed, and deliver it.

    \b
    modelport optimize model.onnx -o fast.onnx
    modelport optimize bert.onnx -o bert-ort.onnx --level transformer --keep-if-faster
    """
    from modelport.cli.output import Progress, print_json
    from modelport.workbench.optimize import optimize as run

    with Progress(quiet=quiet) as progress:
        try:
            record = run(model, output, progress=progress, **rest)
        except BaseException as error:
            if as_json and hasattr(error, "report"):
                print_json(error.report)
            raise
    if as_json:
        print_json(record)
    if not quiet:
        _print(record)
    return record


def _print(record: OptimizeReport) -> None:
    from rich.table import Table

    from modelport.cli.output import Terminal, plain
    from modelport.safety.memory import written

    console = Terminal(stderr=True, soft_wrap=True)
    before, after, proof = record.before, record.after, record.proof
    if before and after:
        table = Table("operator", "before", "after", box=None, pad_edge=False, padding=(0, 2))
        names = sorted(before.operators.keys() | after.operators.keys())
        for name in names:
            counts = [graph.operators.get(name, 0) for graph in (before, after)]
            if counts[0] != counts[1]:
                table.add_row(plain(name), *map(str, counts))
        table.add_row("[bold]all nodes[/]", str(before.nodes), str(after.nodes))
        table.add_row("[bold]size[/]", written(before.size_bytes), written(after.size_bytes))
        console.print(table)
    if proof:
        console.print(f"[green]{proof.verdict}[/], {len(proof.cases)} cases, largest difference {proof.max_abs:.2e}")
    if record.speed:
        speed = record.speed
        interval = f"{speed.ratio.value:.3f}x ({speed.ratio.low:.3f} to {speed.ratio.high:.3f}, 95 %)"
        console.print(
            f"time: {1e3 * speed.before_seconds:.3f} ms before, {1e3 * speed.after_seconds:.3f} ms after, {interval} "
            f"on {plain(', '.join(speed.inputs))}{'; [yellow]slower[/]' if speed.slower else ''}"
        )
    for path in record.replaced:
        console.print(f"replaced: {path}", markup=False)
    for note in record.notes:
        console.print(f"note: {note}", markup=False)
    if not record.portable:
        console.print(f"{record.level}: the result is for ONNX Runtime alone (operators of com.microsoft)")
    console.print(f"{record.level}: {', '.join(record.files) or 'nothing written'}, opset {record.opset}", markup=False)
