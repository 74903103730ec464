"""Sparse tensors, ragged tensors, strings and tables."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_case import Case, floats, function, integers, known, op, texts

INDICES = np.array([[0, 1], [1, 0], [1, 3]], np.int64)
VALUES = np.array([1.5, 2.5, -3.0], np.float32)
SHAPE = known([3, 4], "int64")
SPLITS = np.array([0, 2, 2, 5], np.int64)
WORDS = texts("a b", "", "Cc dd e")


def _sparse(call):
    return lambda values, *rest: call(tf.SparseTensor(INDICES, values, [3, 4]), *rest)


def _ragged(call):
    return lambda values, *rest: call(tf.RaggedTensor.from_row_splits(values, SPLITS), *rest)


_SPARSE = [
    op("SparseToDense", INDICES, SHAPE, VALUES, known(0.0, "float32")),
    op("SparseTensorDenseMatMul", INDICES, VALUES, SHAPE, floats(4, 5)),
    op("SparseTensorDenseMatMul", INDICES, VALUES, SHAPE, floats(3, 5), adjoint_a=True),
    op("SparseTensorDenseAdd", INDICES, VALUES, SHAPE, floats(3, 4)),
    op("SparseReduceSum", INDICES, VALUES, SHAPE, known([1])),
    op("SparseReduceSum", INDICES, VALUES, SHAPE, known([0]), keep_dims=True),
    op("SparseReduceMax", INDICES, VALUES, SHAPE, known([1])),
    op("SparseReorder", INDICES[::-1].copy(), VALUES, SHAPE),
    op("SparseReshape", INDICES, SHAPE, known([2, 6], "int64")),
    op("SparseReshape", INDICES, SHAPE, known([2, -1], "int64")),
    op("SparseFillEmptyRows", INDICES, VALUES, SHAPE, known(9.0, "float32"), take=[0, 1, 2]),
    op("SparseDenseCwiseMul", INDICES, VALUES, SHAPE, floats(3, 4)),
    op("SparseDenseCwiseAdd", INDICES, VALUES, SHAPE, floats(3, 4)),
    op("SparseDenseCwiseDiv", INDICES, VALUES, SHAPE, floats(3, 4)),
    op("SparseSoftmax", INDICES, VALUES, SHAPE),
    op("SparseConcat", [INDICES, INDICES], [VALUES, VALUES * 2], [SHAPE, SHAPE], concat_dim=0),
    op("SparseConcat", [INDICES, INDICES], [VALUES, VALUES * 2], [SHAPE, SHAPE], concat_dim=1),
    op("SparseSlice", INDICES, VALUES, SHAPE, known([0, 0], "int64"), known([2, 2], "int64")),
    op("SparseSplit", known(1, "int64"), INDICES, VALUES, SHAPE, num_split=2),
    op("SparseAdd", INDICES, VALUES, SHAPE, INDICES[:2], VALUES[:2], SHAPE, known(0.0, "float32")),
    op("SparseSparseMaximum", INDICES, VALUES, SHAPE, INDICES[:2], VALUES[:2], SHAPE),
    op(
        "SparseBincount",
        INDICES,
        np.array([1, 2, 2], np.int64),
        SHAPE,
        known(4, "int64"),
        known(np.zeros(0, "float32")),
    ),
    op(
        "SparseCross",
        [INDICES],
        [np.array([1, 2, 3], np.int64)],
        [SHAPE],
        [np.array([[1], [2], [3]], np.int64)],
        hashed_output=True,
        num_buckets=7,
        hash_key=1,
        out_type=tf.int64,
        internal_type=tf.int64,
    ),
    op("DenseCountSparseOutput", np.array([1, 2, 2, 5], np.int32), known(np.zeros(0, "float32")), binary_output=False),
    function(
        "SparseSegmentMean",
        lambda v: tf.nn.embedding_lookup_sparse(
            tf.constant(floats(10, 4)), tf.SparseTensor([[0, 0], [0, 1], [2, 0]], v, [3, 2]), None, combiner="mean"
        ),
        np.array([1, 3, 7], np.int64),
    ),
    function(
        "SparseSegmentSum",
        lambda v: tf.nn.safe_embedding_lookup_sparse(
            [tf.constant(floats(10, 4))], tf.SparseTensor([[0, 0], [0, 1], [2, 0]], v, [3, 2]), combiner="sum"
        ),
        np.array([1, 3, 7], np.int64),
    ),
    function("SparseToDense", lambda x: tf.sparse.to_dense(tf.sparse.from_dense(x)), floats(3, 4)),
    function(
        "SparseTensorDenseMatMul",
        lambda x, y: tf.sparse.sparse_dense_matmul(tf.sparse.from_dense(x), y),
        floats(3, 4),
        floats(4, 2),
    ),
]

_RAGGED = [
    op("RaggedRange", np.array([0, 2], np.int32), np.array([3, 4], np.int32), np.array([1, 1], np.int32)),
    function("RaggedTensorToTensor", _ragged(lambda r: r.to_tensor(-1.0)), floats(5)),
    function("RaggedTensorToTensor", _ragged(lambda r: r.to_tensor(0.0, shape=[None, 4])), floats(5)),
    function("RaggedTensorToSparse", _ragged(lambda r: tf.sparse.to_dense(r.to_sparse())), floats(5)),
    function("RaggedGather", _ragged(lambda r, i: tf.gather(r, i).to_tensor()), floats(5), np.array([2, 0], np.int32)),
    function("UnsortedSegmentSum", _ragged(lambda r: tf.reduce_sum(r, axis=1)), floats(5)),
    function("UnsortedSegmentMax", _ragged(lambda r: tf.reduce_max(r, axis=1)), floats(5)),
    function(
        "RaggedTensorToTensor",
        lambda x: tf.RaggedTensor.from_tensor(x, padding=0).to_tensor(),
        integers(3, 4, low=0, high=3),
    ),
]

_STRINGS = [
    op("StringLower", WORDS),
    op("StringUpper", WORDS),
    op("StringStrip", texts(" a ", "b  ")),
    op("StringLength", WORDS),
    op("StringJoin", [WORDS, WORDS], separator="-"),
    op("ReduceJoin", WORDS, known([0]), separator=" "),
    op("ReduceJoin", WORDS.reshape(3, 1), known([1])),
    op("AsString", integers(3)),
    op("AsString", floats(3)),
    op("AsString", np.array([True, False])),
    op("StringToNumber", texts("1.5", "-2", "3e2")),
    op("StringToNumber", texts("1", "-2"), out_type=tf.int64),
    op("Substr", texts("abcdef", "ghijkl"), known(1), known(3)),
    op("Equal", WORDS, texts("a b", "x", "y")),
    op("NotEqual", WORDS, known(b"a b", "object")),
    op("StaticRegexReplace", WORDS, pattern="[a-d]", rewrite="x"),
    op("RegexReplace", WORDS, known(b"[a-d]", "object"), known(b"x", "object")),
    op("StaticRegexFullMatch", WORDS, pattern="[a-d ]+"),
    op("RegexFullMatch", WORDS, known(b"[a-d ]+", "object")),
    op("StringSplit", WORDS, known(b" ", "object")),
    op("StringSplitV2", WORDS, known(b"", "object")),
    op("StringSplitV2", WORDS, known(b" ", "object")),
    function("StringSplitV2", lambda x: tf.strings.split(x).to_tensor(), WORDS),
    op(
        "StringNGrams",
        texts("a", "b", "c"),
        np.array([0, 3], np.int64),
        separator=" ",
        ngram_widths=[2],
        left_pad="",
        right_pad="",
        pad_width=0,
        preserve_short_sequences=False,
    ),
    op("StringToHashBucketFast", WORDS, num_buckets=100),
    op("StringToHashBucketStrong", WORDS, num_buckets=100, key=[1, 2]),
    op("StringToHashBucket", WORDS, num_buckets=100),
    op("UnicodeDecode", WORDS, input_encoding="UTF-8"),
    op("UnicodeEncode", np.array([97, 98], np.int32), np.array([0, 2], np.int64), output_encoding="UTF-8"),
    op("UnicodeTranscode", WORDS, input_encoding="UTF-8", output_encoding="UTF-8"),
    op("StringFormat", [floats(2)], template="%s"),
    op("UnsortedSegmentJoin", WORDS, known([0, 1, 0]), known(2)),
    op("GatherV2", WORDS, np.array([2, 0], np.int32), known(0)),
    op("ConcatV2", [WORDS, WORDS], known(0)),
    op("SelectV2", np.array([True, False, True]), WORDS, known(b"no", "object")),
    op("ExpandDims", WORDS, known(0)),
    op("Unique", texts("b", "a", "b")),
    op("Fingerprint", WORDS, known(b"farmhash64", "object")),
    op("DecodeBase64", texts("YQ")),
    op("EncodeBase64", WORDS),
    op("DecodeRaw", texts("abcd"), out_type=tf.uint8),
    op("DecodeCSV", texts("1,2"), [known([0.0], "float32"), known([0.0], "float32")]),
    op(
        "ParseExampleV2",
        texts("x"),
        known(np.zeros(0, "object")),
        known(np.zeros(0, "object")),
        known(np.array([b"f"], "object")),
        known(np.zeros(0, "object")),
        [known([0.0], "float32")],
        num_sparse=0,
        sparse_types=[],
        ragged_value_types=[],
        ragged_split_types=[],
        dense_shapes=[[1]],
    ),
]


def _table(keys, values, default):
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values)), default
    )


_TABLES = [
    ("words", lambda: _table(["a b", "x"], np.array([4, 7], np.int64), -1), WORDS),
    ("numbers", lambda: _table(np.array([1, 5], np.int64), ["one", "five"], "?"), np.array([[5, 2], [1, 1]], np.int64)),
    ("floats", lambda: _table(["a b", "x"], np.array([4.5, 7], np.float32), -1.0), WORDS),
    (
        "integers",
        lambda: _table(np.array([1, 5], np.int64), np.array([10, 50], np.int64), -1),
        np.array([5, 2, 1], np.int64),
    ),
    (
        "int32",
        lambda: _table(np.array([1, 5], np.int32), np.array([10, 50], np.int32), -1),
        np.array([5, 2, 1], np.int32),
    ),
    ("strings", lambda: _table(["a b", "x"], ["yes", "no"], "?"), WORDS),
    (
        "int64-float",
        lambda: _table(np.array([1, 5], np.int64), np.array([1.5, 5.5], np.float32), 0.0),
        np.array([5, 2, 1], np.int64),
    ),
]


def _lookup(build):
    owner = tf.Module()

    def call(keys):
        if not hasattr(owner, "table"):
            with tf.init_scope():
                owner.table = build()
        return owner.table.lookup(keys)

    call.owner = owner
    return call


CASES: list[Case] = [
    *_SPARSE,
    *_RAGGED,
    *_STRINGS,
    *(function("LookupTableFindV2", _lookup(build), keys) for _, build, keys in _TABLES),
]
