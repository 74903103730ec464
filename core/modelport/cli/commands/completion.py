"""``modelport completion``: the script that makes a shell complete both commands."""

from __future__ import annotations

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    eval "$(modelport completion bash)"        # in ~/.bashrc
    modelport completion fish > ~/.config/fish/completions/modelport.fish
    """
    from click.shell_completion import get_completion_class

    from modelport.cli.app import modelport
    from modelport.cli.commands.convert import convert

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    for command, name in ((modelport, "modelport"), (convert, "convert")):
        click.echo(kind(command, {}, name, f"_{name.upper()}_COMPLETE").source())
