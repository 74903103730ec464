"""The standard streams of a command: what cannot be written to them never changes how the command ends."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _Forgiving(io.FileIO):
    """The file of a standard stream: what cannot be written is dropped, and the first failure remembered."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all there is, waiting for a reader that is slow, dropping what nobody takes."""
        try:
            while (count := super().write(data)) is None:  # somebody has made the stream non-blocking
                select.select([], [self], [])
            return count
        except OSError as error:
            self.failure = self.failure or error
            return memoryview(data).nbytes


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Run with standard streams that take everything: closed ones, those of a full disk, pipes whose reader has left.

    A closed stream becomes the null device, also for native code, or the next file opened would get its number and its output.
    Characters that the encoding lacks are escaped. What was lost on stdout, unless its reader has left, is said on stderr.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
    before = sys.stdout, sys.stderr
    files: list[_Forgiving] = []
    sys.stdout, sys.stderr = _guard(sys.stdout, 1, files), _guard(sys.stderr, 2, files)
    try:
        yield
        sys.stdout.flush()
        for failure in [file.failure for file in files[:1] if file.failure]:
            if failure.errno != errno.EPIPE:
                sys.stderr.write(f"warning: stdout could not be written: {failure.strerror}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _guard(stream: TextIO | None, number: int, files: list[_Forgiving]) -> TextIO:
    """Return a stream to the same file that never fails; a stream in memory stays as it is."""
    try:
        number = number if stream is None else stream.fileno()
    except (OSError, ValueError):
        assert stream is not None
        return stream
    files.append(_Forgiving(number, "w", closefd=False))
    encoding = "utf-8" if stream is None else stream.encoding
    buffered = io.BufferedWriter(files[-1])
    at_once = files[-1].isatty() or number == 2
    return io.TextIOWrapper(buffered, encoding=encoding, errors="backslashreplace", line_buffering=at_once)
