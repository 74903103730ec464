"""``--report``: one option, the same for every command that returns a record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modelport.cli.running import echo
from modelport.errors import BadInput, ModelportError


def html_report(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--report``; the command must return the record that the page shows.

    The path is checked before the command does anything. What fails is reported as well, as far as it came: from the error's
    attribute ``report`` where it has one. A page that cannot be written is a warning: the command's own result stands.
    """

    @functools.wraps(command)
    def reporting(*args: Any, report: Path | None, **options: Any) -> Any:
        if report is None:
            return command(*args, **options)
        from modelport.workbench import html

        html.check_path(report, list(options.values()))
        _require_outside(report, options.get("output"))
        try:
            record = command(*args, **options)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # wrong usage: nothing was begun
        except Exception as error:
            from modelport.report import failure

            _write(getattr(error, "report", None) or failure(error), report)
            raise
        _write(record, report)
        return record

    path = click.Path(path_type=Path, dir_okay=False)
    return click.option("--report", type=path, metavar="PAGE.html", help="Write everything as one HTML page.")(
        reporting
    )


def _require_outside(report: Path, output: Path | None) -> None:
    """Refuse a page within a folder that the result may replace."""
    if output is not None and output.resolve() in report.resolve().parents:
        raise BadInput("the report lies in the target", where=str(report), remedy="choose another path with --report")


def _write(record: Any, path: Path) -> None:
    """Write the page; what the command has done, or why it failed, counts more than that."""
    from modelport.workbench import html

    try:
        html.write(record, path, command=_command_line())
    except ModelportError as unwritten:
        echo(f"warning: {unwritten}")


def _command_line() -> str:
    """Return the command line as it was typed, quoted for a shell; `modelport.cli.running.run` has put it there."""
    context = click.get_current_context()
    typed = context.find_root().obj
    return typed if isinstance(typed, str) else context.command_path
