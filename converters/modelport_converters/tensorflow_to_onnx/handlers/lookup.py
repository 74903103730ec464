"""Hash tables whose contents are known, and comparisons of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tf2onnx.onnx_opset.logical import Equal as NumericEqual

from modelport_converters.tensorflow_to_onnx.handler import Form, handler
from modelport_converters.tensorflow_to_onnx.newer_opset import newer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LISTS = {"string": "strings", "int64": "int64s", "float32": "floats"}
_DEFAULTS = {"string": "string", "int64": "int64", "float32": "float"}
_ML = "ai.onnx.ml"


@handler("HashTableV2", "HashTable", "AnonymousHashTable", since=8)
def hash_table(write: Form) -> None:
    """A table is no tensor: the lookups hold its contents, and it goes with the last of them."""
    write.drop_unread(write.node)


@handler("LookupTableFindV2", "LookupTableFind", since=8)
def look_up(write: Form, _: str, names: str, __: str) -> str:
    """LabelEncoder with the table's keys and values: strings, integers or floats; ONNX Runtime has kernels for each pair."""
    given = write.node.inputs[2]
    if not given.is_const():
        raise ValueError("the default value of a table must be a constant")
    default, wanted = given.get_tensor_value(as_list=False).reshape(-1)[0], write.dtype
    keys, values = _contents(write)
    found = encoded(write, names, keys, values, default) if len(keys) else _constant(write, default)
    write.drop_unread(write.source(0))
    return found if is_text(wanted) or kind_of(wanted) == wanted.name else write.cast(found, wanted)


@handler("LookupTableSizeV2", "LookupTableSize", since=8)
def table_size(write: Form, _: str) -> str:
    """The number of a table's keys."""
    keys, _values = _contents(write)
    write.drop_unread(write.source(0))
    return write.const(len(keys))


@handler("Equal", "NotEqual", since=11)
def equal(write: Form, x: str, y: str) -> str | None:
    """tf2onnx's own form, but for strings, which it reads as numbers.

    Against a constant a table tells; ONNX compares two strings from opset 19.
    """
    if not is_text(write.dtype_of(x)):
        write.upstream(NumericEqual.version_11)
        return None
    constants = [index for index in (0, 1) if _is_one_constant(write.node.inputs[index])]
    if constants:
        text = write.node.inputs[constants[0]].get_tensor_value(as_list=False).reshape(-1)
        same = write.cast(encoded(write, write.inputs[1 - constants[0]], text, np.array([1]), 0), bool)
    else:
        (same,) = newer(write, "Equal", x, y)
    return same if write.kind == "Equal" else write("Not", same)


def encoded(write: Form, name: str, keys: Any, values: Any, default: Any) -> str:
    """Look a tensor up: the value of the first key that an element equals, else the default."""
    keys, values = _listed(keys), _listed(values)
    kind = write.dtype_of(name)
    if not is_text(kind) and kind_of(kind) != kind.name:
        name = write.cast(name, kind_of(kind))
    attributes = {
        f"keys_{_LISTS[kind_of(keys.dtype)]}": keys.tolist(),
        f"values_{_LISTS[kind_of(values.dtype)]}": values.tolist(),
        f"default_{_DEFAULTS[kind_of(values.dtype)]}": _listed(np.asarray([default])).tolist()[0],
    }
    return write("LabelEncoder", name, domain=_ML, **attributes)


def is_text(dtype: Any) -> bool:
    """Whether a dtype is that of strings."""
    return np.dtype(dtype).kind in "OSU"


def kind_of(dtype: Any) -> str:
    """Return the type that LabelEncoder has for a dtype: string, int64 or float32."""
    if is_text(dtype):
        return "string"
    if dtype == np.float64:
        raise ValueError("a table of float64 has no form in ONNX Runtime, whose tables hold float32")
    return "int64" if np.dtype(dtype).kind in "iub" else "float32"


def _listed(array: Any) -> NDArray[Any]:
    """Return an array as LabelEncoder takes it: strings decoded, numbers as int64 or float32."""
    array = np.asarray(array).reshape(-1)
    if kind_of(array.dtype) == "string":
        return np.array([item.decode() if isinstance(item, bytes) else item for item in array], object)
    return np.asarray(array, kind_of(array.dtype))


def _constant(write: Form, default: Any) -> str:
    """Return the default everywhere, for a table without keys."""
    listed = _listed(np.asarray([default]))
    return write("Expand", write.const(listed, listed.dtype), write("Shape", write.inputs[1]))


def _is_one_constant(node: Any) -> bool:
    return bool(node.is_const()) and node.get_tensor_value(as_list=False).size == 1


def _contents(write: Form) -> tuple[Any, Any]:
    """Return the keys and values of the table that the node reads."""
    name, tables = write.source(0).get_attr_value("shared_name"), write.settings["initialized_tables"]
    if name not in tables:
        raise ValueError(f"the contents of the table that {write.node.name} reads are not known")
    keys, values = tables[name]
    return keys, values
