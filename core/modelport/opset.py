"""Carrying a model to exactly the requested opset, with its weights left out of the way."""

from __future__ import annotations

import onnx
import onnx.inliner
import onnx_ir as ir
from onnx import version_converter

from modelport.errors import BadInput, OpsetNotReachable
from modelport.model import attach, detach
from modelport.session import OLDEST_OPSET, newest_opset

DEFAULT_OPSET = 20


def validate(opset: int) -> None:
    """Raise BadInput for an opset that ONNX Runtime cannot run, and that could thus not be proven."""
    newest = newest_opset()
    if not OLDEST_OPSET <= opset <= newest:
        raise BadInput(
            f"opset {opset} is out of range",
            where=f"--opset {opset}",
            remedy=f"choose one from {OLDEST_OPSET} to {newest}, which the installed ONNX Runtime runs",
        )


def opset_of(model: ir.Model | onnx.ModelProto) -> int | None:
    """Return the opset of the default domain, or None when the model does not import it."""
    if isinstance(model, onnx.ModelProto):
        versions = {entry.domain: entry.version for entry in model.opset_import}
        return versions.get("", versions.get("ai.onnx"))
    return model.opset_imports.get("", model.opset_imports.get("ai.onnx"))


def to_opset(model: ir.Model | onnx.ModelProto, opset: int) -> ir.Model | onnx.ModelProto:
    """Return the model at exactly this opset; one that is there already is returned as it is.

    Raises:
        OpsetNotReachable: when an operator has no adapter.
    """
    current = opset_of(model)
    if current is None or current == opset:
        return model
    if isinstance(model, onnx.ModelProto) and yields_maps(model):
        return _convert(model, current, opset)
    converted = ir.from_proto(model) if isinstance(model, onnx.ModelProto) else model
    weights = detach(converted)
    try:
        proto = ir.to_proto(converted)
        result = ir.from_proto(_convert(proto, current, opset))
    finally:
        attach(converted, weights)
    attach(result, weights)
    result.metadata_props.update(converted.metadata_props)
    result.ir_version = max(converted.ir_version, result.ir_version)
    return result


def _convert(proto: onnx.ModelProto, current: int, opset: int) -> onnx.ModelProto:
    try:
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
        return version_converter.convert_version(proto, opset)
    except Exception as error:
        text = " ".join(str(error).split())
        raise OpsetNotReachable(
            f"the model cannot be carried from opset {current} to {opset}: {text[:400]}",
            remedy=f"choose another --opset; {current} is what the exporter reaches by itself",
        ) from error


def yields_maps(model: onnx.ModelProto) -> bool:
    """Whether an output holds maps (ZipMap): onnx_ir has no type for them, and the classifiers that do so are small."""
    types = (value.type for value in model.graph.output)
    return any(t.HasField("map_type") or t.sequence_type.elem_type.HasField("map_type") for t in types)
