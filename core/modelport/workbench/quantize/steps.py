"""The steps of a quantisation between opening the model and delivering the result."""

from __future__ import annotations

import contextlib
import gc
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import onnx_ir as ir

from modelport import artifact, check, session
from modelport.delivery.workspace import Workspace
from modelport.errors import CannotConvert, FrameworkNotInstalled, ModelportError, ProofIncomplete
from modelport.loading.open_model import OpenModel
from modelport.opset import opset_of
from modelport.proof.cases import generated
from modelport.proof.observe import Observations
from modelport.proof.observe import observe as observe_engine
from modelport.signature import Signature, TensorSpec
from modelport.stages import Progress, Staged
from modelport.workbench import speed
from modelport.workbench.quantize import auto as auto_search
from modelport.workbench.quantize import budget, calibration, graph
from modelport.workbench.quantize.modes import Recipe
from modelport.workbench.quantize.records import OutputError, QuantizeReport, Speed

_RANGE_CASES = 8
"""On how many cases float16 mode looks for values beyond its range."""


@dataclass
class Job(Staged):
    """One quantisation on its way."""

    recipe: Recipe
    report: QuantizeReport
    workspace: Workspace
    external: artifact.ExternalData
    signature: Signature
    user: calibration.UserSamples | None
    progress: Progress | None
    excluded: frozenset[str] = frozenset()
    candidates: tuple[str, ...] = ()
    yardstick: budget.Yardstick = field(default_factory=lambda: budget.Yardstick(Observations("")))

    @property
    def narrow(self) -> str | None:
        """The dtype of float inputs and outputs where it is not float32."""
        return self.recipe.mode.narrow_name if self.recipe.narrow_io else None


def observe(job: Job, opened: OpenModel, seconds: float, *, judge_drop: bool) -> None:
    """Run the float model on every case."""
    user = job.user
    with job.stage("reference"):
        plan = generated.plan(job.signature, opened.ranges, user=user.arrays if user else None, reach="usual")
        seen = observe_engine(opened.title, opened.run, plan, seconds=seconds, stateless=opened.is_stateless)
    record = job.report
    record.reference = f"{opened.title}, {opened.model.session.engine}"
    record.refused, record.cases = list(seen.refused), len(seen.answers)
    if seen.missing or not seen.answers:
        raise ProofIncomplete(
            "the float model does not run on the inputs that its loss would be measured on:\n    "
            + "\n    ".join([*seen.missing, *seen.refused[:6]] or ["no case could be run"]),
            where=record.source,
            remedy="pass inputs that the model admits with --samples, or an example's size as in --input 'x:float32[N,3,H=64]'",
        )
    record.notes += seen.notes
    record.outputs = list(seen.answers[0].values)
    rows = user.rows if user else 0
    job.yardstick = budget.Yardstick(seen, rows, user.labels if user else None, job.narrow, judge_drop)
    if job.recipe.mode.key == "static":
        job.recipe = replace(job.recipe, batches=calibration.batches(seen, rows))
        record.notes.append("the loss is measured on the calibration samples: new data may lose a little more")
    if not rows and not judge_drop:
        record.notes.append(
            "changed decisions are counted, not judged: the inputs are random; give --samples or --max-drop"
        )


def choose_nodes(job: Job, exclude: Sequence[str], exclude_nodes: Sequence[str]) -> None:
    """Find what the mode quantises and what the user's patterns spare; raises CannotConvert when nothing remains."""
    with job.stage("choose"), _needs_packages():
        minimum = job.recipe.mode.minimum_opset
        job.excluded = graph.excluded(graph.load(job.recipe.source, minimum), exclude, exclude_nodes)
        found = job.recipe.candidates(job.report.source)
        if job.recipe.mode.key == "float16":
            _spare_large_values(job, found)
    job.candidates = tuple(name for name in found if name not in job.excluded)
    job.report.excluded = sorted(job.excluded)
    if not job.candidates:
        raise CannotConvert(
            "the patterns leave nothing to quantise",
            where=job.report.source,
            remedy="exclude less with --exclude, --exclude-node",
        )


def _spare_large_values(job: Job, candidates: Sequence[str]) -> None:
    """Leave in float32 what reads or writes values that float16 has no numbers for."""
    batches = [answer.case.inputs for answer in job.yardstick.seen.answers[:_RANGE_CASES]]
    large = [name for name in job.recipe.overflowing(batches) if name in candidates and name not in job.excluded]
    if large:
        job.excluded |= frozenset(large)
        job.report.notes.append(f"left in float32, as their values exceed float16's 65504: {', '.join(large)}")


def quantize_within_budget(job: Job, auto: bool, seconds: float) -> bool:
    """Quantise, check and measure; with --auto, search for what to leave in float.

    Returns:
        Whether ONNX Runtime runs the result (the reference evaluator does otherwise).

    Raises:
        NotEquivalent: when the loss exceeds the budget.
    """
    record, limits = job.report, job.report.budget
    keep: list[str] = []
    native = _attempt(job, keep)
    if auto and budget.exceeded(record.errors, limits):
        with job.stage("search"):
            keep, record.sensitivities = auto_search.search(job.candidates, _trial(job), limits, seconds)
        if len(keep) == len(job.candidates):
            record.verdict = "exceeded"
            budget.require(record.errors, limits, where=record.source, auto=True)
        record.left_by_auto = keep
        native = _attempt(job, keep)
    record.verdict = "exceeded" if budget.exceeded(record.errors, limits) else "within budget"
    budget.require(record.errors, limits, where=record.source, auto=auto)
    return native


def _attempt(job: Job, keep: Sequence[str]) -> bool:
    """Make the file that will be delivered, check it, open it and measure its loss; whether ONNX Runtime runs it."""
    record, mode, path = job.report, job.recipe.mode, job.workspace.path
    with job.stage("quantize"), _needs_packages():
        model = job.recipe.apply(job.excluded | frozenset(keep))
        record.opset = opset_of(model)
        artifact.write_onnx(_cleaned(model), path, job.external)
        del model
        gc.collect()
    if record.opset_before and record.opset != record.opset_before:
        note = f"the opset was raised from {record.opset_before} to {record.opset}, which {mode.key} mode needs"
        record.notes += [note] if note not in record.notes else []
    record.quantized = [name for name in job.candidates if name not in keep]
    with job.stage("check"):
        check.check_model(path, opset=record.opset or 0, signature=_signature(job))
    with job.stage("open"):
        candidate = session.open_session(path, fall_back=mode.key == "bfloat16")
        record.candidate = candidate.engine
    with job.stage("prove"):
        record.errors = budget.measure(job.yardstick, candidate.run)
    return bool(candidate.providers)


def _trial(job: Job) -> auto_search.Try:
    """Return what quantises and measures for the search, without checking: the result is made anew and checked afterwards."""
    path = job.recipe.scratch / "trial.onnx"
    single = replace(job.yardstick, seen=replace(job.yardstick.seen, answers=job.yardstick.seen.answers[:1]))

    def attempt(keep: frozenset[str], quick: bool) -> list[OutputError]:
        artifact.write_onnx(_cleaned(job.recipe.apply(job.excluded | keep)), path, job.external)
        candidate = session.open_session(path, fall_back=job.recipe.mode.key == "bfloat16")
        return budget.measure(single if quick else job.yardstick, candidate.run)

    return attempt


def measure_speed(job: Job, native: bool, seconds: float) -> None:
    """Measure before against after on the first case, in turns."""
    record = job.report
    if seconds <= 0:
        record.notes.append("the speed was not measured")
        return
    if not native:
        record.notes.append(
            "the speed was not measured: ONNX Runtime's CPU provider has no kernels for this type, and the proof ran in "
            f"{record.candidate}; run the model on hardware that has them"
        )
        return
    case = job.yardstick.seen.answers[0].case
    with job.stage("time"):
        files = {
            "before": (job.recipe.source, case.inputs),
            "after": (job.workspace.path, budget.carried(case.inputs, job.narrow)),
        }
        large = (record.size_before_bytes or 0) > artifact.EXTERNAL_BYTES
        times, compared = speed.compare_files(files, seconds=seconds, large=large)
    record.speed = Speed(
        statistics.median(times["before"]), statistics.median(times["after"]),
        compared, dict(case.sizes), len(times["after"]),
    )  # fmt: skip


def _signature(job: Job) -> Signature:
    """Return the signature that the result must have: the float model's, narrow at its borders with --io same."""
    narrow = job.narrow
    if narrow is None:
        return job.signature

    def carried(specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
        return tuple(replace(spec, dtype=narrow) if spec.dtype == "float32" else spec for spec in specs)

    return replace(job.signature, inputs=carried(job.signature.inputs), outputs=carried(job.signature.outputs))


def _cleaned(model: ir.Model) -> ir.Model:
    """Drop what onnxruntime's quantiser notes in the metadata for itself."""
    for key in [key for key in model.metadata_props if key.startswith("onnx.")]:
        del model.metadata_props[key]
    return model


@contextlib.contextmanager
def _needs_packages() -> Iterator[None]:
    """Turn a missing part of onnxruntime.quantization into what to install."""
    try:
        yield
    except ModelportError:
        raise
    except ImportError as error:
        raise FrameworkNotInstalled(
            "quantize", error.name or str(error), "pip install 'modelport[workbench]'"
        ) from error
