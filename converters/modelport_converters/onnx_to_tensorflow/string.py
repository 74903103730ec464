"""Strings."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op


@op("StringConcat")
def string_concat(x: Any, y: Any) -> Any:
    """The strings of x, each followed by that of y."""
    return tf.add(x, y)


@op("RegexFullMatch")
def regex_full_match(x: Any, *, pattern: str = "") -> Any:
    """Whether a whole string matches a pattern of RE2."""
    return tf.strings.regex_full_match(x, pattern)


@op("StringNormalizer")
def string_normalizer(
    x: Any, *, case_change_action: str = "NONE", is_case_sensitive: int = 0, locale: str = "", stopwords: Any = ()
) -> Any:
    """The strings without stop words, in lower or upper case; one empty string where none is left."""
    cases = {"LOWER": lower, "UPPER": upper, "NONE": tf.identity}
    words = tf.reshape(x, [-1])
    if stopwords:
        compared = words if is_case_sensitive else lower(words)
        stop = tf.constant([word if is_case_sensitive else word.lower() for word in stopwords])
        words = tf.boolean_mask(words, ~tf.reduce_any(compared[:, None] == stop, 1))
    words = cases[case_change_action](words)
    words = tf.concat([words, tf.fill([tf.cast(tf.equal(tf.size(words), 0), tf.int32)], "")], 0)
    return words if x.shape.rank == 1 else words[None]


def lower(x: Any) -> Any:
    """Return UTF-8 strings in lower case."""
    return tf.strings.lower(x, encoding="utf-8")


def upper(x: Any) -> Any:
    """Return UTF-8 strings in upper case."""
    return tf.strings.upper(x, encoding="utf-8")
