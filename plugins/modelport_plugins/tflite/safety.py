"""The check of a TensorFlow Lite file before LiteRT opens it: operators, and the indices and sizes that LiteRT does not check."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from modelport.errors import SourceUnreadable, UnsafeSource
from modelport.safety import memory

if TYPE_CHECKING:
    from pathlib import Path

_FLEX = "Flex"
"""Begins the names of TensorFlow's own operators inside a file."""

_BITS = {"BOOL": 8, "STRING": 8}
"""Bits of an element by type, where its name does not hold them."""

_DIGITS = re.compile(r"\D")

_SUBGRAPHS = {
    "CallOnceOptions": ("InitSubgraphIndex",),
    "IfOptions": ("ThenSubgraphIndex", "ElseSubgraphIndex"),
    "WhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
    "StablehloCaseOptions": (),
    "StablehloWhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
    "StableHLOCompositeOptions": ("DecompositionSubgraphIndex",),
    "StablehloReduceOptions": ("BodySubgraphIndex",),
    "StablehloReduceWindowOptions": ("BodySubgraphIndex",),
    "StablehloScatterOptions": ("UpdateComputationSubgraphIndex",),
    "StablehloSortOptions": ("ComparatorSubgraphIndex",),
}
"""The fields of an operator's options that name other graphs of the file."""

_CALLERS = {
    "CALL_ONCE": "CallOnceOptions",
    "IF": "IfOptions",
    "STABLEHLO_CASE": "StablehloCaseOptions",
    "STABLEHLO_COMPOSITE": "StableHLOCompositeOptions",
    "STABLEHLO_REDUCE": "StablehloReduceOptions",
    "STABLEHLO_REDUCE_WINDOW": "StablehloReduceWindowOptions",
    "STABLEHLO_SCATTER": "StablehloScatterOptions",
    "STABLEHLO_SORT": "StablehloSortOptions",
    "STABLEHLO_WHILE": "StablehloWhileOptions",
    "WHILE": "WhileOptions",
}
"""The options that LiteRT takes for granted, by operator."""

_COUNTED = {"SplitOptions": "NumSplits", "SplitVOptions": "NumSplits", "UnpackOptions": "Num"}
"""The fields of an operator's options that count its outputs."""

_OPTIONAL = {
    "CONV_2D": {2}, "CONV_3D": {2}, "CONV_3D_TRANSPOSE": {3}, "DEPTHWISE_CONV_2D": {2}, "FULLY_CONNECTED": {2}, "SVDF": {3},
    "TRANSPOSE_CONV": {3},
}  # fmt: skip
"""The inputs that may be absent, by operator; of recurrent layers and custom operators, all but the first."""

_RECURRENT = ("LSTM", "_RNN", "CUSTOM")


def check(content: bytes, source: Path, *, trust: bool) -> None:
    """Refuse a file with external buffers, operators outside the allow-list, or indices and offsets out of range.

    Raises:
        UnsafeSource: unless trusted, for buffers in other files and for operators of TensorFlow that are not pure.
        SourceUnreadable: for indices, offsets and sizes that do not fit, and graphs that call each other in a circle.
        TooLarge: for tensors beyond the memory limit.
    """
    from ai_edge_litert.schema_py_generated import Model

    try:
        model = Model.GetRootAsModel(content, 0)
        if not trust:
            _refuse_unsafe(model, source)
        _check_buffers(model, len(content), source)
        for index in range(_count(model.SubgraphsLength(), content)):
            _check_graph(model, index, content, source)
        _check_calls(model, source)
        _check_signatures(model, source)
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        _damaged(f"an offset points outside of the file ({error})", source)


# --- what it runs --------------------------------------------------------------------------------


def _refuse_unsafe(model: Any, source: Path) -> None:
    from modelport_converters.tensorflow_to_onnx import pure_ops

    if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
        _unsafe("the model keeps numbers in another file, which opening it reads", source)
    for index in range(model.OperatorCodesLength()):
        name = (model.OperatorCodes(index).CustomCode() or b"").decode("utf-8", "replace")
        if name.startswith(_FLEX) and not pure_ops.computes(name.removeprefix(_FLEX)):
            _unsafe(f"the operator {name.removeprefix(_FLEX)} of TensorFlow may touch files or run other code", source)


# --- indices and sizes ---------------------------------------------------------------------------


def _check_buffers(model: Any, length: int, source: Path) -> None:
    if not model.SubgraphsLength():
        _damaged("it has no graph", source)
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.Offset() + buffer.Size() > length:
            _damaged(f"the buffer {index} lies outside of the file", source)


def _check_graph(model: Any, index: int, content: bytes, source: Path) -> None:
    graph = model.Subgraphs(index)
    count = _count(graph.TensorsLength(), content)
    for at in range(count):
        _check_tensor(model, graph.Tensors(at), source)
    _within(_numbers(graph, "Inputs"), 0, count, f"an input of the graph {index}", source)
    _within(_numbers(graph, "Outputs"), 0, count, f"an output of the graph {index}", source)
    for at in range(_count(graph.OperatorsLength(), content)):
        _check_operator(model, graph.Operators(at), count, f"of the operator {at} in the graph {index}", source)


def _check_operator(model: Any, operator: Any, tensors: int, where: str, source: Path) -> None:
    _within([operator.OpcodeIndex()], 0, model.OperatorCodesLength(), f"the code {where}", source)
    name = _operator_name(model.OperatorCodes(operator.OpcodeIndex()))
    inputs, outputs = _numbers(operator, "Inputs"), _numbers(operator, "Outputs")
    _within([at for at in inputs if at != -1], 0, tensors, f"an input {where}", source)
    _within(outputs, 0, tensors, f"an output {where}", source)
    _within(_numbers(operator, "Intermediates"), -1, tensors, f"an intermediate {where}", source)
    optional = set(range(1, len(inputs))) if name.endswith(_RECURRENT) else _OPTIONAL.get(name, set())
    if any(number == -1 and at not in optional for at, number in enumerate(inputs)):
        _damaged(f"{name} lacks an input, {where}", source)
    options = dict(_options(operator))
    if name in _CALLERS and _CALLERS[name] not in options:
        _damaged(f"{name} names no graph, {where}", source)
    if not inputs and not outputs and name not in _CALLERS:
        _damaged(f"nothing goes in or out {where}", source)
    for kind, field in _COUNTED.items():
        if kind in options and int(getattr(options[kind], field)()) != len(outputs):
            _damaged(f"{name} has another number of outputs than it says, {where}", source)


def _check_tensor(model: Any, tensor: Any, source: Path) -> None:
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    _within([tensor.Buffer()], 0, max(model.BuffersLength(), 1), f"the buffer of the tensor {name!r}", source)
    bits = _bits().get(tensor.Type())
    if bits is None:
        _damaged(f"the tensor {name!r} has a type that is not known", source)
    shape = _numbers(tensor, "Shape")
    _within(shape, 0, 2**31, f"a size of the tensor {name!r}", source)
    signature = _numbers(tensor, "ShapeSignature")
    if signature and (
        len(signature) != len(shape) or any(a not in (-1, b) for a, b in zip(signature, shape, strict=True))
    ):
        _damaged(f"the tensor {name!r} has two shapes, {shape} and {signature}", source)
    memory.require(math.prod(shape) * bits // 8, f"the tensor {name!r}", where=str(source))


def _check_calls(model: Any, source: Path) -> None:
    """Refuse indices of graphs that are not there, and graphs that call each other in a circle, which would never end."""
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    calls = [
        [callee for at in range(graph.OperatorsLength()) for callee in _called(graph.Operators(at))] for graph in graphs
    ]
    _within([callee for found in calls for callee in found], 0, len(calls), "a graph that an operator calls", source)
    done: set[int] = set()
    while len(done) < len(calls):
        free = {index for index, found in enumerate(calls) if index not in done and done.issuperset(found)}
        if not free:
            _damaged("its graphs call each other in a circle", source)
        done |= free


def _called(operator: Any) -> Iterator[int]:
    """Yield the graphs that an operator names."""
    for name, options in _options(operator):
        yield from (int(getattr(options, field)()) for field in _SUBGRAPHS.get(name, ()))
        if name == "StablehloCaseOptions":
            yield from _numbers(options, "BranchSubgraphIndices")


def _options(operator: Any) -> Iterator[tuple[str, Any]]:
    """Yield the options of an operator with the names of their types."""
    from ai_edge_litert import schema_py_generated as schema

    for kinds, field in ((schema.BuiltinOptions, "BuiltinOptions"), (schema.BuiltinOptions2, "BuiltinOptions2")):
        name = _names(kinds).get(getattr(operator, f"{field}Type")(), "NONE")
        table = getattr(operator, field)()
        if table is not None and name != "NONE":
            options = getattr(schema, name)()
            options.Init(table.Bytes, table.Pos)
            yield name, options


def _operator_name(code: Any) -> str:
    """Return the name of an operator; numbers beyond 127 stand in a field of their own."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return _names(BuiltinOperator).get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "an unknown operator")


def _check_signatures(model: Any, source: Path) -> None:
    for index in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(index)
        _within([signature.SubgraphIndex()], 0, model.SubgraphsLength(), "the graph of a signature", source)
        count = model.Subgraphs(signature.SubgraphIndex()).TensorsLength()
        inputs = [signature.Inputs(at).TensorIndex() for at in range(signature.InputsLength())]
        outputs = [signature.Outputs(at).TensorIndex() for at in range(signature.OutputsLength())]
        _within([*inputs, *outputs], 0, count, "a tensor of a signature", source)


# --- reading -------------------------------------------------------------------------------------


def _numbers(table: Any, field: str) -> list[int]:
    """Return a vector of integers of a table; an absent one is empty."""
    found = getattr(table, f"{field}AsNumpy")()
    return np.ravel(found).tolist() if isinstance(found, np.ndarray) else []


def _count(length: int, content: bytes) -> int:
    """Return the length of a vector; raises IndexError for one that cannot lie in the file."""
    if length > len(content):
        raise IndexError(f"a vector of {length} entries")
    return length


def _bits() -> dict[int, int]:
    """Return the bits of an element of each type of tensors, by its number."""
    from ai_edge_litert.schema_py_generated import TensorType

    return {
        number: _BITS.get(name) or int(_DIGITS.sub("", name.partition("_")[0]) or 0)
        for number, name in _names(TensorType).items()
    }


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _within(numbers: Iterable[int], least: int, end: int, what: str, source: Path) -> None:
    for number in numbers:
        if not least <= number < end:
            _damaged(f"{what} is {number}, which is not there", source)


def _damaged(what: str, source: Path) -> NoReturn:
    raise SourceUnreadable(
        f"the file is damaged: {what}", where=str(source), remedy="copy it again, or write it again from its model"
    )


def _unsafe(what: str, source: Path) -> NoReturn:
    raise UnsafeSource(
        what,
        where=str(source),
        remedy="if you trust its origin, pass --trust; else convert the model that this file was made from",
    )
