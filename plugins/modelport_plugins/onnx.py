"""The ONNX plugin: ONNX files and models in memory, run by ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport import Detection, Framework, Signature, TensorSpec, hookimpl
from modelport.errors import SourceUnreadable, inputs_refused

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

    from modelport.session import Session

_FIRST_FIELD = b"\x08"
"""A ModelProto starts with ir_version: field 1, a varint."""


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file.

    Attributes:
        path: where it lies, its external data beside it.
        proto: its content, without external data.
    """

    path: Path
    proto: onnx.ModelProto

    @cached_property
    def session(self) -> Session:
        """The session, opened once; the reference evaluator where ONNX Runtime has no kernel."""
        from modelport.session import open_session

        return open_session(self.path, fall_back=True, exact=True)


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
        starts_right = file.read(1) == _FIRST_FIELD
    return Detection(1.0 if starts_right else 0.5, "the suffix .onnx" + (" and an ir_version" if starts_right else ""))


@hookimpl
def load(source: Path) -> OnnxFile:
    """Read and check the graph; external data is read when needed."""
    import onnx
    from google.protobuf.message import DecodeError

    from modelport.check import check_source

    try:
        proto = onnx.load(str(source), load_external_data=False)
    except DecodeError as error:
        raise SourceUnreadable(
            "the file is no ONNX model, or is truncated", where=str(source), remedy="export or download it again"
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise SourceUnreadable("the file holds no graph", where=str(source), remedy="export or download it again")
    check_source(proto, source)
    return OnnxFile(source, proto)


@hookimpl
def signature(model: OnnxFile | ir.Model | onnx.ModelProto) -> Signature:
    """Read names, dtypes and dimensions off the graph."""
    import onnx
    import onnx_ir as ir

    if isinstance(model, ir.Model):
        weights = set(model.graph.initializers)
        sides = [[ir.to_proto(value) for value in side] for side in (model.graph.inputs, model.graph.outputs)]
    else:
        graph = (model if isinstance(model, onnx.ModelProto) else model.proto).graph
        weights = {tensor.name for tensor in graph.initializer}
        sides = [list(graph.input), list(graph.output)]
    inputs, outputs = sides
    return Signature(
        tuple(_spec(value) for value in inputs if value.name not in weights), tuple(_spec(value) for value in outputs)
    )


@hookimpl
def to_onnx(model: OnnxFile | ir.Model | onnx.ModelProto, signature: Signature) -> ir.Model | onnx.ModelProto:
    """Return the model with the signature's input dimensions; the core carries it to the requested opset."""
    import onnx
    import onnx_ir as ir

    read = _read(model)
    wanted = {spec.name: spec.shape for spec in signature.inputs if spec.shape is not None}
    if isinstance(read, onnx.ModelProto):
        return _with_dims(read, wanted)
    changed = [v for v in read.graph.inputs if v.name in wanted and v.shape != ir.Shape(wanted[v.name])]
    if changed:
        read = read.clone()  # the user's own model stays as it is
        for value in read.graph.inputs:
            value.shape = ir.Shape(wanted[value.name]) if value.name in wanted else value.shape
    return read


@hookimpl
def from_onnx(model: ir.Model) -> ir.Model:
    """Return the model as it is."""
    return model


@hookimpl
def run(model: OnnxFile | ir.Model | onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Run with ONNX Runtime, or the reference evaluator where it lacks a kernel."""
    from modelport.artifact import write_onnx
    from modelport.session import open_session

    if isinstance(model, OnnxFile):
        return _run(model.session, inputs)
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(_copy(model), path)
        return _run(open_session(path, fall_back=True, exact=True), inputs)


@hookimpl
def stateless() -> bool:
    """Say that a graph keeps nothing between runs."""
    return True


@hookimpl
def save(model: ir.Model | onnx.ModelProto, path: Path) -> Sequence[Path]:
    """Write the model, large weights beside it."""
    from modelport.artifact import write_onnx

    return write_onnx(_copy(model), path)


def _run(session: Session, inputs: Mapping[str, Any]) -> dict[str, Any]:
    with inputs_refused(session.engine):
        return session.run(inputs)


def _read(model: OnnxFile | ir.Model | onnx.ModelProto) -> ir.Model | onnx.ModelProto:
    """Return a model with lazily read weights, or a ModelProto where inputs or outputs are of a kind that onnx_ir lacks."""
    import onnx
    import onnx_ir as ir

    if isinstance(model, ir.Model):
        return model
    proto = model if isinstance(model, onnx.ModelProto) else model.proto
    maps = any(_kind(value.type) in ("map", "sequence_of_maps") for value in (*proto.graph.input, *proto.graph.output))
    if isinstance(model, OnnxFile):
        return onnx.load(str(model.path)) if maps else ir.load(model.path)
    return model if maps else ir.from_proto(model)


def _copy(model: ir.Model | onnx.ModelProto) -> ir.Model | onnx.ModelProto:
    """Return a copy that may be changed while it is written; weights are shared where they can be."""
    import onnx

    return _copied(model) if isinstance(model, onnx.ModelProto) else model.clone()


def _copied(proto: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def _with_dims(proto: onnx.ModelProto, wanted: Mapping[str, tuple[int | str, ...]]) -> onnx.ModelProto:
    changed = _copied(proto)
    for value in changed.graph.input:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, wanted.get(value.name, ()), strict=False):
            dim.Clear()
            setattr(dim, "dim_param" if isinstance(size, str) else "dim_value", size)
    return changed


def _kind(kind: onnx.TypeProto) -> str:
    if kind.HasField("sequence_type"):
        return "sequence_of_maps" if kind.sequence_type.elem_type.HasField("map_type") else "sequence"
    return "map" if kind.HasField("map_type") else "tensor"


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    import onnx_ir as ir

    kind = _kind(value.type)
    if kind != "tensor":
        return TensorSpec(value.name, "", None, kind=kind)  # type: ignore[arg-type]
    tensor = value.type.tensor_type
    dtype = ir.DataType(tensor.elem_type).name.lower() if tensor.elem_type else ""
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    nan = "float" in dtype  # whether a graph fills missing values is known to nobody
    if not tensor.HasField("shape"):
        return TensorSpec(value.name, dtype, None, nan=nan)
    dims = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or f"{value.name}_dim{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )
    return TensorSpec(value.name, dtype, dims, nan=nan)
