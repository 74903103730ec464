"""Interleaved rounds under a fake clock, and the interval of a ratio on synthetic times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from modelport.workbench import timing


class Clock:
    """Time passes only while something is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def __call__(self) -> float:
        return self.now

    def taking(self, name: str, seconds: Callable[[float], float]) -> Callable[[], None]:
        """Make a call that takes as long as a function of the present time says."""

        def call() -> None:
            self.called.append(name)
            self.now += seconds(self.now)

        return call


def test_rounds_alternate_their_order() -> None:
    clock = Clock()
    calls = {name: clock.taking(name, lambda now: 1.0) for name in "ab"}
    timing.interleave(calls, rounds=4, warmup=0, clock=clock)
    assert "".join(clock.called) == "ab" + "abbabaab"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_call_takes_every_place_in_a_round_equally_often(count: int) -> None:
    names = [str(number) for number in range(count)]
    places = Counter((name, at) for number in range(2 * count) for at, name in enumerate(timing.order(names, number)))
    assert set(places.values()) == {2}


def test_every_call_is_warmed_up_before_anything_is_measured() -> None:
    clock = Clock()
    first_calls_are_slow = {"a": clock.taking("a", lambda now: 100.0 if clock.called.count("a") <= 3 else 1.0)}
    assert timing.interleave(first_calls_are_slow, rounds=2, warmup=3, clock=clock) == {"a": [1.0, 1.0]}


@pytest.mark.parametrize(("seconds", "repeats"), [(1e-4, 20), (1.5e-3, 2), (2e-3, 1), (5.0, 1)])
def test_a_round_of_short_calls_lasts_two_milliseconds(seconds: float, repeats: int) -> None:
    clock = Clock()
    times = timing.interleave({"a": clock.taking("a", lambda now: seconds)}, rounds=1, warmup=0, clock=clock)
    assert len(clock.called) == 1 + repeats
    assert times["a"] == pytest.approx([seconds])


def test_rounds_fill_the_time_given() -> None:
    clock = Clock()
    calls = {name: clock.taking(name, lambda now: 0.5) for name in "ab"}
    assert len(timing.interleave(calls, seconds=30.0, clock=clock)["a"]) == 30


@pytest.mark.parametrize("fewest", [2, 10])
def test_a_time_too_short_still_gives_the_fewest_rounds(fewest: int) -> None:
    clock = Clock()
    times = timing.interleave({"a": clock.taking("a", lambda now: 60.0)}, seconds=1.0, fewest=fewest, clock=clock)
    assert len(times["a"]) == fewest


def test_progress_ends_at_one_and_never_goes_back() -> None:
    clock, told = Clock(), list[float]()
    timing.interleave({"a": clock.taking("a", lambda now: 0.3)}, seconds=7.0, progress=told.append, clock=clock)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_interruption_keeps_whole_rounds() -> None:
    clock, kept = Clock(), dict[str, list[float]]()

    def interrupted() -> None:
        if len(clock.called) >= 12:
            raise KeyboardInterrupt
        clock.now += 1.0

    with pytest.raises(KeyboardInterrupt):
        timing.interleave(
            {"a": clock.taking("a", lambda now: 1.0), "b": interrupted}, rounds=50, warmup=0, into=kept, clock=clock
        )
    assert len(kept["a"]) == len(kept["b"]) > 2


def test_linear_drift_cancels() -> None:
    clock = Clock()
    calls = {"a": clock.taking("a", lambda now: 1 + now / 1000), "b": clock.taking("b", lambda now: 2 + now / 500)}
    times = timing.interleave(calls, rounds=100, warmup=0, clock=clock)
    ratio = timing.ratio(times["b"], times["a"])
    assert ratio.value == pytest.approx(2.0, rel=2e-3)
    assert ratio.low <= 2.0 <= ratio.high


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    assert timing.ratio([2.0, 4.0, 60.0], [1.0, 2.0, 3.0]).value == pytest.approx(2.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    times, baseline = rng.lognormal(size=(2, 40)).tolist()
    assert timing.ratio(times, baseline, seed=3) == timing.ratio(times, baseline, seed=3)


@pytest.mark.parametrize("sides", [([], []), ([1.0], [1.0, 2.0])])
def test_rounds_that_cannot_be_paired_are_refused(sides: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        timing.ratio(*sides)


def coverage(draw: Callable[[np.random.Generator], np.ndarray], openings: tuple[int, ...] = ()) -> float:
    """Return how often the interval of two equal timings holds 1.0."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        held += not timing.ratio(np.exp(draw(rng)), np.exp(draw(rng)), openings=openings).differs
    return held / 60


def noise(rng: np.random.Generator, count: int, correlation: float = 0.0) -> np.ndarray:
    """Return noise of 5 %, each value correlated with the one before."""
    values = 0.05 * rng.standard_normal(count)
    for at in range(1, count):
        values[at] = correlation * values[at - 1] + np.sqrt(1 - correlation**2) * values[at]
    return values


@pytest.mark.parametrize(("count", "correlation"), [(10, 0.0), (60, 0.0), (400, 0.0), (400, 0.6)])
def test_the_interval_of_equal_timings_holds_one_as_often_as_it_says(
    count: int, correlation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_RESAMPLES", 300)
    assert coverage(lambda rng: noise(rng, count, correlation)) >= 0.88  # 0.95 less two and a half standard errors


def test_lasting_differences_between_openings_widen_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_RESAMPLES", 300)

    def opened(rng: np.random.Generator) -> np.ndarray:
        return np.repeat(0.02 * rng.standard_normal(10), 40) + noise(rng, 400) / 10

    assert coverage(opened, (40,) * 10) >= 0.88


def test_a_real_difference_is_seen() -> None:
    rng = np.random.default_rng(0)
    ratio = timing.ratio(1.1 * np.exp(noise(rng, 100)), np.exp(noise(rng, 100)))
    assert ratio.differs
    assert ratio.low <= 1.1 <= ratio.high
