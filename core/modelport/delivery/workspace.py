"""Delivery: results are made in a workspace beside their target and moved there by renaming, all of them or none.

A workspace is one hidden folder for each target, with these folders in it for the run that holds its lock:

======== ========================================================================================
made     the result, under the target's own name, so that references to external data stay true
scratch  what is not delivered
replaced what was at the target, from the first rename to the last; a delivery cut short puts it back, be it in the next run
dropped  the same once everything is in place
======== ========================================================================================

Nothing is ever deleted at the target: what must go from there is renamed into the workspace.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelport.delivery.targets import require_parent, require_replaceable, resolve, writing
from modelport.errors import ModelportError, OutputNotWritable

PATIENCE = 10.0
"""Seconds to wait for another run that writes to the same target."""

delivered: list[Path] = []
"""What this process has delivered so far: an interrupted command says so."""

_Moves = Sequence[tuple[Path, Path]]


class Workspace:
    """A folder beside the target in which a result is made, checked and proven, then delivered or dropped.

    A second run to the same target waits for the first. What a killed run left is put back or cleared.

    Args:
        target: where the result goes; None for conversions in memory.
        default_name: the result's name in memory.
        force: replace a folder whatever it holds.

    Attributes:
        target: where the result goes, symbolic links followed.
        path: where it is made.
        replaced: what `deliver` replaced.

    Raises:
        OutputNotWritable: when the folder cannot be made, or another run writes to the target.
    """

    def __init__(self, target: Path | None, default_name: str, *, force: bool = False) -> None:
        self.target = None if target is None else resolve(target)
        self.replaced: list[Path] = []
        self._shown, self._force = target, force
        self._lock: Any = None
        with writing(target), contextlib.ExitStack() as undo:
            if self.target is None:
                self._folder = Path(tempfile.mkdtemp(prefix="modelport-"))
            else:
                require_parent(self.target)
                folder = _folder_of(self.target)
                self._lock = _lock_in(folder)
                undo.callback(self._unlock)  # before it is held, so that an interrupt leaves nothing behind
                _acquire(self._lock, self.target)
                _clear(folder, self.target.parent)
                undo.callback(_clear, folder, self.target.parent)
                self._folder = Path(tempfile.mkdtemp(dir=folder))
            (self._folder / "made").mkdir()
            undo.pop_all()
        self.path = self._folder / "made" / (self.target.name if self.target else default_name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModelportError):  # the reader knows the target, not the workspace
            made, wanted = str(self.path), str(self._shown or "the model in memory")
            error.what = error.what.replace(made, wanted)
            error.where = error.where and error.where.replace(made, wanted)
        if not _holds_something(self._folder / "replaced"):
            shutil.rmtree(self._folder, ignore_errors=True)
        self._unlock()

    def scratch(self, name: str) -> Path:
        """Return a path in the workspace that is not delivered."""
        folder = self._folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder / name

    def deliver(self, paths: Sequence[Path]) -> list[Path]:
        """Move the finished files (or folders) to the target's folder; all of them or none.

        Raises:
            OutputNotWritable: with everything as it was before.
        """
        if self.target is None:
            return list(paths)
        moves = [(path, self.target.parent / path.name) for path in paths]
        for made, place in moves:
            shown = self._shown if place == self.target else place
            require_replaceable(place, folder=made.is_dir(), force=self._force, shown=shown)
        present = [place for _, place in moves if place.exists()]
        with writing(self._shown), _uninterrupted():
            _replace_all(moves, self._folder)
            self.replaced = present
            delivered.extend(place for _, place in moves)
        return [place for _, place in moves]

    def _unlock(self) -> None:
        """Let the next run have the target; the lock's file goes last, as long as it is held, for others wait for it."""
        if self._lock is None:
            return
        lock = Path(self._lock.lock_file)
        with contextlib.suppress(OSError):
            if self._lock.is_locked and sum(1 for _ in lock.parent.iterdir()) == 1:
                lock.unlink()
        self._lock.release()
        with contextlib.suppress(OSError):  # another run is in it already, or something could not be put back
            lock.parent.rmdir()


def _folder_of(target: Path) -> Path:
    """Return the workspace of a target; its name is as long for every target, as the target's may be as long as can be."""
    return target.parent / f".modelport-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.partial"


def _lock_in(folder: Path) -> Any:
    """Return the lock (`filelock.FileLock`) of a workspace, not held yet.

    The system frees the lock of a process that dies, so that a locked workspace is a live one's.
    """
    from filelock import FileLock

    return FileLock(folder / "lock", timeout=PATIENCE, thread_local=False)


def _acquire(lock: Any, target: Path) -> None:
    """Hold a workspace's lock, made with its folder where there is none; raises OutputNotWritable when another run holds it."""
    from filelock import Timeout

    while True:
        Path(lock.lock_file).parent.mkdir(mode=0o700, exist_ok=True)
        try:
            lock.acquire()
        except FileNotFoundError:  # the run before has ended in this moment, and taken the folder with it
            continue
        except Timeout:
            raise OutputNotWritable(
                "cannot write the target: another run writes to it",
                where=str(target),
                remedy="wait until it has ended, or choose another target with -o",
            ) from None
        return


def _clear(workspace: Path, parent: Path) -> None:
    """Remove what killed runs left in a workspace, after putting back what they had moved aside."""
    for folder in workspace.iterdir():
        if folder.is_dir():
            _put_back(folder, parent)
            if not _holds_something(folder / "replaced"):
                shutil.rmtree(folder, ignore_errors=True)


def _replace_all(moves: _Moves, folder: Path) -> None:
    """Move every file to its place; on failure put back what was there.

    Raises:
        OutputNotWritable: when something could be neither delivered nor put back; it says where that lies.
    """
    aside = folder / "replaced"
    aside.mkdir()
    fresh = [(made, target) for made, target in moves if not target.exists()]
    try:
        for made, target in moves:
            if (made, target) not in fresh and (target.is_dir() or len(moves) > 1):
                target.replace(aside / target.name)
            made.replace(target)
        aside.replace(folder / "dropped")
    except BaseException as error:
        if not aside.is_dir():  # it was all done
            raise
        _take_back(fresh)
        _put_back(folder, moves[0][1].parent)
        if _holds_something(aside) and isinstance(error, OSError):
            raise OutputNotWritable(
                f"cannot write the target: {error.strerror}, nor put back what was there",
                where=", ".join(str(target) for _, target in moves),
                remedy=f"what was there lies in {aside}; the next run to the same target tries again to put it back",
            ) from error
        raise


def _take_back(fresh: _Moves) -> None:
    """Move into the workspace what was delivered to where nothing was; a file that is still in it was not delivered."""
    for made, target in fresh:
        if not made.exists():
            with contextlib.suppress(OSError):
                target.replace(made)


def _put_back(folder: Path, parent: Path) -> None:
    """Move what a delivery cut short has moved aside to its place again, what was delivered there into the workspace."""
    aside = folder / "replaced"
    for kept in list(aside.iterdir()) if aside.is_dir() else []:
        made, target = folder / "made" / kept.name, parent / kept.name
        with contextlib.suppress(OSError):
            if target.exists() and not made.exists():
                target.replace(made)
            if not target.exists():
                kept.replace(target)


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for the few renames of a delivery; they count once it has ended."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals, and may set handlers
        yield
        return
    came: list[int] = []
    with contextlib.ExitStack() as restoring:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            signal.signal(number, lambda got, frame: came.append(got))
            restoring.callback(signal.signal, number, signal.SIG_DFL if handler is None else handler)
        yield
    for got in came[:1]:
        signal.raise_signal(got)
