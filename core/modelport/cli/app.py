"""``modelport``: the group of all commands, each loaded when it is called."""

from __future__ import annotations

import importlib

import click

import modelport as package

_COMMANDS = {
    "bench": "Measure models against one another.",
    "compare": "Compare two or more models on real data.",
    "completion": "Print the shell completion script.",
    "convert": "Convert a model, check it, prove it, deliver it.",
    "inspect": "Say what a model file is.",
    "optimize": "Optimise an ONNX model and prove the result.",
    "plan": "Tell how a model would be converted, operator by operator.",
    "plugins": "List the framework plugins, or the options of one.",
    "quantize": "Make a model smaller and faster, its loss within a budget.",
    "run": "Run a model on photographs, tables or arrays.",
    "verify": "Compare two models of any two frameworks.",
    "view": "Look at a model's graph in Netron.",
}


class _Lazy(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"modelport.cli.commands.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        from modelport.errors import nearest

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], _COMMANDS)
            hint = f" Did you mean {close!r}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package.__version__, prog_name="modelport")
def modelport() -> None:
    """Convert machine-learning models between frameworks through ONNX, and prove every conversion."""
