"""The tutorial's page: hand-written text, and what was measured between markers."""

import re
from pathlib import Path

from experiments.records import Experiment, Record
from modelport.errors import BadInput


def fill(text: str, name: str, content: str) -> str:
    """Put content between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; raises BadInput where they are missing."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    filled, count = pattern.subn(lambda found: f"{begin}\n\n{content.strip()}\n\n{end}", text)
    if count != 1:
        raise BadInput(f"the page has {count} places for {name!r}", remedy=f"write {begin} and {end} once")
    return filled


def section(module: Experiment, finished: Record) -> str:
    """Return what was measured, and how."""
    return f"{module.markdown(finished.result)}\n\n{_made_by(finished)}"


def write(source: Path, folder: Path, sections: dict[str, str]) -> Path:
    """Fill the page of `source` and write it to `folder`."""
    text = source.read_text(encoding="utf-8")
    for name, content in sections.items():
        text = fill(text, name, content)
    target = folder / source.name
    target.write_text(text, encoding="utf-8")
    return target


def _made_by(finished: Record) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in finished.versions.items())
    return f"<sub>Made by `{finished.command}` in {finished.seconds:.0f} s on {finished.machine}; {versions}.</sub>"
