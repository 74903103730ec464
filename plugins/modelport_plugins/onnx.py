"""ONNX itself: loading, re-checking, carrying to another opset; ONNX Runtime runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport import Detection, Framework, Signature, TensorSpec, hookimpl
from modelport.errors import SourceUnreadable

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

    from modelport.session import Session

_SUFFIXES = (".onnx", ".onnxtxt", ".json", ".textproto")
_FIRST_FIELDS = (b"\x08",)
"""A ModelProto starts with ir_version: field 1, a varint."""


class OnnxFile:
    """An ONNX file and the session on it, opened once."""

    def __init__(self, path: Path, model: ir.Model) -> None:
        self.path, self.model = path, model

    @cached_property
    def session(self) -> Session:
        """The session; the reference evaluator where ONNX Runtime has no kernel."""
        from modelport.session import open_session

        return open_session(self.path, fall_back=True)


@hookimpl
def framework() -> Framework:
    """Describe ONNX."""
    return Framework(
        key="onnx",
        title="ONNX",
        suffixes=(".onnx",),
        requires=("onnx", "onnxruntime", "onnx_ir"),
        install="pip install modelport",
        modules=("onnx", "onnx_ir", "modelport_plugins.onnx"),
        distributions=("onnx", "onnxruntime", "onnx-ir"),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim files by suffix, with more confidence where they start like a ModelProto."""
    if source.is_dir() or source.suffix.lower() != ".onnx":
        return None
    with source.open("rb") as file:
        starts_right = file.read(1) in _FIRST_FIELDS
    return Detection(1.0 if starts_right else 0.5, "the suffix .onnx" + (" and an ir_version" if starts_right else ""))


@hookimpl
def load(source: Path) -> OnnxFile:
    """Read the graph; external data is checked to lie beside it, and read when needed."""
    import onnx
    import onnx_ir as ir
    from google.protobuf.message import DecodeError

    from modelport.check import check_external_data

    try:
        proto = onnx.load(str(source), load_external_data=False)
    except DecodeError as error:
        raise SourceUnreadable(
            "the file is no ONNX model, or is truncated", where=str(source), remedy="export or download it again"
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise SourceUnreadable("the file holds no graph", where=str(source), remedy="export or download it again")
    check_external_data(proto, source, missing=SourceUnreadable)
    del proto
    return OnnxFile(source, ir.load(source))


@hookimpl
def signature(model: OnnxFile | ir.Model | onnx.ModelProto) -> Signature:
    """Read names, dtypes and dimensions off the graph."""
    graph = _ir_model(model).graph
    weights = set(graph.initializers)
    inputs = tuple(_spec(value) for value in graph.inputs if value.name not in weights)
    return Signature(inputs, tuple(_spec(value) for value in graph.outputs))


@hookimpl
def to_onnx(model: OnnxFile | ir.Model | onnx.ModelProto) -> ir.Model:
    """Return the model as it is; the core carries it to the requested opset."""
    return _ir_model(model)


@hookimpl
def from_onnx(model: ir.Model) -> ir.Model:
    """Return the model as it is."""
    return model


@hookimpl
def run(model: OnnxFile | ir.Model | onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Run with ONNX Runtime, or the reference evaluator where it lacks a kernel."""
    if isinstance(model, OnnxFile):
        return model.session.run(inputs)
    import onnx_ir as ir

    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        path = Path(folder) / "model.onnx"
        ir.save(_ir_model(model), path, external_data="model.onnx.data")
        return OnnxFile(path, _ir_model(model)).session.run(inputs)


@hookimpl
def save(model: ir.Model | onnx.ModelProto, path: Path) -> Sequence[Path]:
    """Write the model, large weights beside it."""
    from modelport.artifact import write_onnx

    return write_onnx(_ir_model(model), path)


def _ir_model(model: OnnxFile | ir.Model | onnx.ModelProto) -> ir.Model:
    import onnx_ir as ir

    if isinstance(model, OnnxFile):
        return model.model
    return model if isinstance(model, ir.Model) else ir.from_proto(model)


def _spec(value: ir.Value) -> TensorSpec:
    import onnx_ir as ir

    name = str(value.name)
    if isinstance(value.type, ir.SequenceType):
        return TensorSpec(name, "", None, kind="sequence")
    dtype = value.dtype.name.lower() if value.dtype is not None else ""
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    if value.shape is None:
        return TensorSpec(name, dtype, None)
    dims = tuple(
        dim if isinstance(dim, int) else (dim.value or f"{name}_dim{axis}") for axis, dim in enumerate(value.shape)
    )
    return TensorSpec(name, dtype, dims)
