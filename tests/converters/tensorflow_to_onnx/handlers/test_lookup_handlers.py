"""Lookup tables against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import assert_same

KEYS = {
    "string": np.array([["", "b"], ["c", "é"]], object),
    "int64": np.array([[3, -1], [2**40, 9]], "int64"),
    "int32": np.array([[3, -1], [7, 9]], "int32"),
}
TABLE_KEYS = {"string": ["", "é", "c"], "int64": [2**40, 3, -1], "int32": [7, 3, -1]}
TABLE_VALUES = {"string": ["x", "", "ü"], "int64": [5, 2**50, -3], "float32": [0.5, 1.5, -2.0], "int32": [4, 5, 6]}
DEFAULTS = {"string": "[UNK]", "int64": -1, "float32": 0.25, "int32": 0}


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        *[("string", kind) for kind in ("string", "int64", "float32", "int32")],
        *[("int64", kind) for kind in ("string", "int64", "float32")],
        *[("int32", kind) for kind in ("string", "int32")],
    ],
)
def test_a_table_is_looked_up(keys, values):
    owner = tf.Module()
    initializer = tf.lookup.KeyValueTensorInitializer(TABLE_KEYS[keys], TABLE_VALUES[values], keys, values)
    owner.table = tf.lookup.StaticHashTable(initializer, DEFAULTS[values])
    assert_same(lambda x: [owner.table.lookup(x)], KEYS[keys], owner=owner, opset=18)


def test_a_table_tells_its_size():
    owner = tf.Module()
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2], "string", "int64")
    owner.table = tf.lookup.StaticHashTable(initializer, -1)
    assert_same(lambda x: [owner.table.lookup(x) + owner.table.size()], np.array(["a", "q"], object), owner=owner)
