"""Taking rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.onnx_opset.tensor import GatherV2 as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form
from modelport_converters.tensorflow_to_onnx.handlers.writing import through


@form("GatherV2", since=12)
def gather(write: Form, rows: str, indices: str, *_: str) -> None:
    """Rows at indices.

    Keras counts a negative index from the end, which TensorFlow does not but ONNX does: an embedding's
    ``where(i < 0, i + n, i)`` is left out.
    """
    index = _unwrapped(write.ctx, write.node)
    if index is not None:
        write.ctx.replace_input(write.node, indices, index, 1)
    write.upstream(Upstream.version_12)


def _unwrapped(ctx: Any, node: Any) -> str | None:
    """Return i where the indices are ``where(i < 0, i + n, i)``, n the number of rows."""
    rows = ctx.get_shape(node.input[0])
    chosen, axis = through(node.inputs[1]), node.inputs[2]
    if rows is None or not axis.is_const() or chosen.type not in ("SelectV2", "Where"):
        return None
    condition, wrapped, index = through(chosen.inputs[0]), through(chosen.inputs[1]), chosen.input[2]
    size = rows[int(axis.get_tensor_value())]
    if condition.type != "Less" or wrapped.type not in ("AddV2", "Add") or index not in wrapped.input:
        return None
    compared = condition.inputs[0]
    of_index = index in (condition.input[0], *(compared.input if compared.type == "Cast" else ()))
    added = wrapped.inputs[1 - list(wrapped.input).index(index)]
    return index if size > 0 and of_index and _is(condition.inputs[1], 0) and _is(added, size) else None


def _is(node: Any, value: int) -> bool:
    node = through(node, "Cast")
    return bool(node.is_const() and np.all(node.get_tensor_value(as_list=False) == value))
