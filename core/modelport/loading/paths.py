"""A source path, before any plugin is asked: whether there is anything to read."""

from __future__ import annotations

from pathlib import Path

from modelport.delivery.targets import is_utf8
from modelport.errors import SourceNotFound, SourceUnreadable


def check_readable(source: Path) -> None:
    """Raise SourceNotFound for a missing path, SourceUnreadable for an empty file or folder and a path that is not UTF-8."""
    try:
        exists = source.exists()
    except OSError as error:
        raise SourceNotFound(
            f"cannot look for the file: {error.strerror}", where=str(source), remedy="check the path"
        ) from error
    if not exists:
        raise SourceNotFound("there is no such file", where=str(source), remedy="check the path")
    if not is_utf8(source):
        raise SourceUnreadable(
            "its path cannot be read as UTF-8, as frameworks read it",
            where=str(source),
            remedy="rename it; under an ASCII locale, set PYTHONUTF8=1",
        )
    if source.is_dir():
        if not any(source.iterdir()):
            raise SourceUnreadable(
                "the folder is empty", where=str(source), remedy="pass the folder that holds the model"
            )
    elif source.stat().st_size == 0:
        raise SourceUnreadable("the file is empty", where=str(source), remedy="save the model again")
