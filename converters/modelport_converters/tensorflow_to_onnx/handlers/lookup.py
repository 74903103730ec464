"""Lookup tables of static contents, and comparisons of strings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from tf2onnx.onnx_opset.logical import Equal as NumericEqual

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler
from modelport_converters.tensorflow_to_onnx.newer_opset import newer

_LISTS = {"string": "strings", "int64": "int64s", "float32": "floats"}
_DEFAULTS = {"string": "string", "int64": "int64", "float32": "float"}


@handler("HashTableV2", "HashTable", "AnonymousHashTable", since=8)
def hash_table(op: Operation) -> None:
    """A table is no tensor: the lookups hold its contents, and it goes with the last of them."""
    op.drop_unread(op.node)


@handler("LookupTableFindV2", "LookupTableFind", since=8)
def look_up(op: Operation, _: Value, names: Value, __: Value) -> Value:
    """LabelEncoder with the table's keys and values: strings, integers or floats; ONNX Runtime has kernels for each pair."""
    if not op.is_constant(2):
        raise ValueError("the default value of a table must be a constant")
    default = op.constant(2).reshape(-1)[0]
    keys, values = _contents(op)
    found = _encoded(names, keys, values, default) if len(keys) else _everywhere(names, default)
    op.drop_unread(op.source(0))
    return found if _kind_of(op.dtype) == "string" else found.cast(op.dtype)


@handler("LookupTableSizeV2", "LookupTableSize", since=8)
def table_size(op: Operation, _: Value) -> Value:
    """The number of a table's keys."""
    keys, _values = _contents(op)
    op.drop_unread(op.source(0))
    return op.graph.constant(len(keys), "int64")


@handler("Equal", "NotEqual", since=11)
def equal(op: Operation, x: Value, y: Value) -> Value | None:
    """Strings compared, which tf2onnx reads as numbers: with a constant by a table, with others by Equal, from opset 19."""
    if x.dtype.kind != "O":
        op.upstream(NumericEqual.version_11)
        return None
    constants = [index for index in (0, 1) if op.is_constant(index) and op.constant(index).size == 1]
    if constants:
        same = _encoded(op.inputs[1 - constants[0]], op.constant(constants[0]), [1], 0).cast("bool")
    else:
        (same,) = newer("Equal", x, y, dtypes=["bool"])
    return same if op.type == "Equal" else ~same


def _encoded(x: Value, keys: ArrayLike, values: ArrayLike, default: Any) -> Value:
    """Look a tensor up: the value of the first key that an element equals, else the default."""
    keys, values = _listed(keys), _listed(values)
    kinds = _kind_of(keys.dtype), _kind_of(values.dtype)
    attributes = {
        f"keys_{_LISTS[kinds[0]]}": keys.tolist(),
        f"values_{_LISTS[kinds[1]]}": values.tolist(),
        f"default_{_DEFAULTS[kinds[1]]}": _listed([default]).tolist()[0],
    }
    given = x if _kind_of(x.dtype) == "string" else x.cast(_kind_of(x.dtype))
    return x.graph.op("LabelEncoder", given, dtype=values.dtype, domain="ai.onnx.ml", **attributes)


def _everywhere(x: Value, default: Any) -> Value:
    """Return the default for each element, for a table without keys."""
    return fn.broadcast_to(x.graph.constant(_listed([default])), fn.shape(x))


def _kind_of(dtype: DTypeLike) -> str:
    """Return the type that LabelEncoder has for a dtype: string, int64 or float32."""
    kind = np.dtype(dtype).kind
    if kind in "OSU":
        return "string"
    if dtype == np.float64:
        raise ValueError("a table of float64 has no form in ONNX Runtime, whose tables hold float32")
    return "int64" if kind in "iub" else "float32"


def _listed(array: ArrayLike) -> NDArray[Any]:
    """Return an array as LabelEncoder takes it: a vector of decoded strings, of int64 or of float32."""
    array = np.asarray(array).reshape(-1)
    if _kind_of(array.dtype) == "string":
        return np.array([item.decode() if isinstance(item, bytes) else item for item in array], object)
    return np.asarray(array, _kind_of(array.dtype))


def _contents(op: Operation) -> tuple[Any, Any]:
    """Return the keys and values of the table that the node reads."""
    name, tables = op.source(0).get_attr_value("shared_name"), op.settings["initialized_tables"]
    if name not in tables:
        raise ValueError(f"the contents of the table that {op.node.name} reads are not known")
    keys, values = tables[name]
    return keys, values
