"""Strings, tables and categories of TensorFlow against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import assert_same

from modelport.errors import UnsupportedOps
from modelport_converters.tensorflow_to_onnx.handlers.string import alternatives

TEXTS = np.array(["The cat. sat!", "", "  Don't\tgo\n(x) ", "a!!b", "...", "É <br /><br /> é\v\f\rz"], object)
INDICES = np.array([[0, 1, 3], [-1, 5, 2]], "int64")


def ragged(call):
    """Return a function's ragged result as values and row splits."""

    def parts(*tensors):
        result = call(*tensors)
        return [result.values, result.row_splits]

    return parts


@pytest.mark.parametrize("texts", [TEXTS, TEXTS.reshape(2, 3), TEXTS[:0]], ids=["several", "a table", "none"])
def test_letters_of_ascii_change_their_case(texts):
    assert_same(lambda x: [tf.strings.lower(x), tf.strings.upper(x)], texts, opset=18)


def test_the_case_of_other_letters_is_refused():
    with pytest.raises(UnsupportedOps, match="beyond ASCII"):
        assert_same(lambda x: [tf.strings.lower(x, encoding="utf-8")], TEXTS)


@pytest.mark.parametrize(
    ("pattern", "rewrite"),
    [(r"[!'.]", ""), (r"[!'.\-\]]", " "), ("<br />", " "), ("[a-d]", "_"), (r"\.", "é"), ("!!", "-"), ("o|s", "0")],
)
def test_plain_text_and_sets_of_characters_are_replaced(pattern, rewrite):
    assert_same(lambda x: [tf.strings.regex_replace(x, pattern, rewrite)], TEXTS.reshape(2, 3))


@pytest.mark.parametrize("pattern", ["a+", "[^a]", r"\s", "ab|c", "^a", "(a)"])
def test_other_regular_expressions_are_refused(pattern):
    assert alternatives(pattern) is None
    with pytest.raises(UnsupportedOps, match="regular expression"):
        assert_same(lambda x: [tf.strings.regex_replace(x, pattern, "")], TEXTS)


def test_a_replacement_that_is_itself_replaced_is_refused():
    with pytest.raises(UnsupportedOps, match="replaces itself"):
        assert_same(lambda x: [tf.strings.regex_replace(x, "[ab]", "b")], TEXTS)


@pytest.mark.parametrize("separator", ["", "!", "<br />"])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[1:2], TEXTS[:0]], ids=["several", "an empty one", "none"])
def test_texts_are_split(texts, separator):
    assert_same(ragged(lambda x: tf.strings.split(x, separator)), texts)


def test_words_become_a_table_with_a_default():
    assert_same(lambda x: [tf.strings.split(x).to_tensor("#")], TEXTS)


@pytest.mark.parametrize("width", [1, 3, (1, 2), (3, 2)])
def test_neighbouring_words_are_joined(width):
    assert_same(ragged(lambda x: tf.strings.ngrams(tf.strings.split(x), width)), TEXTS)
    assert_same(ragged(lambda x: tf.strings.ngrams(tf.strings.split(x), width)), TEXTS[3:5])


def test_texts_are_joined_and_compared():
    assert_same(lambda x: [tf.strings.join([x, "q", x], "-"), tf.strings.join([x, x])], TEXTS)
    assert_same(lambda x: [tf.equal(x, ""), tf.not_equal("a!!b", x), tf.equal(x, tf.reverse(x, [0]))], TEXTS)


def test_strings_below_opset_20_are_refused():
    with pytest.raises(UnsupportedOps, match="--opset 20"):
        assert_same(lambda x: [tf.strings.join([x, x])], TEXTS, opset=18)


def test_a_hash_of_a_string_is_refused():
    with pytest.raises(UnsupportedOps, match="hash of a string"):
        assert_same(lambda x: [tf.strings.to_hash_bucket_fast(x, 7)], TEXTS)


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


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_an_index_out_of_range_is_hot_nowhere(axis):
    assert_same(lambda x: [tf.one_hot(x, 4, axis=axis), tf.one_hot(tf.cast(x, tf.int32), 4, 7, 3, axis=axis)], INDICES)


def test_categories_are_counted_and_weighted_and_those_beyond_the_last_left_out():
    def counts(x):
        return [
            tf.math.bincount(x, minlength=6, axis=-1),
            tf.math.bincount(x, minlength=3, maxlength=3, axis=-1),
            tf.math.bincount(x, minlength=6, maxlength=6, axis=-1, binary_output=True),
            tf.math.bincount(x[0], dtype=tf.int64),
        ]

    weights = np.array([[0.5, -1, 2], [3, 0.25, 1]], "float32")
    assert_same(counts, np.abs(INDICES))
    assert_same(lambda x, w: [tf.math.bincount(x, weights=w, minlength=6, axis=-1)], np.abs(INDICES), weights)


def test_words_of_ragged_rows_are_counted():
    def counts(x):
        lengths = tf.strings.split(x).with_values(tf.cast(tf.strings.split(x).values == "a", tf.int64))
        return [tf.math.bincount(lengths, minlength=2, axis=-1)]

    assert_same(counts, np.array(["a b a", "", "b", "a"], object))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_a_value_is_counted_into_its_bin(dtype):
    values = np.array([-1, 0, 1, 2, 3, 9], dtype)
    if dtype.startswith("float"):
        values = np.append(values, [np.nan, 2.5, 2.4999998, np.inf, -np.inf]).astype(dtype)
    assert_same(lambda x: [tf.raw_ops.Bucketize(input=x, boundaries=[0.0, 1.0, 2.5])], values, opset=18)
