"""Running a command: errors for the person at the terminal, exit statuses, signals."""

from __future__ import annotations

import gc
import io
import logging
import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import click

from modelport.cli.escapes import visible
from modelport.cli.streams import guarded
from modelport.errors import ModelportError, out_of_memory

INTERRUPTED = 130
_BUG = 1
_COLLECT_SELDOM = (100_000, 50, 100)
"""A command lives for seconds and builds graphs of many small objects: an export takes a seventh less time with this."""
_AGAIN_SECONDS = 0.02


class _Terminated(BaseException):
    """SIGTERM came: everything is cleaned up on the way out, as on Ctrl-C."""

    exit_status = 143


class _Signals:
    """Ctrl-C and SIGTERM as exceptions, which count even where other code swallows or disguises them.

    A signal waits for the end of an import, as native modules die of an exception in the middle of their initialization; a
    second one does not.

    Attributes:
        came: the exception that the first signal became.
    """

    def __init__(self) -> None:
        self.came: type[BaseException] | None = None
        self._waiting = False
        self._unraisable_before = sys.unraisablehook

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a shell
                signal.signal(number, self._receive)
        sys.unraisablehook = self._unraisable
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.unraisablehook = self._unraisable_before

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if _importing(frame) and not self._waiting and self._send_again(number):
            self._waiting = True
            return
        self.came = KeyboardInterrupt if number == signal.SIGINT else _Terminated
        raise self.came

    def _send_again(self, number: int) -> bool:
        """Send a signal to ourselves as soon as no module is imported; False where memory does not suffice for a thread."""

        def send() -> None:
            while _importing(sys._current_frames().get(threading.main_thread().ident or 0)):
                time.sleep(_AGAIN_SECONDS)
            signal.raise_signal(number)

        try:
            threading.Timer(_AGAIN_SECONDS, send).start()
        except (RuntimeError, MemoryError):
            return False
        return True

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Send a signal again whose exception came in a destructor or a callback, which cannot pass it on."""
        if isinstance(lost.exc_value, KeyboardInterrupt | _Terminated):
            self._send_again(signal.SIGINT if isinstance(lost.exc_value, KeyboardInterrupt) else signal.SIGTERM)
        else:
            self._unraisable_before(lost)

    def leave(self, status: int) -> None:
        """From here on a signal only ends the process sooner, with the status that it has earned."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, frame: os._exit(status))


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported in a frame or in one that called it."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def run(command: click.Command, name: str, arguments: Sequence[str] | None) -> NoReturn:
    """Run a command and leave the process with its exit status; no traceback is shown unless --debug is given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if not debug:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
    gc.set_threshold(*_COLLECT_SELDOM)
    with _Signals() as signals, guarded():
        try:
            left = command.main(words, prog_name=name, standalone_mode=False, obj=shlex.join([name, *words]))
            # click returns the status that a command has left with through Context.exit
            status = left if isinstance(left, int) else 0
        except click.ClickException as error:
            shown = io.StringIO()
            error.show(shown)
            echo(shown.getvalue().rstrip("\n"))
            status = error.exit_code
        except BaseException as error:
            cause = error.__cause__ or error if isinstance(error, click.exceptions.Abort) else error
            if signals.came is not None:  # native code and importing turn a signal's exception into others
                cause = signals.came()
            elif debug and isinstance(cause, Exception):
                raise
            status = _explain(cause)
    gc.freeze()  # or leaving would first search all that the frameworks have built for garbage, for a second or more
    signals.leave(status)
    sys.exit(status)


def _explain(error: BaseException) -> int:
    """Say on stderr why a command failed; returns its exit status."""
    error = out_of_memory(error) or error
    if isinstance(error, KeyboardInterrupt):
        echo(f"interrupted: {_delivered()}")
        return INTERRUPTED
    if isinstance(error, _Terminated):
        echo(f"terminated: {_delivered()}")
        return error.exit_status
    if isinstance(error, ModelportError):
        echo(f"error: {error}")
        return error.exit_status
    echo(f"error: a bug of modelport: {type(error).__name__}: {error}")
    echo("  what to do: run it again with --debug and report the traceback, with the output of `modelport plugins`")
    return _BUG


def _delivered() -> str:
    """Say what had been written when a signal came."""
    delivery = sys.modules.get("modelport.delivery.workspace")
    paths = delivery.delivered if delivery else []
    return f"{', '.join(map(str, paths))} had been written" if paths else "nothing was written"


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
