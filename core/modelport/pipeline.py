"""convert(): detect, load, signature, export, check, prove, deliver — in this order, and nothing else."""

from __future__ import annotations

import gc
import itertools
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from modelport import __version__, artifact, check, opset, report, session
from modelport.data import preprocessing, sample_files
from modelport.delivery.targets import check_target
from modelport.delivery.workspace import Workspace
from modelport.errors import ModelportError, UnsupportedOps
from modelport.job import Job
from modelport.loading.open_model import OpenModel, find_plugin, signature_of
from modelport.options import split_options
from modelport.plugins import Plugin, registry, version_of
from modelport.proof import stage
from modelport.proof.case_judge import Observations
from modelport.proof.cases import generated
from modelport.proof.other_evaluations import OtherEvaluations
from modelport.proof.tolerance import SECONDS
from modelport.safety.memory import limited
from modelport.signature import parse_inputs
from modelport.spec import HUB, Options
from modelport.stages import Progress

_HUB_FILE = "model.onnx"
_EXAMPLE_SIZE = 512
"""What an exporter traces with at most, however many rows the user's samples have."""


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        path: the delivered file or folder; None for a conversion in memory.
        report: what happened.
    """

    path: Path | None
    report: report.Report
    _load: Callable[[], Any] = field(repr=False)

    @property
    def model(self) -> Any:
        """The result as its framework's users expect it, such as `onnx.ModelProto`; read from `path` when first asked for."""
        return self._load()


def convert(
    source: Any,
    *,
    to: str | None = None,
    output: str | Path | None = None,
    from_: str | None = None,
    inputs: Sequence[str] = (),
    samples: Any = None,
    opset: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    verify: bool = True,
    trust: bool = False,
    trust_types: Sequence[str] = (),
    factory: str | None = None,
    options: Mapping[str, Any] | None = None,
    proof_seconds: float = SECONDS,
    external_data: artifact.ExternalData = "auto",
    optimize: str | None = None,
    memory: int | str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Convert a model, check the result, prove that it computes the same, and deliver it.

    Args:
        source: a path, or a model in memory.
        to: the target framework; may be left out when the suffix of `output` says it. "onnx" without either.
        output: the target path; None converts in memory.
        from_: the source framework; found by asking the plugins when left out.
        inputs: the --input notation, such as ``["x:float32[N,3,224,224]"]``.
        samples: inputs to prove with: arrays, a mapping of arrays, a DataFrame, or a path (.npz, .npy, .csv, folder of images).
        opset: of the default ONNX domain; 20 when left out (an ONNX source keeps its own).
        rtol, atol: the tolerance for floating-point outputs: ``|y - reference| <= atol + rtol * |reference|``; by default
            1e-3 and 1e-5, for models that compute in float64 1e-7 and 1e-9.
        verify: False skips the proof; the result is then recorded as unproven.
        trust: allow code inside the source to run.
        trust_types: names of types that a .skops file may hold beyond those known to be harmless.
        factory: ``module:factory`` that builds the model which weights are loaded into.
        options: options of the plugins, by name.
        proof_seconds: the budget for cases beyond the proof's minimum.
        external_data: whether an ONNX result keeps its weights in a file of their own.
        optimize: the level to optimise the ONNX model at before it is checked and proven: "portable", "ort" or "transformer".
        memory: the most that one tensor may take, in bytes or as "8GB"; three quarters of the machine's memory when left out.
        force: replace an existing folder that is no earlier result; never one that holds the source, the current or home folder.
        progress: called as stages start and end.

    Raises:
        ModelportError: one of `modelport.errors`; its attribute `report` holds the report so far. Nothing is left at the target.
    """
    request = {
        "opset": opset,
        "verify": verify,
        "seconds": proof_seconds,
        "rtol": rtol,
        "atol": atol,
        "external": external_data,
        "optimize": optimize,
        "force": force,
    }
    record = report.Report(source=_describe(source), modelport=__version__, target=str(output) if output else None)
    try:
        with limited(memory):
            given = Options(factory=factory, trust=trust, trust_types=tuple(trust_types))
            job = _prepare(source, to, output, from_, inputs, samples, given, options or {}, request, record, progress)
            conversion = _run(job, source, Path(output) if output else None)
        record.status = "delivered"
    except BaseException as error:
        record.error = report.failure(error)
        error.report = record  # type: ignore[attr-defined]
        raise
    finally:
        _announce(record)
    return conversion


def _prepare(
    source: Any, to: str | None, output: Any, from_: str | None, inputs: Sequence[str], samples: Any, given: Options,
    options: Mapping[str, Any], request: Mapping[str, Any], record: report.Report, progress: Progress | None,
) -> Job:  # fmt: skip
    """Read everything the user said, before any work is done."""
    specs, examples = parse_inputs(inputs)
    if request["opset"] is not None:
        opset.validate(request["opset"])
    start = time.perf_counter()
    origin = find_plugin(source, from_)
    record.stages.append(report.Stage("detect", time.perf_counter() - start))
    origin.require("to_onnx")
    target = _find_target(to, output)
    if target.key != HUB:
        target.require("from_onnx")
    if output:
        where = Path(output)
        check_target(where, folder=target.framework.folder, source=source, reads=[samples], force=request["force"])
    user = sample_files.read(samples) if samples is not None else None
    mine, theirs = split_options([origin.framework, target.framework], options)
    common = replace(given, values=mine, inputs=specs, examples=examples, samples=user.specs if user else ())
    record.route = [key for key, _ in itertools.groupby([origin.key, HUB, target.key])]
    record.versions = _versions(origin, target)
    record.notes = common.notes
    their_options = Options(theirs, trust=given.trust, notes=common.notes)
    return Job(request, record, origin, target, common, their_options, user, progress, source)


def _run(job: Job, source: Any, output: Path | None) -> Conversion:
    record = job.report
    direct = job.target.key == HUB
    name = _HUB_FILE if direct else f"model{(*job.target.framework.suffixes, '')[0]}"
    with Workspace(output, name, force=job.request["force"]) as workspace:
        path = workspace.path if direct else workspace.scratch(_HUB_FILE)
        loaded = isinstance(source, str | Path)
        _load(job, source)
        files = _export(job, path)
        if not direct:
            _require_expressible(job, path)
        with job.stage("check"):
            check.check_model(path, opset=record.opset or 0, signature=job.signature)
        if job.request["verify"]:
            stage.observe(job, path)
        if loaded:  # so that the weights are not in memory twice once ONNX Runtime reads them
            job.model = None
            gc.collect()
        with job.stage("open"):
            opened = session.open_session(path, exact=True, fall_back=True)
            if not opened.providers:
                record.notes.append(f"ONNX Runtime has no kernel for the model: {opened.engine} runs it")
        evaluations = OtherEvaluations(path)
        if job.request["verify"]:
            with job.stage("prove"):
                stage.prove_hub(job, opened, evaluations)
        hub = None if direct else stage.hub_answers(job, opened)
        result: Any = None
        if not direct:
            del opened  # so that its weights make room for the target's
            gc.collect()
            files, result = _translate(job, path, hub, workspace, evaluations)
        return _deliver(job, workspace, files, result)


def _load(job: Job, source: Any) -> None:
    if isinstance(source, str | Path):
        path = Path(source)
        with job.stage("load"):
            job.report.source_sha256 = artifact.sha256(path)
            job.model = job.source.call("load", source=path, options=job.options)
    else:
        job.model = source
    with job.stage("signature"):
        job.signature = signature_of(job.source, job.model, job.options)
        if job.samples is not None:
            job.samples.preprocessing = preprocessing.stored(source, job.source.key)
            sizes = generated.sizes_in(job.signature, sample_files.fit(job.samples, job.signature))
            capped = {symbol: min(size, _EXAMPLE_SIZE) for symbol, size in sizes.items()}
            job.signature = job.signature.refined_by((), {**capped, **job.signature.examples})
    job.report.inputs = [str(spec) for spec in job.signature.inputs]
    job.report.outputs = [str(spec) for spec in job.signature.outputs]


def _export(job: Job, path: Path) -> list[Path]:
    wanted = job.request["opset"] or opset.DEFAULT_OPSET
    with job.stage("export"):
        job.report.warnings.extend(registry().contributions(job.source.key))
        exported = job.source.call(
            "to_onnx", model=job.model, signature=job.signature, opset=wanted, options=job.options
        )
        current = opset.opset_of(exported)
        if job.source.key == HUB and job.request["opset"] is None and current is not None:
            wanted = current
        exported = opset.to_opset(exported, wanted)
    job.report.opset = wanted
    if level := job.request["optimize"]:
        from modelport.workbench.optimize.levels import optimized

        with job.stage("optimize"):
            exported = optimized(exported, level, path.parent, job.report.notes)
    with job.stage("write"):
        files = artifact.write_onnx(exported, path, job.request["external"])
    return files


def _require_expressible(job: Job, path: Path) -> None:
    """Refuse operators that the target cannot express, all of them at once, before any time goes into checks and proofs."""
    if not job.target.has("plan"):
        return
    with job.stage("plan"):
        planned = job.target.call("plan", model=ir.load(path), options=job.target_options)
    lines = [
        f"{op.domain}.{op.operator}{f' (version {op.version})' if op.version else ''}, node {name!r}: {op.reason}"
        for op in planned
        if op.status == "unsupported"
        for name in op.nodes
    ]
    if lines:
        raise UnsupportedOps(
            lines, where=job.report.source, remedy=f"replace these operators: {job.target.title} has no form for them"
        )


def _translate(
    job: Job,
    path: Path,
    hub: Observations | None,
    workspace: Workspace,
    evaluations: OtherEvaluations,
) -> tuple[list[Path], Any]:
    """Carry the proven ONNX file on to the target, and prove the saved and reloaded result against ONNX and the source."""
    target, options = job.target, job.target_options
    with job.stage("translate"):
        model = target.call("from_onnx", model=ir.load(path), options=options, samples=stage.user_samples(job))
    files = [workspace.path]
    if target.has("save"):
        with job.stage("write"):
            files = list(target.call("save", model=model, path=workspace.path, options=options))
            if target.has("load"):
                model = None  # so that the weights are not in memory twice
                gc.collect()
                model = target.call("load", source=workspace.path, options=options)
    if hub is not None:
        candidate = OpenModel(target, model, job.signature, options, None)
        with job.stage("prove"):
            stage.prove_target(job, candidate, hub, evaluations)
    return files, model


def _deliver(job: Job, workspace: Workspace, files: Sequence[Path], result: Any) -> Conversion:
    record = job.report
    direct = job.target.key == HUB
    with job.stage("deliver"):
        if direct:
            level = job.request["optimize"]
            artifact.append_provenance(
                files[0], artifact.provenance_of(record) | ({"optimized": level} if level else {})
            )
        record.size_bytes = artifact.size_of(files)
        delivered = workspace.deliver(files)
        record.files = [str(path) for path in delivered] if workspace.target else []
        record.replaced = [str(path) for path in workspace.replaced]
        if workspace.target is None:
            model = onnx.load(str(files[0])) if direct else result
            return Conversion(None, record, lambda: model)
    path = workspace.target
    if direct:
        return Conversion(path, record, lambda: onnx.load(str(path)))
    return Conversion(path, record, lambda: result)


def _find_target(to: str | None, output: Any) -> Plugin:
    if to:
        return registry().get(to)
    if output is None:
        return registry().get(HUB)
    if Path(output).suffix.lower() == ".onnx":  # without loading every plugin to learn what is certain
        return registry().get(HUB)
    return registry().for_suffix(Path(output))


def _describe(source: Any) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return f"{type(source).__module__}.{type(source).__qualname__} in memory"


def _versions(*plugins: Plugin) -> dict[str, str]:
    versions = {
        "python": platform.python_version(),
        **{name: version_of(name) for name in ("onnx", "onnxruntime", "numpy")},
    }
    for plugin in plugins:
        versions.update(plugin.versions())
    return versions


def _announce(record: report.Report) -> None:
    """Tell every plugin that listens; a listener that fails costs a warning, never the result."""
    for plugin in registry().all():
        if plugin.has("conversion_finished"):
            try:
                plugin.call("conversion_finished", report=record)
            except ModelportError as error:
                record.warnings.append(error.what)
