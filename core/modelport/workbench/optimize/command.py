"""optimize(): open, reference, optimise, check, prove, time, deliver — in this order."""

from __future__ import annotations

import contextlib
import gc
import platform
import shlex
import statistics
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from modelport import artifact, check, report, session
from modelport.data import sample_files
from modelport.delivery.targets import check_target
from modelport.delivery.workspace import Workspace
from modelport.errors import UnknownFormat
from modelport.loading.open_model import OpenModel, find_plugin, open_model
from modelport.opset import opset_of, yields_maps
from modelport.optimization import levels
from modelport.proof.cases import generated
from modelport.proof.judge import judge, require
from modelport.proof.observe import Observations, follow, observe
from modelport.proof.tolerance import ATOL, RTOL, Tolerance
from modelport.proof.tolerance import SECONDS as PROOF_SECONDS
from modelport.spec import HUB, Options
from modelport.stages import Progress, Staged
from modelport.version import __version__
from modelport.workbench import speed
from modelport.workbench.optimize.records import Graph, OptimizeReport, Speed

TIMING_SECONDS = 4.0

_PACKAGES = ("onnx", "onnxruntime", "onnx-ir", "onnxscript", "onnxslim", "onnxsim", "numpy")


@dataclass
class _Job(Staged):
    """One optimisation on its way."""

    source: Path
    report: OptimizeReport
    workspace: Workspace
    external: artifact.ExternalData
    progress: Progress | None


def optimize(
    source: str | Path,
    output: str | Path,
    *,
    level: str = "portable",
    samples: Any = None,
    keep_if_faster: bool = False,
    rtol: float = RTOL,
    atol: float = ATOL,
    proof_seconds: float = PROOF_SECONDS,
    timing_seconds: float = TIMING_SECONDS,
    external_data: artifact.ExternalData = "auto",
    progress: Progress | None = None,
) -> OptimizeReport:
    """Optimise an ONNX file, check the result, prove it against its source, time both, and deliver it.

    Inputs, outputs and opset stay as they are.

    Args:
        source: the ONNX file.
        output: the target path.
        level: "portable" keeps to standard operators; "ort" and "transformer" use those of ONNX Runtime (com.microsoft).
        samples: inputs to prove with and to time on, as for `modelport.convert`.
        keep_if_faster: write nothing when the result is slower than its source by more than noise; nothing is raised then.
        rtol, atol: the tolerance for floating-point outputs.
        proof_seconds: the budget for cases beyond the proof's minimum.
        timing_seconds: for measuring the speed; 0 leaves it out.
        external_data: whether the result keeps its weights in a file of their own.
        progress: called as stages start and end.

    Raises:
        CannotConvert: when the level does not apply: no attention for "transformer".
        NotEquivalent: when the result computes something else.
        ModelportError: one of `modelport.errors`; its attribute `report` holds the report so far. Nothing is left at the target.
    """
    path, target = Path(source), Path(output)
    record = OptimizeReport("", str(path), level, levels.is_portable(level), __version__, target=str(target))
    record.command = _command_line(record, samples, keep_if_faster)
    try:
        levels.require_level(level)
        check_target(target, folder=False, source=path, reads=[samples])
        user = sample_files.read(samples) if samples is not None else None
        with Workspace(target, target.name) as workspace:
            job = _Job(path, record, workspace, external_data, progress)
            opened = _open(job, user)
            seen = _observe(job, opened, user, proof_seconds)
            files = _optimize(job)
            with job.stage("check"):
                check.check_model(workspace.path, opset=record.opset or 0, signature=opened.signature)
            _prove(job, seen, Tolerance(rtol, atol), proof_seconds)
            if timing_seconds > 0 or keep_if_faster:
                _time(job, seen, timing_seconds or TIMING_SECONDS)
            _deliver(job, files, keep_if_faster)
    except BaseException as error:
        record.error = report.failure(error)
        error.report = record  # type: ignore[attr-defined]
        raise
    return record


def _open(job: _Job, user: sample_files.Samples | None) -> OpenModel:
    record, path = job.report, job.source
    with job.stage("load"):
        plugin = find_plugin(path, None)
        if plugin.key != HUB:
            raise UnknownFormat(
                f"optimize takes ONNX models, and this is one of {plugin.framework.title}",
                where=str(path),
                remedy="convert it: convert SOURCE -o model.onnx --optimize LEVEL",
            )
        opened = open_model(path, from_=HUB, options=Options(samples=user.specs if user else ()))
        proto = opened.model.proto
        record.opset = opset_of(proto)
        record.source_sha256 = artifact.sha256(path)
        operators = levels.operators(_held(proto, path))
        record.before = Graph(sum(operators.values()), operators, artifact.size_of(_files_of(proto, path)))
        record.inputs = [str(spec) for spec in opened.signature.inputs]
        record.outputs = [str(spec) for spec in opened.signature.outputs]
        record.versions = {"python": platform.python_version(), **_versions()}
    return opened


def _observe(job: _Job, opened: OpenModel, user: sample_files.Samples | None, seconds: float) -> Observations:
    """Run the source on every case."""
    with job.stage("reference"):
        reference = session.open_session(job.source)
        fitted = sample_files.fit(user, opened.signature) if user else None
        cases = generated.plan(opened.signature, opened.ranges, user=fitted)
        title = f"{opened.title}, {reference.engine}"
        seen = observe(title, reference.run, cases, seconds=seconds, stateless=opened.is_stateless)
    if not seen.answers:  # before anything is done in vain
        require(judge(seen, Observations("the optimised model"), Tolerance()), where=str(job.source))
    return seen


def _optimize(job: _Job) -> list[Path]:
    with job.stage("optimize"):
        proto = onnx.load(str(job.source), load_external_data=False)
        scratch = job.workspace.scratch("optimize")
        scratch.mkdir()
        model = levels.apply(_held(proto, job.source), job.report.level, scratch)
    with job.stage("write"):
        operators = levels.operators(model)
        files = artifact.write_onnx(model, job.workspace.path, job.external)
        job.report.after = Graph(sum(operators.values()), operators, artifact.size_of(files))
    return files


def _prove(job: _Job, seen: Observations, tolerance: Tolerance, seconds: float) -> None:
    record = job.report
    gc.collect()  # what the optimisers held, before ONNX Runtime reads the weights
    with job.stage("prove"):
        opened = session.open_session(job.workspace.path)
        title = f"the optimised model, {opened.engine}"
        cases = [answer.case for answer in seen.answers]
        record.proof = judge(seen, follow(title, opened.run, cases, seconds=seconds), tolerance)
        record.verdict = record.proof.verdict
        require(record.proof, where=record.source)


def _time(job: _Job, seen: Observations, seconds: float) -> None:
    """Time source and result in turns, on the proof's first case."""
    record, case = job.report, seen.answers[0].case
    paths = {"before": job.source, "after": job.workspace.path}
    with job.stage("time"):
        large = record.before is not None and record.before.size_bytes > artifact.EXTERNAL_BYTES
        files = {name: (path, case.inputs) for name, path in paths.items()}
        times, compared = speed.compare_files(files, seconds=seconds, large=large)
    record.speed = Speed(
        statistics.median(times["before"]),
        statistics.median(times["after"]),
        compared,
        [f"{name}:{sample_files.dtype_name(array)}{list(array.shape)}" for name, array in case.inputs.items()],
        len(times["before"]),
    )
    if record.speed.slower:
        record.notes.append(f"the result is slower than its source: {record.speed.ratio.value:.3f}x")


def _deliver(job: _Job, files: list[Path], keep_if_faster: bool) -> None:
    record = job.report
    if keep_if_faster and record.speed is not None and record.speed.slower:
        record.status = "kept"
        record.notes.append("nothing was written: --keep-if-faster")
        return
    with job.stage("deliver"):
        artifact.append_provenance(files[0], _provenance(record))
        record.files = [str(path) for path in job.workspace.deliver(files)]
        record.replaced = [str(path) for path in job.workspace.replaced]
    record.status = "delivered"


def _provenance(record: OptimizeReport) -> dict[str, str]:
    facts = {
        "version": record.modelport,
        "optimized": record.level,
        "portable": "yes" if record.portable else "no: it holds operators of ONNX Runtime (com.microsoft)",
        "opset": str(record.opset),
        "verdict": record.verdict,
        "versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        "source": Path(record.source).name,
        "source_sha256": str(record.source_sha256),
    }
    if record.proof is not None:
        facts |= {"max_abs_difference": repr(record.proof.max_abs), "proof_cases": str(len(record.proof.cases))}
    return facts


def _held(proto: onnx.ModelProto, path: Path) -> levels.OnnxModel:
    """Return the model with weights read when needed, or whole where an output is of a kind that onnx_ir lacks."""
    return onnx.load(str(path)) if yields_maps(proto) else ir.load(path)


def _files_of(proto: onnx.ModelProto, path: Path) -> list[Path]:
    outside = (tensor for tensor in proto.graph.initializer if uses_external_data(tensor))
    return [path, *(path.parent / name for name in sorted({ExternalDataInfo(tensor).location for tensor in outside}))]


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _command_line(record: OptimizeReport, given: Any, keep_if_faster: bool) -> str:
    words = ["modelport", "optimize", record.source, "-o", str(record.target), "--level", record.level]
    if isinstance(given, str | Path):
        words += ["--samples", str(given)]
    return shlex.join([*words, *(["--keep-if-faster"] if keep_if_faster else [])])
