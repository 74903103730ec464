"""What the benchmarks share: timing, peak memory of a child process, the table, and the JSON with versions and machine."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("modelport", "numpy", "onnx", "onnxruntime", "onnx-ir", "onnxscript", "torch", "tensorflow", "keras", "tf2onnx",
             "scikit-learn", "skl2onnx")  # fmt: skip
_REPORT_PEAK = (
    "\nimport resource as _r, sys as _s\nprint('PEAK', _r.getrusage(_r.RUSAGE_SELF).ru_maxrss, file=_s.stderr)\n"
)

_REST = 0.02
"""Seconds of sleep in which a process at rest uses next to no processor time."""


def seconds(call: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleave(calls: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take each measurement in turn, round after round, so that drift of the machine touches all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in calls if number % 2 == 0 else reversed(calls):
            times[name].append(calls[name]())
    return times


def timed_at_rest(calls: Mapping[str, Callable[[], Any]], in_all: float = 12.0) -> dict[str, list[float]]:
    """Time the calls in turn, for `in_all` seconds together, each when the process is at rest; the first rounds warm up."""

    def timed(call: Callable[[], Any]) -> float:
        _rest()
        return seconds(call)

    measured = {name: lambda call=call: timed(call) for name, call in calls.items()}
    first = interleave(measured, 3)
    rounds = max(7, int(in_all / sum(values[-1] + 4 * _REST for values in first.values())))
    return interleave(measured, min(rounds, 200))


def _rest() -> None:
    """Wait until no thread of this process works or spins any more."""
    used = math.inf
    while used > 0.05 * _REST:
        before = time.process_time()
        time.sleep(_REST)
        used = time.process_time() - before


def ratio(times: Mapping[str, Sequence[float]], ours: str, theirs: str) -> float:
    """Return the ratio of the medians."""
    return statistics.median(times[ours]) / statistics.median(times[theirs])


def peak_bytes(program: str, *arguments: str) -> tuple[int, float, str]:
    """Run a Python program in a process of its own; return its peak resident memory in bytes, wall seconds and stdout."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program + _REPORT_PEAK, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"a measured program failed:\n{done.stderr[-4000:]}")
    peak = next(int(line.split()[1]) * 1024 for line in done.stderr.splitlines() if line.startswith("PEAK "))
    return peak, elapsed, done.stdout


def finish(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a table and write them as JSON, with versions and machine, to benchmarks/results/."""
    heads = list(rows[0])
    cells = [heads, *[[_show(row[head]) for head in heads] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(heads))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    RESULTS.mkdir(exist_ok=True)
    record = {"benchmark": name, "rows": list(rows), "versions": _versions(), "machine": _machine()}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(f"written to benchmarks/results/{path.name}")


def _show(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {"system": platform.system(), "cpu": cpu, "cores": os.cpu_count()}
