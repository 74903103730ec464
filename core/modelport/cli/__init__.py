"""The command line: click commands that call the library and format what it returns; no logic.

This module imports nothing, so that Ctrl-C finds `main` at work almost as soon as Python runs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``modelport``."""
    _start("app", "modelport", arguments)


def convert_main(arguments: Sequence[str] | None = None) -> None:
    """Run ``convert``, the short form of ``modelport convert``."""
    _start("commands.convert", "convert", arguments)


def _start(module: str, name: str, arguments: Sequence[str] | None) -> None:
    """Import a command and run it; until it runs, nothing has begun, and Ctrl-C ends the process at once."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda number, frame: _leave())
        from importlib import import_module

        from modelport.cli.running import run

        command = getattr(import_module(f"modelport.cli.{module}"), name)
    except KeyboardInterrupt:
        _leave()
    run(command, name, arguments)


def _leave() -> None:
    """End the process as one that was interrupted, without a word of the interpreter's."""
    import os

    try:
        os.write(2, b"interrupted: nothing was written\n")
    finally:  # stderr may be closed
        os._exit(130)
