"""The levels of optimisation: what carries an ONNX model to one that computes the same with less.

Chosen by measurement (benchmarks/optimize_levels.py): onnxslim followed by onnxsim leaves fewer nodes than either alone on every
model, in under a second; onnxscript's optimizer removes nothing more, but reads weights only when it needs them.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime
from onnx_ir.passes import common

from modelport import artifact, opset
from modelport.errors import BadInput, CannotConvert, FrameworkNotInstalled, nearest
from modelport.model import attach, detach, graphs_of, initializers

OnnxModel = ir.Model | onnx.ModelProto

_HELD_BYTES = artifact.EXTERNAL_BYTES
"""Weights up to this much together are handed to the libraries, which copy them; of larger models, the small ones only."""
_HELD_EACH = 2**20
_NOT_PORTABLE = ("fuse_attention", "fuse_gqa", "fuse_rope")
"""Passes of onnxsim that make operators of com.microsoft."""


def apply(model: OnnxModel, level: str, folder: Path) -> OnnxModel:
    """Optimise a model; inputs, outputs, opset and metadata stay as they are, and the model passed in too.

    Args:
        model: its weights may lie outside; they are read when needed.
        level: one of `LEVELS`.
        folder: a folder for files that the result may refer to until it is written.

    Raises:
        BadInput: for an unknown level.
        CannotConvert: when the level does not apply to the model, or a library fails on it.
        FrameworkNotInstalled: when a library is missing.
    """
    require_level(level)
    try:
        optimized = LEVELS[level](model, folder)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise FrameworkNotInstalled("optimize", name, "pip install 'modelport[workbench]'") from error
    except (CannotConvert, OSError, MemoryError):
        raise
    except Exception as error:
        raise CannotConvert(
            f"the model cannot be optimised at level {level}: {type(error).__name__}: {' '.join(str(error).split())[:400]}",
            remedy=f"choose another --level: {', '.join(other for other in LEVELS if other != level)}",
        ) from error
    return _like(optimized, model)


def require_level(level: str) -> None:
    """Raise BadInput for a level that does not exist."""
    if level not in LEVELS:
        close = nearest(level, LEVELS)
        hint = f"did you mean {close!r}? " if close else ""
        raise BadInput(
            f"there is no level {level!r}", where=f"--level {level}", remedy=f"{hint}choose one of {', '.join(LEVELS)}"
        )


def is_portable(level: str) -> bool:
    """Whether a level's result holds standard operators only, if its input does."""
    return level == "portable"


def portable(model: OnnxModel, folder: Path | None = None) -> OnnxModel:
    """Fold constants, drop what is dead or double, fuse batch norm and pads into convolutions, cancel transposes and casts."""
    if isinstance(model, onnx.ModelProto) and opset.yields_maps(model):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return _reduce(copy)
    held = ir.from_proto(model) if isinstance(model, onnx.ModelProto) else model.clone()
    common.InlinePass()(held)
    large = sum(tensor.nbytes for tensor in initializers(held)) > _HELD_BYTES
    if large:  # what needs the values of large weights is done where they are read one by one
        from onnxscript import optimizer

        optimizer.optimize_ir(held)
    weights = detach(held, _HELD_EACH) if large else {}
    reduced = ir.from_proto(_reduce(ir.to_proto(ir.external_data.load_to_model(held))))
    attach(reduced, weights)
    common.RemoveUnusedNodesPass()(reduced)
    return reduced


def ort(model: OnnxModel, folder: Path) -> ir.Model:
    """Let ONNX Runtime optimise for its CPU kernels: the result holds operators of com.microsoft.

    Of its levels the one before the last: the last fixes a memory layout for the very processor it runs on, and a session
    applies it by itself.
    """
    source, target = folder / "before.onnx", folder / "after.onnx"
    artifact.write_onnx(model.clone() if isinstance(model, ir.Model) else model, source)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", target.name + ".data")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    optimized = ir.load(target)
    common.RemoveUnusedOpsetsPass()(optimized)
    return optimized


def transformer(model: OnnxModel, folder: Path) -> ir.Model:
    """Fuse attention, skip connections and activations into single operators of com.microsoft; see `transformers`."""
    from modelport.optimization import transformers

    reduced = portable(model, folder)
    return transformers.fuse(ir.from_proto(reduced) if isinstance(reduced, onnx.ModelProto) else reduced)


LEVELS: dict[str, Callable[[OnnxModel, Path], OnnxModel]] = {
    "portable": portable,
    "ort": ort,
    "transformer": transformer,
}


def optimized(model: OnnxModel, level: str, folder: Path, notes: list[str]) -> OnnxModel:
    """Optimise a model inside a conversion, and note what changed."""
    scratch = Path(tempfile.mkdtemp(prefix="optimize-", dir=folder))
    result = apply(model, level, scratch)
    marks = "" if is_portable(level) else "; the result is for ONNX Runtime alone"
    notes.append(f"optimised at level {level}: {count(model)} nodes became {count(result)}{marks}")
    return result


def count(model: OnnxModel) -> int:
    """Return how many nodes a model has, those of branches and loop bodies too, constants aside."""
    return sum(operators(model).values())


def operators(model: OnnxModel) -> dict[str, int]:
    """Return how often each operator occurs, constants aside; those of other domains are named with their domain."""
    held = ir.from_proto(model) if isinstance(model, onnx.ModelProto) else model
    bodies = [held.graph.all_nodes(), *(function.all_nodes() for function in held.functions.values())]
    names = (f"{node.domain}.{node.op_type}".lstrip(".") for body in bodies for node in body)
    return dict(Counter(name for name in names if name != "Constant"))


def _reduce(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Run onnxslim, then onnxsim; the second is left out where it brings in operators of another domain all the same."""
    import onnxsim
    import onnxslim

    inputs, outputs, domains = list(proto.graph.input), list(proto.graph.output), _domains(proto)
    logging.getLogger("onnxslim").setLevel(logging.ERROR)
    slim: onnx.ModelProto = onnxslim.slim(proto)
    try:
        reduced: onnx.ModelProto = onnxsim.simplify(slim, skipped_optimizers=list(_NOT_PORTABLE))[0]
    finally:
        onnxsim.onnx_simplifier._model_executor = None  # else it complains of leaks on stderr when the process ends
    if not _domains(reduced) <= domains:
        reduced = slim
    for field, kept in ((reduced.graph.input, inputs), (reduced.graph.output, outputs)):
        del field[:]
        field.extend(kept)
    return reduced


def _domains(proto: onnx.ModelProto) -> set[str]:
    return {node.domain for graph in graphs_of(proto.graph) for node in graph.node} | {""}


def _like(optimized: OnnxModel, model: OnnxModel) -> OnnxModel:
    """Give the result what belongs to the source: its name, documentation, metadata, IR version and opsets."""
    if isinstance(optimized, onnx.ModelProto):
        return optimized
    original = ir.from_proto(model) if isinstance(model, onnx.ModelProto) else model
    for name in ("ir_version", "producer_name", "producer_version", "domain", "model_version", "doc_string"):
        setattr(optimized, name, getattr(original, name))
    optimized.graph.name = original.graph.name
    optimized.metadata_props.clear()
    optimized.metadata_props.update(original.metadata_props)
    for domain, version in original.opset_imports.items():
        optimized.opset_imports[domain] = version
    for side in ("inputs", "outputs"):
        for value, wanted in zip(getattr(optimized.graph, side), getattr(original.graph, side), strict=False):
            value.shape, value.type = wanted.shape, wanted.type
    return optimized
