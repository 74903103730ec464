"""Put ONNX's backend suite to a target: ``python tests/conformance/run.py tensorflow``.

Every case must pass, but for those that exceptions.toml names for this target, each with its reason; and those must not pass,
so that the list stays true. A process that dies is never an exception.
The exit status is 1 otherwise. With `--beside onnxruntime` the exceptions are put to ONNX Runtime too.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGETS = {
    "tensorflow": "tensorflow_target:in_process",
    "tensorflow-saved": "tensorflow_target:saved",
    "onnxruntime": "onnxruntime_target:session",
}
EXCEPTIONS = HERE / "exceptions.toml"
STATUSES = ("passed", "random", "refused", "wrong", "failed", "crashed")
SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--beside", choices=TARGETS, help="put the exceptions to another target too")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return work(given.target)
    names = [name for name in all_names() if re.search(given.only, name)]
    if given.target == "tensorflow-saved":
        names = savable(names)
    outcomes = put(names, given.target, given.workers)
    print(table(outcomes))
    if given.json:
        given.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    if given.beside:
        beside(outcomes, given.beside, given.workers)
    return judged(outcomes, listed(given.target))


def all_names() -> list[str]:
    import suite

    return list(suite.cases())


def savable(names: list[str]) -> list[str]:
    """Return the cases that a SavedModel, which takes and returns tensors, is to pass."""
    import suite

    return [name for name in names if name not in listed("tensorflow") and suite.tensors_only(name)]


def listed(target: str) -> dict[str, str]:
    """Return the exceptions of a target: reasons by case."""
    return dict(tomllib.loads(EXCEPTIONS.read_text()).get(target, {}))


def work(target: str) -> int:
    """Take names from stdin, one a line, and print each outcome as a line of JSON."""
    import importlib

    import suite

    module, _, name = TARGETS[target].partition(":")
    call = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        print("@" + json.dumps(asdict(suite.run_case(line.strip(), call))), flush=True)
    return 0


def put(names: list[str], target: str, workers: int) -> list[dict[str, str]]:
    """Run the cases in processes of their own, so that one that dies takes only itself with it."""
    waiting: queue.Queue[str] = queue.Queue()
    for name in names:
        waiting.put(name)
    outcomes: dict[str, dict[str, str]] = {}
    threads = [threading.Thread(target=_serve, args=(waiting, outcomes, target)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[name] for name in names]


def _serve(waiting: queue.Queue[str], outcomes: dict[str, dict[str, str]], target: str) -> None:
    process = None
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            break
        process = process or _start(target)
        outcome = _ask(process, name)
        if outcome is None:
            process.kill()
            reason = f"the process ended with status {process.wait()}"
            outcome, process = {"name": name, "family": "", "status": "crashed", "reason": reason}, None
        outcomes[name] = outcome
    if process is not None:
        process.stdin.close()
        process.wait()


def _start(target: str) -> Any:
    command = [sys.executable, str(Path(__file__)), target, "--worker"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment)


def _ask(process: Any, name: str) -> dict[str, str] | None:
    """Return the outcome, or None when the process died or took too long over it."""
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        process.stdin.write(name + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("@"):
                return dict(json.loads(line[1:]))
    except BrokenPipeError:
        pass
    finally:
        timer.cancel()
    return None


def table(outcomes: list[dict[str, str]]) -> str:
    """Return the counts by family."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        counts.setdefault(outcome["family"], Counter())[outcome["status"]] += 1
    counts = dict(sorted(counts.items()))
    counts["all"] = Counter(outcome["status"] for outcome in outcomes)
    lines = [f"{'family':32}{'cases':>7}" + "".join(f"{status:>9}" for status in STATUSES)]
    for family, count in counts.items():
        cells = "".join(f"{count[status] or '':>9}" for status in STATUSES)
        lines.append(f"{family:32}{count.total():>7}{cells}".rstrip())
    return "\n".join(lines)


def beside(outcomes: list[dict[str, str]], other: str, workers: int) -> None:
    """Put what did not pass to another target, and print each such case that passes there, with its reason here."""
    reasons = {
        outcome["name"]: outcome["reason"] for outcome in outcomes if outcome["status"] not in ("passed", "random")
    }
    passing = [outcome["name"] for outcome in put(list(reasons), other, workers) if outcome["status"] == "passed"]
    print(f"\n{len(passing)} of the {len(reasons)} others pass in {other}:")
    for name in passing:
        print(f"  {name}: {reasons[name]}")


def judged(outcomes: list[dict[str, str]], exceptions: dict[str, str]) -> int:
    """Print what differs from the list of exceptions, and return 1 when anything does."""
    wrong = 0
    for outcome in outcomes:
        name, status = outcome["name"], outcome["status"]
        if status == "passed" and name in exceptions:
            print(f"{name} passes now: take it off {EXCEPTIONS.name}")
        elif status == "crashed" or (status not in ("passed", "random") and name not in exceptions):
            print(f"{name} {status}: {outcome['reason']}")
        else:
            continue
        wrong += 1
    print(f"{wrong} cases differ from {EXCEPTIONS.name}" if wrong else f"as {EXCEPTIONS.name} says")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
