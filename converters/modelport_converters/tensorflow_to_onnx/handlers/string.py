"""Text: case, replacing, splitting and joining. ONNX does not replace by regular expressions; plain text is split and joined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from tf2onnx.utils import make_name

from modelport_converters.tensorflow_to_onnx.handler import Form, handler
from modelport_converters.tensorflow_to_onnx.handlers.bincount import row_ids
from modelport_converters.tensorflow_to_onnx.newer_opset import newer
from modelport_converters.tensorflow_to_onnx.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SPACES = "\t\n\v\f\r"
"""What TensorFlow splits at beside the space."""

_MOST_ALTERNATIVES = 256


@handler("StringLower", "StringUpper", since=10)
def string_case(write: Form, texts: str) -> str:
    """StringNormalizer in the C locale, which knows ASCII alone, as TensorFlow does without an encoding."""
    if write.attr("encoding"):
        raise ValueError("the case of letters beyond ASCII has no form in ONNX")
    action = "LOWER" if write.kind == "StringLower" else "UPPER"
    # StringNormalizer refuses an empty tensor
    ended = write.join(write.reshape(texts, [-1]), write.const([""], object))
    changed = write("StringNormalizer", ended, case_change_action=action, is_case_sensitive=1, locale="C")
    return write.reshape(write.slice(changed, 0, -1), write("Shape", texts))


@handler("StaticRegexReplace", "RegexReplace")
def regex_replace(write: Form, texts: str, *_: str) -> str:
    """Each literal that the pattern stands for is split at, and the pieces are joined with what replaces it."""
    pattern, rewrite = _pattern(write)
    literals = alternatives(pattern)
    if literals is None or not write.attr("replace_global", True) or "\\" in rewrite:
        raise ValueError(
            f"the regular expression {pattern!r} has no form in ONNX: replace plain text, or single characters such as [,.!]"
        )
    if any(item in rewrite for item in literals):
        raise ValueError(f"{pattern!r} replaces itself")
    result = write.reshape(texts, [-1])
    for literal in literals:
        result = _replaced(write, result, literal, rewrite)
    return write.reshape(result, write("Shape", texts))


@handler("StringSplitV2")
def string_split(write: Form, texts: str, _: str) -> tuple[str, str, str]:
    """The words of each text, as a sparse tensor: indices, words and shape. ONNX's kernels split at spaces alone."""
    separator = write.node.inputs[1]
    if not separator.is_const():
        raise ValueError("the separator of a split must be a constant")
    if write.attr("maxsplit", -1) >= 0:
        raise ValueError("a limited number of splits has no form in ONNX Runtime")
    delimiter = _text(separator.get_tensor_value(as_list=False).reshape(-1)[0])
    if not delimiter:
        for space in _SPACES:
            texts = _replaced(write, texts, space, " ")
    given = {"delimiter": delimiter} if delimiter else {}
    words, counts = _split(write, texts, **given)
    if delimiter:  # TensorFlow finds one empty word in an empty text
        counts = write("Max", counts, write.const(1))
    most = write.reshape(write("ReduceMax", write.join(counts, write.const([0]))), [1])
    valid = _before(write, counts, most)
    shape = write.join(write("Shape", counts), most)
    filled = _widened(write, words, shape) if delimiter else words
    return write("Transpose", write("NonZero", valid)), _picked(write, filled, valid), shape


@handler("StringJoin")
def string_join(write: Form, first: str, *others: str) -> str:
    """Texts joined one by one."""
    result = first
    for part in others:
        result = _joined(write, result, part, write.attr("separator", ""))
    return result


@handler("StringNGrams", since=16)
def string_n_grams(write: Form, words: str, splits: str) -> tuple[str, str]:
    """Neighbouring words of a row joined: for each row, all groups of the first width, then of the next."""
    if write.attr("pad_width", 0) or write.attr("preserve_short_sequences", False):
        raise ValueError("n-grams of padded rows have no form here")
    widths, separator = list(write.attr("ngram_widths")), write.attr("separator", "")
    rows = row_ids(write, splits, words)
    groups = [_groups(write, words, rows, width, separator) for width in widths]
    order, row = _by_row(write, [row for _, row in groups], len(widths))
    grams = write("Gather", write.join(*(gram for gram, _ in groups)), order)
    return grams, _splits(write, row, splits, write.dtype_of(write.node.output[1]))


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


def _pattern(write: Form) -> tuple[str, str]:
    """Return the pattern and the rewrite, which are attributes or inputs."""
    if write.kind == "StaticRegexReplace":
        return write.attr("pattern"), write.attr("rewrite", "")
    given = write.node.inputs[1:3]
    if not all(source.is_const() for source in given):
        raise ValueError("a pattern that is computed has no form in ONNX")
    first, second = (source.get_tensor_value(as_list=False).reshape(-1)[0] for source in given)
    return _text(first), _text(second)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _split(write: Form, texts: str, **delimiter: str) -> list[str]:
    """Split a vector of texts; onnx infers no types behind a text of unknown rank, such as one from a Loop."""
    vector = write.reshape(texts, [-1])
    return newer(write, "StringSplit", vector, outputs=2, **delimiter)


def _replaced(write: Form, texts: str, literal: str, rewrite: str) -> str:
    """Replace a literal in each text of a vector."""
    pieces, counts = _split(write, texts, delimiter=literal)

    def joined(inner: Writer, text: str, index: str) -> str:
        piece = inner("Gather", pieces, index, axis=1)
        if rewrite:
            used = inner("And", inner("Greater", index, inner.const(0)), inner("Less", index, counts))
            mark = inner("Where", used, inner.const(rewrite, object), inner.const("", object))
            (piece,) = newer(inner, "StringConcat", mark, piece)
        return newer(inner, "StringConcat", text, piece)[0]

    empty = write("Expand", write.const("", object), write("Shape", texts))
    return _repeated(write, write("Shape", pieces, start=1, end=2), empty, joined)


def _repeated(write: Form, times: str, text: str, step: Callable[[Writer, str, str], str]) -> str:
    """Write a Loop that carries a vector of texts; `step` writes its body from the text and the index."""
    body = write.ctx.create_new_graph_with_same_config()
    body.parent_graph = write.ctx
    index, go, carried = (make_name(name) for name in ("index", "go", "text"))
    body.add_graph_input(index, TensorProto.INT64, [])
    body.add_graph_input(go, TensorProto.BOOL, [])
    body.add_graph_input(carried, TensorProto.STRING, [-1])
    inner = Writer(body, write.node)
    result = step(inner, carried, index)
    body.add_graph_output(inner("Identity", go), TensorProto.BOOL, [])
    body.add_graph_output(inner("Identity", result), TensorProto.STRING, [-1])
    loop = write.ctx.make_node(
        "Loop",
        [write("Squeeze", times), write.const(True, bool), text],
        branches={"body": body},
        shapes=[[-1]],
        dtypes=[TensorProto.STRING],
    )
    loop.skip_conversion = True
    return str(loop.output[0])


def _before(write: Form, counts: str, most: str) -> str:
    """Return [rows, most]: whether a position comes before the end of its row."""
    positions = write.arange(most)
    return write("Less", positions, write.unsqueeze(counts, 1))


def _picked(write: Form, table: str, valid: str) -> str:
    return write("Compress", write.reshape(table, [-1]), write.reshape(valid, [-1]))


def _widened(write: Form, words: str, shape: str) -> str:
    """Give a table without columns, of empty texts alone, one column of empty words."""
    column = write("Expand", write.const("", object), write("Mul", shape, write.const([1, 1])))
    return write.slice(write.join(words, column, axis=1), 0, write.slice(shape, 1, 2), axis=1)


def _joined(write: Form, left: str, right: str, separator: str) -> str:
    if separator:
        (left,) = newer(write, "StringConcat", left, write.const(separator, object))
    return newer(write, "StringConcat", left, right)[0]


def _groups(write: Form, words: str, rows: str, width: int, separator: str) -> tuple[str, str]:
    """Return each `width` neighbours of one row joined, and their row."""

    def shifted(name: str, by: int) -> str:
        # at most as many as there are, from `by` on, up to where the last group begins
        end = write("Sub", write("Shape", words), write.const([width - 1 - by]))
        return write.slice(name, by, write("Max", end, write.const([by])))

    grams = shifted(words, 0)
    for by in range(1, width):
        grams = _joined(write, grams, shifted(words, by), separator)
    first, last = shifted(rows, 0), shifted(rows, width - 1)
    same = write("Equal", first, last)
    return write("Compress", grams, same, axis=0), write("Compress", first, same, axis=0)


def _by_row(write: Form, rows: Sequence[str], widths: int) -> tuple[str, str]:
    """Return the order that sorts groups by row, then by width, then as they come; and their rows in that order."""
    row = write.join(*rows)
    ranks = [write("Add", write("Mul", part, write.const(widths)), write.const(rank)) for rank, part in enumerate(rows)]
    keys = write.join(*ranks)
    _, order = write.several("TopK", [keys, write("Shape", keys)], 2, axis=0, largest=0, sorted=1)
    return order, write("Gather", row, order)


def _splits(write: Form, row: str, splits: str, dtype: Any) -> str:
    """Return row splits: how many groups lie in rows before each."""
    count = write("Shape", splits)
    zeros = write("Expand", write.const([0]), count)
    ones = write("Expand", write.const([1]), write("Shape", row))
    per_row = write("ScatterElements", zeros, write("Add", row, write.const([1])), ones, axis=0, reduction="add")
    return write.cast(write("CumSum", per_row, write.const(0)), np.dtype(dtype))


@handler("AsString")
def as_string(write: Form, x: str) -> str:
    """Integers and booleans as text; a float's digits are the C library's."""
    dtype = write.dtype_of(x)
    if np.issubdtype(dtype, np.bool_):
        return write("Where", x, write.const("true", object), write.const("false", object))
    if not np.issubdtype(dtype, np.integer) or any(write.attr(name, -1) != -1 for name in ("precision", "width")):
        raise ValueError("ONNX writes numbers as text with other digits: format integers without a width")
    return write.cast(x, object)
