"""The checker stage: whether the very file that will be delivered is a valid, runnable model of the requested opset."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx
from onnx.checker import ValidationError

from modelport.errors import CheckFailed
from modelport.external_data import check_external_data
from modelport.graphs import nodes_of, title_of
from modelport.signature import Signature, TensorSpec
from modelport.static_sizes import require_sizes


def check_model(path: Path, *, opset: int, signature: Signature) -> None:
    """Check an ONNX file: its opset and signature, and the full ONNX checker with strict shape inference.

    Args:
        path: the file that will be delivered, its external data beside it.
        opset: the opset of the default domain that it must carry.
        signature: the names, in order, that its inputs and outputs must have.

    Raises:
        CheckFailed: with the checker's own words.
        UnsafeSource, TooLarge: for external data outside its folder, and for tensors beyond the memory limit.
    """
    model = onnx.load(str(path), load_external_data=False)
    _check_opset(model, opset, path)
    _check_signature(model, signature, path)
    check_external_data(model, path)
    check_loops(model, path)
    require_sizes(model, path)
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


def check_loops(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a loop that can never end, before anything runs it; raises CheckFailed."""
    for node in nodes_of(model):
        if node.op_type == "Loop" and not node.domain and not any([*node.input, "", ""][:2]):
            raise CheckFailed(
                "a Loop has neither a trip count nor a condition, so that it never ends",
                where=f"{path}, node {title_of(node)}",
                remedy="give it a trip count or a condition",
            )


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
