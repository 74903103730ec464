"""What files, plugins and frameworks call things, made harmless for a terminal.

A name may hold escape sequences that clear the screen, set its title or turn the reading direction. Whatever the command line
prints passes through here: `modelport.cli.running.echo`, the console in `modelport.cli.output`, and its JSON.
"""

from __future__ import annotations

import unicodedata

_LAYOUT = "\n\t"


def visible(text: str) -> str:
    """Write characters that a terminal would obey, or hide, as Python's escapes; line feeds and tabs are kept.

    Spaces of other scripts stay as they are; control characters (C0, C1), marks of reading direction, zero-width ones, separators
    of lines and surrogates do not.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def visible_line(text: str) -> str:
    """Write a text on one line: as `visible`, and line feeds as escapes too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str) -> str:
    r"""Write the same characters within JSON as ``\uXXXX``; the value stays what it was."""
    if text.isprintable():
        return text
    return "".join(char if _is_plain(char) else _utf16(char) for char in text)


def _visible(char: str) -> str:
    return char if _is_plain(char) else char.encode("unicode_escape").decode()


def _is_plain(char: str) -> bool:
    return char.isprintable() or char in _LAYOUT or unicodedata.category(char) == "Zs"


def _utf16(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
