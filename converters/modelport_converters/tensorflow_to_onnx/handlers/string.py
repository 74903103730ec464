"""Strings: case, replacing, splitting and joining. ONNX has no regular expressions; plain text is split and joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport_converters.onnx_builder import Value
from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import Operation, handler
from modelport_converters.tensorflow_to_onnx.handlers.ragged import length, row_ids
from modelport_converters.tensorflow_to_onnx.newer_opset import newer

_SPACES = "\t\n\v\f\r"
"""What TensorFlow splits at beside the space."""

_MOST_ALTERNATIVES = 256


@handler("StringLower", "StringUpper", since=10)
def string_case(op: Operation, texts: Value) -> Value:
    """StringNormalizer in the C locale, which knows ASCII alone, as TensorFlow does without an encoding."""
    if op.attr("encoding"):
        raise ValueError("the case of letters beyond ASCII has no form in ONNX")
    action = "LOWER" if op.type == "StringLower" else "UPPER"
    ended = fn.concatenate([fn.ravel(texts), op.graph.constant([""])], 0)  # StringNormalizer refuses an empty tensor
    changed = op.graph.op("StringNormalizer", ended, case_change_action=action, is_case_sensitive=1, locale="C")
    return fn.reshape(changed[:-1], fn.shape(texts))


@handler("StringJoin")
def string_join(op: Operation, first: Value, *others: Value) -> Value:
    """Texts joined one by one."""
    result = first
    for part in others:
        result = _joined(result, part, op.attr("separator", ""))
    return result


def _joined(left: Value, right: Value, separator: str) -> Value:
    if separator:
        (left,) = newer("StringConcat", left, np.array(separator, object))
    return newer("StringConcat", left, right)[0]


@handler("AsString")
def as_string(op: Operation, x: Value) -> Value:
    """Integers and booleans as text; a float's digits are the C library's."""
    if x.dtype.kind == "b":
        return fn.where(x, op.graph.constant("true"), op.graph.constant("false"))
    if x.dtype.kind not in "iu" or any(op.attr(name, -1) != -1 for name in ("precision", "width")):
        raise ValueError("ONNX writes numbers as text with other digits: format integers without a width")
    return x.cast(object)


# --- replacing -----------------------------------------------------------------------------------


@handler("StaticRegexReplace", "RegexReplace")
def regex_replace(op: Operation, texts: Value, *_: Value) -> Value:
    """Each literal that the pattern stands for is split at, and the pieces are joined with what replaces it."""
    pattern, rewrite = _pattern(op)
    literals = alternatives(pattern)
    if literals is None or not op.attr("replace_global", True) or "\\" in rewrite:
        raise ValueError(
            f"the regular expression {pattern!r} has no form in ONNX: replace plain text, or single characters such as [,.!]"
        )
    if any(item in rewrite for item in literals):
        raise ValueError(f"{pattern!r} replaces itself")
    result = fn.ravel(texts)
    for literal in literals:
        result = _replaced(result, literal, rewrite)
    return fn.reshape(result, fn.shape(texts))


def _pattern(op: Operation) -> tuple[str, str]:
    """Return the pattern and the rewrite, which are attributes or inputs."""
    if op.type == "StaticRegexReplace":
        return op.attr("pattern"), op.attr("rewrite", "")
    if not all(op.is_constant(index) for index in (1, 2)):
        raise ValueError("a pattern that is computed has no form in ONNX")
    return _text(op, 1), _text(op, 2)


def _text(op: Operation, index: int) -> str:
    """Return the text of a constant input."""
    value = op.constant(index).reshape(-1)[0]
    return value.decode() if isinstance(value, bytes) else str(value or "")


def alternatives(pattern: str) -> list[str] | None:
    r"""Return the literals that a regular expression stands for: itself, or each character of a set; None for any other.

    ``a\.b`` stands for ``a.b``, ``[,.\]]`` for three characters. Python's own parser takes it apart.
    """
    try:
        parts = list(re._parser.parse(pattern))  # type: ignore[attr-defined]
    except re.error:
        return None
    names = [str(kind) for kind, _ in parts]
    if names and set(names) == {"LITERAL"}:
        return ["".join(chr(value) for _, value in parts)]
    return _members(parts[0][1]) if names == ["IN"] else None


def _members(items: Sequence[tuple[Any, Any]]) -> list[str] | None:
    """Return the characters of a set; None for one that says what is not in it, or for classes such as \\w."""
    found: list[str] = []
    for kind, value in items:
        if str(kind) == "LITERAL":
            found.append(chr(value))
        elif str(kind) == "RANGE" and value[1] - value[0] < _MOST_ALTERNATIVES:
            found += map(chr, range(value[0], value[1] + 1))
        else:
            return None
    return list(dict.fromkeys(found)) if len(found) <= _MOST_ALTERNATIVES else None


def _replaced(texts: Value, literal: str, rewrite: str) -> Value:
    """Replace a literal in each text of a vector: a Loop joins the pieces between which it stood."""
    pieces, counts = _pieces(texts, delimiter=literal)

    def joined(index: Value, text: Value) -> tuple[None, list[Value]]:
        piece = fn.take(pieces, index, 1)
        if rewrite:
            used = (index > 0) & (index < counts)
            mark = fn.where(used, texts.graph.constant(rewrite), texts.graph.constant(""))
            (piece,) = newer("StringConcat", mark, piece)
        return None, newer("StringConcat", text, piece)

    empty = fn.broadcast_to(texts.graph.constant(""), fn.shape(texts))
    (result,) = fn.loop(texts.graph, fn.shape(pieces)[1], [empty], joined)
    return result


# --- splitting -----------------------------------------------------------------------------------


@handler("StringSplitV2")
def string_split(op: Operation, texts: Value, _: Value) -> tuple[Value, Value, Value]:
    """The words of each text, as a sparse tensor: indices, words and shape. ONNX's kernels split at spaces alone."""
    if not op.is_constant(1):
        raise ValueError("the separator of a split must be a constant")
    if op.attr("maxsplit", -1) >= 0:
        raise ValueError("a limited number of splits has no form in ONNX Runtime")
    delimiter = _text(op, 1)
    if not delimiter:
        for space in _SPACES:
            texts = _replaced(texts, space, " ")
    words, counts = _pieces(texts, **({"delimiter": delimiter} if delimiter else {}))
    if delimiter:  # TensorFlow finds one empty word in an empty text
        counts = fn.maximum(counts, 1)
    most = fn.max(fn.concatenate([counts, op.graph.constant([0])], 0), 0, keepdims=True)
    valid = fn.arange(most) < fn.expand_dims(counts, 1)
    shape = fn.concatenate([fn.shape(counts), most], 0)
    filled = _widened(words, shape) if delimiter else words
    indices = op.graph.op("NonZero", valid, dtype="int64").T
    return indices, fn.compress(fn.ravel(valid), fn.ravel(filled)), shape


def _pieces(texts: Value, **delimiter: str) -> list[Value]:
    """Split a vector of texts; onnx infers no types behind a text of unknown rank, such as one from a Loop."""
    return newer("StringSplit", fn.ravel(texts), dtypes=[object, "int64"], **delimiter)


def _widened(words: Value, shape: Value) -> Value:
    """Give a table without columns, of empty texts alone, one column of empty words."""
    column = fn.broadcast_to(words.graph.constant(""), shape * [1, 1])
    return fn.concatenate([words, column], 1)[:, : shape[1:2]]


# --- n-grams -------------------------------------------------------------------------------------


@handler("StringNGrams", since=16)
def string_n_grams(op: Operation, words: Value, splits: Value) -> tuple[Value, Value]:
    """Neighbouring words of a row joined: for each row, all groups of the first width, then of the next."""
    if op.attr("pad_width", 0) or op.attr("preserve_short_sequences", False):
        raise ValueError("n-grams of padded rows have no form here")
    widths, separator = list(op.attr("ngram_widths")), op.attr("separator", "")
    rows = row_ids(splits, length(words))
    groups = [_groups(words, rows, width, separator) for width in widths]
    order, row = _by_row([row for _, row in groups])
    grams = fn.take(fn.concatenate([gram for gram, _ in groups], 0), order)
    return grams, _splits(row, splits).cast(op.dtypes[1])


def _groups(words: Value, rows: Value, width: int, separator: str) -> tuple[Value, Value]:
    """Return each `width` neighbours of one row joined, and their row."""

    def shifted(x: Value, by: int) -> Value:
        # at most as many as there are, from `by` on, up to where the last group begins
        return x[by : fn.maximum(fn.shape(words) - (width - 1 - by), by)]

    grams = shifted(words, 0)
    for by in range(1, width):
        grams = _joined(grams, shifted(words, by), separator)
    first = shifted(rows, 0)
    same = fn.equal(first, shifted(rows, width - 1))
    return fn.compress(same, grams), fn.compress(same, first)


def _by_row(rows: Sequence[Value]) -> tuple[Value, Value]:
    """Return the order that sorts groups by row, then by width, then as they come; and their rows in that order."""
    keys = fn.concatenate([part * len(rows) + rank for rank, part in enumerate(rows)], 0)
    _, order = fn.topk(keys, fn.shape(keys), axis=0, smallest_first=True)
    return order, fn.take(fn.concatenate(rows, 0), order)


def _splits(row: Value, splits: Value) -> Value:
    """Return row splits: how many groups lie in rows before each."""
    zeros = fn.broadcast_to(np.int64(0), fn.shape(splits))
    ones = fn.broadcast_to(np.int64(1), fn.shape(row))
    return fn.cumsum(row.graph.op("ScatterElements", zeros, row + 1, ones, axis=0, reduction="add"), 0)
