"""quantize(): open, reference, quantise, check, prove within the budget, time, deliver — in this order."""

from __future__ import annotations

import gc
import platform
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from modelport import artifact, report
from modelport.data import preprocessing
from modelport.delivery.targets import check_target
from modelport.delivery.workspace import Workspace
from modelport.errors import (
    CannotConvert,
    InvalidOption,
    UnknownFormat,
)
from modelport.loading.open_model import OpenModel, find_plugin, open_model
from modelport.opset import opset_of
from modelport.signature import Signature, parse_inputs
from modelport.spec import HUB, Options
from modelport.stages import Progress
from modelport.version import __version__
from modelport.workbench.quantize import calibration, steps
from modelport.workbench.quantize.modes import MODES, Mode, Recipe, find
from modelport.workbench.quantize.records import Budget, QuantizeReport

__all__ = ["MODES", "Quantization", "quantize"]

MAX_DROP = 1.0
"""Percent points of decisions: what the field accepts of int8 (MLPerf Inference asks for 99 % of the accuracy)."""

PROOF_SECONDS = 10.0
AUTO_SECONDS = 120.0
TIMING_SECONDS = 4.0
METHODS = ("minmax", "entropy", "percentile")


@dataclass(frozen=True)
class Quantization:
    """A finished quantisation.

    Attributes:
        path: the delivered file; None for a quantisation in memory.
        report: what happened.
    """

    path: Path | None
    report: QuantizeReport
    _load: Callable[[], onnx.ModelProto] = field(repr=False)

    @property
    def model(self) -> onnx.ModelProto:
        """The result, read from `path` when asked for."""
        return self._load()


def quantize(
    source: Any,
    output: str | Path | None = None,
    *,
    mode: str = "dynamic",
    samples: Any = None,
    inputs: Sequence[str] = (),
    exclude: Sequence[str] = (),
    exclude_nodes: Sequence[str] = (),
    io: str = "float32",
    max_error: float | None = None,
    max_drop: float | None = None,
    auto: bool = False,
    auto_seconds: float = AUTO_SECONDS,
    per_channel: bool = True,
    reduce_range: bool = False,
    calibration_method: str = "minmax",
    proof_seconds: float = PROOF_SECONDS,
    timing_seconds: float = TIMING_SECONDS,
    external_data: artifact.ExternalData = "auto",
    progress: Progress | None = None,
) -> Quantization:
    """Quantise an ONNX model, measure what that costs, and deliver it when the loss is within the budget.

    Args:
        source: a path, or an `onnx.ModelProto` or `onnx_ir.Model` in memory.
        output: the target path; None quantises in memory.
        mode: dynamic (int8 weights), static (int8 weights and activations), float16, bfloat16, or int4 (weights of MatMul).
        samples: calibration data of static mode, and what the loss is measured on; an array named "labels" holds true classes.
        inputs: the --input notation, for an example's sizes.
        exclude: patterns of operators that stay in float, such as "Conv*".
        exclude_nodes: patterns of node names that stay in float, such as "head/*".
        io: "float32" keeps inputs and outputs, "same" gives them the narrow type (float16 and bfloat16 modes).
        max_error: the largest relative error of an output, in the 2-norm; by default the mode's own.
        max_drop: the largest part of decisions that may change, in percent points (with labels: of accuracy to be lost); by
            default 1 where samples were given, and not judged where inputs are random.
        auto: leave the nodes that hurt most in float until the budget holds.
        auto_seconds: for finding them.
        per_channel: a scale for each output channel of a weight (dynamic and static).
        reduce_range: seven bits, for x86 processors without VNNI (dynamic and static).
        calibration_method: minmax, entropy or percentile.
        proof_seconds: the budget for cases beyond the proof's minimum.
        timing_seconds: for the speed ratio; 0 leaves it out.
        external_data: whether the weights get a file of their own.
        progress: called as stages start and end.

    Raises:
        NotEquivalent: when the loss exceeds the budget.
        ModelportError: one of `modelport.errors`; its attribute `report` holds the report so far. Nothing is left at the target.
    """
    chosen = find(mode)
    _check_choices(chosen, io, calibration_method, max_error, max_drop)
    limits = Budget(chosen.max_error if max_error is None else max_error, MAX_DROP if max_drop is None else max_drop)
    target = Path(output) if output else None
    name = str(source) if isinstance(source, str | Path) else f"{type(source).__qualname__} in memory"
    record = QuantizeReport("", name, mode, __version__, limits, target=str(output) if output else None, io=io)
    record.command = _command_line(record, samples, exclude, exclude_nodes, max_error, max_drop, auto, inputs)
    try:
        if target:
            check_target(target, folder=False, source=source, reads=[samples])
        with Workspace(target, "model.onnx") as workspace:
            path = _as_file(source, workspace)
            recipe = Recipe(
                chosen,
                path,
                workspace.scratch("quantize"),
                per_channel,
                reduce_range,
                io == "same",
                (),
                calibration_method,
            )
            recipe.scratch.mkdir()
            job = steps.Job(recipe, record, workspace, external_data, Signature(()), None, progress)
            opened = _open(job, inputs, samples)
            steps.observe(job, opened, proof_seconds, judge_drop=max_drop is not None)
            del opened
            gc.collect()  # the float model's session, before the quantiser reads the weights
            steps.choose_nodes(job, exclude, exclude_nodes)
            native = steps.quantize_within_budget(job, auto, auto_seconds)
            steps.measure_speed(job, native, timing_seconds)
            quantization = _deliver(job)
        record.status = "delivered"
    except BaseException as error:
        record.error = report.failure(error)
        error.report = record  # type: ignore[attr-defined]
        raise
    return quantization


def _check_choices(mode: Mode, io: str, method: str, max_error: float | None, max_drop: float | None) -> None:
    for flag, value, known in (("--io", io, ("float32", "same")), ("--calibration", method, METHODS)):
        if value not in known:
            raise InvalidOption(f"{value!r} is no choice", where=flag, remedy=f"choose one of {', '.join(known)}")
    if io == "same" and mode.narrow is None:
        raise InvalidOption(
            f"inputs and outputs of {mode.key} mode are float32",
            where="--io same",
            remedy="leave it out, or use --mode float16",
        )
    for flag, limit in (("--max-error", max_error), ("--max-drop", max_drop)):
        if limit is not None and not limit >= 0:
            raise InvalidOption(f"{limit} is no budget", where=flag, remedy="give a number from 0 upwards")


def _as_file(source: Any, workspace: Workspace) -> Path:
    """Return the path of an ONNX model, written first where it is in memory; raises UnknownFormat for other frameworks."""
    plugin = find_plugin(source, None)
    if plugin.key != HUB:
        raise UnknownFormat(
            f"quantize takes ONNX models, and this is one of {plugin.framework.title}",
            where=str(source) if isinstance(source, str | Path) else type(source).__qualname__,
            remedy="convert it first: convert SOURCE -o model.onnx",
        )
    if isinstance(source, str | Path):
        return Path(source)
    path = workspace.scratch("source.onnx")
    plugin.call("save", model=source, path=path, options=Options())
    return path


def _open(job: steps.Job, inputs: Sequence[str], given: Any) -> OpenModel:
    record, path = job.report, job.recipe.source
    with job.stage("load"):
        specs, examples = parse_inputs(inputs)
        opened = open_model(path, from_=HUB, options=Options(inputs=specs, examples=examples))
        job.signature = opened.signature
        _refuse_maps(job)
        if given is not None:
            job.user = calibration.read(given, opened.signature, preprocessing.stored(path, HUB))
        if job.recipe.mode.key == "static":
            warning = calibration.require_enough(job.user)
            record.warnings += [warning] if warning else []
        record.source_sha256 = artifact.sha256(path)
        record.size_before_bytes = artifact.size_of([path, *_external_files(opened.model.proto, path)])
        record.opset_before = opset_of(opened.model.proto)
        record.ops_before = _count(opened.model.proto)
        record.inputs = [str(spec) for spec in job.signature.inputs]
        record.versions = {
            "python": platform.python_version(),
            **{name: version(name) for name in ("onnx", "onnxruntime", "onnx-ir", "numpy")},
        }
    return opened


def _refuse_maps(job: steps.Job) -> None:
    maps = [spec.name for spec in (*job.signature.inputs, *job.signature.outputs) if "map" in spec.kind]
    if maps:
        raise CannotConvert(
            f"quantize does not handle maps: {', '.join(maps)}",
            where=job.report.source,
            remedy="convert the model again with tensors for outputs (scikit-learn's ZipMap off)",
        )


def _deliver(job: steps.Job) -> Quantization:
    record, path = job.report, job.workspace.path
    with job.stage("deliver"):
        proto = onnx.load(str(path), load_external_data=False)
        record.ops_after = _count(proto)
        files = [path, *_external_files(proto, path)]
        artifact.append_provenance(path, _provenance(record))
        record.size_bytes = artifact.size_of(files)
        delivered = job.workspace.deliver(files)
        if job.workspace.target is None:
            model = onnx.load(str(path))
            return Quantization(None, record, lambda: model)
        record.files = [str(file) for file in delivered]
        record.replaced = [str(file) for file in job.workspace.replaced]
    target = job.workspace.target
    return Quantization(target, record, lambda: onnx.load(str(target)))


def _provenance(record: QuantizeReport) -> dict[str, str]:
    facts = {
        "version": record.modelport,
        "route": "onnx -> onnx",
        "quantize": record.mode,
        "opset": str(record.opset),
        "verdict": record.verdict,
        "max_error": repr(max((output.error or 0.0 for output in record.errors), default=0.0)),
        "excluded": ", ".join(record.excluded),
        "left_in_float": ", ".join(record.left_by_auto),
        "proof_cases": str(record.cases),
        "versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        "source": Path(record.source).name,
        "source_sha256": record.source_sha256 or "",
    }
    return {key: value for key, value in facts.items() if value}


def _external_files(proto: onnx.ModelProto, path: Path) -> list[Path]:
    weights = [tensor for tensor in proto.graph.initializer if uses_external_data(tensor)]
    return sorted({path.parent / ExternalDataInfo(tensor).location for tensor in weights})


def _count(proto: onnx.ModelProto) -> dict[str, int]:
    counts = Counter(node.op_type for node in proto.graph.node)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _command_line(
    record: QuantizeReport, given: Any, exclude: Sequence[str], exclude_nodes: Sequence[str], max_error: float | None,
    max_drop: float | None, auto: bool, inputs: Sequence[str],
) -> str:  # fmt: skip
    words = ["modelport", "quantize", record.source, "-o", record.target or "OUTPUT", "--mode", record.mode]
    words += (
        ["--samples", str(given)]
        if isinstance(given, str | Path)
        else ["--samples", "SAMPLES"]
        if given is not None
        else []
    )
    for flag, values in (("--exclude", exclude), ("--exclude-node", exclude_nodes), ("--input", inputs)):
        words += [word for value in values for word in (flag, value)]
    for flag, limit in (("--max-error", max_error), ("--max-drop", max_drop)):
        words += [flag, f"{limit:g}"] if limit is not None else []
    words += ["--io", record.io] if record.io != "float32" else []
    return shlex.join(words + (["--auto"] if auto else []))
