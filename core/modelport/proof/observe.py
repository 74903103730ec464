"""Running one engine over the cases of a proof, each case once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelport.errors import ModelportError, PluginFailed
from modelport.proof.cases.case import Arrays, Case, Note, Plan
from modelport.proof.compare import compare
from modelport.proof.tolerance import Tolerance
from modelport.report import Figures

Values = Mapping[str, Any]
Runner = Callable[[Arrays], Values]
Stateless = Callable[[Arrays], bool]

_CALLS = 30
"""How often an engine is asked again on a small case, to see whether it keeps state."""

_STEADY = Tolerance(rtol=1e-5, atol=1e-6)
"""How far two answers of one model to one question may be apart: threads that add up in another order."""


@dataclass(frozen=True)
class Answer:
    """What an engine made of one case: its outputs by name, or the exception that it raised."""

    case: Case
    values: Values = field(default_factory=dict)
    error: Exception | None = None


@dataclass(frozen=True)
class Observations:
    """What one engine answered, case by case.

    Attributes:
        engine: a description of what was run.
        answers: in the order of the cases; of a reference those that it admits.
        refused: the cases that a reference does not admit, each with its reason.
        missing: why the minimum of a proof was not reached; empty when it was.
        notes: what there is to say about the cases.
        unsteady: for each output that changed when the engine was asked again, how.
        repeats: how often it was asked again.
        declined: cases of usual values that a reference did not admit.
        seconds: how long all of it took.
    """

    engine: str
    answers: Sequence[Answer] = ()
    refused: Sequence[str] = ()
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()
    unsteady: Mapping[str, str] = field(default_factory=dict)
    repeats: int = 0
    declined: Sequence[Case] = ()
    seconds: float = 0.0

    @property
    def admitted(self) -> list[tuple[Case, Values]]:
        """Each case that did not raise, with its outputs."""
        return [(answer.case, answer.values) for answer in self.answers if answer.error is None]


def unknown(arrays: Arrays) -> bool:
    """Whether a model keeps nothing between calls, where nobody knows."""
    return False


def observe(engine: str, run: Runner, plan: Plan, *, seconds: float, stateless: Stateless = unknown) -> Observations:
    """Run a reference over a plan of cases.

    The plan's minimum always runs: every symbolic dimension at three sizes. Further cases run until half the budget is used. At
    the end the reference is asked again what it was asked first, and a small case repeatedly.

    Args:
        engine: a description for the report.
        run: the reference; an exception from it means that it does not admit the case, unless a plugin is at fault.
        plan: the cases.
        seconds: the budget of the whole proof.
        stateless: whether the reference is known to keep nothing between calls, by inputs that it admits; it is asked again only
            once then.
    """
    journal = _Journal(engine, run)
    for slot in plan.minimum():
        if isinstance(slot, Note):
            journal.notes.append(slot.text)
        elif not any(journal.ask(case) for case in slot.alternatives) and slot.missing:
            journal.missing.append(slot.missing)
    sizes = journal.answers[0].case.sizes if journal.answers else {}
    for case in plan.further(sizes):
        if journal.elapsed > seconds / 2:
            break
        journal.further(case)
    if plan.search and journal.answers and journal.elapsed < seconds / 4:
        for case in plan.search(run, [(answer.case, answer.values) for answer in journal.answers]):
            journal.further(case)
    if journal.answers:
        journal.ask_again(stateless, seconds / 4)
    return journal.observations()


def follow(
    engine: str,
    run: Runner,
    cases: Sequence[Case],
    *,
    seconds: float,
    stateless: Stateless | None = None,
    recorded: Runner | None = None,
) -> Observations:
    """Run an engine over the cases that a reference admitted; an exception is an answer.

    Args:
        engine: a description for the report.
        run: the engine.
        cases: in the reference's order.
        seconds: the budget of the whole proof; cases beyond the minimum are left out once half of it is used.
        stateless: whether it is known to keep nothing between calls, where it is to be asked again as well.
        recorded: what it answered before, for cases that it has run already.

    Raises:
        PluginFailed: when a plugin is at fault, and not the model.
    """
    journal = _Journal(engine, run)
    for case in cases:
        if not case.required and journal.elapsed > seconds / 2:
            break
        try:
            journal.answers.append(Answer(case, (recorded or run)(case.inputs)))
        except PluginFailed:
            raise
        except Exception as error:
            journal.answers.append(Answer(case, error=error))
    if stateless:
        journal.ask_again(stateless, seconds / 4)
    return journal.observations()


class Recorded:
    """An engine whose answers are kept, so that nobody has to run it twice on the same inputs."""

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._kept: dict[int, tuple[Arrays, Values]] = {}

    def __call__(self, arrays: Arrays) -> Values:
        """Return the answer to these very arrays, computed when they are first asked for."""
        if id(arrays) not in self._kept:
            self._kept[id(arrays)] = (arrays, self._run(arrays))
        return self._kept[id(arrays)][1]


class _Journal:
    """The observations of one engine as they are made."""

    def __init__(self, engine: str, run: Runner) -> None:
        self.engine, self.run = engine, run
        self.start = time.perf_counter()
        self.answers: list[Answer] = []
        self.refused: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.unsteady: dict[str, str] = {}
        self.repeats = 0
        self.declined: list[Case] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the first case."""
        return time.perf_counter() - self.start

    def observations(self) -> Observations:
        """Return what was observed."""
        return Observations(
            self.engine,
            tuple(self.answers),
            tuple(self.refused),
            tuple(self.missing),
            tuple(self.notes),
            self.unsteady,
            self.repeats,
            tuple(self.declined),
            self.elapsed,
        )

    def ask(self, case: Case, *, listed: bool = True) -> bool:
        """Run a case; whether the engine admits it."""
        try:
            values = self.run(case.inputs)
            reason = self._misshapen(case, values)
            if not reason:
                self.answers.append(Answer(case, values))
                return True
        except ModelportError as error:
            # it keeps state, is not installed, is unsafe or at fault: no matter of these inputs
            if error.exit_status in (5, 6, 7) or isinstance(error, PluginFailed):
                raise
            reason = error.what
        except Exception as error:
            reason = f"{type(error).__name__}: {brief(error)}"
        self.refused += [f"{case.label}: {reason}"] if listed else []
        self.declined += [] if case.extreme else [case]
        return False

    def _misshapen(self, case: Case, values: Values) -> str:
        """Say how a batch without rows is answered in other shapes than rows are: kernels of TensorFlow forget strides then."""
        if not case.empty or not self.answers:
            return ""
        first = self.answers[0]
        if any(size and size != first.case.sizes.get(symbol) for symbol, size in case.sizes.items()):
            return ""
        for name in values.keys() & first.values.keys():
            shape, usual = np.shape(values[name]), np.shape(first.values[name])
            if len(shape) == len(usual) and any(
                size and size != known for size, known in zip(shape, usual, strict=True)
            ):
                return f"its output {name} is of the shape {shape} without rows, and {usual} with {usual[0]}"
        return ""

    def further(self, case: Case | Note) -> None:
        """Run a case beyond the minimum, its parts where the whole is refused."""
        if isinstance(case, Note):
            self.notes.append(case.text)
        elif not self.ask(case, listed=not case.parts):
            for part in case.parts:
                self.ask(part)

    def ask_again(self, stateless: Stateless, seconds: float) -> None:
        """Ask a small case repeatedly, then what was asked first; note what changed."""
        answers = [answer for answer in self.answers if answer.error is None]
        if not answers:
            return
        filled = [answer for answer in answers if not answer.case.empty]
        small = min(filled or answers, key=lambda answer: sum(array.size for array in answer.case.inputs.values()))
        start = time.perf_counter()
        for _ in range(0 if stateless(answers[0].case.inputs) else _CALLS):
            if time.perf_counter() - start > seconds:
                break
            if not self._is_steady(small):
                return
        self._is_steady(answers[0])

    def _is_steady(self, answer: Answer) -> bool:
        label = answer.case.label
        self.repeats += 1
        try:
            again = self.run(answer.case.inputs)
        except Exception as error:
            self.unsteady["(all)"] = f"{self.engine} refuses {label} when asked again: {brief(error)}"
            return False
        for name, value in answer.values.items():
            figures = (
                compare(name, value, again[name], _STEADY) if name in again else Figures(name, 0, reason="missing")
            )
            if not figures.passed:
                self.unsteady[name] = (
                    f"{self.engine} itself answers {label} otherwise when asked again ({figures.reason}): it keeps "
                    "state between calls, or draws random numbers"
                )
        return not self.unsteady


def brief(error: Exception) -> str:
    """Return the message of an exception as one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:300] + " …"
