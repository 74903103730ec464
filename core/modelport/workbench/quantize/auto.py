"""--auto: find the nodes whose quantisation hurts most, and leave as few of them in float as the budget demands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from modelport.workbench.quantize import budget
from modelport.workbench.quantize.records import Budget, OutputError, Sensitivity

Try = Callable[[frozenset[str], bool], list[OutputError]]
"""Quantises with these nodes left in float and measures: on a single case when the flag is set, else on all."""


def search(
    nodes: Sequence[str], attempt: Try, limits: Budget, seconds: float, progress: Callable[[float], None] | None = None
) -> tuple[list[str], list[Sensitivity]]:
    """Return the nodes to leave in float, worst first, and what was measured.

    First each node (or, where the time does not suffice, each run of neighbours) is quantised alone. Then the worst 1, 2, 4, …
    are left in float until the budget holds, and bisection finds how few of them do.

    Args:
        nodes: the candidates, in graph order.
        attempt: quantises and measures.
        limits: the budget.
        seconds: for the single measurements; the search itself takes about twice log2 of their number of attempts.
        progress: told the finished part of the single measurements.

    Returns:
        All nodes when even leaving all of them in float does not hold the budget.
    """
    ranked = _rank(nodes, attempt, seconds, progress)

    def holds(count: int) -> bool:
        return not budget.exceeded(attempt(frozenset(_flat(ranked[:count])), False), limits)

    steps = [min(2**power, len(ranked)) for power in range(len(ranked).bit_length() + 1)]
    failing, enough = 0, len(ranked)
    for count in dict.fromkeys(steps):
        if count == len(ranked) or holds(count):
            enough = count
            break
        failing = count
    while enough - failing > 1:
        middle = (failing + enough) // 2
        failing, enough = (failing, middle) if holds(middle) else (middle, enough)
    return _flat(ranked[:enough]), ranked


def _rank(
    nodes: Sequence[str], attempt: Try, seconds: float, progress: Callable[[float], None] | None
) -> list[Sensitivity]:
    start = time.perf_counter()
    attempt(frozenset(nodes[1:]), True)
    cost = time.perf_counter() - start
    count = min(len(nodes), max(2, int(seconds / max(cost, 1e-6))))
    bounds = [round(at * len(nodes) / count) for at in range(count + 1)]
    measured = []
    for number, (low, high) in enumerate(pairwise(bounds), start=1):
        others = frozenset({*nodes[:low], *nodes[high:]})
        measured.append(Sensitivity(tuple(nodes[low:high]), budget.worst(attempt(others, True))))
        if progress:
            progress(number / count)
    return sorted(measured, key=lambda found: -found.error)


def _flat(groups: Sequence[Sensitivity]) -> list[str]:
    return [name for group in groups for name in group.nodes]
