"""The page of what failed before there was anything else to tell."""

from __future__ import annotations

from modelport.report import Failure
from modelport.version import __version__
from modelport.workbench.page import Block, Cell, Facts, Page, Remarks, Section


def page(failure: Failure) -> Page:
    """Describe a failure that left no record of its own."""
    return Page(
        kind="modelport",
        title="Nothing was made",
        verdict="Failed",
        tone="bad",
        headline=first_line(failure),
        key_figures=[("exit status", Cell(str(failure.exit_status), failure.exit_status))],
        sections=[Section("What went wrong", blocks(failure))],
        made_by=f"modelport {__version__}",
    )


def first_line(failure: Failure) -> str:
    """Return what went wrong as one sentence; a name at its beginning is left as it is."""
    line = failure.what.partition("\n")[0].removesuffix(":")
    first = line.partition(" ")[0]
    return (line[:1].upper() + line[1:] if first.isalpha() else line) + "."


def blocks(failure: Failure) -> list[Block]:
    """Say what happened, where, and what to do."""
    rows = [("error", f"{failure.kind}, exit status {failure.exit_status}")]
    rows += [(title, text) for title, text in (("where", failure.where), ("what to do", failure.remedy)) if text]
    return [Remarks([failure.what], "bad"), Facts(rows)]
