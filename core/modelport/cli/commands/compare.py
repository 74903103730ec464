"""``modelport compare``: two or more models on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.reporting import html_report
from modelport.cli.trusting import trust_options


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--samples", required=True, type=click.Path(path_type=Path),
              help="A folder of images, an image, .npz, .npy or .csv.")  # fmt: skip
@click.option("--preprocess", metavar="NAME|KEY=VALUE,…", help="For images, as in `modelport run`.")
@click.option("--labels", type=click.Path(path_type=Path), help="Names of the classes: .csv, .txt or .json.")
@click.option("--top", type=click.IntRange(min=0), help="How many classes to compare; 3 by default, 0 for none.")
@click.option("--softmax", type=click.Choice(["auto", "yes", "no"]), default="auto", show_default=True,
              help="Apply it to the class scores; auto: to each model whose scores do not sum to 1.")  # fmt: skip
@click.option("--output-name", metavar="NAME", help="The output of the class scores, as the first model names it.")
@click.option(
    "--rows", type=click.IntRange(min=0), default=20, show_default=True, help="Samples shown, the worst first."
)
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the tables as Markdown, with all samples.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write all samples as CSV.")
@click.option(
    "-f", "--from", "from_", multiple=True, metavar="KEY", help="Framework of each model, in order; repeatable."
)
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For models that do not say their inputs."
)
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@trust_options("inside the models")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
@html_report
def compare(models: tuple[Path, ...], rows: int, markdown: Path | None, table: Path | None, as_json: bool, quiet: bool,
            debug: bool, **rest: Any) -> Any:  # fmt: skip
    """Compare MODELS of any frameworks on the same samples; the first is the reference.

    \b
    modelport compare model.keras model.onnx --samples photos/ --preprocess imagenet --labels names.csv --top 3
    """
    from modelport.cli.output import Progress, print_json
    from modelport.cli.results import print_comparison
    from modelport.delivery.targets import check_target
    from modelport.workbench import tables
    from modelport.workbench.compare import compare as run
    from modelport.workbench.results import write_text

    for target, other in ((markdown, table), (table, markdown)):
        if target is not None:
            check_target(target, folder=False, reads=[*models, rest["samples"], rest["labels"], other])
    with Progress(quiet=quiet) as progress:
        progress("compare", None)
        report = run(*models, **rest)
    if markdown is not None:
        write_text(markdown, tables.to_markdown(report))
    if table is not None:
        write_text(table, tables.to_csv(report))
    if as_json:
        print_json(report)
    elif not quiet:
        print_comparison(report, rows)
    return report
