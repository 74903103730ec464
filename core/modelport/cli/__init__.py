"""The command line: click commands that call the library and format what it returns; no logic."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``modelport``."""
    from modelport.cli.app import modelport
    from modelport.cli.running import run

    run(modelport, "modelport", arguments)


def convert_main(arguments: Sequence[str] | None = None) -> None:
    """Run ``convert``, the short form of ``modelport convert``."""
    from modelport.cli.convert import convert
    from modelport.cli.running import run

    run(convert, "convert", arguments)
