"""verify(): compare two models of any two frameworks, without converting anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import onnx

from modelport.data import preprocessing, sample_files
from modelport.errors import InvalidSignature
from modelport.loading.open_model import OpenModel, open_model, user_options
from modelport.proof.cases import generated
from modelport.proof.cases.case import Plan, Reach
from modelport.proof.judge import judge, with_declined
from modelport.proof.observe import Recorded, Runner, follow, observe
from modelport.proof.other_evaluations import OtherEvaluations
from modelport.proof.second_look import Recourse
from modelport.proof.tolerance import SECONDS, tolerance_for
from modelport.report import Proof
from modelport.safety.memory import limited
from modelport.signature import Signature, TensorSpec
from modelport.spec import HUB, Options


def verify(
    a: Any,
    b: Any,
    *,
    samples: Any = None,
    inputs: Sequence[str] = (),
    from_: tuple[str | None, str | None] = (None, None),
    rtol: float | None = None,
    atol: float | None = None,
    trust: bool = False,
    trust_types: Sequence[str] = (),
    factory: str | None = None,
    proof_seconds: float = SECONDS,
    memory: int | str | None = None,
) -> Proof:
    """Compare two models of any two frameworks on the same inputs; `a` is the reference.

    Inputs and outputs are matched by name; where the names differ, by position, and the proof's notes say so.

    Args:
        a, b: paths, or models in memory.
        samples: as for `modelport.convert`.
        inputs: the --input notation, for models that do not say their inputs.
        from_: the frameworks of the two.
        rtol, atol: the tolerance for floating-point outputs; defaults as for `modelport.convert`.
        trust: allow code inside the models to run.
        trust_types: names of types that a .skops file may hold beyond those known to be harmless.
        factory: ``module:factory`` that builds the model which weights are loaded into.
        proof_seconds: the budget for cases beyond the minimum.
        memory: the most that one tensor may take, as for `modelport.convert`.

    Returns:
        The proof; its verdict says whether the two agree. Nothing is raised for models that differ.

    Raises:
        InvalidSignature: when the numbers, dtypes or ranks of inputs or outputs differ.
        ModelportError: when a model cannot be loaded.
    """
    with limited(memory):
        user = sample_files.read(samples) if samples is not None else None
        options = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types, samples=user)
        return _verify(a, b, user, from_, (rtol, atol), options, proof_seconds)


def _verify(
    a: Any, b: Any, user: sample_files.Samples | None,
    from_: tuple[str | None, str | None], tolerances: tuple[float | None, float | None],
    options: Options,
    seconds: float,
) -> Proof:  # fmt: skip
    left, right = (open_model(source, from_=key, options=options) for source, key in zip((a, b), from_, strict=True))
    if user is not None:
        stored = preprocessing.stored(a, left.plugin.key) or preprocessing.stored(b, right.plugin.key)
        user = replace(user, preprocessing=stored)
    notes: list[str] = []
    to_right = match("inputs", left.signature.inputs, right.signature.inputs, notes)
    to_left = match_outputs(left.signature, right.signature, notes)
    plan = _plan(left, right, to_right, user)

    def candidate(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        return to_left(right.run({to_right[name]: array for name, array in arrays.items()}))

    recorded = Recorded(candidate)

    def admitted(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        recorded(arrays)  # what raises here is left out, as what the reference itself refuses
        return left.run(arrays)

    def steady(arrays: Mapping[str, Any]) -> bool:
        return right.is_stateless({to_right[name]: array for name, array in arrays.items()})

    # nothing is converted to a framework without from_onnx: what its model refuses is no input, whichever side it is on
    run = left.run if right.plugin.has("from_onnx") else admitted
    seen = observe(left.title, run, plan, seconds=seconds, stateless=left.is_stateless)
    cases = [answer.case for answer in seen.answers]
    answered = follow(right.title, candidate, cases, seconds=seconds, stateless=steady, recorded=recorded)
    tolerance = tolerance_for(*tolerances, tuple(spec.dtype for spec in left.signature.inputs))
    proof = judge(seen, answered, tolerance, _recourse(left, right, to_right, to_left))
    proof = msgspec.structs.replace(proof, notes=[*notes, *proof.notes])
    if left.plugin.key != HUB:
        return proof
    return with_declined(proof, follow(right.title, candidate, seen.declined, seconds=seconds))


def _recourse(
    left: OpenModel, right: OpenModel, to_right: Mapping[str, str], to_left: Callable[[Mapping[str, Any]], Any]
) -> Recourse:
    """Return what decides in doubt: the reference in float64, and other evaluations of the side that is an ONNX file."""
    mine, theirs = (_evaluations(side) for side in (left, right))

    def renamed(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {to_right[name]: array for name, array in arrays.items()}

    def running(run: Runner) -> Runner:
        return lambda arrays: to_left(run(renamed(arrays)))

    def tied(arrays: Mapping[str, Any], output: str, expected: Any, got: Any) -> Any:
        if mine or theirs is None:
            return mine.tied(arrays, output, expected, got) if mine else None
        names = to_left({spec.name: spec.name for spec in right.signature.outputs})
        return theirs.tied(renamed(arrays), names.get(output, output), expected, got)

    return Recourse(
        in_double=mine.in_double if mine else left.run_in_double,
        tied=tied,
        again=left.run,
        candidate_in_double=None if theirs else running(right.run_in_double),
        exact=running(theirs.in_double) if theirs else None,
        nearby=(lambda arrays: [to_left(values) for values in theirs.nearby(renamed(arrays))]) if theirs else None,
        others=[(title, running(run)) for title, run in theirs.runners] if theirs else (),
        references=mine.runners if mine else (),
    )


def _evaluations(side: OpenModel) -> OtherEvaluations | None:
    """Return the other evaluations of a side that is ONNX; one in memory is written when one is first asked for."""
    if side.plugin.key != HUB:
        return None
    source = side.path or side.model
    return OtherEvaluations(source) if isinstance(source, Path | onnx.ModelProto) else None


def _plan(left: OpenModel, right: OpenModel, to_right: Mapping[str, str], user: sample_files.Samples | None) -> Plan:
    their_ranges = right.ranges.renamed({theirs: mine for mine, theirs in to_right.items()})
    ranges = left.ranges.joined(their_ranges) if left.ranges else their_ranges
    signature = _common(left.signature, right.signature, to_right)
    fitted = sample_files.fit(user, signature) if user else None
    finite = left.plugin.framework.finite_only or right.plugin.framework.finite_only
    reach: Reach = "finite" if finite else "everything"

    def drawn(seed: int) -> Any:
        own = left.samples(seed)
        theirs = right.samples(seed) if own is None else None
        return own if theirs is None else {mine: theirs[other] for mine, other in to_right.items()}

    return generated.plan(signature, ranges, user=fitted, plugin=drawn, reach=reach)


def _common(left: Signature, right: Signature, to_right: Mapping[str, str]) -> Signature:
    """Fix the dimensions of the left signature that the right one fixes; either may admit missing values."""
    others = {spec.name: spec for spec in right.inputs}
    fixed: dict[str, int] = {}
    for spec in left.inputs:
        other = others[to_right[spec.name]]
        for mine, theirs in zip(spec.shape or (), other.shape or (), strict=False):
            if isinstance(mine, str) and isinstance(theirs, int):
                fixed[mine] = theirs
    inputs = tuple(
        TensorSpec(
            s.name,
            s.dtype,
            tuple(fixed.get(d, d) if isinstance(d, str) else d for d in s.shape or ()),
            s.kind,
            s.columns,
            s.nan or others[to_right[s.name]].nan,
        )
        for s in left.inputs
    )
    return Signature(inputs, left.outputs, left.examples)


def match(title: str, left: Sequence[TensorSpec], right: Sequence[TensorSpec], notes: list[str]) -> dict[str, str]:
    """Map the names on the left to those on the right: by name, else by position, with a note; raises InvalidSignature."""
    if len(left) != len(right):
        have = "; ".join(", ".join(map(str, side)) for side in (left, right))
        raise InvalidSignature(
            f"the models have {len(left)} and {len(right)} {title}: {have}", remedy="compare models of one signature"
        )
    if {spec.name for spec in left} == {spec.name for spec in right}:
        pairs = {spec.name: spec.name for spec in left}
    else:
        pairs = {mine.name: theirs.name for mine, theirs in zip(left, right, strict=True)}
        renamed = ", ".join(f"{mine} = {theirs}" for mine, theirs in pairs.items())
        notes.append(f"{title} matched by position, as their names differ: {renamed}")
    others = {spec.name: spec for spec in right}
    for spec in left:
        other = others[pairs[spec.name]]
        ranks = {len(side.shape) for side in (spec, other) if side.shape is not None}
        if title == "inputs" and ((spec.dtype and other.dtype and spec.dtype != other.dtype) or len(ranks) > 1):
            raise InvalidSignature(
                f"the input '{spec}' does not fit '{other}'", remedy="compare models of one signature"
            )
    return pairs


def match_outputs(
    left: Signature, right: Signature, notes: list[str]
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return what renames the right side's outputs as the left side's; outputs nobody declared are matched as they come."""
    if not left.outputs or not right.outputs:
        return lambda values: values
    back = {theirs: mine for mine, theirs in match("outputs", left.outputs, right.outputs, notes).items()}
    return lambda values: {back.get(name, name): value for name, value in values.items()}
