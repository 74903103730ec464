"""``convert``: one command from any framework to any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.reporting import html_report
from modelport.cli.running import complete_framework, split_options
from modelport.cli.trusting import trust_options
from modelport.proof.tolerance import SECONDS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Target; by default SOURCE with the target's suffix."
)
@click.option("-f", "--from", "from_", metavar="KEY", shell_complete=complete_framework, help="Source framework.")
@click.option(
    "-t", "--to", metavar="KEY", shell_complete=complete_framework, help="Target framework; else by -o, else onnx."
)
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="As 'x:float32[N,3,224,224]'; repeatable."
)
@click.option(
    "--samples", type=click.Path(path_type=Path), help="Prove with these: .npz, .npy, .csv or a folder of images."
)
@click.option("--opset", type=int, help="ONNX opset of the result; 20 by default.")
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@click.option(
    "-O", "options", multiple=True, metavar="KEY=VALUE", callback=split_options, help="A plugin's option; repeatable."
)
@click.option("--rtol", type=float, help="Relative tolerance; 1e-3, or 1e-7 for models in float64.")
@click.option("--atol", type=float, help="Absolute tolerance; 1e-5, or 1e-9 for models in float64.")
@click.option("--no-verify", is_flag=True, help="Skip the proof; the result is recorded as unproven.")
@click.option(
    "--proof-seconds", type=float, default=SECONDS, show_default=True, help="Budget for cases beyond the minimum."
)
@click.option("--external-data", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Keep the weights of an ONNX result in a file of their own.")  # fmt: skip
@click.option("--optimize", type=click.Choice(["portable", "ort", "transformer"]), metavar="LEVEL",
              help="Optimise before checking and proving: portable, ort or transformer.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing folder that is no earlier result.")
@trust_options("inside SOURCE")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks and the frameworks' own messages.")
@memory_option
@html_report
def convert(source: Path, output: Path | None, to: str | None, as_json: bool, quiet: bool, no_verify: bool, debug: bool,
            **rest: Any) -> Any:  # fmt: skip
    """Convert SOURCE, check the result, prove that it computes the same, and deliver it.

    \b
    convert --from keras --to onnx model.keras -o model.onnx
    convert weights.pth -o net.onnx --model nets:resnet18 --input 'x:float32[N,3,224,224]'
    """
    from modelport.cli.output import Progress, print_json, print_report
    from modelport.pipeline import convert as run

    target = output or _default_target(source, to)
    with Progress(quiet=quiet) as progress:
        try:
            conversion = run(source, to=to, output=target, verify=not no_verify, progress=progress, **rest)
        except BaseException as error:
            if as_json and hasattr(error, "report"):
                print_json(error.report)
            raise
    if as_json:
        print_json(conversion.report)
    if not quiet:
        print_report(conversion.report)
    return conversion.report


def _default_target(source: Path, to: str | None) -> Path:
    """Name the target after the source; never one that exists, which only -o may replace."""
    from modelport.loading.paths import check_readable
    from modelport.plugins import registry

    check_readable(source)
    if source.name in ("", ".."):
        source = source.resolve()
    suffix = (*registry().get(to).framework.suffixes, "")[0] if to else ".onnx"
    target = source.with_name(source.name.removesuffix(source.suffix) + suffix)
    if target.exists():
        raise click.UsageError(f"{target} exists already: name the target with -o")
    return target
