"""The proof within a conversion: the source observed, then ONNX and the target judged against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelport import session
from modelport.data import sample_files
from modelport.job import Job
from modelport.loading.open_model import OpenModel
from modelport.proof import equivalence
from modelport.proof.cases import generated
from modelport.proof.cases.case import Reach
from modelport.proof.other_evaluations import OtherEvaluations
from modelport.proof.tolerance import tolerance_for
from modelport.proof.value_ranges import domains_of
from modelport.spec import HUB


def observe(job: Job, path: Path) -> None:
    """Run the source, untouched by the export, on every case."""
    with job.stage("reference"):
        user = user_samples(job)
        finite = job.source.framework.finite_only or job.target.framework.finite_only
        reach: Reach = "finite" if finite else "everything"
        cases = generated.plan(job.signature, domains_of(path), user=user, plugin=_plugin_samples(job), reach=reach)
        source = OpenModel(job.source, job.model, job.signature, job.options, None)
        job.observed = equivalence.observe(
            job.source.title,
            source.run,
            cases,
            seconds=job.request["seconds"],
            stateless=source.is_stateless,
        )


def user_samples(job: Job) -> dict[str, Any] | None:
    """Return the user's samples fitted to the signature, one array for each input; None without samples."""
    return sample_files.fit(job.samples, job.signature) if job.samples is not None else None


def _plugin_samples(job: Job) -> Callable[[int], Any] | None:
    if not job.source.has("samples"):
        return None
    model, signature = job.model, job.signature
    return lambda seed: job.source.call("samples", model=model, signature=signature, seed=seed)


def _loaded(job: Job) -> OpenModel:
    """Return the source, loaded again where it has been released."""
    if job.model is None:
        job.model = job.source.call("load", source=Path(job.given), options=job.options)
    return OpenModel(job.source, job.model, job.signature, job.options, None)


def _double(job: Job) -> equivalence.Runner:
    """Return what runs the source in float64, where its framework can."""
    return lambda arrays: job.source.run_in_double(_loaded(job).model, job.signature, arrays, job.options)


def _again(job: Job) -> equivalence.Runner:
    """Return what runs the source as it was run before."""
    return lambda arrays: _loaded(job).run(arrays)


def _judge(
    job: Job,
    candidate: str,
    run: equivalence.Runner,
    recourse: equivalence.Recourse,
    seen: equivalence.Observations | None = None,
) -> None:
    """Compare a candidate with what was observed of the source, or with `seen`; record the proof and demand that it holds."""
    seen = seen or job.observed
    assert seen is not None
    tolerance = tolerance_for(
        job.request["rtol"], job.request["atol"], tuple(spec.dtype for spec in job.signature.inputs)
    )
    proof = equivalence.judge(seen, candidate, run, tolerance, seconds=job.request["seconds"], recourse=recourse)
    job.report.proofs.append(proof)
    job.report.verdict = proof.verdict
    if not job.report.outputs and seen.answers:
        job.report.outputs = list(seen.answers[0][1])
    equivalence.require(proof, where=job.report.source, notes=job.report.notes)


def hub_answers(job: Job, opened: session.Session) -> equivalence.Observations | None:
    """Return what ONNX answers to every case that the source was observed on; None without a proof."""
    if not job.request["verify"] or job.observed is None:
        return None
    seen = equivalence.Observations(f"ONNX ({opened.engine})")
    for case, _ in job.observed.answers:
        try:
            seen.answers.append((case, opened.run(case.inputs)))
        except Exception:  # it was judged already: a batch of no rows, or an extreme case that others decided
            continue
    return seen


def prove_hub(job: Job, opened: session.Session, evaluations: OtherEvaluations) -> None:
    """Judge the ONNX file against the source."""
    own = evaluations.runners if job.source.key == HUB else ()
    recourse = equivalence.Recourse(
        in_double=_double(job),
        tied=evaluations.tied,
        again=_again(job),
        exact=evaluations.in_double,
        others=evaluations.runners,
        references=own,
    )
    _judge(job, f"ONNX ({opened.engine})", opened.run, recourse)


def prove_target(job: Job, target: OpenModel, hub: equivalence.Observations, evaluations: OtherEvaluations) -> None:
    """Judge the saved and reloaded target against ONNX and against the source."""
    others = evaluations.runners
    own = others if job.source.key == HUB else ()
    from_hub = equivalence.Recourse(
        in_double=evaluations.in_double, tied=evaluations.tied, again=evaluations.usual, references=others
    )
    from_source = equivalence.Recourse(
        in_double=_double(job),
        tied=evaluations.tied,
        again=_again(job),
        exact=evaluations.in_double,
        references=own,
    )
    _judge(job, target.plugin.title, target.run, from_hub, hub)
    _judge(job, target.plugin.title, target.run, from_source)
