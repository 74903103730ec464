"""Targets: where a result may go and what it may replace there, decided before any work."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from modelport.errors import OutputNotWritable

_ELSEWHERE = "choose another target with -o"
_FORCE = "choose another target with -o, or replace it whole with --force"

_SAVED_MODEL_FILES = frozenset({"saved_model.pb", "fingerprint.pb", "keras_metadata.pb"})
_SAVED_MODEL_FOLDERS = frozenset({"variables", "assets", "assets.extra"})
_VARIABLES = "variables."
"""How the files of a checkpoint in ``variables/`` begin: variables.index, variables.data-00000-of-00001."""


def resolve(target: Path) -> Path:
    """Return where a target lies: a symbolic link is written through, ``.`` and ``..`` get their names; others stay as typed.

    Raises:
        OutputNotWritable: for a link to nothing.
    """
    if target.is_symlink() and not target.exists():
        refuse(target, "it is a symbolic link to nothing")
    if target.name in ("", "..") or target.is_symlink():
        return Path(os.path.realpath(target))
    return target


def check_target(
    target: Path, *, folder: bool, source: Any = None, reads: Sequence[Any] = (), force: bool = False
) -> None:
    """Refuse a target that cannot be written, or whose replacement would lose what is not a result.

    Args:
        target: where the result shall go.
        folder: whether the result is a folder.
        source: what is converted; where it is a path, its file may be replaced by the result, but no folder that holds it.
        reads: whatever else is read or written meanwhile; its paths may be neither replaced nor held by a folder replaced.
        force: replace a folder whatever it holds.

    Raises:
        OutputNotWritable: before anything has been touched.
    """
    with writing(target):
        where = resolve(target)
        _require_utf8(where)
        _require_unprotected(target, where)
        _require_unread(target, where, source, reads)
        require_parent(where)
        require_replaceable(where, folder=folder, force=force, shown=target)


def require_replaceable(where: Path, *, folder: bool, force: bool = False, shown: Path | None = None) -> None:
    """Raise OutputNotWritable where something lies that a result must not replace.

    A file replaces a regular file. A folder replaces an empty folder or a SavedModel with nothing else in it, and with `force`
    any file or folder.
    """
    shown = shown or where
    if where.is_symlink():
        refuse(shown, "it is a symbolic link")
    if not where.exists():
        return
    mode = where.stat().st_mode
    if stat.S_ISDIR(mode):
        if not folder:
            refuse(shown, "it is a folder, and the result is a file")
        if not force and (foreign := _foreign(where)):
            refuse(shown, f"it is a folder that is no earlier result: it holds {foreign}", _FORCE)
    elif not stat.S_ISREG(mode):
        refuse(shown, f"it is {_kind(mode)}, and not a file")
    elif folder and not force:
        refuse(shown, "it is a file, and the result is a folder", _FORCE)


def is_utf8(path: Path) -> bool:
    """Whether a path is text: frameworks take paths as UTF-8, and ONNX stores the names of external data so."""
    return not any("\ud800" <= letter <= "\udfff" for letter in str(path))


def require_parent(where: Path) -> None:
    """Raise OSError where the folder of a target is missing or not writable."""
    if not where.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(where.parent))
    if not os.access(where.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(where.parent))


def refuse(target: Path, what: str, remedy: str = _ELSEWHERE) -> NoReturn:
    """Raise OutputNotWritable."""
    raise OutputNotWritable(f"cannot write the target: {what}", where=str(target), remedy=remedy)


@contextlib.contextmanager
def writing(target: Path | None) -> Iterator[None]:
    """Turn the system's refusals into OutputNotWritable."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "there is no space left" if full else (error.strerror or str(error))
        remedy = f"free some space, or {_ELSEWHERE}" if full else _ELSEWHERE
        raise OutputNotWritable(f"cannot write the target: {what}", where=str(target), remedy=remedy) from error


def _require_utf8(where: Path) -> None:
    if not is_utf8(where):
        remedy = f"{_ELSEWHERE} whose path is UTF-8; under an ASCII locale, set PYTHONUTF8=1"
        refuse(where, "its path cannot be written as UTF-8", remedy)


def _require_unprotected(target: Path, where: Path) -> None:
    """Refuse what is never a target, whatever lies there."""
    for what, places in _protected().items():
        if any(_same(where, place) for place in places):
            refuse(target, f"it is {what}")
    if where.is_mount():
        refuse(target, "it is a mount point")


def _protected() -> dict[str, list[Path]]:
    held: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):  # the current folder may have been removed
        held["the current folder, or one that holds it"] = _chain(Path.cwd())
    with contextlib.suppress(RuntimeError):  # not everyone has a home
        held["the home folder, or one that holds it"] = _chain(Path.home())
    return held


def _require_unread(target: Path, where: Path, source: Any, reads: Sequence[Any]) -> None:
    """Refuse to replace what the same command reads, and any folder around it."""
    for item in (source, *reads):
        for path in _paths(item):
            if _same(where, path) and (item is not source or path.is_dir()):
                refuse(target, "the same command reads or writes it already")
            if any(_same(where, folder) for folder in _chain(path)[1:]):
                refuse(target, f"it is a folder that holds {path}, which the same command reads or writes")


def _paths(item: Any) -> list[Path]:
    """Return the paths in what a command was given: a path, several, or arrays."""
    if isinstance(item, str | Path):
        return [Path(item)]
    return [part for part in item if isinstance(part, Path)] if isinstance(item, list | tuple) else []


def _chain(path: Path) -> list[Path]:
    """Return a path as it really lies, and every folder that holds it."""
    real = Path(os.path.realpath(path))
    return [real, *real.parents]


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file or folder, under whatever names."""
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist yet
        return os.path.realpath(one) == os.path.realpath(other)


def _foreign(folder: Path) -> str:
    """Return the name of something in a folder that no SavedModel has; "" for a SavedModel and an empty folder."""
    names = {entry.name: entry.is_dir(follow_symlinks=False) for entry in os.scandir(folder)}
    for name, is_folder in sorted(names.items()):
        if name not in (_SAVED_MODEL_FOLDERS if is_folder else _SAVED_MODEL_FILES):
            return name
    if names and "saved_model.pb" not in names:
        return "no saved_model.pb"
    if "variables" in names:
        others = sorted(path.name for path in (folder / "variables").iterdir() if not path.name.startswith(_VARIABLES))
        return f"variables/{others[0]}" if others else ""
    return ""


def _kind(mode: int) -> str:
    kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    return next((kind for test, kind in kinds.items() if test(mode)), "something special")
