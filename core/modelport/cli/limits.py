"""``--memory``: one option, the same for every command that opens a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from modelport.safety.memory import limited


def memory_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--memory``, and hold the limit while the command runs."""

    @functools.wraps(command)
    def limiting(*args: Any, memory: str | None, **options: Any) -> Any:
        with limited(memory):
            return command(*args, **options)

    return click.option(
        "--memory",
        metavar="SIZE",
        help="Refuse models with tensors beyond this, as 8GB; three quarters of the machine's memory by default.",
    )(limiting)
