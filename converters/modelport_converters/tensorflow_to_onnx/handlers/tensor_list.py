"""Lists of tensors outside of loops: one tensor with the elements along its first axis."""

from __future__ import annotations

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler


@handler("TensorListFromTensor", since=7)
def from_tensor(op: Operation, items: Value, *_: Value) -> None:
    """The tensor itself; tf2onnx has this only for lists that a loop reads."""
    ctx, node = op.ctx, op.node
    node.type = "Identity"
    ctx.replace_inputs(node, [items.name])
    ctx.copy_dtype(items.name, node.output[0])
    ctx.copy_shape(items.name, node.output[0])


@handler("TensorListStack")
def stack(_: Operation, items: Value, *__: Value) -> Value:
    """The tensor itself, also where no loop has written it."""
    return items


@handler("TensorListGather")
def gather(_: Operation, items: Value, indices: Value, *__: Value) -> Value:
    """Elements in another order."""
    return fn.take(items, indices)


@handler("TensorListConcat", "TensorListConcatV2")
def concat(_: Operation, items: Value, *__: Value) -> tuple[Value, Value]:
    """The elements, all of one size here, one after the other; and their sizes."""
    shape = fn.shape(items)
    return fn.reshape(items, [-1, shape[2:]]), fn.broadcast_to(shape[1:2], shape[:1])


@handler("TensorListScatterIntoExistingList", since=16)
def scatter(op: Operation, _: Value, tensor: Value, indices: Value, *__: Value) -> Value:
    """Elements written to a new list."""
    reserved = op.source(0)
    if reserved.type != "TensorListReserve":
        raise ValueError("elements are written to a TensorArray that is not new: stack it first")
    op.ctx.copy_dtype(tensor.name, op.node.output[0])  # a list has none of its own
    count = fn.reshape(op.value(reserved.input[1]).cast("int64"), [1])
    base = fn.broadcast_to(tensor.dtype.type(0), [count, fn.shape(tensor)[1:]])
    op.drop_unread(reserved)
    return op.graph.op("ScatterND", base, fn.expand_dims(indices.cast("int64"), 1), tensor)
