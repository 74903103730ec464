"""The checker stage: whether the very file that will be delivered is a valid, runnable model of the requested opset."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx.checker import ValidationError
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from modelport.domains import graphs_of
from modelport.errors import CheckFailed, ModelportError, UnsafeSource
from modelport.signature import Signature, TensorSpec

_PACKED_BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}


def check_model(path: Path, *, opset: int, signature: Signature) -> None:
    """Check an ONNX file: its opset and signature, and the full ONNX checker with strict shape inference.

    Args:
        path: the file that will be delivered, its external data beside it.
        opset: the opset of the default domain that it must carry.
        signature: the names, in order, that its inputs and outputs must have.

    Raises:
        CheckFailed: with the checker's own words.
    """
    model = onnx.load(str(path), load_external_data=False)
    _check_opset(model, opset, path)
    _check_signature(model, signature, path)
    check_external_data(model, path)
    _check_loops(model, path)
    del model
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise CheckFailed(
            f"the ONNX checker refuses the model: {text[:800]}",
            where=str(path),
            remedy="nothing was delivered; report it with the source model: the export is invalid",
        ) from error


def _check_loops(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a loop that can never end, before anything runs it."""
    for graph in graphs_of(model.graph):
        for node in graph.node:
            if node.op_type == "Loop" and not node.domain and not any([*node.input, "", ""][:2]):
                raise CheckFailed(
                    "a Loop has neither a trip count nor a condition, so that it never ends",
                    where=f"{path}, node {node.name or node.output[0]!r}",
                    remedy="give it a trip count or a condition",
                )


def check_external_data(model: onnx.ModelProto, path: Path, missing: type[ModelportError] = CheckFailed) -> None:
    """Raise UnsafeSource for weights outside the model's folder, and `missing` for weights whose file is not there."""
    for tensor in _tensors(model.graph):
        if not uses_external_data(tensor):
            continue
        location = ExternalDataInfo(tensor).location
        pure = PurePosixPath(location)
        if pure.is_absolute() or PureWindowsPath(location).is_absolute() or ".." in PureWindowsPath(location).parts:
            raise UnsafeSource(
                f"the weights of {tensor.name!r} lie outside the model's folder, at {location!r}",
                where=str(path),
                remedy="save the model again with its external data beside it",
            )
        if not (path.parent / location).is_file():
            raise missing(
                f"the external data {location!r} of {tensor.name!r} is missing",
                where=str(path),
                remedy="keep the external-data file beside the model",
            )
        info, size = ExternalDataInfo(tensor), (path.parent / location).stat().st_size
        end = (info.offset or 0) + (info.length if info.length is not None else _bytes(tensor))
        if size < end:
            raise missing(
                f"the external data {location!r} is truncated: {tensor.name!r} ends at byte {end:,}, the file at {size:,}",
                where=str(path),
                remedy="copy the external-data file again, whole",
            )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph: weights and constants, those of its branches and loop bodies too."""
    for inner in graphs_of(graph):
        yield from inner.initializer
        for node in inner.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors) if attribute.HasField("t") else attribute.tensors


def _bytes(tensor: onnx.TensorProto) -> int:
    """Return the bytes that a tensor's elements take: those of fewer than 8 bits are packed."""
    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    bits = _PACKED_BITS.get(kind) or onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
    return math.prod(tensor.dims) * bits // 8


def _check_opset(model: onnx.ModelProto, opset: int, path: Path) -> None:
    imports = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if imports and imports != [opset]:
        found = " and ".join(map(str, imports))
        raise CheckFailed(
            f"the model carries opset {found}, not {opset}",
            where=str(path),
            remedy="report it: the exporter missed the opset",
        )


def _check_signature(model: onnx.ModelProto, signature: Signature, path: Path) -> None:
    _check_names(model, signature, path)
    values = {value.name: value.type for value in (*model.graph.input, *model.graph.output)}
    for spec in (*signature.inputs, *signature.outputs):
        kind = values.get(spec.name)
        if kind is not None and kind.HasField("tensor_type") and kind.tensor_type.elem_type:
            _check_value(spec, kind.tensor_type, signature.symbols, path)


def _check_value(spec: TensorSpec, kind: onnx.TypeProto.Tensor, symbols: Collection[str], path: Path) -> None:
    """Compare dtype, rank and sizes with the signature; a symbolic dimension of the inputs must not have become a size."""
    dtype = onnx.helper.tensor_dtype_to_string(kind.elem_type).removeprefix("TensorProto.").lower()
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    problems = [f"dtype {dtype} instead of {spec.dtype}"] if spec.dtype and spec.dtype != dtype else []
    if kind.HasField("shape") and spec.shape is not None:
        sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        if len(sizes) != len(spec.shape):
            problems.append(f"{len(sizes)} dimensions instead of {len(spec.shape)}")
        problems += [
            f"axis {axis} fixed at {size} instead of {want}"
            for axis, (size, want) in enumerate(zip(sizes, spec.shape, strict=False))
            if size is not None and size != want and (isinstance(want, int) or want in symbols)
        ]
    if problems:
        raise CheckFailed(
            f"{spec.name!r} is not what the signature says: {', '.join(problems)}",
            where=str(path),
            remedy="nothing was delivered; report it: the exporter changed the signature",
        )


def _check_names(model: onnx.ModelProto, signature: Signature, path: Path) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    outputs = [value.name for value in model.graph.output]
    for title, have, want in (
        ("inputs", inputs, [spec.name for spec in signature.inputs]),
        ("outputs", outputs, [spec.name for spec in signature.outputs]),
    ):
        if want and have != want:
            raise CheckFailed(
                f"the model's {title} are {', '.join(have)}, the signature's {', '.join(want)}",
                where=str(path),
                remedy="report it: the exporter lost or renamed them",
            )
