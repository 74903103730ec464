"""Hostile model files put to the commands: what their code would do is a canary, and no command may wake it.

A command refuses such a file with status 7, or finds it unreadable (2), without a traceback, and changes nothing in its folder.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelport import cli

SECRET = b"secretly"
"""What stands in the file that a hostile model would read: eight bytes."""

REFUSED = (2, 7)


class Nest:
    """A folder with a canary that must not appear, a secret that must not be read, and a harmless ONNX model.

    Attributes:
        canary: the file that hostile code writes.
        secret: the file that hostile code reads.
        harmless: a model to verify and compare with.
    """

    def __init__(self, folder: Path) -> None:
        self.canary, self.secret, self.harmless = folder / "canary", folder / "secret", folder / "harmless.onnx"
        self.samples, self._folder = folder / "samples.npz", folder
        self.secret.write_bytes(SECRET)
        np.savez(self.samples, x=np.ones((2, 3), np.float32))
        sizes = {"x": ["N", 3], "y": ["N", 3]}
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in sizes.items())
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "harmless", [x], [y])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), self.harmless)

    def commands(self, source: Path) -> dict[str, list[str]]:
        """Return the words of every command that opens a model."""
        model, harmless, output = str(source), str(self.harmless), str(self._folder / "output.onnx")
        given = ["--input", "x:float32[N,3]"]
        return {
            "inspect": ["inspect", model],
            "convert": ["convert", model, "-o", output, *given],
            "plan": ["plan", model, "--to", "tensorflow", *given],
            "verify": ["verify", model, harmless, *given],
            "verify the other": ["verify", harmless, model, *given],
            "bench": ["bench", model, *given],
            "compare": ["compare", harmless, model, "--samples", str(self.samples), *given],
            "run": ["run", model, str(self.samples), *given],
        }

    @property
    def names(self) -> set[str]:
        """What lies in the folder."""
        return {path.name for path in self._folder.iterdir()}


def assert_refused(nest: Nest, words: list[str], capfd: pytest.CaptureFixture[str], statuses: tuple[int, ...]) -> str:
    """Run a command in this process; it must end with one of the statuses and leave no trace. Returns what it said."""
    before = nest.names
    capfd.readouterr()
    with _process_kept(), warnings.catch_warnings(), pytest.raises(SystemExit) as left:
        cli.main(words)
    said = "".join(capfd.readouterr())
    assert int(left.value.code or 0) in statuses, said
    assert "Traceback" not in said
    assert not nest.canary.exists()
    assert nest.names == before
    assert SECRET.decode() not in said
    return said


def statuses(words: list[str], status: int) -> tuple[int, ...]:
    """Return the statuses that a command may end with: `inspect` describes a damaged file as far as that goes."""
    return (0, status) if words[0] == "inspect" and status == 2 else (status,)


@contextmanager
def _process_kept() -> Iterator[None]:
    """Undo what a command sets for the whole process."""
    handler, disabled, thresholds = signal.getsignal(signal.SIGTERM), logging.root.manager.disable, gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        signal.signal(signal.SIGTERM, handler)
        logging.disable(disabled)


def rewritten(
    source: Path,
    target: Path,
    changes: Mapping[str, Callable[[bytes], bytes]],
    added: Mapping[str, bytes] | None = None,
    renamed: Mapping[str, str] | None = None,
    **how: Any,
) -> Path:
    """Copy a zip archive with some members changed or renamed (by the ends of their names) or added (in its folder).

    `how` is what `zipfile.ZipFile` takes, such as the compression.
    """
    used = set()
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", **how) as out:
        folder = archive.namelist()[0].partition("/")[0]
        for name in archive.namelist():
            data = archive.read(name)
            for end in (end for end in changes if name.endswith(end)):
                data = changes[end](data)
                used.add(end)
            for end, new in (renamed or {}).items():
                name = name.removesuffix(end) + new if name.endswith(end) else name
            out.writestr(name, data)
        for name, data in (added or {}).items():
            out.writestr(f"{folder}/{name}", data)
    assert used == set(changes), "a change must find its member"
    return target


def run_contained(words: list[str], *, seconds: int = 60, room: int = 2 * 2**30) -> int:
    """Run a command in a fork of this process and return its status.

    It has `seconds`, else it dies of SIGALRM, and `room` bytes of address space beyond what this process has.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * os.sysconf("SC_PAGE_SIZE") + room
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            signal.alarm(seconds)
            cli.main(words)
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
