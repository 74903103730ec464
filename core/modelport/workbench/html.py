"""The HTML report: any record of a conversion or of the workbench as one self-contained page."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelport.delivery.targets import check_target, writing
from modelport.delivery.workspace import Workspace
from modelport.errors import BadInput, FrameworkNotInstalled, OutputNotWritable
from modelport.workbench.page import Code, Page, Section

_SUFFIXES = (".html", ".htm")
_PAGES = {
    "BenchReport": "bench",
    "CompareReport": "compare",
    "Failure": "failure",
    "OptimizeReport": "optimize",
    "QuantizeReport": "quantize",
    "Report": "conversion",
}
"""The module of `modelport.workbench.pages` whose function `page` describes a record, by the record's class."""


def check_path(path: Path, reads: Sequence[Any] = ()) -> None:
    """Refuse a report that could not be written later, before any work is done.

    Args:
        path: the page.
        reads: what the command reads or writes besides, and must not be replaced by the page.

    Raises:
        BadInput: when it is not named as a page, which could be a model mistaken for it.
        OutputNotWritable: as `modelport.delivery.targets.check_target`.
        FrameworkNotInstalled: without Jinja2.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise BadInput("the report is not named as an HTML page", where=str(path), remedy="end its name in .html")
    _environment()
    try:
        check_target(path, folder=False, reads=reads)
    except OutputNotWritable as error:
        raise _not_writable(path, error) from error


def write(record: Any, path: Path, *, command: str = "") -> None:
    """Write a record's page, all of it or nothing.

    Args:
        record: what a conversion or a function of the workbench returned, or a `modelport.report.Failure`.
        path: the page; one that exists is replaced.
        command: the command line that repeats it; else the one that the record holds.

    Raises:
        OutputNotWritable: with whatever was at `path` left as it was.
        FrameworkNotInstalled: without Jinja2.
    """
    text = render(record, command=command)
    try:
        with Workspace(path, path.name) as workspace, writing(path):
            workspace.path.write_text(text, encoding="utf-8", errors="backslashreplace")
            workspace.deliver([workspace.path])
    except OutputNotWritable as error:
        raise _not_writable(path, error) from error


def render(record: Any, *, command: str = "") -> str:
    """Return a record's page; the arguments are `write`'s."""
    name = type(record).__name__
    if name not in _PAGES:
        raise TypeError(f"there is no page for {name}; there are pages for {', '.join(_PAGES)}")
    page: Page = importlib.import_module(f"modelport.workbench.pages.{_PAGES[name]}").page(record)
    repeats = command or getattr(record, "command", "")
    repeat = Section("Repeat it", [Code(repeats)] if repeats else [])
    sections = [section for section in (*page.sections, repeat) if section.blocks]
    text: str = _environment().get_template("report.html.j2").render(page=page, sections=sections)
    return text


def _environment() -> Any:
    try:
        import jinja2
    except ModuleNotFoundError:
        raise FrameworkNotInstalled("--report", "jinja2", "pip install 'modelport[workbench]'") from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("modelport.workbench"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _not_writable(path: Path, error: OutputNotWritable) -> OutputNotWritable:
    return OutputNotWritable(
        error.what.replace("the target", "the report"), where=str(path), remedy="choose another path with --report"
    )
