"""Putting mutants of one format to a worker process, which is started again when one of them kills it or hangs."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
from fuzz_worker import INTACT, Outcome, serve

SECONDS = 20
"""A command on a mutant that computes longer hangs."""
_WAITING_SECONDS = 300
"""So does one that neither computes nor ends."""
_START_SECONDS = 300
_RENEW_AFTER = 400
"""Frameworks keep some memory of every model: so many mutants are put to one process."""


class Worker:
    """A process that runs commands on mutants; its folder is kept, so that the same mutants come again."""

    def __init__(self, name: str, seed: int, root: Path) -> None:
        self.name, self.seed, self.root = name, seed, root
        self._process: Any = None

    def run(self, index: int, seconds: float = SECONDS) -> Outcome:
        """Put one mutant to the worker."""
        if self._process is None:
            self._start()
        self._connection.send(index)
        return self._answer(index, seconds)

    def stop(self) -> None:
        """End the process, however busy it is."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self.name, self.seed, str(self.root))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        intact = self._answer(INTACT, _START_SECONDS)
        if intact.status != 0:
            self.stop()
            raise RuntimeError(
                f"the intact file of {self.name} fails: {intact.failure or intact.status}\n{intact.output}"
            )

    def _answer(self, index: int, seconds: float) -> Outcome:
        if not self._answered(seconds):
            return self._dead(index, f"a hang: no answer in {seconds:.0f} s of computing", seconds)
        try:
            found: Outcome = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            died = f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with {code}"
            return self._dead(index, died, 0.0)
        return found

    def _answered(self, seconds: float) -> bool:
        """Wait for an answer: by the worker's own time, since the machine may be busy with other things."""
        clock = psutil.Process(self._process.pid)
        begun, waited = sum(clock.cpu_times()[:2]), time.monotonic()
        while not self._connection.poll(0.5):
            try:
                if sum(clock.cpu_times()[:2]) - begun > seconds or time.monotonic() - waited > _WAITING_SECONDS:
                    return False
            except psutil.NoSuchProcess:
                return True
        return True

    def _dead(self, index: int, failure: str, seconds: float) -> Outcome:
        self.stop()
        kind, output = (_text(self.root / name) for name in ("kind", "output"))
        return Outcome(index, kind, None, failure, output[-6000:], seconds)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def fuzz(name: str, seed: int, indices: Iterable[int], root: Path) -> Iterator[Outcome]:
    """Yield the outcome of every mutant; one that killed its process or hung is tried again alone before it counts.

    Args:
        name: of the format.
        seed: of the mutants; with its index it says all about one.
        indices: which mutants.
        root: the worker's folder; an intact file that lies in it already is used again.
    """
    worker = Worker(name, seed, root)
    try:
        for number, index in enumerate(indices):
            if number % _RENEW_AFTER == _RENEW_AFTER - 1:
                worker.stop()
            found = worker.run(index)
            if found.status is None:
                found = worker.run(index, 3 * SECONDS)
            yield found
    finally:
        worker.stop()
        for kept in ("tmp", "home"):
            shutil.rmtree(root / kept, ignore_errors=True)
