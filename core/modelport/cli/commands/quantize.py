"""``modelport quantize``: a smaller, faster ONNX model whose loss is measured and held within a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.reporting import html_report

if TYPE_CHECKING:
    from modelport.workbench.quantize import OutputError, QuantizeReport


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Target.")
@click.option("--mode", type=click.Choice(["dynamic", "static", "float16", "bfloat16", "int4"]), default="dynamic",
              show_default=True, help="int8 weights; int8 throughout; narrow floats; 4-bit weights.")  # fmt: skip
@click.option("--samples", type=click.Path(path_type=Path),
              help="Calibrate (static) and measure the loss on these: .npz, .npy, .csv or a folder of images; an array or "
              "column 'labels' holds true classes.")  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="Sizes to measure at, as 'x:float32[N=8,16]'."
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Operators that stay in float, as 'Conv*'; repeatable."
)
@click.option("--exclude-node", "exclude_nodes", multiple=True, metavar="PATTERN",
              help="Nodes that stay in float, as 'head/*'; repeatable.")  # fmt: skip
@click.option("--io", type=click.Choice(["float32", "same"]), default="float32", show_default=True,
              help="Type of inputs and outputs in the float16 and bfloat16 modes.")  # fmt: skip
@click.option(
    "--max-error",
    type=float,
    help="Largest relative error of an output (2-norm): 0.1 dynamic and static, 0.01 float16, 0.05 bfloat16, 0.2 int4.",
)
@click.option("--max-drop", type=float,
              help="Largest part of decisions that may change (with labels: of accuracy to be lost), in percent points; 1 on "
              "your samples, not judged on random inputs.")  # fmt: skip
@click.option("--auto", is_flag=True, help="Leave the nodes that hurt most in float until the budget holds.")
@click.option("--auto-seconds", type=float, default=120.0, show_default=True, help="Time for finding those nodes.")
@click.option("--per-tensor", is_flag=True, help="One scale for a whole weight, not one for each output channel.")
@click.option("--reduce-range", is_flag=True, help="Seven bits, for x86 processors without VNNI.")
@click.option("--calibration", "calibration_method", type=click.Choice(["minmax", "entropy", "percentile"]),
              default="minmax", show_default=True, help="How static mode takes ranges from the samples.")  # fmt: skip
@click.option(
    "--proof-seconds", type=float, default=10.0, show_default=True, help="Budget for cases beyond the minimum."
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
def quantize(model: Path, output: Path, per_tensor: bool, as_json: bool, quiet: bool, debug: bool, **rest: Any) -> Any:
    """Quantise the ONNX file MODEL, and deliver it when its loss is within the budget (exit status 5 when not).

    \b
    modelport quantize model.onnx -o int8.onnx
    modelport quantize model.onnx -o int8.onnx --mode static --samples images.npz --exclude-node 'head/*'
    """
    from modelport.cli.output import Progress, print_json
    from modelport.workbench.quantize import quantize as run

    with Progress(quiet=quiet) as progress:
        try:
            done = run(model, output, per_channel=not per_tensor, progress=progress, **rest)
        except BaseException as error:
            record = getattr(error, "report", None)
            if record is not None and as_json:
                print_json(record)
            if record is not None and record.errors and not quiet:
                _print(record)
            raise
    if as_json:
        print_json(done.report)
    if not quiet:
        _print(done.report)
    return done.report


def _print(report: QuantizeReport) -> None:
    from rich.table import Table

    from modelport.cli.output import Terminal, plain
    from modelport.safety.memory import written

    console = Terminal(stderr=True, soft_wrap=True)
    style = "green" if report.verdict == "within budget" else "red"
    console.print(
        f"[bold {style}]{report.verdict}[/]: relative error at most {report.budget.max_error:g}, decisions changed at most "
        f"{report.budget.max_drop:g} points; {report.cases} cases, {plain(report.candidate)}"
    )
    heads = ("output", "error", "max abs", "mean abs", "cosine", "changed", "same top k")
    table = Table(*heads, box=None, pad_edge=False, padding=(0, 2))
    for output in report.errors:
        table.add_row(*_cells(output))
    console.print(table)
    for output in report.errors:
        if output.accuracy_before is not None:
            name = output.figures.output
            console.print(
                f"  {name}: accuracy {output.accuracy_before:.2f} % before, {output.accuracy_after:.2f} % after",
                markup=False,
            )
    for path in report.replaced:
        console.print(f"replaced: {path}", markup=False)
    for note in (*report.notes, *report.warnings):
        console.print(f"note: {note}", markup=False)
    for title, names in (("excluded", report.excluded), ("left in float by --auto", report.left_by_auto)):
        if names:
            console.print(f"{title} ({len(names)}): {', '.join(names)}", markup=False)
    if report.speed is not None:
        speed = report.speed
        interval = f"{speed.ratio.value:.2f}x ({speed.ratio.low:.2f} to {speed.ratio.high:.2f}, 95 %)"
        sizes = ", ".join(f"{symbol}={number}" for symbol, number in speed.sizes.items())
        console.print(
            f"time: {1e3 * speed.before_seconds:.2f} ms before, {1e3 * speed.after_seconds:.2f} ms after, {interval}"
            f"{f' at {sizes}' if sizes else ''}{'' if speed.ratio.high < 1 else '; [yellow]not faster[/]'}"
        )
    if report.size_bytes and report.size_before_bytes:
        ratio = report.size_bytes / report.size_before_bytes
        console.print(
            f"size: {written(report.size_before_bytes)} before, {written(report.size_bytes)} after, {ratio:.2f}x"
        )
        console.print(f"{report.mode}: {', '.join(report.files) or 'memory'}, opset {report.opset}", markup=False)


def _cells(output: OutputError) -> list[str]:
    from modelport.cli.output import plain

    figures = output.figures
    numbers = [output.error, figures.max_abs, figures.mean_abs]
    return [
        plain(figures.output),
        *["-" if number is None else f"{number:.2e}" for number in numbers],
        "-" if figures.cosine is None else f"{figures.cosine:.6f}",
        "-" if output.drop is None else f"{output.drop:.2f} %",
        "-" if output.top_k_agreement is None else f"{100 * output.top_k_agreement:.1f} %",
    ]
