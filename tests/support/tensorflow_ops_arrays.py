"""Shapes, slices, gathering, scattering, segments, sorting and sets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_case import Case, flags, floats, function, integers, known, op

X, CUBE = floats(3, 4), floats(2, 3, 4)
SORTED = np.sort(floats(2, 6), axis=-1)
SEGMENTS = np.array([0, 0, 1, 3, 3], np.int32)
UNSORTED = np.array([2, 0, 2, 1, 0], np.int32)
ROWS = floats(5, 3)
REPEATED = np.array([3, 1, 3, 2, 1, 3], np.int64)

_SEGMENT = (
    [op(name, ROWS, SEGMENTS) for name in ("SegmentSum", "SegmentMean", "SegmentProd")]
    + [op(name, ROWS, known([0, 0, 1, 2, 2])) for name in ("SegmentMax", "SegmentMin")]
    + [
        op(f"UnsortedSegment{kind}", rows, UNSORTED, known(3))
        for kind in ("Sum", "Max", "Min", "Prod")
        for rows in (ROWS, integers(5))
    ]
    + [op("UnsortedSegmentSum", floats(2, 3, 4), np.array([[0, 1, 1], [2, 0, 1]], np.int32), known(4))]
    + [
        op(f"SparseSegment{kind}", ROWS, np.array([4, 0, 2, 2], np.int32), np.array([0, 0, 1, 2], np.int32))
        for kind in ("Sum", "Mean", "SqrtN")
    ]
    + [
        op(
            f"SparseSegment{kind}WithNumSegments",
            ROWS,
            np.array([4, 0, 2, 2], np.int32),
            np.array([0, 0, 1, 2], np.int32),
            known(4),
        )
        for kind in ("Sum", "Mean", "SqrtN")
    ]
)

_SCATTER = [
    op(f"TensorScatter{kind}", floats(5, 3), np.array([[4], [0], [2]], np.int32), floats(3, 3) * 2)
    for kind in ("Add", "Max", "Min", "Sub", "Update")
] + [
    op("ScatterNd", np.array([[1], [3], [1]], np.int32), floats(3, 2), known([5, 2])),
    op("ScatterNd", np.array([[0, 1], [2, 0]], np.int64), floats(2), known([3, 3], "int64")),
    op("ScatterNd", np.array([[1], [3], [1]], np.int32), integers(3, 2), known([5, 2])),
    op("ScatterNdNonAliasingAdd", floats(5, 3), np.array([[4], [0], [4]], np.int32), floats(3, 3)),
    op("TensorScatterAdd", floats(5, 3), np.array([[4], [0], [4]], np.int32), floats(3, 3)),
    op("InplaceAdd", floats(5, 3), known([1, 3]), floats(2, 3)),
    op("InplaceUpdate", floats(5, 3), known([1, 3]), floats(2, 3)),
    op("InplaceSub", floats(5, 3), known([1, 3]), floats(2, 3)),
]

_SHAPES = [
    op("Reshape", CUBE, known([-1, 4])),
    op("Reshape", CUBE, known([0 + 2, -1]), dynamic=False),
    function("Reshape", lambda x: tf.reshape(x, [tf.shape(x)[0], -1]), CUBE),
    op("Squeeze", floats(2, 1, 3, 1), axis=[1]),
    op("Squeeze", floats(2, 1, 3, 1), axis=[], dynamic=False),
    op("ExpandDims", X, known(-1)),
    op("ExpandDims", X, known(0)),
    op("Transpose", CUBE, known([2, 0, 1])),
    op("ConjugateTranspose", CUBE, known([2, 0, 1])),
    op("Shape", CUBE),
    op("Shape", CUBE, out_type=tf.int64),
    op("ShapeN", [CUBE, X]),
    op("Size", CUBE),
    op("Rank", CUBE),
    op("Tile", X, known([2, 3])),
    op("Tile", integers(3, 4), np.array([2, 1], np.int32), dynamic=False),
    op("BroadcastTo", floats(4), known([3, 4])),
    op("BroadcastTo", floats(1, 4), np.array([3, 4], np.int32), dynamic=False),
    op("BroadcastArgs", np.array([3, 1], np.int32), np.array([1, 4], np.int32)),
    op("Fill", np.array([2, 3], np.int32), np.float32(1.5), dynamic=False),
    op("Fill", np.array([2, 3], np.int64), known(7), dynamic=False),
    op("Pack", [X, X * 2], axis=1),
    op("Unpack", CUBE, num=3, axis=1),
    op("ConcatV2", [X, floats(2, 4)], known(0)),
    op("Concat", known(1), [X, floats(3, 2)]),
    op("ConcatOffset", known(0), [np.array([2, 3], np.int32), np.array([4, 3], np.int32)], dynamic=False),
    op("Split", known(1), CUBE[..., :2].repeat(2, 2), num_split=3),
    op("SplitV", X, known([1, 3]), known(1), num_split=2),
    op("SplitV", X, known([1, -1]), known(-1), num_split=2),
    op("Pad", X, known([[1, 0], [2, 1]])),
    op("PadV2", X, known([[1, 0], [2, 1]]), known(7.0, "float32")),
    op("Pad", X, np.array([[1, 0], [2, 1]], np.int32), dynamic=False),
    op("MirrorPad", X, known([[1, 0], [2, 1]]), mode="REFLECT"),
    op("MirrorPad", X, known([[1, 1], [2, 1]]), mode="SYMMETRIC"),
    op("PadV2", integers(3, 4), known([[1, 0], [2, 1]]), known(7)),
    op("EnsureShape", X, shape=[None, 4]),
    op("IdentityN", [X, integers(3)]),
    op("PlaceholderWithDefault", known(X), shape=[3, 4]),
    op("Range", np.int32(2), np.int32(11), np.int32(3)),
    op("Range", np.float32(2), np.float32(4.2), np.float32(0.5)),
    op("Range", known(0), np.int32(5), known(1)),
    op("Range", np.int64(9), np.int64(2), np.int64(-2)),
    op("LinSpace", np.float32(1), np.float32(3), known(5)),
    op("LinSpace", np.float32(1), np.float32(3), np.int32(4)),
    op("Empty", known([2, 0]), dtype=tf.float32, init=True),
    op("Roll", X, known(1), known(1)),
    op("Roll", CUBE, known([1, -2]), known([0, 2])),
    op("ReverseV2", X, known([1])),
    op("ReverseV2", CUBE, known([0, 2])),
    op("Reverse", X, known([True, False], "bool")),
    op("ReverseSequence", CUBE, np.array([2, 3], np.int32), seq_dim=1, batch_dim=0),
    op("ReverseSequence", floats(3, 2, 4), np.array([2, 3], np.int64), seq_dim=0, batch_dim=1),
    op("ReverseSequence", floats(2, 2, 4), np.array([2, 3], np.int64), seq_dim=2, batch_dim=0),
    op("StridedSlice", CUBE, known([0, 1, 0]), known([2, 3, 4]), known([1, 1, 2])),
    function("StridedSlice", lambda x: x[..., ::-1], CUBE),
    function("StridedSlice", lambda x: x[:, 1, tf.newaxis, 1:3], CUBE),
    function("StridedSlice", lambda x, n: x[:, :n], CUBE, np.int32(2)),
    function("StridedSlice", lambda x: x[-1], CUBE),
    function("StridedSlice", lambda x: x[:, 2:0:-1], CUBE),
    function("StridedSlice", lambda x, n: x[n], CUBE, np.int32(1)),
    function("StridedSlice", lambda x: tf.shape(x)[1:], CUBE),
    op("TensorStridedSliceUpdate", X, known([0, 1]), known([3, 3]), known([1, 1]), floats(3, 2), dynamic=False),
    op("Slice", CUBE, known([0, 1, 1]), known([-1, 2, 2])),
    op("Slice", CUBE, np.array([0, 1, 1], np.int32), known([2, 2, 2]), dynamic=False),
    op("SpaceToBatchND", floats(1, 4, 6, 2), known([2, 3]), known([[0, 0], [0, 0]])),
    op("SpaceToBatchND", floats(2, 5, 3), known([2]), known([[1, 0]])),
    op("BatchToSpaceND", floats(4, 2, 3, 2), known([2, 2]), known([[0, 1], [0, 0]])),
    op("BatchToSpaceND", floats(4, 3, 2), known([2]), known([[1, 0]])),
    op("SpaceToBatch", floats(1, 4, 6, 2), known([[0, 0], [0, 0]]), block_size=2),
    op("BatchToSpace", floats(4, 2, 3, 2), known([[0, 0], [0, 0]]), block_size=2),
    op("DepthToSpace", floats(2, 2, 3, 8), block_size=2),
    op("SpaceToDepth", floats(2, 4, 6, 3), block_size=2),
    op("DataFormatVecPermute", known([1, 2, 3, 4])),
    op("DataFormatDimMap", np.array([0, 3], np.int32)),
]

_GATHER = [
    op("Gather", X, np.array([2, 0, 2], np.int32)),
    op("GatherV2", X, np.array([[3, 0], [1, 1]], np.int32), known(1)),
    op("GatherV2", X, known([1, 2]), known(0)),
    op("GatherV2", X, np.int32(1), known(0)),
    op("GatherV2", CUBE, np.array([[2, 0], [1, 1]], np.int32), known(1), batch_dims=1),
    op("GatherV2", CUBE, np.array([[2, 0], [1, 1]], np.int32), known(2), batch_dims=1),
    op("GatherNd", CUBE, np.array([[0, 1], [1, 2]], np.int32)),
    op("GatherNd", CUBE, np.array([[[1, 2, 3]], [[0, 0, 0]]], np.int64)),
    function("GatherNd", lambda x, i: tf.gather_nd(x, i, batch_dims=1), CUBE, np.array([[2], [0]], np.int32)),
    op("OneHot", np.array([0, 2, -1, 5], np.int32), known(3), known(1.0, "float32"), known(0.0, "float32")),
    op("OneHot", np.array([[0, 2], [1, 1]], np.int64), known(3), known(5), known(2), axis=1),
    op("OneHot", np.array([0, 2, 1], np.uint8), known(3), known(1.0, "float32"), known(0.0, "float32")),
    op("OneHot", np.array([0, 2, 1], np.uint8), known(3), known(True), known(False)),
    op("Where", flags(3, 4)),
    op("Where", integers(3, 4, low=0, high=2)),
    op("Where", np.array([0.0, 1.5, 0.0], np.float32)),
    op("Select", flags(3, 4), X, X * 2),
    op("Select", flags(3), X, X * 2),
    op("Select", np.bool_(True), X, X * 2),
    op("SelectV2", flags(3, 1), X, floats(4)),
    op("SelectV2", flags(4), integers(3, 4), known(0)),
    op("DynamicPartition", ROWS, np.array([1, 0, 1, 2, 0], np.int32), num_partitions=3),
    op("DynamicStitch", [np.array([0, 3], np.int32), np.array([[2, 1]], np.int32)], [floats(2, 3), floats(1, 2, 3)]),
    op(
        "ParallelDynamicStitch",
        [np.array([0, 3], np.int32), np.array([2, 1], np.int32)],
        [floats(2, 3), floats(2, 3) * 2],
    ),
    function("Where", lambda x: tf.boolean_mask(x, x[:, 0] > 0), floats(5, 3)),
    op("UnravelIndex", np.array([5, 11, 0], np.int32), known([3, 4])),
]

_SORT = [
    op("TopKV2", X, known(3)),
    op("TopKV2", X, np.int32(2)),
    op("TopKV2", integers(3, 6), known(2), index_type=tf.int64),
    op("TopKV2", np.array([[1.0, 3.0, 3.0, 1.0]], np.float32), known(4)),
    function("TopKV2", lambda x: tf.sort(x, direction="DESCENDING"), X),
    function("TopKV2", lambda x: tf.argsort(x, axis=-1), X),
    op("NthElement", X, known(1)),
    op("NthElement", X, known(2), reverse=True),
    op("InTopK", floats(3, 6), np.array([1, 5, 0], np.int32), k=2),
    op("InTopKV2", floats(3, 6), np.array([1, 5, 0], np.int32), known(3)),
    op("ApproxTopK", X, k=2),
    op("Unique", REPEATED),
    op("Unique", REPEATED.astype("float32"), out_idx=tf.int64),
    op("UniqueV2", REPEATED, known([0], "int64")),
    op("UniqueV2", np.array([[1, 2], [3, 4], [1, 2]], np.int32), known([0], "int64")),
    op("UniqueWithCounts", REPEATED),
    op("UniqueWithCountsV2", REPEATED, known([0], "int64")),
    op("ListDiff", REPEATED, np.array([1, 2], np.int64)),
    op(
        "DenseToDenseSetOperation",
        np.array([[1, 2, 3]], np.int32),
        np.array([[2, 3, 4]], np.int32),
        set_operation="intersection",
    ),
    op("LowerBound", SORTED, floats(2, 3)),
    op("UpperBound", SORTED, floats(2, 3), out_type=tf.int64),
    function("UpperBound", lambda s, v: tf.searchsorted(s, v, side="right"), SORTED[0], floats(3)),
]

CASES: list[Case] = [case for case in (*_SEGMENT, *_SCATTER, *_SHAPES, *_GATHER, *_SORT) if case is not None]
