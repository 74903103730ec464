"""convert(): detect, load, signature, export, check, prove, deliver — in this order, and nothing else."""

from __future__ import annotations

import gc
import itertools
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from modelport import artifact, check, opset, report, session
from modelport.data import preprocessing, sample_files
from modelport.delivery.targets import check_target
from modelport.delivery.workspace import Workspace
from modelport.errors import UnsupportedOps
from modelport.loading.open_model import OpenModel, Source, find_plugin, signature_of
from modelport.plugins import Plugin, registry, version_of
from modelport.plugins.options import split_options
from modelport.proof import stage as proof
from modelport.proof.cases.generated import sizes_in
from modelport.proof.other_evaluations import OtherEvaluations
from modelport.proof.tolerance import SECONDS, tolerance_for
from modelport.request import Exported, Loaded, Request, Task, Translated
from modelport.safety.memory import limited
from modelport.signature import Signature, parse_inputs
from modelport.spec import HUB, Options
from modelport.stages import Progress
from modelport.version import __version__

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

    @cached_property
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
    request = Request(
        source, to, Path(output) if output else None, from_, tuple(inputs), samples, opset, rtol, atol, verify, options or {},
        proof_seconds, external_data, optimize, force,
    )  # fmt: skip
    record = report.Report(source=_describe(source), modelport=__version__, target=str(output) if output else None)
    try:
        with limited(memory):
            given = Options(factory=factory, trust=trust, trust_types=tuple(trust_types))
            conversion = _run(_prepare(request, given, record, progress))
        record.status = "delivered"
    except BaseException as error:
        record.error = report.failure(error)
        error.report = record  # type: ignore[attr-defined]
        raise
    finally:
        record.warnings.extend(registry().announce(record))
    return conversion


def _prepare(request: Request, given: Options, record: report.Report, progress: Progress | None) -> Task:
    """Read everything the user said, before any work is done."""
    specs, examples = parse_inputs(request.inputs)
    if request.opset is not None:
        opset.validate(request.opset)
    start = time.perf_counter()
    origin = find_plugin(request.source, request.from_)
    record.stages.append(report.Stage("detect", time.perf_counter() - start))
    origin.require("to_onnx")
    target = _find_target(request.to, request.output)
    if target.key != HUB:
        target.require("from_onnx")
    if request.output:
        folder = target.framework.folder
        check_target(request.output, folder=folder, source=request.source, reads=[request.samples], force=request.force)
    user = sample_files.read(request.samples) if request.samples is not None else None
    mine, theirs = split_options([origin.framework, target.framework], request.options)
    options = replace(given, values=mine, inputs=specs, examples=examples, samples=user.specs if user else ())
    record.route = [key for key, _ in itertools.groupby([origin.key, HUB, target.key])]
    record.versions = _versions(origin, target)
    record.notes = options.notes
    target_options = Options(theirs, trust=given.trust, notes=options.notes)
    return Task(request, record, progress, origin, target, options, target_options, user)


def _run(task: Task) -> Conversion:
    request, record = task.request, task.report
    name = _HUB_FILE if task.direct else f"model{(*task.target.framework.suffixes, '')[0]}"
    with Workspace(request.output, name, force=request.force) as workspace:
        loaded = _load(task)
        exported = _export(task, loaded, workspace.path if task.direct else workspace.scratch(_HUB_FILE))
        if not task.direct:
            _require_expressible(task, exported)
        with task.stage("check"):
            check.check_model(exported.path, opset=exported.opset, signature=loaded.signature)
        seen = proof.observe_source(task, loaded, exported) if request.verify else None
        loaded.source.release()  # so that the weights are not in memory twice once ONNX Runtime reads them
        evaluations = OtherEvaluations(exported.path)
        with task.stage("open"):
            opened = session.open_session(exported.path, exact=True, fall_back=True)
            if not opened.providers:
                record.notes.append(f"ONNX Runtime has no kernel for the model: {opened.engine} runs it")
        hub = None
        if seen is not None:
            with task.stage("prove"):
                hub = proof.prove_hub(task, loaded, seen, opened, evaluations)
        if task.direct:
            return _deliver(task, workspace, Translated(exported.files, None))
        del opened  # so that its weights make room for the target's
        gc.collect()
        translated = _translate(task, loaded, exported, workspace)
        if seen is not None and hub is not None:
            candidate = OpenModel(task.target, translated.model, loaded.signature, task.target_options, None)
            with task.stage("prove"):
                proof.prove_target(task, loaded, seen, hub, candidate, evaluations)
        return _deliver(task, workspace, translated)


def _load(task: Task) -> Loaded:
    record, path = task.report, task.request.path
    if path is None:
        model = task.request.source
    else:
        with task.stage("load"):
            record.source_sha256 = artifact.sha256(path)
            model = task.source.call("load", source=path, options=task.options)
    with task.stage("signature"):
        signature = signature_of(task.source, model, task.options)
        fitted = None
        if task.samples is not None:
            stored = preprocessing.stored(task.request.source, task.source.key)
            fitted = sample_files.fit(replace(task.samples, preprocessing=stored), signature)
            signature = _sized_as(fitted, signature)
    record.inputs = [str(spec) for spec in signature.inputs]
    record.outputs = [str(spec) for spec in signature.outputs]
    tolerance = tolerance_for(task.request.rtol, task.request.atol, tuple(spec.dtype for spec in signature.inputs))
    return Loaded(Source(OpenModel(task.source, model, signature, task.options, path)), fitted, tolerance)


def _sized_as(samples: Mapping[str, Any], signature: Signature) -> Signature:
    """Return the signature with the samples' sizes as its examples, unless the user gave others."""
    sizes = {symbol: min(size, _EXAMPLE_SIZE) for symbol, size in sizes_in(signature, samples).items()}
    return signature.refined_by((), {**sizes, **signature.examples})


def _export(task: Task, loaded: Loaded, path: Path) -> Exported:
    request, record = task.request, task.report
    wanted = request.opset or opset.DEFAULT_OPSET
    with task.stage("export"):
        record.warnings.extend(registry().contributions(task.source.key))
        exported = task.source.call(
            "to_onnx",
            model=loaded.source.opened.model,
            signature=loaded.signature,
            opset=wanted,
            options=task.options,
        )
        current = opset.opset_of(exported)
        if task.source.key == HUB and request.opset is None and current is not None:
            wanted = current
        exported = opset.to_opset(exported, wanted)
    record.opset = wanted
    if request.optimize:
        from modelport.optimization.levels import optimized

        with task.stage("optimize"):
            exported = optimized(exported, request.optimize, path.parent, record.notes)
    with task.stage("write"):
        return Exported(path, artifact.write_onnx(exported, path, request.external_data), wanted)


def _require_expressible(task: Task, exported: Exported) -> None:
    """Refuse operators that the target cannot express, all of them at once, before any time goes into checks and proofs."""
    if not task.target.has("plan"):
        return
    with task.stage("plan"):
        planned = task.target.call("plan", model=ir.load(exported.path), options=task.target_options)
    lines = [
        f"{op.domain}.{op.operator}{f' (version {op.version})' if op.version else ''}, node {name!r}: {op.reason}"
        for op in planned
        if op.status == "unsupported"
        for name in op.nodes
    ]
    if lines:
        raise UnsupportedOps(
            lines, where=task.report.source, remedy=f"replace these operators: {task.target.title} has no form for them"
        )


def _translate(task: Task, loaded: Loaded, exported: Exported, workspace: Workspace) -> Translated:
    """Carry the proven ONNX file on to the target, saved and reloaded where the target's framework has files."""
    target, options = task.target, task.target_options
    with task.stage("translate"):
        model = target.call("from_onnx", model=ir.load(exported.path), options=options, samples=loaded.samples)
    if not target.has("save"):
        return Translated([workspace.path], model)
    with task.stage("write"):
        files = list(target.call("save", model=model, path=workspace.path, options=options))
        if target.has("load"):
            model = None  # so that the weights are not in memory twice
            gc.collect()
            model = target.call("load", source=workspace.path, options=options)
    return Translated(files, model)


def _deliver(task: Task, workspace: Workspace, result: Translated) -> Conversion:
    record, level = task.report, task.request.optimize
    with task.stage("deliver"):
        if task.direct:
            facts = artifact.provenance_of(record) | ({"optimized": level} if level else {})
            artifact.append_provenance(result.files[0], facts)
        record.size_bytes = artifact.size_of(result.files)
        delivered = workspace.deliver(result.files)
        record.files = [str(path) for path in delivered] if workspace.target else []
        record.replaced = [str(path) for path in workspace.replaced]
        if task.direct and workspace.target is None:  # the file goes with the workspace
            model = onnx.load(str(result.files[0]))
            return Conversion(None, record, lambda: model)
    path = workspace.target
    if task.direct:
        return Conversion(path, record, lambda: onnx.load(str(path)))
    return Conversion(path, record, lambda: result.model)


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
