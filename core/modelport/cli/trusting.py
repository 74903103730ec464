"""``--trust`` and ``--trust-type``: the same for every command that loads a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def trust_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``--trust`` and ``--trust-type``; `what` is that whose code would run, as in "inside SOURCE"."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        everything = click.option("--trust", is_flag=True, help=f"Allow code {what} to run (pickle, Lambda layers).")
        one = click.option(
            "--trust-type", "trust_types", multiple=True, metavar="NAME",
            help="Allow one more type in a .skops file, by the name that its refusal gives; repeatable.",
        )  # fmt: skip
        return everything(one(command))

    return decorate
