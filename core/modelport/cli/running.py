"""Running a command: errors for the person at the terminal, exit statuses, signals."""

from __future__ import annotations

import gc
import io
import logging
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from modelport.cli.escapes import visible
from modelport.errors import ModelportError

INTERRUPTED = 130
_BUG = 1
_COLLECT_SELDOM = (100_000, 50, 100)
"""A command lives for seconds and builds graphs of many small objects: an export takes a seventh less time with this."""


class _Terminated(BaseException):
    """SIGTERM came: everything is cleaned up on the way out, as on Ctrl-C."""

    exit_status = 143


def run(command: click.Command, name: str, arguments: Sequence[str] | None) -> NoReturn:
    """Run a command and leave the process with its exit status; no traceback is shown unless --debug is given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if not debug:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(*_COLLECT_SELDOM)
    try:
        left = command.main(words, prog_name=name, standalone_mode=False, obj=shlex.join([name, *words]))
        # click returns the status that a command has left with through Context.exit
        status = left if isinstance(left, int) else 0
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        echo(shown.getvalue().rstrip("\n"))
        status = error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        echo("interrupted: nothing was written")
        status = INTERRUPTED
    except _Terminated as error:
        echo("terminated: nothing was written")
        status = error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except ModelportError as error:
        if debug:
            raise
        echo(f"error: {error}")
        status = error.exit_status
    except Exception as error:
        if debug:
            raise
        echo(f"error: a bug of modelport: {type(error).__name__}: {error}")
        echo("  what to do: run it again with --debug and report the traceback, with the output of `modelport plugins`")
        status = _BUG
    gc.freeze()  # or leaving would first search all that the frameworks have built for garbage, for a second or more
    sys.exit(status)


def echo(text: str) -> None:
    """Write one line to stderr."""
    click.echo(visible(text), err=True)


def split_options(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, Any]:
    """Read ``-O key=value`` pairs, as a click callback."""
    pairs = {}
    for text in values:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", context, parameter)
        pairs[key.strip()] = value
    return pairs


def complete_framework(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the registered frameworks to the shell, from metadata alone."""
    from modelport.plugins import registry

    return [key for key in registry().keys if key.startswith(incomplete)]


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated
