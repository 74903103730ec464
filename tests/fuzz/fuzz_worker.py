"""A process that mutates files of one format and puts each to a command, as a user would, in folders of its own."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from fuzz_files import mutate
from fuzz_formats import FORMATS, NETS, Format

FINE = (0, 2, 3, 4, 5, 7)
"""Exit statuses that a damaged file may lead to: proven all the same, or refused for a reason."""
MEMORY_BYTES = 3 << 30
"""What a command may take beyond what the process held before."""
INTACT = -1
"""The index of the file as it was written; frameworks leave and start all manner of things on their first use."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended on one mutant; `failure` says what must not be, "" if all is well."""

    index: int
    kind: str
    status: int | None
    failure: str
    output: str
    seconds: float


@dataclass(frozen=True)
class Scratch:
    """The folders of a worker: the mutant's, the target's, and those in which nothing may be left."""

    root: Path

    def folder(self, name: str) -> Path:
        return self.root / name

    def prepare(self) -> None:
        for name in ("intact", "source", "target", "tmp", "home", "here"):
            self.folder(name).mkdir(parents=True, exist_ok=True)
        (self.folder("here") / "fuzzed_nets.py").write_text(NETS)

    def renew(self) -> None:
        """Lay out the intact file again, and empty the target's folder."""
        for name in ("source", "target"):
            shutil.rmtree(self.folder(name), ignore_errors=True)
            self.folder(name).mkdir(exist_ok=True)
        shutil.copytree(self.folder("intact"), self.folder("source"), dirs_exist_ok=True)

    def listing(self, *names: str) -> set[str]:
        return {str(path.relative_to(self.root)) for name in names for path in self.folder(name).rglob("*")}


def serve(connection: Connection, name: str, seed: int, root: str) -> None:
    """Answer indices with outcomes, after a first one of the intact file."""
    scratch, form = Scratch(Path(root)), FORMATS[name]
    scratch.prepare()
    _settle(scratch)
    if not any(scratch.folder("intact").iterdir()):
        form.write(scratch.folder("intact"))
    written = _watch_writes(scratch.root)
    connection.send(_run(form, seed, INTACT, scratch, written))
    _limit_memory()
    while (index := connection.recv()) is not None:
        connection.send(_run(form, seed, index, scratch, written))


def _settle(scratch: Scratch) -> None:
    """Work in the scratch folders, and let all output, that of C++ too, go to a file."""
    os.environ.update(HOME=str(scratch.folder("home")), TMPDIR=str(scratch.folder("tmp")))
    tempfile.tempdir = None
    sys.dont_write_bytecode = True
    os.chdir(scratch.folder("here"))
    log = os.open(scratch.root / "output", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _run(form: Format, seed: int, index: int, scratch: Scratch, written: list[str]) -> Outcome:
    scratch.renew()
    os.truncate(scratch.root / "output", 0)
    random = Random(f"{form.name}:{seed}:{index}")
    kind = "intact" if index == INTACT else _mutate(form, scratch, random)
    (scratch.root / "kind").write_text(kind)  # for whoever finds this process dead
    source, target = scratch.folder("source") / form.source, scratch.folder("target") / "result.onnx"
    words = [str(source), *form.words]
    before = scratch.listing("source", "tmp", "here")
    written.clear()
    started = time.monotonic()
    if index != INTACT and random.random() < 0.2:
        status, kind = _command("main", ["inspect", *words]), f"inspect: {kind}"
    else:
        status = _command("convert_main", [*words, "-o", str(target), "--proof-seconds", "0"])
    seconds = time.monotonic() - started
    output = (scratch.root / "output").read_text(errors="replace")
    new = scratch.listing("source", "tmp", "here") - before
    delivered = scratch.listing("target") - (
        {"target/result.onnx", "target/result.onnx.data"} if status == 0 else set()
    )
    failure = _judged(status, output, sorted(new | delivered), written) if index != INTACT else ""
    return Outcome(index, kind, status, failure, output[-6000:], seconds)


def _mutate(form: Format, scratch: Scratch, random: Random) -> str:
    (single, *others) = scratch.folder("source").iterdir()
    return mutate(scratch.folder("source") if others else single, random)


def _command(entry: str, words: list[str]) -> int:
    from modelport import cli

    try:
        with warnings.catch_warnings():
            getattr(cli, entry)(words)
    except SystemExit as left:
        return int(left.code or 0)
    finally:
        gc.unfreeze()
        sys.stdout.flush()
        sys.stderr.flush()
    raise AssertionError("the command did not exit")


def _judged(status: int, output: str, left: list[str], written: list[str]) -> str:
    if status not in FINE:
        return f"status {status}"
    if "Traceback (most recent call last)" in output:
        return "a traceback"
    if left:
        return f"left behind: {', '.join(left)}"
    return f"outside its folders: {', '.join(written)}" if written else ""


def _limit_memory() -> None:
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, resource.RLIM_INFINITY))


def _watch_writes(root: Path) -> list[str]:
    """Return a list that fills with what Python writes, moves, removes or starts outside a folder."""
    seen: list[str] = []
    inside = (str(root), "/dev/", "/proc/")
    changing = {
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "os.truncate",
        "shutil.rmtree",
    }
    starting = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in starting:
            seen.append(f"{event} {arguments[:2]!r}")
            return
        if event == "open":
            path, mode, flags = arguments
            if not isinstance(path, str | bytes) or not _writes(mode, flags):
                return
        elif event in changing:
            path = arguments[0]
        else:
            return
        try:
            full = str(Path(os.fsdecode(path)).absolute())
        except (TypeError, ValueError):
            return
        if not full.startswith(inside):
            seen.append(f"{event} {full}")

    sys.addaudithook(hook)
    return seen


def _writes(mode: str | None, flags: int | None) -> bool:
    return bool((mode and set(mode) & set("wax+")) or (flags and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
