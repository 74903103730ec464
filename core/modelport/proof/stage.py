"""The proof within a conversion: source, ONNX and target are observed once each, and every two compared."""

from __future__ import annotations

import itertools

from modelport import session
from modelport.loading.open_model import OpenModel
from modelport.plugins.options import lossy_options
from modelport.proof.cases import generated
from modelport.proof.cases.case import Case, Reach
from modelport.proof.judge import judge, require
from modelport.proof.observe import Observations, Runner, follow, observe
from modelport.proof.other_evaluations import OtherEvaluations
from modelport.proof.second_look import Recourse
from modelport.proof.value_ranges import ranges_of
from modelport.request import Exported, Loaded, Task
from modelport.spec import HUB


def observe_source(task: Task, loaded: Loaded, exported: Exported) -> Observations:
    """Run the source, untouched by the export, on every case."""
    with task.stage("reference"):
        source = loaded.source.opened
        finite = task.source.framework.finite_only or task.target.framework.finite_only
        reach: Reach = "finite" if finite else "everything"
        plan = generated.plan(
            loaded.signature, ranges_of(exported.path), user=loaded.samples, plugin=source.samples, reach=reach
        )
        return observe(task.source.title, source.run, plan, seconds=task.request.seconds, stateless=source.is_stateless)


def prove_hub(
    task: Task, loaded: Loaded, seen: Observations, opened: session.Session, evaluations: OtherEvaluations
) -> Observations:
    """Observe the ONNX file and judge it against the source; returns what was observed."""
    hub = follow(f"ONNX ({opened.engine})", opened.run, _cases(seen), seconds=task.request.seconds)
    _judge(task, loaded, seen, hub, _against_source(loaded, evaluations, evaluations.runners))
    return hub


def prove_target(
    task: Task,
    loaded: Loaded,
    seen: Observations,
    hub: Observations,
    target: OpenModel,
    evaluations: OtherEvaluations,
) -> None:
    """Observe the saved and reloaded target, and judge it against ONNX and against the source."""
    cases = _cases(seen)
    lossy = lossy_options(target.plugin.framework, target.options.values)
    if lossy and loaded.samples is not None:
        cases = list(itertools.takewhile(lambda case: not case.beside, cases))  # the user's own come first
        task.report.notes.append(f"-O {' '.join(lossy)} gives up digits: the result is proven on your samples alone")
    candidate = follow(target.plugin.title, target.run, cases, seconds=task.request.seconds)
    against_hub = Recourse(
        in_double=evaluations.in_double,
        tied=evaluations.tied,
        again=evaluations.usual,
        references=evaluations.runners,
    )
    _judge(task, loaded, hub, candidate, against_hub)
    _judge(task, loaded, seen, candidate, _against_source(loaded, evaluations, ()))


def _cases(seen: Observations) -> list[Case]:
    return [answer.case for answer in seen.answers]


def _against_source(loaded: Loaded, evaluations: OtherEvaluations, others: tuple[tuple[str, Runner], ...]) -> Recourse:
    """Return what decides between the source and what was made of it."""
    return Recourse(
        in_double=lambda arrays: loaded.source.opened.run_in_double(arrays),
        tied=evaluations.tied,
        again=lambda arrays: loaded.source.opened.run(arrays),
        exact=evaluations.in_double,
        nearby=evaluations.nearby,
        others=others,
        references=evaluations.runners if loaded.source.plugin.key == HUB else (),
    )


def _judge(task: Task, loaded: Loaded, reference: Observations, candidate: Observations, recourse: Recourse) -> None:
    """Compare two observations; record the proof and demand that it holds."""
    proof = judge(reference, candidate, loaded.tolerance, recourse)
    record = task.report
    record.proofs.append(proof)
    record.verdict = proof.verdict
    if not record.outputs and reference.answers:
        record.outputs = list(reference.answers[0].values)
    require(proof, where=record.source, notes=record.notes)
