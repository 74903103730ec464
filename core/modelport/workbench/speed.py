"""The speed of one ONNX file against another: what optimize and quantize measure of their result."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelport.proof.cases.generated import Arrays
from modelport.session import open_session
from modelport.workbench.timing import Ratio, interleave, order, ratio

Files = Mapping[str, tuple[Path, Arrays]]
"""By name, the path and the inputs: of the baseline first, then of what is compared with it."""

_OPENINGS = 5
"""How often the files are opened anew: two sessions of one file differ by a lasting per cent or so."""

_FEWEST_ROUNDS = 3
_ROUNDS_A_TURN = 3


def compare_files(files: Files, *, seconds: float, large: bool) -> tuple[dict[str, list[float]], Ratio]:
    """Time two ONNX files, threads resting between the calls so that neither takes the other's core.

    Args:
        files: the two.
        seconds: for all rounds together.
        large: keep only one of them in memory at a time: turns of a few rounds instead of rounds in turns.

    Returns:
        Seconds per call by name, one for each round, and the ratio of the second to the first.
    """
    times: dict[str, list[float]] = {name: [] for name in files}
    openings = []
    for number in range(_OPENINGS):
        part = _one_at_a_time(files, number) if large else _in_turns(files, seconds / _OPENINGS)
        for name, taken in part.items():
            times[name] += taken
        openings.append(len(next(iter(part.values()))))
        gc.collect()
    baseline, result = times.values()
    return times, ratio(result, baseline, openings=openings)


def _in_turns(files: Files, seconds: float) -> dict[str, list[float]]:
    return interleave({name: _call(files, name) for name in files}, seconds=seconds, fewest=_FEWEST_ROUNDS)


def _one_at_a_time(files: Files, number: int) -> dict[str, list[float]]:
    taken = {}
    for name in order(list(files), number):
        taken[name] = interleave({name: _call(files, name)}, rounds=_ROUNDS_A_TURN, warmup=1)[name]
        gc.collect()
    return taken


def _call(files: Files, name: str) -> Callable[[], Any]:
    path, inputs = files[name]
    return open_session(path, fall_back=True, rest=True).prepared(inputs)
