"""What a benchmark sets in its process: threads and cores, both put back afterwards; and what it says of the machine."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelport.errors import BadInput
from modelport.version import __version__

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
"""Read by frameworks as they are imported; ONNX Runtime and PyTorch are told the number besides."""


@contextlib.contextmanager
def configured(threads: int, affinity: Sequence[int]) -> Iterator[list[int]]:
    """Set the threads of frameworks that are not imported yet, bind the process to cores, and yield the cores in use.

    Raises:
        BadInput: for a negative number of threads, or cores that this process may not use.
    """
    if threads < 0:
        raise BadInput(
            f"{threads} threads cannot be used", where="--threads", remedy="give 1 or more; 0 leaves the choice"
        )
    before = {name: os.environ.get(name) for name in _THREADS}
    cores = _cores()
    try:
        if affinity:
            _bind(affinity, cores)
        if threads:
            os.environ.update(dict.fromkeys(_THREADS, str(threads)))
        yield sorted(set(affinity)) or cores
    finally:
        if affinity and cores:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, cores)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def machine() -> str:
    """Return the processor, as the system names it, and the number of cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"


def versions() -> dict[str, str]:
    """Return the versions that every measurement depends on."""
    return {"modelport": __version__, "python": platform.python_version()}


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _bind(affinity: Sequence[int], cores: Sequence[int]) -> None:
    if not cores:
        raise BadInput("this system binds no process to cores", where="--affinity", remedy="leave it out")
    if not set(affinity) <= set(cores):
        raise BadInput(
            f"this process may not use the cores {', '.join(map(str, sorted(set(affinity) - set(cores))))}",
            where="--affinity",
            remedy=f"give some of {', '.join(map(str, cores))}",
        )
    os.sched_setaffinity(0, affinity)
