"""``modelport view``: look at a model's graph in Netron."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on the loopback interface; a free one by default."
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def view(path: Path, port: int, no_browser: bool, debug: bool) -> None:
    """Show the model PATH in Netron, served to this machine only; Ctrl-C ends it, with exit status 0."""
    show(path, port=port, browser=not no_browser, command="view")


def show(path: Path, *, port: int = 0, browser: bool = True, command: str, err: bool = False) -> None:
    """Print the address on stdout (or stderr), and what ends it on stderr; return after Ctrl-C."""
    from modelport.cli.running import echo
    from modelport.workbench.view import view as run

    def started(address: str) -> None:
        click.echo(address, err=err)  # flushes, so that a program may read it
        echo("Ctrl-C ends it")

    run(path, port=port, browser=browser, command=command, started=started)
