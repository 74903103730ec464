"""Strings against TensorFlow's own answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import assert_same

from modelport.errors import UnsupportedOps
from modelport_converters.tensorflow_to_onnx.handlers.string import alternatives

TEXTS = np.array(["The cat. sat!", "", "  Don't\tgo\n(x) ", "a!!b", "...", "É <br /><br /> é\v\f\rz"], object)


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
