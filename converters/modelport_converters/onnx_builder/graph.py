"""ONNX graphs under construction, and their values with NumPy's operators and type promotion.

A formula over a `Value` and arrays thus computes in the precision that NumPy computes in: float32 features times float64
coefficients are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import helper, numpy_helper

_SHARED_BYTES = 1024
"""Constants up to this size are written once, however often they are used."""

_LARGEST = np.iinfo(np.int64).max
"""As the bound of a Slice: to the end, or (negative) to the beginning."""

Operand: TypeAlias = "Value | ArrayLike"

LARGEST_OPSET = 22
"""The newest opset whose operators `Graph.op` and `functions` write."""
SMALLEST_OPSET = 13
ML_OPSET = 3
"""The ai.onnx.ml version that skl2onnx is asked for, and declared: see `ml_versions`."""


class Graph:
    """An ONNX graph under construction; `child()` begins the body of a Loop, a Scan or an If.

    A subclass may write into another library's graph: `name`, `add_node` and `add_constant` are all that it overrides
    (and `child` and `body`, where it has bodies).

    Attributes:
        opset: the version of the default domain that is written.
        nodes, initializers: in the order of their making; the initializers of bodies are those of the outermost graph.
        memo: what `memoized` has computed in this graph already.
    """

    def __init__(self, opset: int, outer: Graph | None = None) -> None:
        self.opset = opset
        self.root: Graph = outer.root if outer else self
        self.depth: int = outer.depth + 1 if outer else 0
        self.nodes: list[onnx.NodeProto] = []
        self.memo: dict[Any, Any] = {}
        self.initializers: list[onnx.TensorProto] = []
        self._shared: dict[tuple[np.dtype[Any], tuple[int, ...], bytes], str] = {}
        self._count = 0

    def child(self) -> Graph:
        """Return an empty graph whose values may use those of this one; its constants go to the outermost."""
        return Graph(self.opset, self)

    def name(self, kind: str) -> str:
        """Return a name that no other value of the model has, beginning with `kind`."""
        self.root._count += 1
        return f"{kind}_{self.root._count}"

    def add_node(
        self, kind: str, inputs: list[str], outputs: list[str], domain: str, attributes: dict[str, Any]
    ) -> None:
        """Write a node; its outputs have fresh names."""
        node = helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes)
        self.nodes.append(node)

    def add_constant(self, name: str, values: NDArray[Any]) -> None:
        """Write a constant of the outermost graph; texts are an object array of str."""
        self.root.initializers.append(numpy_helper.from_array(values, name))

    def input(self, name: str, dtype: DTypeLike) -> Value:
        """Return an input of the model as a value of this graph."""
        return Value(self, name, _numpy_dtype(dtype))

    def output(self, name: str, value: Value) -> None:
        """Give a value the name of an output of the model."""
        self.add_node("Identity", [value.name], [name], "", {})

    def constant(self, array: ArrayLike, dtype: DTypeLike | None = None) -> Value:
        """Return a constant; Python numbers become int64 or float64, texts strings (dtype object)."""
        values = np.asarray(array, dtype)
        if values.dtype.kind in "USO":
            values = np.array([str(text) for text in values.ravel()], object).reshape(values.shape)
        small = values.nbytes <= _SHARED_BYTES and values.dtype.kind != "O"
        shared, key = self.root._shared, (values.dtype, values.shape, values.tobytes() if small else b"")
        if small and key in shared:
            return Value(self, shared[key], values.dtype)
        result = Value(self, self.name("constant"), values.dtype)
        self.add_constant(result.name, np.ascontiguousarray(values).reshape(values.shape))
        if small:
            shared[key] = result.name
        return result

    def memoized(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what `compute` returns, called once for each key in this graph."""
        if key not in self.memo:
            self.memo[key] = compute()
        return self.memo[key]

    def op(self, kind: str, *inputs: Operand | None, dtype: DTypeLike | None = None, **attributes: Any) -> Value:
        """Add a node with one output; its dtype is that of the first input unless `dtype` says otherwise.

        Arrays and numbers become constants; None is an input left out.
        """
        (result,) = self.ops(kind, *inputs, dtypes=[dtype], **attributes)
        return result

    def ops(
        self,
        kind: str,
        *inputs: Operand | None,
        dtypes: Sequence[DTypeLike | None],
        domain: str = "",
        **attributes: Any,
    ) -> list[Value]:
        """Add a node with one output for each of `dtypes`; None stands for the dtype of the first input."""
        given = [None if value is None else self.value(value) for value in inputs]
        own = given[0].dtype if given and given[0] is not None else np.dtype("float64")
        results = [Value(self, self.name(kind.lower()), np.dtype(own if one is None else one)) for one in dtypes]
        names = [value.name if value else "" for value in given]
        self.add_node(kind, names, [one.name for one in results], domain, attributes)
        return results

    def body(self, inputs: Sequence[Value], outputs: Sequence[Value], *, scalars: int = 0) -> onnx.GraphProto:
        """Return the graph as the body of a node.

        Arguments:
            inputs: of which the first `scalars` have no axes: ONNX Runtime wants to know the rank of a Loop's own two.
            outputs: each of a node of this graph, and used once.
        """
        given = _infos(inputs)
        for scalar in given[:scalars]:
            scalar.type.tensor_type.shape.SetInParent()  # an empty shape
        return helper.make_graph(self.nodes, self.name("body"), given, _infos(outputs))

    def value(self, operand: Operand) -> Value:
        """Return the operand in this graph: a constant for an array, a captured value for one of an outer graph."""
        if not isinstance(operand, Value):
            return self.constant(operand)
        return operand if operand.graph is self else Value(self, operand.name, operand.dtype)

    def promoted(self, *operands: Operand) -> list[Value]:
        """Return the operands cast to the dtype that NumPy would compute in; Python's own numbers adapt to arrays."""
        strong = {_dtype_of(one) for one in operands if not _is_python_number(one)}
        if len(strong) == 1 and is_floating(min(strong)):  # NumPy makes float64 of bfloat16 and a Python float
            (dtype,) = strong
        else:
            dtype = np.result_type(*(one if _is_python_number(one) else _dtype_of(one) for one in operands))
        return [
            self.value(one).cast(dtype) if isinstance(one, Value) else self.constant(one, dtype) for one in operands
        ]


class Value:
    """One value of a graph, with its NumPy dtype (object for strings); the operators are NumPy's."""

    __slots__ = ("dtype", "graph", "name")
    __array_ufunc__ = None  # an array on the left of an operator leaves it to the value
    __iter__ = None  # how many elements there are is known only when the model runs

    def __init__(self, graph: Graph, name: str, dtype: DTypeLike) -> None:
        self.graph = graph
        self.name = name
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @property
    def T(self) -> Value:  # noqa: N802 - NumPy's name
        """The matrix with rows and columns exchanged."""
        return self.graph.op("Transpose", self, perm=[1, 0])

    def cast(self, dtype: DTypeLike) -> Value:
        """Return the value in another dtype; itself when it has it."""
        wanted = np.dtype(dtype)
        if wanted == self.dtype:
            return self
        return self.graph.op("Cast", self, dtype=wanted, to=element_type(wanted))

    def __add__(self, other: Operand) -> Value:
        return _binary("Add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return _binary("Add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return _binary("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return _binary("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return _binary("Mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return _binary("Mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return _binary("Div", self, other, floating=True)

    def __rtruediv__(self, other: Operand) -> Value:
        return _binary("Div", other, self, floating=True)

    def __pow__(self, other: Operand) -> Value:
        return _binary("Pow", self, other)

    def __matmul__(self, other: Operand) -> Value:
        if not isinstance(other, Value) and np.ndim(other) == 1:  # ONNX Runtime multiplies no empty matrix by a vector
            product = _binary("MatMul", self, np.asarray(other)[:, None])
            return product.graph.op("Squeeze", product, np.array([-1], np.int64))
        return _binary("MatMul", self, other)

    def __rmatmul__(self, other: Operand) -> Value:
        return _binary("MatMul", other, self)

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)

    def __lt__(self, other: Operand) -> Value:
        return _binary("Less", self, other, dtype="bool")

    def __le__(self, other: Operand) -> Value:
        return _binary("LessOrEqual", self, other, dtype="bool")

    def __gt__(self, other: Operand) -> Value:
        return _binary("Greater", self, other, dtype="bool")

    def __ge__(self, other: Operand) -> Value:
        return _binary("GreaterOrEqual", self, other, dtype="bool")

    def __floordiv__(self, other: Operand) -> Value:
        left, right = innermost(self, other).promoted(self, other)
        if is_floating(left.dtype):
            return left.graph.op("Floor", left / right)
        return left.graph.op("Div", left - left % right, right)

    def __mod__(self, other: Operand) -> Value:
        left, right = innermost(self, other).promoted(self, other)
        graph = left.graph
        if not is_floating(left.dtype):
            return graph.op("Mod", left, right)
        rest = graph.op("Mod", left, right, fmod=1)  # takes the sign of the dividend
        return graph.op("Where", graph.op("Sign", rest) * right < 0, rest + right, rest, dtype=rest.dtype)

    def __and__(self, other: Operand) -> Value:
        return innermost(self, other).op("And", self, other)

    def __or__(self, other: Operand) -> Value:
        return innermost(self, other).op("Or", self, other)

    def __invert__(self) -> Value:
        return self.graph.op("Not", self)

    def __getitem__(self, index: Any) -> Value:
        """Select as NumPy does along each axis by itself: slices, numbers, arrays of numbers or booleans, and None.

        Indices may be values, int64 of any shape; the bounds of a slice too, int64 of the shape [1].
        """
        result, axis = self, 0
        for one in index if isinstance(index, tuple) else (index,):
            result, axis = _selected(result, one, axis)
        return result


def _is_python_number(operand: Operand) -> bool:
    return type(operand) in (bool, int, float)  # NumPy's own float64 is a subclass of float, and decides as arrays do


def _dtype_of(operand: Operand) -> np.dtype[Any]:
    return operand.dtype if isinstance(operand, Value) else np.asarray(operand).dtype


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype holds floating-point numbers; NumPy itself counts bfloat16 among none of its kinds."""
    return dtype.kind == "f" or dtype == ml_dtypes.bfloat16


def _binary(
    kind: str, left: Operand, right: Operand, *, floating: bool = False, dtype: DTypeLike | None = None
) -> Value:
    graph = innermost(left, right)
    given = graph.promoted(left, right)
    kept = given[0].dtype
    if (floating and not is_floating(kept)) or kept.kind == "b":
        given = [one.cast("float64" if floating else "int64") for one in given]
    return graph.op(kind, *given, dtype=dtype)


def innermost(*operands: Operand | None) -> Graph:
    """Return the graph that a node over these operands belongs to: the most deeply nested of theirs."""
    return max((one.graph for one in operands if isinstance(one, Value)), key=lambda graph: graph.depth)


def _selected(value: Value, index: Any, axis: int) -> tuple[Value, int]:
    graph = value.graph
    if index is None:
        return graph.op("Unsqueeze", value, [axis]), axis + 1
    if isinstance(index, slice):
        if index == slice(None):
            return value, axis + 1
        step = index.step or 1
        first, last = (0, _LARGEST) if step > 0 else (_LARGEST, -_LARGEST)
        bounds = [first if index.start is None else index.start, last if index.stop is None else index.stop, axis, step]
        given = [one if isinstance(one, Value) else np.array([one], np.int64) for one in bounds]
        return innermost(value, *given).op("Slice", value, *given), axis + 1
    if isinstance(index, int | np.integer):
        return graph.op("Gather", value, np.int64(index), axis=axis), axis
    if isinstance(index, Value):
        return innermost(value, index).op("Gather", value, index, axis=axis), axis + 1
    index = np.asarray(index)
    index = np.flatnonzero(index) if index.dtype.kind == "b" else index.astype(np.int64)
    return graph.op("Gather", value, index, axis=axis), axis + 1


def _infos(values: Sequence[Value]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(one.name, element_type(one.dtype), None) for one in values]


def element_type(dtype: DTypeLike) -> int:
    """Return ONNX's number of a NumPy dtype; "string" and objects are strings."""
    wanted = _numpy_dtype(dtype)
    return int(onnx.TensorProto.STRING if wanted.kind == "O" else helper.np_dtype_to_tensor_dtype(wanted))


def _numpy_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    return np.dtype(object if isinstance(dtype, str) and dtype == "string" else dtype)
