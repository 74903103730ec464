"""Products of sequences with matrices."""

from __future__ import annotations

from typing import Any

from tf2onnx.onnx_opset.tensor import Reshape as Upstream

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form
from modelport_converters.tensorflow_to_onnx.handlers.writing import through


@form("Reshape", since=5)
def reshape(write: Form, *_: str) -> str | None:
    """tf2onnx's own form, but where it ends a product of a sequence and a matrix, as tf.tensordot writes it.

    TensorFlow's product has two axes, so a Dense layer flattens the others and puts them back; MatMul takes them as they are.
    """
    factors = _factors(write.ctx, write.node)
    if factors is not None:
        return write("MatMul", *factors)
    write.upstream(Upstream.version_5)
    return None


def _factors(ctx: Any, node: Any) -> tuple[str, str] | None:
    """Return x and the matrix where the node is ``reshape(reshape(x, [-1, k]) @ matrix, [*x.shape[:-1], n])``."""
    product = through(node.inputs[0], "Cast")
    flat = through(product.inputs[0], "Cast") if product.type == "MatMul" else None
    if flat is None or flat.type != "Reshape":
        return None
    x, matrix = flat.input[0], product.input[1]
    given, rows, columns, wanted = map(ctx.get_shape, (x, flat.output[0], matrix, node.output[0]))
    if None in (given, rows, columns, wanted) or (len(rows), len(columns)) != (2, 2) or 0 in given:
        return None
    if len(wanted) != len(given) or not 0 < given[-1] == columns[0] or wanted[-1] != columns[1]:
        return None
    # one open size follows from the others, since the number of rows is the same
    told = wanted[:-1] == given[:-1] and given.count(-1) <= 1
    return (x, matrix) if told or _sizes_of(node.inputs[1], x, len(given) - 1) else None


def _sizes_of(shape: Any, x: str, count: int) -> bool:
    """Whether a shape begins with the first sizes of x, as many as there are of it."""
    shape = through(shape, "Cast")
    sizes = through(shape.inputs[0], "Cast") if shape.type == "Concat" and len(shape.input) == 2 else None
    if sizes is None or sizes.type != "Gather" or not sizes.inputs[1].is_const():
        return False
    source = through(sizes.inputs[0], "Cast")
    indices = sizes.inputs[1].get_tensor_value(as_list=False).ravel().tolist()
    return bool(source.type == "Shape" and source.input[0] == x and indices == list(range(count)))
