"""Shapes, gathering, scattering, selection, sorting and sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.onnx_opset import tensor as tf2onnx_tensor

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler, through

_LAST = np.iinfo(np.int64).max

# --- shapes --------------------------------------------------------------------------------------


@handler("BroadcastArgs")
def broadcast_args(op: Operation, x: Value, y: Value) -> Value:
    """The shape that two shapes broadcast to: that of zeros expanded."""
    zeros = op.graph.op("ConstantOfShape", x.cast("int64"), dtype="float32")
    return fn.shape(fn.broadcast_to(zeros, y.cast("int64"))).cast(op.dtype)


@handler("ConcatOffset")
def concat_offset(op: Operation, axis: Value, *shapes: Value) -> tuple[Value, ...]:
    """Where each of several tensors begins when they are concatenated."""
    (rank,) = op.sizes(shapes[0], [0])
    along = fn.equal(axis.cast("int64"), np.arange(rank))
    offset, found = op.graph.constant(np.zeros(rank, op.dtype)), []
    for shape in shapes:
        found.append(offset)
        offset = offset + fn.where(along, shape, 0)
    return tuple(found)


@handler("DataFormatDimMap")
def data_format_dim_map(op: Operation, x: Value) -> Value:
    """An axis of one layout as an axis of the other."""
    source, target = op.attr("src_format", "NHWC"), op.attr("dst_format", "NCHW")
    return fn.take(np.array([target.index(letter) for letter in source], op.dtype), x)


@handler("Rank")
def rank(op: Operation, x: Value) -> Value:
    """The number of axes."""
    return fn.squeeze(fn.shape(fn.shape(x)), 0).cast(op.dtype)


@handler("ShapeN")
def shape_n(op: Operation, *tensors: Value) -> tuple[Value, ...]:
    """The shapes of all inputs."""
    return tuple(fn.shape(x).cast(op.dtype) for x in tensors)


@handler("Reshape", since=5)
def reshape(op: Operation, *_: Value) -> Value | None:
    """tf2onnx's own handler, but where it ends a product of a sequence and a matrix, as tf.tensordot writes it.

    TensorFlow's product has two axes, so a Dense layer flattens the others and puts them back; MatMul takes them as they are.
    """
    factors = _factors(op.ctx, op.node)
    if factors is not None:
        return op.graph.op("MatMul", *map(op.value, factors))
    op.upstream(tf2onnx_tensor.Reshape.version_5)
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
    # one dynamic size follows from the others, since the number of rows is the same
    told = wanted[:-1] == given[:-1] and given.count(-1) <= 1
    return (x, matrix) if told or _begins_with_shape(node.inputs[1], x, len(given) - 1) else None


def _begins_with_shape(shape: Any, x: str, count: int) -> bool:
    """Whether a shape begins with the first `count` sizes of x."""
    shape = through(shape, "Cast")
    sizes = through(shape.inputs[0], "Cast") if shape.type == "Concat" and len(shape.input) == 2 else None
    if sizes is None or sizes.type != "Gather" or not sizes.inputs[1].is_const():
        return False
    source = through(sizes.inputs[0], "Cast")
    indices = sizes.inputs[1].get_tensor_value(as_list=False).ravel().tolist()
    return bool(source.type == "Shape" and source.input[0] == x and indices == list(range(count)))


# --- permutations --------------------------------------------------------------------------------


@handler("ConjugateTranspose")
def conjugate_transpose(op: Operation, x: Value, _: Value) -> Value:
    """The transpose, for there are no complex numbers here."""
    return fn.transpose(x, [int(axis) for axis in op.constant(1)])


@handler("InvertPermutation")
def invert_permutation(op: Operation, x: Value) -> Value:
    """Where each number stands in the permutation."""
    numbers = fn.arange(fn.size(x, 0)).cast(op.dtype)
    return op.graph.op("ScatterElements", x, x.cast("int64"), numbers, axis=0)


@handler("Reverse")
def reverse(op: Operation, x: Value, _: Value) -> Value:
    """The order of elements turned along the axes that are marked."""
    return fn.flip(x, np.flatnonzero(op.constant(1)).tolist())


@handler("ReverseSequence")
def reverse_sequence(op: Operation, x: Value, lengths: Value) -> Value:
    """The first elements of each sequence turned, the rest as they are: gathered from n - 1 - i, where i < n."""
    count = op.rank(x)
    time, batch = int(op.attr("seq_dim")) % count, int(op.attr("batch_dim", 0)) % count

    def along(vector: Value, axis: int) -> Value:
        return fn.expand_dims(vector, [other for other in range(count) if other != axis])

    steps = along(fn.arange(fn.size(x, time)), time)
    ends = along(lengths.cast("int64"), batch)
    places = fn.where(steps < ends, ends - 1 - steps, steps)
    return fn.take_along_axis(x, fn.broadcast_to(places, fn.shape(x)), time)


@handler("SpaceToBatch")
def space_to_batch(op: Operation, x: Value, _: Value) -> Value:
    """Blocks of an image as images of a batch, of every place in the block one."""
    block, pads = int(op.attr("block_size")), op.constant(1).tolist()
    height, width, depth = op.sizes(x, [1, 2, 3])
    rows, columns = ((size + sum(pad)) // block for size, pad in zip((height, width), pads, strict=True))
    blocks = fn.reshape(fn.pad(x, [(0, 0), *pads, (0, 0)]), [-1, rows, block, columns, block, depth])
    return fn.reshape(fn.transpose(blocks, [2, 4, 0, 1, 3, 5]), [-1, rows, columns, depth])


@handler("BatchToSpace")
def batch_to_space(op: Operation, x: Value, _: Value) -> Value:
    """The inverse of SpaceToBatch, cropped."""
    block, ((top, bottom), (left, right)) = int(op.attr("block_size")), op.constant(1).tolist()
    height, width, depth = op.sizes(x, [1, 2, 3])
    parts = fn.transpose(fn.reshape(x, [block, block, -1, height, width, depth]), [2, 3, 0, 4, 1, 5])
    whole = fn.reshape(parts, [-1, height * block, width * block, depth])
    return whole[:, top : height * block - bottom, left : width * block - right]


# --- gathering and scattering --------------------------------------------------------------------


@handler("GatherV2", since=12)
def gather(op: Operation, _: Value, indices: Value, *__: Value) -> None:
    """Rows at indices.

    Keras counts a negative index from the end, which TensorFlow does not but ONNX does: an embedding's
    ``where(i < 0, i + n, i)`` is left out.
    """
    index = _unwrapped(op.ctx, op.node)
    if index is not None:
        op.ctx.replace_input(op.node, indices.name, index, 1)
    op.upstream(tf2onnx_tensor.GatherV2.version_12)


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


@handler("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(op: Operation, *inputs: Value) -> Value:
    """Rows of several tensors at the places that their indices say."""
    indices, data = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    places = fn.concatenate([fn.ravel(index.cast("int64")) for index in indices], 0)
    rest = fn.shape(data[0])[op.rank(indices[0]) :]
    rows = fn.concatenate([fn.reshape(x, [-1, rest]) for x in data], 0)
    base = fn.broadcast_to(op.dtype.type(0), [fn.max(places, 0, keepdims=True) + 1, rest])
    return op.graph.op("ScatterND", base, fn.expand_dims(places, 1), rows)


@handler("ScatterNd", since=16)
def scatter_nd(op: Operation, indices: Value, updates: Value, shape: Value) -> Value:
    """Updates added to zeros: several to one place add up."""
    return scatter_add(op, fn.broadcast_to(op.dtype.type(0), shape.cast("int64")), indices, updates)


@handler("ScatterNdNonAliasingAdd", "TensorScatterAdd", since=16)
def scatter_add(op: Operation, x: Value, indices: Value, updates: Value) -> Value:
    """Updates added to a tensor: several to one place add up."""
    return op.graph.op("ScatterND", x, indices.cast("int64"), updates, reduction="add")


@handler("InplaceAdd", "InplaceSub", "InplaceUpdate", since=16)
def inplace(op: Operation, x: Value, rows: Value, values: Value) -> Value:
    """Rows replaced, added to or subtracted from."""
    indices = fn.expand_dims(rows.cast("int64"), 1)
    if op.type == "InplaceUpdate":
        return op.graph.op("ScatterND", x, indices, values)
    return scatter_add(op, x, indices, -values if op.type == "InplaceSub" else values)


@handler("TensorStridedSliceUpdate", since=16)
def strided_slice_update(op: Operation, x: Value, *rest: Value) -> Value:
    """A slice of a tensor replaced: its places are sliced from the numbers of all elements."""
    if any(op.attr(f"{name}_mask", 0) for name in ("ellipsis", "new_axis", "shrink_axis")):
        raise ValueError("assignment to a slice with an ellipsis, a new axis or a single index has no form")
    begin, end, strides = (op.constant(index).astype(np.int64) for index in (1, 2, 3))
    bits = np.arange(len(begin))
    begin = np.where(int(op.attr("begin_mask", 0)) >> bits & 1, np.where(strides > 0, 0, _LAST), begin)
    end = np.where(int(op.attr("end_mask", 0)) >> bits & 1, np.where(strides > 0, _LAST, -_LAST), end)
    numbers = fn.reshape(fn.arange(op.graph.op("Size", x, dtype="int64")), fn.shape(x))
    places = op.graph.op("Slice", numbers, begin, end, bits, strides)
    values = fn.broadcast_to(rest[-1], fn.shape(places))
    changed = op.graph.op("ScatterElements", fn.ravel(x), fn.ravel(places), fn.ravel(values), axis=0)
    return fn.reshape(changed, fn.shape(x))


@handler("UnravelIndex")
def unravel_index(op: Operation, indices: Value, _: Value) -> Value:
    """The coordinates of flat indices: one row for each axis."""
    sizes = op.constant(1)
    strides = np.append(np.cumprod(sizes[::-1])[::-1][1:], 1).astype(sizes.dtype)
    per_axis = (-1, *[1] * op.rank(indices))
    return fn.quotient(fn.expand_dims(indices, 0), strides.reshape(per_axis)) % sizes.reshape(per_axis)


# --- selection -----------------------------------------------------------------------------------


@handler("Select", "SelectV2", since=9)
def select(op: Operation, condition: Value, x: Value, y: Value) -> Value:
    """X where the condition holds, else y; tf2onnx multiplies by the condition, which makes NaN of what is not chosen."""
    if op.type == "Select":
        condition = _along_rows(op, condition, x)
    return fn.where(condition, x, y)


def _along_rows(op: Operation, condition: Value, x: Value) -> Value:
    """Give the condition of the older operator, which may be a vector that chooses rows, the rank of the values."""
    sizes, of_condition = op.shape(x), op.shape(condition)
    if sizes is None or of_condition is None:
        raise ValueError("whether the condition chooses rows or elements is not known: use tf.where of TensorFlow 2")
    if len(of_condition) != 1 or len(sizes) == 1:
        return condition
    return fn.reshape(condition, [-1] + [1] * (len(sizes) - 1))


@handler("OneHot")
def one_hot(op: Operation, indices: Value, depth: Value, on: Value, off: Value) -> Value:
    """The on value where an index is met; an index out of range is met nowhere, where ONNX counts negative ones from the end."""
    axis = op.attr("axis", -1)
    classes = op.graph.op("Range", np.int64(0), depth.cast("int64"), np.int64(1))
    if axis != -1:  # as many trailing axes as the indices have from there on
        classes = fn.expand_dims(classes, range(1, op.rank(indices) - axis + 1))
    return fn.where(fn.equal(fn.expand_dims(indices.cast("int64"), axis), classes), on, off)


# --- sorting and sets ----------------------------------------------------------------------------


@handler("ApproxTopK")
def approx_top_k(op: Operation, x: Value) -> tuple[Value, Value]:
    """The largest or smallest elements along an axis, all of them."""
    axis, smallest = int(op.attr("reduction_dimension", -1)), not op.attr("is_max_k", 1)
    values, places = fn.topk(x, op.attr("k"), axis=axis, smallest_first=smallest)
    return values, places.cast("int32")


@handler("NthElement")
def nth_element(op: Operation, x: Value, n: Value) -> Value:
    """The n-th smallest element of each row, or the n-th largest."""
    count = fn.reshape(n.cast("int64"), [1]) + 1
    found, _ = fn.topk(x, count, smallest_first=not op.attr("reverse", 0))
    return fn.take(found, -1, -1)


@handler("LowerBound", "UpperBound")
def bound(op: Operation, ordered: Value, values: Value) -> Value:
    """How many numbers of each sorted row lie below each value; for UpperBound, not above it (numpy.searchsorted)."""
    ordered, values = fn.expand_dims(ordered, 1), fn.expand_dims(values, 2)
    return fn.sum(ordered < values if op.type == "LowerBound" else ordered <= values, 2).cast(op.dtype)


@handler("ListDiff")
def list_diff(op: Operation, x: Value, y: Value) -> tuple[Value, Value]:
    """The elements of x that y lacks, and their places."""
    equal = fn.equal(fn.expand_dims(x, 1), fn.expand_dims(y, 0))
    absent = fn.equal(fn.sum(equal, 1), 0)
    return fn.compress(absent, x), fn.compress(absent, fn.arange(fn.size(x, 0))).cast(op.dtypes[1])


@handler("UniqueV2", "UniqueWithCountsV2")
def unique(op: Operation, x: Value, _: Value) -> tuple[Value, ...]:
    """The different slices along an axis in the order of their first occurrence, where each stands, how often."""
    axes = op.constant(1).ravel().tolist() or [0]
    own = x.cast("int64") if x.dtype.kind in "iu" else x
    found, _first, *numbers = op.graph.ops(
        "Unique", own, dtypes=[None, "int64", "int64", "int64"], axis=int(axes[0]), sorted=0
    )
    index = op.dtypes[1]
    results = found.cast(x.dtype), *(one.cast(index) for one in numbers)
    return results[: len(op.dtypes)]
