"""``modelport inspect``: what a model file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelport.cli.limits import memory_option
from modelport.cli.trusting import trust_options


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-f", "--from", "from_", metavar="KEY", help="Its framework, when detection should not decide.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME:DTYPE[DIMS]", help="For models that do not say their inputs."
)
@click.option(
    "--model",
    "factory",
    metavar="MODULE:FACTORY",
    help="Runs this code of yours to build the model that weights are loaded into.",
)
@trust_options("inside the file")
@click.option("--netron", is_flag=True, help="Open it in Netron, if that is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@memory_option
def inspect(path: Path, netron: bool, as_json: bool, debug: bool, **rest: Any) -> None:
    """Say what the model file PATH is: framework, inputs, outputs, opset, operators, parameters, size, provenance.

    The exit status is 7 when reading it would run code that it carries, and --trust is not given.
    """
    from modelport.cli.commands.view import show
    from modelport.cli.output import print_inspection, print_json
    from modelport.cli.running import echo
    from modelport.errors import UnsafeSource
    from modelport.workbench.inspection import inspect as run

    found = run(path, **rest)
    if as_json:
        print_json(found)
    else:
        print_inspection(found)
    if found.unsafe:
        echo(f"error: {found.unread}")
        click.get_current_context().exit(UnsafeSource.exit_status)
    if netron:
        show(path, command="inspect --netron", err=as_json)
