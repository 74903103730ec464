"""Error messages of Keras and its backends, shortened and without colour codes."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[\d*m")
_CALLING = "Exception encountered when calling"
"""Begins the line in which Keras names the layer that raised an error; what follows is the cause."""

_LOADING = "Exception encountered: "
"""Precedes the cause where Keras cannot build a layer anew."""


def first_line(error: BaseException) -> str:
    """Return an error's class and first line; behind the name of a layer also the cause."""
    lines = _lines(str(error))
    count = 2 if lines and lines[0].startswith(_CALLING) else 1
    return f"{type(error).__name__}: {' '.join(lines[:count])}"[:300]


def cause(error: BaseException) -> str:
    """Return the first line of an error that does not only name the layer."""
    lines = _lines(str(error))
    told = [line for line in lines if not line.startswith(_CALLING)]
    return (told or lines or [repr(error)])[0]


def shortened(text: str) -> str:
    """Return the first sentence and the last cause: Keras puts the configurations of all layers on the way between the two."""
    line, *rest = _lines(text) or ["no reason given"]
    if rest and line.startswith(_CALLING):
        return f"{line} {rest[0]}"[:400]
    last = " ".join(_lines(text.rpartition(_LOADING)[2])) if _LOADING in text else ""
    return line.split(". ")[0][:200] + (f": {last[:200]}" if last else "")


def _lines(text: str) -> list[str]:
    """Return the lines of a text that are not empty, stripped."""
    return [line.strip() for line in _COLOURS.sub("", text).splitlines() if line.strip()]
