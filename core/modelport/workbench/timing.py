"""Timing in interleaved rounds, and the ratio of two timings with an interval that drift does not fool."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

SECONDS_PER_CALL = 1.0
"""The time given to each call when neither rounds nor seconds are asked for."""
MIN_ROUNDS = 10
"""Fewer rounds give no interval worth printing."""
_SHORTEST = 2e-3
"""A call is repeated within a round until the round takes this long: shorter ones measure the clock and the scheduler."""
_RESAMPLES = 2000
_BLOCKS = 20
"""Rounds are resampled in this many blocks: enough of them for an interval, each long enough to hold what drifts together."""

_FEWEST_OPENINGS = 3

Clock = Callable[[], float]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as long as the baseline something takes: the estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 1, so that the difference is more than noise."""
        return not self.low <= 1.0 <= self.high


def interleave(
    calls: Mapping[str, Callable[[], Any]],
    *,
    rounds: int | None = None,
    seconds: float | None = None,
    warmup: int = 3,
    fewest: int = MIN_ROUNDS,
    progress: Callable[[float], None] | None = None,
    into: dict[str, list[float]] | None = None,
    clock: Clock = time.perf_counter,
) -> dict[str, list[float]]:
    """Time several calls in turns (A B, B A, A B, …), so that what drifts hits all of them alike.

    Args:
        calls: what to time, by name; the first is called first.
        rounds: how many rounds; None for as many as fit.
        seconds: the time for all rounds together, at least `fewest` of them; None for a second for each call.
        warmup: unmeasured calls of each beforehand.
        fewest: rounds that are measured whatever time they take.
        progress: told the finished part, from 0 to 1, after every round.
        into: where to keep the times as they come, whole rounds only, so that an interruption loses nothing.
        clock: for tests.

    Returns:
        Seconds per call, one for each round: equal places of the lists were measured right after one another. Calls shorter
        than 2 ms are repeated within a round, and the mean of the repetitions is kept.
    """
    times = {} if into is None else into
    times.update({name: [] for name in calls})
    repeats = {name: _repeats(call, warmup, clock) for name, call in calls.items()}
    budget = len(calls) * SECONDS_PER_CALL if seconds is None else seconds
    start = clock()
    done, part = 0, 0.0
    while part < 1:
        taken = {name: _time(calls[name], repeats[name], clock) for name in order(list(calls), done)}
        for name in calls:
            times[name].append(taken[name])
        done += 1
        part = done / rounds if rounds else min(done / fewest, (clock() - start) / max(budget, 1e-9))
        if progress:
            progress(min(part, 1.0))
    return times


def order(names: Sequence[str], number: int) -> list[str]:
    """Return the names in the order of one round: odd rounds run backwards, and every second round starts one further on.

    Two rounds in a row cancel linear drift, and each call follows itself as often as it follows its neighbour.
    """
    shift = number // 2 % len(names)
    turned = [*names[shift:], *names[:shift]]
    return turned[::-1] if number % 2 else turned


def ratio(
    times: Sequence[float], baseline_times: Sequence[float], *, seed: int = 0, openings: Sequence[int] = ()
) -> Ratio:
    """Compare two timings of the same rounds: the median of the ratios within each round, with its 95 % interval.

    The interval is a circular block bootstrap of the rounds' ratios: blocks keep neighbouring rounds together, which are more
    alike than distant ones, and pairing cancels what hits both sides of a round (Politis and Romano, 1992).

    Args:
        times, baseline_times: seconds, from one call of `interleave`.
        seed: of the resampling.
        openings: how many rounds in a row belong to each opening of the models; where there are three or more, the medians of
            the openings are what is compared and resampled. Two sessions of one file differ by a lasting per cent or so, as
            their memory lies: more rounds of one opening would only measure that luck more exactly.

    Raises:
        ValueError: for timings of different or no rounds.
    """
    if len(times) != len(baseline_times) or len(times) == 0:
        raise ValueError(f"{len(times)} and {len(baseline_times)} rounds cannot be paired")
    logs = np.log(np.maximum(times, 1e-12)) - np.log(np.maximum(baseline_times, 1e-12))
    if len(openings) >= _FEWEST_OPENINGS:
        logs = np.asarray([np.median(part) for part in np.split(logs, np.cumsum(openings)[:-1])])
    value = float(np.median(logs))
    length = math.ceil(len(logs) / _BLOCKS)
    medians = [np.median(logs[chosen]) for chosen in _resamples(len(logs), length, seed)]
    widened = (np.quantile(medians, (0.025, 0.975)) - value) * _widening(math.ceil(len(logs) / length))
    return Ratio(*(math.exp(value + shift) for shift in (0.0, *map(float, widened))))


def _repeats(call: Callable[[], Any], warmup: int, clock: Clock) -> int:
    for _ in range(warmup):
        call()
    once = _time(call, 1, clock)
    return max(1, math.ceil(_SHORTEST / max(once, 1e-7)))


def _time(call: Callable[[], Any], repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _resamples(count: int, length: int, seed: int) -> Iterator[NDArray[Any]]:
    """Yield the places that make up each resample: as many as there are, in circular blocks of `length`."""
    rng = np.random.default_rng(seed)
    within = np.arange(length)
    for _ in range(_RESAMPLES):
        starts = rng.integers(0, count, math.ceil(count / length))
        yield (starts[:, None] + within).ravel()[:count] % count


def _widening(blocks: int) -> float:
    """Return how much wider an interval from few blocks must be: Student's t with its variance unbiased, over the normal.

    The quantile of t is expanded around that of the normal distribution (Abramowitz and Stegun 26.7.5).
    """
    z, v = 1.959964, max(blocks - 1, 1)
    t = z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
    return t / z * math.sqrt(blocks / v)
