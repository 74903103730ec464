"""Timing the stages of a conversion, an optimisation or a quantisation, and telling who watches."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from modelport.report import Stage

Progress = Callable[[str, float | None], None]
"""Called with a stage's name and None when it starts, with its seconds when it has ended."""


class _Record(Protocol):
    stages: list[Stage]


class Staged:
    """A job whose report records how long each stage took.

    Attributes:
        report: gets one entry for each stage.
        progress: told of each stage as it starts and ends.
    """

    report: _Record
    progress: Progress | None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, also one that fails, and report its progress."""
        if self.progress:
            self.progress(name, None)
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.report.stages.append(Stage(name, seconds))
        if self.progress:
            self.progress(name, seconds)
