"""``modelport plan``: what a conversion would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.running import complete_framework, split_options
from modelport.cli.trusting import trust_options


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-t", "--to", metavar="KEY", required=True, shell_complete=complete_framework, help="Target framework.")
@click.option("-f", "--from", "from_", metavar="KEY", shell_complete=complete_framework, help="Source framework.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For models that do not say their inputs."
)
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@click.option(
    "-O", "options", multiple=True, metavar="KEY=VALUE", callback=split_options, help="A plugin's option; repeatable."
)
@trust_options("inside SOURCE")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
@click.pass_context
def plan(ctx: click.Context, /, source: Path, to: str, as_json: bool, debug: bool, **rest: Any) -> None:
    """Tell how SOURCE would be converted: the route, each operator, and what is not supported and why.

    Nothing is written. The exit status is 3 when an operator is not supported.
    """
    from modelport.cli.output import print_json, print_plan
    from modelport.workbench.planning import plan as run

    found = run(source, to, **rest)
    if as_json:
        print_json(found)
    else:
        print_plan(found)
    if found.unsupported:
        ctx.exit(3)
