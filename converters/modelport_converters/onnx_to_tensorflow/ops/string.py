"""String operators: concatenation, splitting, normalization, regular expressions and n-grams (TfIdfVectorizer)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_graph.ngrams import Level, levels
from modelport_converters.onnx_to_tensorflow.lookup import position, sorted_position
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op

_OWN_CASES = frozenset({"az", "el", "hy", "lt", "tr"})
"""Languages whose letters change case in their own way (Unicode's SpecialCasing.txt; Greek and Armenian as ICU has them)."""


@op("StringConcat")
def string_concat(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Concatenate strings elementwise."""
    return tf.add(x, y)


@op("RegexFullMatch")
def regex_full_match(x: tf.Tensor, *, pattern: str = "") -> tf.Tensor:
    """Full match of each string with a regular expression of RE2."""
    try:
        with tf.init_scope():
            tf.strings.regex_full_match("", pattern)
    except tf.errors.InvalidArgumentError as error:
        raise Unsupported(f"{pattern!r} is no regular expression of RE2") from error
    return tf.strings.regex_full_match(x, pattern)


@op("StringNormalizer")
def string_normalizer(
    x: tf.Tensor,
    *, case_change_action: str = "NONE", is_case_sensitive: int = 0, locale: str = "", stopwords: Sequence[str] = (),
) -> tf.Tensor:  # fmt: skip
    """Normalize strings: drop stop words, change case; one empty string where none is left."""
    if x.shape.rank not in (1, 2):
        raise Unsupported("its input must be [C] or [1, C]")
    x = x if x.shape.rank == 1 else tf.ensure_shape(x, [1, None])
    encoding = _encoding(locale)
    cases = {"LOWER": tf.strings.lower, "UPPER": tf.strings.upper, "NONE": lambda words, encoding: words}
    words = tf.reshape(x, [-1])
    if stopwords:
        stop = tf.constant(list(stopwords), tf.string)
        if not is_case_sensitive:
            stop = tf.strings.lower(stop, encoding=encoding)
        compared = words if is_case_sensitive else tf.strings.lower(words, encoding=encoding)
        words = tf.boolean_mask(words, ~tf.reduce_any(compared[:, None] == stop, 1))
    words = cases[case_change_action](words, encoding=encoding)
    if stopwords or not x.shape.num_elements():
        words = tf.concat([words, tf.fill([tf.cast(tf.equal(tf.size(words), 0), tf.int32)], "")], 0)
    return words if x.shape.rank == 1 else words[None]


def _encoding(locale: str) -> str:
    """Return what tells TensorFlow how letters change case: those of ASCII in the locale C, else all of Unicode."""
    language = locale.replace("-", "_").split("_")[0].split(".")[0].lower()
    if language in _OWN_CASES:
        raise Unsupported(f"TensorFlow does not know how letters change case in the locale {locale}")
    return "" if language in ("c", "posix") else "utf-8"


@op("StringSplit")
def string_split(x: tf.Tensor, *, delimiter: str = "", maxsplit: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Split strings at a delimiter, ASCII whitespace by default: the parts, padded with "", and their counts."""
    flat = tf.reshape(x, [-1])
    limit = -1 if maxsplit is None else max(maxsplit, -1)
    texts = flat if delimiter else tf.strings.strip(flat)
    parts = tf.raw_ops.StringSplitV2(input=texts, sep=delimiter, maxsplit=limit)
    rows, values = parts.indices[:, 0], parts.values
    if not delimiter:  # with a limit the kernel adds an empty part to a string without whitespace
        rows, values = rows[values != ""], values[values != ""]
    ragged = tf.RaggedTensor.from_value_rowids(values, rows, tf.size(flat, out_type=tf.int64), validate=False)
    padded = ragged.to_tensor("")
    whole = tf.shape(x, out_type=tf.int64)
    split = tf.reshape(padded, tf.concat([whole, tf.shape(padded, out_type=tf.int64)[1:]], 0))
    return tf.ensure_shape(split, [*x.shape, None]), tf.reshape(ragged.row_lengths(), whole)


@op("TfIdfVectorizer")
def tf_idf_vectorizer(
    x: tf.Tensor,
    *, max_gram_length: int, max_skip_count: int, min_gram_length: int, mode: str, ngram_counts: Sequence[int],
    ngram_indexes: Sequence[int], pool_int64s: Sequence[int] = (), pool_strings: Sequence[str] = (),
    weights: Sequence[float] = (),
) -> tf.Tensor:  # fmt: skip
    """Counts of the pool's n-grams in each row: TF, IDF (occurrence alone, weighted) or TFIDF (weighted counts)."""
    pool = pool_strings if x.dtype == tf.string else pool_int64s
    items, tree = levels(pool, ngram_counts, min_gram_length, max_gram_length)
    rows = x[None] if x.shape.rank == 1 else tf.ensure_shape(x, [None, None])
    size = max(ngram_indexes) + 1
    if tree:
        grams = _occurring(position(rows, items), tree, len(items), min_gram_length, max_skip_count)
    else:
        grams = tf.zeros([tf.shape(rows)[0], 0], tf.int64)
    result = _weighed(grams, np.array(ngram_indexes, np.int64), size, mode, np.array(weights, np.float32))
    return result[0] if x.shape.rank == 1 else result


def _occurring(words: tf.Tensor, tree: Sequence[Level], count: int, shortest: int, skips: int) -> tf.Tensor:
    """Return the pool indices of all n-grams found in each row, padded with -1.

    Args:
        words: positions in the list of distinct items, -1 for an item that is in no n-gram.
        tree: the n-grams.
        count: of distinct items.
        shortest: length of the shortest n-grams to be found.
        skips: up to so many items are skipped between two of an n-gram.
    """
    length = tf.shape(words)[1]
    padded = tf.pad(words, [[0, 0], [0, (len(tree) - 1) * (skips + 1)]], constant_values=-1)
    found = []
    for step in range(1, skips + 2 if len(tree) > 1 else 2):
        place = tf.zeros_like(words)
        for at, level in enumerate(tree):
            word = padded[:, at * step : at * step + length]
            key = tf.where((place < 0) | (word < 0), tf.constant(-1, tf.int64), place * count + word)
            place = sorted_position(tf.constant(level.keys), key)
            if at + 1 >= shortest and (at or step == 1):  # skips make no difference to single items
                found.append(tf.where(place < 0, place, tf.gather(tf.constant(level.grams), tf.maximum(place, 0))))
    return tf.concat(found, 1)


def _weighed(grams: tf.Tensor, columns: np.ndarray, size: int, mode: str, weights: np.ndarray) -> tf.Tensor:
    column = tf.where(
        grams < 0, np.int64(size), tf.gather(tf.constant(columns), tf.maximum(grams, 0))
    )  # `size` is not counted
    none = tf.zeros([0], tf.float32)
    weigh = len(weights) > 0 and mode != "TF"
    if weigh and mode == "TFIDF":
        none = tf.gather(tf.constant(weights), tf.maximum(grams, 0))
    counts = tf.raw_ops.DenseBincount(
        input=column, size=tf.constant(size, tf.int64), weights=none, binary_output=mode == "IDF"
    )
    if not weigh or mode == "TFIDF":
        return counts
    if len(set(columns.tolist())) < len(columns):
        raise Unsupported("in the mode IDF two n-grams of different weights share a column")
    each = np.zeros(size, np.float32)
    each[columns] = weights
    return counts * each
