"""Lists of tensors outside of loops: one tensor with the elements along its first axis."""

from __future__ import annotations

import numpy as np

from modelport_converters.tensorflow_to_onnx.handler import Form, handler


@handler("TensorListFromTensor", since=7)
def from_tensor(write: Form, items: str, *_: str) -> None:
    """The tensor itself; tf2onnx has this only for lists that a loop reads."""
    ctx, node = write.ctx, write.node
    node.type = "Identity"
    ctx.replace_inputs(node, [items])
    ctx.copy_dtype(items, node.output[0])
    ctx.copy_shape(items, node.output[0])


@handler("TensorListStack")
def stack(write: Form, items: str, *_: str) -> str:
    """The tensor itself, also where no loop has written it."""
    return items


@handler("TensorListGather")
def gather(write: Form, items: str, indices: str, *_: str) -> str:
    """Elements in another order."""
    return write("Gather", items, indices, axis=0)


@handler("TensorListConcat", "TensorListConcatV2")
def concat(write: Form, items: str, *_: str) -> tuple[str, str]:
    """The elements, all of one size here, one after the other; and their sizes."""
    shape = write("Shape", items)
    rest = write.slice(shape, 2, None)
    count, length = write.slice(shape, 0, 1), write.slice(shape, 1, 2)
    return write.reshape(items, write.join(write.const([-1]), rest)), write("Expand", length, count)


@handler("TensorListScatterIntoExistingList", since=16)
def scatter(write: Form, _: str, tensor: str, indices: str, *__: str) -> str:
    """Elements written to a new list."""
    reserved = write.source(0)
    if reserved.type != "TensorListReserve":
        raise ValueError("elements are written to a TensorArray that is not new: stack it first")
    write.ctx.copy_dtype(tensor, write.node.output[0])  # a list has none of its own
    rest = write.slice(write("Shape", tensor), 1, None)
    count = write.reshape(write.cast(reserved.input[1], np.int64), [1])
    base = write("Expand", write.like(0), write.join(count, rest))
    write.drop_unread(reserved)
    return write("ScatterND", base, write.unsqueeze(write.cast(indices, np.int64), 1), tensor)
