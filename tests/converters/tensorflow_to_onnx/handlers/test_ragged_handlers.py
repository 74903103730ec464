"""Ragged tensors against TensorFlow's own answers, rows without items and tables without columns included."""

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees, assert_same

SPLITS = {
    "rows of several lengths": [0, 2, 2, 5],
    "an empty last row": [0, 4, 5, 5],
    "empty rows alone": [0, 0, 0],
    "no rows": [0],
}
SHAPES = [None, (None, 4), (None, 1), (2, None), (5, 2)]


def items(splits, *rest):
    return floats(splits[-1], *rest), np.array(splits, "int64")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SPLITS)
def test_rows_are_padded_and_cut(name, shape):
    def padded(values, splits):
        return tf.RaggedTensor.from_row_splits(values, splits, validate=False).to_tensor(-1.5, shape=shape)

    agrees(padded, *items(SPLITS[name]))


@pytest.mark.parametrize("shape", [None, (None, 3, None)])
@pytest.mark.parametrize("name", SPLITS)
def test_items_of_several_axes_are_padded(name, shape):
    def padded(values, splits):
        return tf.RaggedTensor.from_row_splits(values, splits, validate=False).to_tensor(shape=shape)

    agrees(padded, *items(SPLITS[name], 2), open_axes=(0,))


@pytest.mark.parametrize("outer", [[0, 1, 3], [0, 0, 3], [0, 3, 3]])
def test_two_levels_are_padded(outer):
    def padded(values, inner, outer):
        return tf.RaggedTensor.from_nested_row_splits(values, [outer, inner], validate=False).to_tensor()

    agrees(padded, *items(SPLITS["rows of several lengths"]), np.array(outer, "int64"))


@pytest.mark.parametrize("rows", [[0, 0, 2, 2, 2], [1, 1, 1, 1, 3], []])
@pytest.mark.parametrize("shape", [None, (None, 2)])
def test_the_rows_of_items_say_where_they_lie(rows, shape):
    def padded(values, ids):
        ragged = tf.RaggedTensor.from_value_rowids(values, ids, nrows=tf.size(ids, tf.int64) + 2, validate=False)
        return ragged.to_tensor(9.0, shape=shape)

    agrees(padded, floats(len(rows)), np.array(rows, "int64"))


@pytest.mark.parametrize("name", SPLITS)
def test_a_ragged_tensor_becomes_a_sparse_one(name):
    def sparse(values, splits):
        found = tf.RaggedTensor.from_row_splits(values, splits, validate=False).to_sparse()
        return [found.indices, found.values, found.dense_shape]

    assert_same(sparse, *items(SPLITS[name]))


@pytest.mark.parametrize("texts", [["a b", ""], [""], ["  ", ""]])
def test_texts_without_words_become_a_table_without_columns(texts):
    assert_same(lambda x: [tf.strings.split(x).to_tensor("#")], np.array(texts, object))
