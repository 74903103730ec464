"""Hash tables whose contents are known, and comparisons of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset.logical import Equal as NumericEqual
from tf2onnx.utils import make_sure

from modelport_converters.tensorflow_to_onnx.handlers.newer import newer
from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LISTS = {"string": "strings", "int64": "int64s", "float32": "floats"}
_DEFAULTS = {"string": "string", "int64": "int64", "float32": "float"}
_ML = "ai.onnx.ml"


@tf_op(["HashTableV2", "HashTable", "AnonymousHashTable"])
class HashTable:
    """A table is no tensor: the lookups hold its contents."""

    @classmethod
    def version_8(cls, ctx: Any, node: Any, **_: Any) -> None:
        """It goes with the last lookup."""
        if not ctx.find_output_consumers(node.output[0]):
            ctx.remove_node(node.name)


@tf_op(["LookupTableFindV2", "LookupTableFind"])
class LookupTableFind:
    """LabelEncoder with the table's keys and values."""

    @classmethod
    def version_8(cls, ctx: Any, node: Any, initialized_tables: Mapping[bytes, Any], **_: Any) -> None:
        """Keys and values are strings, integers or floats; ONNX Runtime has kernels for each pair."""
        write = Writer(ctx, node)
        table = _table_of(node)
        keys, values = _contents(node, table, initialized_tables)
        make_sure(node.inputs[2].is_const(), "the default value of a table must be a constant")
        default = np.asarray(node.inputs[2].get_tensor_value(as_list=False)).reshape(-1)[0]
        wanted = write.dtype
        found = encoded(write, write.inputs[1], keys, values, default) if len(keys) else _constant(write, default)
        write.finish(found if is_text(wanted) or kind_of(wanted) == wanted.name else write.cast(found, wanted))
        if not ctx.find_output_consumers(table.output[0]):
            ctx.remove_node(table.name)


@tf_op(["LookupTableSizeV2", "LookupTableSize"])
class LookupTableSize:
    """The number of a table's keys."""

    @classmethod
    def version_8(cls, ctx: Any, node: Any, initialized_tables: Mapping[bytes, Any], **_: Any) -> None:
        """A constant."""
        write = Writer(ctx, node)
        table = _table_of(node)
        keys, _ = _contents(node, table, initialized_tables)
        write.finish(write.const(len(keys)))
        if not ctx.find_output_consumers(table.output[0]):
            ctx.remove_node(table.name)


@tf_op(["Equal", "NotEqual"])
class Equal:
    """tf2onnx's own form, but for strings, which it reads as numbers."""

    @classmethod
    def version_11(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        """Against a constant a table tells; ONNX compares two strings from opset 19."""
        write = Writer(ctx, node)
        if not is_text(write.dtype_of(write.inputs[0])):
            NumericEqual.version_11(ctx, node, **kwargs)
            return
        constants = [index for index in (0, 1) if _is_one_constant(node.inputs[index])]
        if constants:
            text = node.inputs[constants[0]].get_tensor_value(as_list=False).reshape(-1)
            same = write.cast(encoded(write, write.inputs[1 - constants[0]], text, np.array([1]), 0), bool)
        else:
            (same,) = newer(write, "Equal", *write.inputs)
        write.finish(same if node.type == "Equal" else write("Not", same))


def encoded(write: Writer, name: str, keys: Any, values: Any, default: Any) -> str:
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
    make_sure(dtype != np.float64, "a table of float64 has no form in ONNX Runtime, whose tables hold float32")
    return "int64" if np.dtype(dtype).kind in "iub" else "float32"


def _listed(array: Any) -> NDArray[Any]:
    """Return an array as LabelEncoder takes it: strings decoded, numbers as int64 or float32."""
    array = np.asarray(array).reshape(-1)
    if kind_of(array.dtype) == "string":
        return np.array([item.decode() if isinstance(item, bytes) else item for item in array], object)
    return np.asarray(array, kind_of(array.dtype))


def _constant(write: Writer, default: Any) -> str:
    """Return the default everywhere, for a table without keys."""
    listed = _listed(np.asarray([default]))
    return write("Expand", write.const(listed, listed.dtype), write("Shape", write.inputs[1]))


def _is_one_constant(node: Any) -> bool:
    return bool(node.is_const()) and node.get_tensor_value(as_list=False).size == 1


def _table_of(node: Any) -> Any:
    table = node.inputs[0]
    while table.type == "Identity":
        table = table.inputs[0]
    return table


def _contents(node: Any, table: Any, tables: Mapping[bytes, Any]) -> tuple[Any, Any]:
    name = table.get_attr_value("shared_name")
    make_sure(name in tables, "the contents of the table that %s reads are not known", node.name)
    keys, values = tables[name]
    return keys, values
