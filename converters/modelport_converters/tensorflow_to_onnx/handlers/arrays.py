"""Shapes, scattering, sorting and sets."""

from __future__ import annotations

import numpy as np

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("ApproxTopK")
def approx_top_k(write: Form, x: str) -> tuple[str, str]:
    """The greatest or smallest elements along an axis, all of them."""
    count, axis = write.const([write.attr("k")]), int(write.attr("reduction_dimension", -1))
    largest = int(bool(write.attr("is_max_k", 1)))
    values, places = write.several("TopK", [x, count], 2, axis=axis, largest=largest)
    return values, write.cast(places, np.int32)


@form("BroadcastArgs")
def broadcast_args(write: Form, x: str, y: str) -> str:
    """The shape that two shapes broadcast to: that of nothing expanded."""
    empty = write("ConstantOfShape", write.cast(x, np.int64))
    return write.cast(write("Shape", write("Expand", empty, write.cast(y, np.int64))), write.dtype)


@form("ConcatOffset")
def concat_offset(write: Form, axis: str, *shapes: str) -> tuple[str, ...]:
    """Where each of several tensors begins when they are concatenated."""
    (rank,) = write.sizes(shapes[0], [0])
    along = write("Equal", write.const(np.arange(rank)), write.cast(axis, np.int64))
    offset, found = write.like(np.zeros(rank)), []
    for shape in shapes:
        found.append(offset)
        offset = write("Add", offset, write("Where", along, shape, write.like(0)))
    return tuple(found)


@form("ConjugateTranspose")
def conjugate_transpose(write: Form, x: str, _: str) -> str:
    """The transpose, for there are no complex numbers here."""
    return write("Transpose", x, perm=[int(axis) for axis in write.known(1)])


@form("DataFormatDimMap")
def data_format_dim_map(write: Form, x: str) -> str:
    """An axis of one layout as an axis of the other."""
    source, target = write.attr("src_format", "NHWC"), write.attr("dst_format", "NCHW")
    places = [target.index(letter) for letter in source]
    return write("Gather", write.like(places), x, axis=0)


@form("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(write: Form, *inputs: str) -> str:
    """Rows of several tensors at the places that their indices say."""
    indices, data = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    places = write.join(*(write.reshape(write.cast(name, np.int64), [-1]) for name in indices))
    rest = write.slice(write("Shape", data[0]), write.rank_of(indices[0]), None)
    rows = write.join(*(write.reshape(name, write.join(write.const([-1]), rest)) for name in data))
    count = write("Add", write.reduce("Max", places, [0], keep=True), write.const([1]))
    base = write("Expand", write.like(0), write.join(count, rest))
    return write("ScatterND", base, write.unsqueeze(places, 1), rows)


@form("InvertPermutation")
def invert_permutation(write: Form, x: str) -> str:
    """Where each number stands in the permutation."""
    rows = write.cast(x, np.int64)
    numbers = write.cast(write.arange(write.size(x, 0)), write.dtype)
    return write("ScatterElements", x, rows, numbers, axis=0)


@form("ListDiff")
def list_diff(write: Form, x: str, y: str) -> tuple[str, str]:
    """The elements of x that y lacks, and their places."""
    equal = write("Equal", write.unsqueeze(x, 1), write.unsqueeze(y, 0))
    absent = write("Equal", write.reduce("Sum", write.cast(equal, np.int64), [1]), write.const(0))
    places = write("Compress", write.arange(write.size(x, 0)), absent, axis=0)
    return write("Compress", x, absent, axis=0), write.cast(
        places, np.int64 if write.attr("out_idx") == 7 else np.int32
    )


@form("LowerBound", "UpperBound")
def bound(write: Form, ordered: str, values: str) -> str:
    """How many numbers of each sorted row lie below each value; for UpperBound, not above it."""
    op = "Less" if write.kind == "LowerBound" else "LessOrEqual"
    below = write(op, write.unsqueeze(ordered, 1), write.unsqueeze(values, 2))
    return write.cast(write.reduce("Sum", write.cast(below, np.int64), [2]), write.dtype)


@form("NthElement")
def nth_element(write: Form, x: str, n: str) -> str:
    """The n-th smallest element of each row, or the n-th greatest."""
    count = write("Add", write.reshape(write.cast(n, np.int64), [1]), write.const([1]))
    found = write.several("TopK", [x, count], 2, axis=-1, largest=int(bool(write.attr("reverse", 0))))[0]
    return write("Gather", found, write.const(-1), axis=-1)


@form("Rank")
def rank(write: Form, x: str) -> str:
    """The number of axes."""
    return write.cast(write.squeeze(write("Shape", write("Shape", x)), 0), write.dtype)


@form("Reverse")
def reverse(write: Form, x: str, _: str) -> str:
    """The order of elements turned along the axes that are marked."""
    axes = [int(axis) for axis in np.flatnonzero(write.known(1))]
    if not axes:
        return write("Identity", x)
    ends = (write.const([bound] * len(axes)) for bound in (-1, np.iinfo(np.int64).min))
    return write("Slice", x, *ends, write.const(axes), write.const([-1] * len(axes)))


@form("ReverseSequence")
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


@form("ScatterNd", since=16)
def scatter_nd(write: Form, indices: str, updates: str, shape: str) -> str:
    """Updates added to zeros: several to one place add up."""
    return write("ScatterND", zeros(write, shape), write.cast(indices, np.int64), updates, reduction="add")


@form("ScatterNdNonAliasingAdd", "TensorScatterAdd", since=16)
def scatter_add(write: Form, x: str, indices: str, updates: str) -> str:
    """Updates added to a tensor: several to one place add up."""
    return write("ScatterND", x, write.cast(indices, np.int64), updates, reduction="add")


@form("InplaceAdd", "InplaceSub", "InplaceUpdate", since=16)
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


@form("ShapeN")
def shape_n(write: Form, *tensors: str) -> tuple[str, ...]:
    """The shapes of its inputs."""
    return tuple(write.cast(write("Shape", name), write.dtype) for name in tensors)


@form("SpaceToBatch")
def space_to_batch(write: Form, x: str, _: str) -> str:
    """Blocks of an image as images of a batch, of every place in the block one."""
    block, pads = int(write.attr("block_size")), write.known(1)
    begins, ends = [0, *pads[:, 0].tolist(), 0], [0, *pads[:, 1].tolist(), 0]
    padded = write("Pad", x, write.const(begins + ends))
    height, width, depth = write.sizes(x, [1, 2, 3])
    rows, columns = (height + int(pads[0].sum())) // block, (width + int(pads[1].sum())) // block
    parts = write("Transpose", write.reshape(padded, [-1, rows, block, columns, block, depth]), perm=[2, 4, 0, 1, 3, 5])
    return write.reshape(parts, [-1, rows, columns, depth])


@form("BatchToSpace")
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


@form("TensorStridedSliceUpdate", since=16)
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


@form("UniqueV2", "UniqueWithCountsV2")
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
