"""``--report``: one option, the same for every command that returns a record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modelport.errors import ModelportError


def html_report(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--report``; the command must return the record that the page shows.

    The path is checked before the command does anything. What fails is reported as well, as far as it came: from the error's
    attribute ``report`` where it has one.
    """

    @functools.wraps(command)
    def reporting(*args: Any, report: Path | None, **options: Any) -> Any:
        if report is None:
            return command(*args, **options)
        from modelport.workbench import html

        html.check_path(report)
        try:
            record = command(*args, **options)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # wrong usage: nothing was begun
        except Exception as error:
            _write_failure(error, report)
            raise
        html.write(record, report, command=_command_line())
        return record

    path = click.Path(path_type=Path, dir_okay=False)
    return click.option("--report", type=path, metavar="PAGE.html", help="Write everything as one HTML page.")(
        reporting
    )


def _write_failure(error: Exception, path: Path) -> None:
    """Write the page of a failure; if even that fails, the first error is the one to show."""
    from modelport.cli.running import echo
    from modelport.report import failure
    from modelport.workbench import html

    try:
        html.write(getattr(error, "report", None) or failure(error), path, command=_command_line())
    except ModelportError as unwritten:
        echo(f"warning: {unwritten}")


def _command_line() -> str:
    """Return the command line as it was typed, quoted for a shell; `modelport.cli.running.run` has put it there."""
    context = click.get_current_context()
    typed = context.find_root().obj
    return typed if isinstance(typed, str) else context.command_path
