"""The checker stage: whether the very file that will be delivered is a valid, runnable model of the requested opset."""

from __future__ import annotations

from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx.checker import ValidationError

from modelport.errors import CheckFailed, ModelportError, SourceUnreadable
from modelport.model import (
    bytes_of,
    called_functions,
    dtype_name,
    graphs_of,
    names_of,
    nodes_of,
    tensor_types,
    tensors_of,
    title_of,
    values_of,
)
from modelport.opset import yields_maps
from modelport.safety.external_data import check_external_data
from modelport.safety.static_sizes import require_sizes
from modelport.signature import Signature, TensorSpec

_MOST_INLINED = 1_000_000
_DEEPEST_CALLS = 200


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
    _check_harmless(model, path)
    del model
    _run_checker(path, path, "nothing was delivered; report it with the source model: the export is invalid", full=True)


def check_source(model: onnx.ModelProto, path: Path) -> None:
    """Check an ONNX file that somebody else wrote, before any library infers its shapes or opens its external data.

    Args:
        model: the file's content, without external data.
        path: the file.

    Raises:
        SourceUnreadable: for external data that is missing or not whole.
        CheckFailed: for an invalid model; libraries die of some.
        UnsafeSource, TooLarge: for external data outside its folder, and for tensors beyond the memory limit.
    """
    _check_harmless(model, path, missing=SourceUnreadable)
    if yields_maps(model):  # for which onnx_ir has no type
        return
    try:
        ir.from_proto(model)
    except Exception as error:
        reason = error.__cause__ or error
        raise CheckFailed(
            f"onnx_ir cannot read the model: {type(reason).__name__}: {' '.join(str(reason).split())[:400]}",
            where=str(path),
            remedy="export the model again",
        ) from error


def _check_harmless(model: onnx.ModelProto, path: Path, missing: type[ModelportError] = CheckFailed) -> None:
    """Check what a library must not be given: each of these goes before the first that would fall over it."""
    check_external_data(model, path, missing)
    _check_names_are_text(model, path)
    _check_types(model, path)
    _check_bytes(model, path)
    _check_functions(model, path)
    _check_loops(model, path)
    _run_checker(
        path if _has_shapes(model) else _with_shapes(model),
        path,
        "export the model again, or repair what the checker names",
    )
    require_sizes(model, path)


def _has_shapes(model: onnx.ModelProto) -> bool:
    values = [value for graph in graphs_of(model.graph) for value in values_of(graph)]
    return all(kind.HasField("shape") for value in values for kind in tensor_types(value.type))


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy for the checker, which demands a shape even of values whose rank nobody knows, and the data of weights."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in [value for graph in graphs_of(copy.graph) for value in values_of(graph)]:
        for kind in tensor_types(value.type):
            kind.shape.SetInParent()
    for tensor in tensors_of(copy):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.dims[:] = [0]
    return copy


def _run_checker(model: Path | onnx.ModelProto, path: Path, remedy: str, *, full: bool = False) -> None:
    try:
        onnx.checker.check_model(str(model) if isinstance(model, Path) else model, full_check=full)
    except (ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise CheckFailed(
            f"the ONNX checker refuses the model: {text[:800]}", where=str(path), remedy=remedy
        ) from error


def _check_names_are_text(model: onnx.ModelProto, path: Path) -> None:
    """Refuse names that are no UTF-8: protobuf hands them out as bytes, which no library expects."""
    for name in names_of(model):
        if not isinstance(name, str):
            raise CheckFailed(
                f"a name in the model is no UTF-8 text: {name!r}", where=str(path), remedy="export the model again"
            )


def _check_types(model: onnx.ModelProto, path: Path) -> None:
    """Refuse element types that ONNX has not, and negative sizes, which its own checker lets pass."""
    for value in (value for graph in graphs_of(model.graph) for value in values_of(graph)):
        for kind in tensor_types(value.type):
            if kind.elem_type not in onnx.TensorProto.DataType.values():
                raise CheckFailed(
                    f"the element type of {value.name!r} is {kind.elem_type}, which ONNX does not know",
                    where=str(path),
                    remedy="export the model again",
                )
            if any(dim.dim_value < 0 for dim in kind.shape.dim):
                raise CheckFailed(
                    f"the sizes of {value.name!r} are {[dim.dim_value for dim in kind.shape.dim]}",
                    where=str(path),
                    remedy="give a dimension of any size a name instead: dim_param",
                )


def _check_bytes(model: onnx.ModelProto, path: Path) -> None:
    """Refuse tensors whose bytes are more or fewer than their dimensions take."""
    for tensor in tensors_of(model):
        needed = bytes_of(dtype_name(tensor.data_type), tensor.dims)
        if tensor.HasField("raw_data") and len(tensor.raw_data) != needed and dtype_name(tensor.data_type):
            raise CheckFailed(
                f"the tensor {tensor.name!r} of dimensions {list(tensor.dims)} holds {len(tensor.raw_data):,} bytes, "
                f"not {needed:,}",
                where=str(path),
                remedy="export the model again",
            )


def _check_functions(model: onnx.ModelProto, path: Path) -> None:
    """Refuse functions that call themselves, and those that call one another until nobody can hold the result."""
    functions = {(function.domain, function.name, function.overload): function for function in model.functions}
    calls = {key: called_functions(function.node, functions) for key, function in functions.items()}
    try:
        order = list(TopologicalSorter({key: set(called) for key, called in calls.items()}).static_order())
    except CycleError as error:
        names = " -> ".join(name for _, name, _ in error.args[1])
        raise CheckFailed(
            f"functions of the model call themselves: {names}", where=str(path), remedy="export the model again"
        ) from error
    nodes: dict[tuple[str, str, str], int] = {}
    depths: dict[tuple[str, str, str], int] = {}
    for key in order:
        nodes[key] = len(functions[key].node) + sum(nodes[called] for called in calls[key])
        depths[key] = 1 + max((depths[called] for called in calls[key]), default=0)
    total = sum(nodes[called] for called in called_functions(model.graph.node, functions))
    if max(total, *nodes.values(), 0) > _MOST_INLINED or max(depths.values(), default=0) > _DEEPEST_CALLS:
        raise CheckFailed(
            f"the model's functions call one another {max(depths.values())} deep and are {max(total, *nodes.values()):,} "
            "nodes when they are written out",
            where=str(path),
            remedy=f"{_MOST_INLINED:,} nodes and {_DEEPEST_CALLS} levels are the most that is taken",
        )


def _check_loops(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a loop that can never end, before anything runs it."""
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
