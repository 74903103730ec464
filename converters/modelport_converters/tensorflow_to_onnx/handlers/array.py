"""Shapes, gathering, scattering, selection, sorting and sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.onnx_opset import tensor as tf2onnx_tensor

from modelport_converters.tensorflow_to_onnx.handler import Form, handler, through


@handler("ApproxTopK")
def approx_top_k(write: Form, x: str) -> tuple[str, str]:
    """The greatest or smallest elements along an axis, all of them."""
    count, axis = write.const([write.attr("k")]), int(write.attr("reduction_dimension", -1))
    largest = int(bool(write.attr("is_max_k", 1)))
    values, places = write.several("TopK", [x, count], 2, axis=axis, largest=largest)
    return values, write.cast(places, np.int32)


@handler("BroadcastArgs")
def broadcast_args(write: Form, x: str, y: str) -> str:
    """The shape that two shapes broadcast to: that of nothing expanded."""
    empty = write("ConstantOfShape", write.cast(x, np.int64))
    return write.cast(write("Shape", write("Expand", empty, write.cast(y, np.int64))), write.dtype)


@handler("ConcatOffset")
def concat_offset(write: Form, axis: str, *shapes: str) -> tuple[str, ...]:
    """Where each of several tensors begins when they are concatenated."""
    (rank,) = write.sizes(shapes[0], [0])
    along = write("Equal", write.const(np.arange(rank)), write.cast(axis, np.int64))
    offset, found = write.like(np.zeros(rank)), []
    for shape in shapes:
        found.append(offset)
        offset = write("Add", offset, write("Where", along, shape, write.like(0)))
    return tuple(found)


@handler("ConjugateTranspose")
def conjugate_transpose(write: Form, x: str, _: str) -> str:
    """The transpose, for there are no complex numbers here."""
    return write("Transpose", x, perm=[int(axis) for axis in write.known(1)])


@handler("DataFormatDimMap")
def data_format_dim_map(write: Form, x: str) -> str:
    """An axis of one layout as an axis of the other."""
    source, target = write.attr("src_format", "NHWC"), write.attr("dst_format", "NCHW")
    places = [target.index(letter) for letter in source]
    return write("Gather", write.like(places), x, axis=0)


@handler("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(write: Form, *inputs: str) -> str:
    """Rows of several tensors at the places that their indices say."""
    indices, data = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    places = write.join(*(write.reshape(write.cast(name, np.int64), [-1]) for name in indices))
    rest = write.slice(write("Shape", data[0]), write.rank_of(indices[0]), None)
    rows = write.join(*(write.reshape(name, write.join(write.const([-1]), rest)) for name in data))
    count = write("Add", write.reduce("Max", places, [0], keep=True), write.const([1]))
    base = write("Expand", write.like(0), write.join(count, rest))
    return write("ScatterND", base, write.unsqueeze(places, 1), rows)


@handler("InvertPermutation")
def invert_permutation(write: Form, x: str) -> str:
    """Where each number stands in the permutation."""
    rows = write.cast(x, np.int64)
    numbers = write.cast(write.arange(write.size(x, 0)), write.dtype)
    return write("ScatterElements", x, rows, numbers, axis=0)


@handler("ListDiff")
def list_diff(write: Form, x: str, y: str) -> tuple[str, str]:
    """The elements of x that y lacks, and their places."""
    equal = write("Equal", write.unsqueeze(x, 1), write.unsqueeze(y, 0))
    absent = write("Equal", write.reduce("Sum", write.cast(equal, np.int64), [1]), write.const(0))
    places = write("Compress", write.arange(write.size(x, 0)), absent, axis=0)
    return write("Compress", x, absent, axis=0), write.cast(
        places, np.int64 if write.attr("out_idx") == 7 else np.int32
    )


@handler("LowerBound", "UpperBound")
def bound(write: Form, ordered: str, values: str) -> str:
    """How many numbers of each sorted row lie below each value; for UpperBound, not above it."""
    op = "Less" if write.kind == "LowerBound" else "LessOrEqual"
    below = write(op, write.unsqueeze(ordered, 1), write.unsqueeze(values, 2))
    return write.cast(write.reduce("Sum", write.cast(below, np.int64), [2]), write.dtype)


@handler("NthElement")
def nth_element(write: Form, x: str, n: str) -> str:
    """The n-th smallest element of each row, or the n-th greatest."""
    count = write("Add", write.reshape(write.cast(n, np.int64), [1]), write.const([1]))
    found = write.several("TopK", [x, count], 2, axis=-1, largest=int(bool(write.attr("reverse", 0))))[0]
    return write("Gather", found, write.const(-1), axis=-1)


@handler("Rank")
def rank(write: Form, x: str) -> str:
    """The number of axes."""
    return write.cast(write.squeeze(write("Shape", write("Shape", x)), 0), write.dtype)


@handler("Reverse")
def reverse(write: Form, x: str, _: str) -> str:
    """The order of elements turned along the axes that are marked."""
    axes = [int(axis) for axis in np.flatnonzero(write.known(1))]
    if not axes:
        return write("Identity", x)
    ends = (write.const([bound] * len(axes)) for bound in (-1, np.iinfo(np.int64).min))
    return write("Slice", x, *ends, write.const(axes), write.const([-1] * len(axes)))


@handler("ReverseSequence")
def reverse_sequence(write: Form, x: str, lengths: str) -> str:
    """The first elements of each sequence turned, the rest as they are: gathered from n - 1 - i, where i < n."""
    time, batch = int(write.attr("seq_dim")), int(write.attr("batch_dim", 0))
    count = write.rank
    time, batch = time % count, batch % count

    def along(name: str, axis: int) -> str:
        return write.unsqueeze(name, *(other for other in range(count) if other != axis))

    steps = along(write.arange(write.size(x, time)), time)
    ends = along(write.cast(lengths, np.int64), batch)
    turned = write("Sub", write("Sub", ends, write.const(1)), steps)
    places = write("Where", write("Less", steps, ends), turned, steps)
    return write("GatherElements", x, write("Expand", places, write("Shape", x)), axis=time)


@handler("ScatterNd", since=16)
def scatter_nd(write: Form, indices: str, updates: str, shape: str) -> str:
    """Updates added to zeros: several to one place add up."""
    return write("ScatterND", zeros(write, shape), write.cast(indices, np.int64), updates, reduction="add")


@handler("ScatterNdNonAliasingAdd", "TensorScatterAdd", since=16)
def scatter_add(write: Form, x: str, indices: str, updates: str) -> str:
    """Updates added to a tensor: several to one place add up."""
    return write("ScatterND", x, write.cast(indices, np.int64), updates, reduction="add")


@handler("InplaceAdd", "InplaceSub", "InplaceUpdate", since=16)
def inplace(write: Form, x: str, rows: str, values: str) -> str:
    """Rows replaced, added to or subtracted from."""
    indices = write.unsqueeze(write.cast(rows, np.int64), 1)
    if write.kind == "InplaceUpdate":
        return write("ScatterND", x, indices, values)
    values = write("Neg", values) if write.kind == "InplaceSub" else values
    return write("ScatterND", x, indices, values, reduction="add")


def zeros(write: Form, shape: str) -> str:
    """Return zeros of the node's dtype; the shape may be of any integer dtype."""
    return write("Expand", write.like(0), write.cast(shape, np.int64))


@handler("ShapeN")
def shape_n(write: Form, *tensors: str) -> tuple[str, ...]:
    """The shapes of its inputs."""
    return tuple(write.cast(write("Shape", name), write.dtype) for name in tensors)


@handler("SpaceToBatch")
def space_to_batch(write: Form, x: str, _: str) -> str:
    """Blocks of an image as images of a batch, of every place in the block one."""
    block, pads = int(write.attr("block_size")), write.known(1)
    begins, ends = [0, *pads[:, 0].tolist(), 0], [0, *pads[:, 1].tolist(), 0]
    padded = write("Pad", x, write.const(begins + ends))
    height, width, depth = write.sizes(x, [1, 2, 3])
    rows, columns = (height + int(pads[0].sum())) // block, (width + int(pads[1].sum())) // block
    parts = write("Transpose", write.reshape(padded, [-1, rows, block, columns, block, depth]), perm=[2, 4, 0, 1, 3, 5])
    return write.reshape(parts, [-1, rows, columns, depth])


@handler("BatchToSpace")
def batch_to_space(write: Form, x: str, _: str) -> str:
    """The inverse of SpaceToBatch, cropped."""
    block, crops = int(write.attr("block_size")), write.known(1).tolist()
    height, width, depth = write.sizes(x, [1, 2, 3])
    parts = write.reshape(x, [block, block, -1, height, width, depth])
    whole = write.reshape(
        write("Transpose", parts, perm=[2, 3, 0, 4, 1, 5]), [-1, height * block, width * block, depth]
    )
    for axis, (before, after) in enumerate(crops, 1):
        whole = write.slice(whole, before, (height, width)[axis - 1] * block - after, axis)
    return whole


@handler("TensorStridedSliceUpdate", since=16)
def strided_slice_update(write: Form, x: str, *rest: str) -> str:
    """A slice of a tensor replaced: its places are sliced from the numbers of all elements."""
    if any(write.attr(f"{name}_mask", 0) for name in ("ellipsis", "new_axis", "shrink_axis")):
        raise ValueError("assignment to a slice with an ellipsis, a new axis or a single index has no form")
    values = rest[-1]
    begin, end, strides = (write.known(index).astype(np.int64) for index in (1, 2, 3))
    bits = np.arange(len(begin))
    farthest = np.iinfo(np.int64).max
    begin = np.where(int(write.attr("begin_mask", 0)) >> bits & 1, np.where(strides > 0, 0, farthest), begin)
    end = np.where(int(write.attr("end_mask", 0)) >> bits & 1, np.where(strides > 0, farthest, -farthest), end)
    numbers = write.reshape(write.arange(write("Size", x)), write("Shape", x))
    places = write("Slice", numbers, *map(write.const, (begin, end, bits, strides)))
    spread = write("Expand", values, write("Shape", places))
    flat = [write.reshape(name, [-1]) for name in (x, places, spread)]
    return write.reshape(write("ScatterElements", *flat, axis=0), write("Shape", x))


@handler("UniqueV2", "UniqueWithCountsV2")
def unique(write: Form, x: str, _: str) -> tuple[str, ...]:
    """The different slices along an axis in the order of their first occurrence, where each stands, how often."""
    axes = write.known(1).ravel().tolist() or [0]
    dtype = write.dtype
    own = write.cast(x, np.int64) if np.issubdtype(dtype, np.integer) else x
    found, _first, places, counts = write.several("Unique", [own], 4, axis=int(axes[0]), sorted=0)
    values = write.cast(found, dtype) if own != x else found
    index = np.int64 if write.attr("out_idx") == 7 else np.int32
    results = values, write.cast(places, index), write.cast(counts, index)
    return results if write.kind == "UniqueWithCountsV2" else results[:2]


@handler("Select", "SelectV2", since=9)
def select(write: Form, condition: str, x: str, y: str) -> str:
    """X where the condition holds, else y; tf2onnx multiplies by the condition, which makes NaN of what is not chosen."""
    if write.kind == "Select":
        condition = _along_rows(write, condition, x)
    return write.choose(condition, x, y)


def _along_rows(write: Form, condition: str, x: str) -> str:
    """Give the condition of the older operator, which may be a vector that chooses rows, the rank of the values."""
    sizes, of_condition = write.shape(x), write.shape(condition)
    if sizes is None or of_condition is None:
        raise ValueError("whether the condition chooses rows or elements is not known: use tf.where of TensorFlow 2")
    if len(of_condition) != 1 or len(sizes) == 1:
        return condition
    return write.reshape(condition, [-1] + [1] * (len(sizes) - 1))


@handler("GatherV2", since=12)
def gather(write: Form, rows: str, indices: str, *_: str) -> None:
    """Rows at indices.

    Keras counts a negative index from the end, which TensorFlow does not but ONNX does: an embedding's
    ``where(i < 0, i + n, i)`` is left out.
    """
    index = _unwrapped(write.ctx, write.node)
    if index is not None:
        write.ctx.replace_input(write.node, indices, index, 1)
    write.upstream(tf2onnx_tensor.GatherV2.version_12)


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


@handler("Reshape", since=5)
def reshape(write: Form, *_: str) -> str | None:
    """tf2onnx's own form, but where it ends a product of a sequence and a matrix, as tf.tensordot writes it.

    TensorFlow's product has two axes, so a Dense layer flattens the others and puts them back; MatMul takes them as they are.
    """
    factors = _factors(write.ctx, write.node)
    if factors is not None:
        return write("MatMul", *factors)
    write.upstream(tf2onnx_tensor.Reshape.version_5)
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


@handler("OneHot")
def one_hot(write: Form, indices: str, depth: str, on: str, off: str) -> str:
    """The on value where an index is met; an index out of range is met nowhere, where ONNX counts negative ones from the end."""
    axis = write.attr("axis", -1)
    count = write("Range", write.const(0), write.cast(depth, np.int64), write.const(1))
    if axis != -1:  # as many trailing axes as the indices have from there on
        count = write.unsqueeze(count, *range(1, write.rank - axis + 1))
    raised = write.unsqueeze(write.cast(indices, np.int64), axis)
    return write.choose(write("Equal", raised, count), on, off)
