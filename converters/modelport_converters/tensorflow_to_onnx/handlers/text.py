"""Text: case, replacing, splitting and joining. ONNX does not replace by regular expressions; plain text is split and joined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.utils import make_name, make_sure

from modelport_converters.tensorflow_to_onnx.handlers.counting import row_ids
from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form
from modelport_converters.tensorflow_to_onnx.handlers.newer import newer
from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SPACES = "\t\n\v\f\r"
"""What TensorFlow splits at beside the space."""

_MOST_ALTERNATIVES = 256


class _TextWriter(Writer):
    """A writer that can also write loops over texts."""

    def repeated(self, times: str, text: str, step: Callable[[Writer, str, str], str]) -> str:
        """Write a Loop that carries a vector of texts; `step` writes its body from the text and the index."""
        body = self._ctx.create_new_graph_with_same_config()
        body.parent_graph = self._ctx
        index, go, carried = (make_name(name) for name in ("index", "go", "text"))
        body.add_graph_input(index, TensorProto.INT64, [])
        body.add_graph_input(go, TensorProto.BOOL, [])
        body.add_graph_input(carried, TensorProto.STRING, [-1])
        inner = Writer(body, self._node)
        result = step(inner, carried, index)
        body.add_graph_output(inner("Identity", go), TensorProto.BOOL, [])
        body.add_graph_output(inner("Identity", result), TensorProto.STRING, [-1])
        loop = self._ctx.make_node(
            "Loop",
            [self("Squeeze", times), self.const(True, bool), text],
            branches={"body": body},
            shapes=[[-1]],
            dtypes=[TensorProto.STRING],
        )
        loop.skip_conversion = True
        return str(loop.output[0])


@tf_op(["StringLower", "StringUpper"])
class StringCase:
    """StringNormalizer in the C locale, which knows ASCII alone, as TensorFlow does without an encoding."""

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **_: Any) -> None:
        """StringNormalizer is there from opset 10."""
        write = Writer(ctx, node)
        make_sure(not _text(node.get_attr_value("encoding")), "the case of letters beyond ASCII has no form in ONNX")
        action = "LOWER" if node.type == "StringLower" else "UPPER"
        flat = write("Reshape", write.inputs[0], write.const([-1]))
        # StringNormalizer refuses an empty tensor
        ended = write("Concat", flat, write.const([""], object), axis=0)
        changed = write("StringNormalizer", ended, case_change_action=action, is_case_sensitive=1, locale="C")
        result = write("Slice", changed, write.const([0]), write.const([-1]))
        write.finish(write("Reshape", result, write("Shape", write.inputs[0])))


@tf_op(["StaticRegexReplace", "RegexReplace"])
class RegexReplace:
    """Each literal that the pattern stands for is split at, and the pieces are joined with what replaces it."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """StringSplit and StringConcat are carried to opset 20 afterwards."""
        write = _TextWriter(ctx, node)
        pattern, rewrite = _pattern(node)
        literals = alternatives(pattern)
        make_sure(
            literals is not None and node.get_attr_value("replace_global", True) and "\\" not in rewrite,
            "the regular expression %r has no form in ONNX: replace plain text, or single characters such as [,.!]",
            pattern,
        )
        make_sure(not any(item in rewrite for item in literals or ()), "%r replaces itself", pattern)
        result = write("Reshape", write.inputs[0], write.const([-1]))
        for literal in literals or ():
            result = _replaced(write, result, literal, rewrite)
        write.finish(write("Reshape", result, write("Shape", write.inputs[0])))


@tf_op("StringSplitV2")
class StringSplit:
    """The words of each text, as a sparse tensor: indices, words and shape."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """StringSplit is carried to opset 20 afterwards; its kernels split at spaces alone."""
        write = _TextWriter(ctx, node)
        texts = write.inputs[0]
        make_sure(node.inputs[1].is_const(), "the separator of a split must be a constant")
        make_sure(node.get_attr_value("maxsplit", -1) < 0, "a limited number of splits has no form in ONNX Runtime")
        delimiter = _text(node.inputs[1].get_tensor_value(as_list=False).reshape(-1)[0])
        if not delimiter:
            for space in _SPACES:
                texts = _replaced(write, texts, space, " ")
        given = {"delimiter": delimiter} if delimiter else {}
        words, counts = _split(write, texts, **given)
        if delimiter:  # TensorFlow finds one empty word in an empty text
            counts = write("Max", counts, write.const(1))
        most = write("Reshape", write("ReduceMax", write("Concat", counts, write.const([0]), axis=0)), write.const([1]))
        valid = _before(write, counts, most)
        shape = write("Concat", write("Shape", counts), most, axis=0)
        filled = _widened(write, words, shape) if delimiter else words
        write.finish(write("Transpose", write("NonZero", valid)), _picked(write, filled, valid), shape)


@tf_op("StringJoin")
class StringJoin:
    """Texts joined one by one."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """StringConcat is carried to opset 20 afterwards."""
        write = Writer(ctx, node)
        separator = _text(node.get_attr_value("separator"))
        result = write.inputs[0]
        for part in write.inputs[1:]:
            result = _joined(write, result, part, separator)
        write.finish(result)


@tf_op("StringNGrams")
class StringNGrams:
    """Neighbouring words of a row joined: for each row, all groups of the first width, then of the next."""

    @classmethod
    def version_16(cls, ctx: Any, node: Any, **_: Any) -> None:
        """ScatterElements adds from opset 16."""
        write = Writer(ctx, node)
        make_sure(
            node.get_attr_value("pad_width", 0) == 0 and not node.get_attr_value("preserve_short_sequences", False),
            "n-grams of padded rows have no form here",
        )
        words, splits = write.inputs
        widths = list(node.get_attr_value("ngram_widths"))
        separator = _text(node.get_attr_value("separator"))
        rows = row_ids(write, splits, words)
        groups = [_groups(write, words, rows, width, separator) for width in widths]
        order, row = _by_row(write, [row for _, row in groups], len(widths))
        grams = write("Gather", write("Concat", *[gram for gram, _ in groups], axis=0), order)
        write.finish(grams, _splits(write, row, splits, write.dtype_of(node.output[1])))


@form("UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeEncode", "UnicodeTranscode")
def characters(write: Form, *inputs: str) -> str:
    """Refused: ONNX Runtime's Tokenizer could, but no operator of ONNX itself."""
    raise ValueError("no ONNX operator takes text apart into characters: split it at a separator instead")


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


def _pattern(node: Any) -> tuple[str, str]:
    """Return the pattern and the rewrite, which are attributes or inputs."""
    if node.type == "StaticRegexReplace":
        return _text(node.get_attr_value("pattern")), _text(node.get_attr_value("rewrite"))
    make_sure(all(source.is_const() for source in node.inputs[1:3]), "a pattern that is computed has no form in ONNX")
    first, second = (source.get_tensor_value(as_list=False).reshape(-1)[0] for source in node.inputs[1:3])
    return _text(first), _text(second)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _split(write: Writer, texts: str, **delimiter: str) -> list[str]:
    """Split a vector of texts; onnx infers no types behind a text of unknown rank, such as one from a Loop."""
    vector = write("Reshape", texts, write.const([-1]))
    return newer(write, "StringSplit", vector, outputs=2, **delimiter)


def _replaced(write: _TextWriter, texts: str, literal: str, rewrite: str) -> str:
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
    return write.repeated(write("Shape", pieces, start=1, end=2), empty, joined)


def _before(write: Writer, counts: str, most: str) -> str:
    """Return [rows, most]: whether a position comes before the end of its row."""
    positions = write("Range", write.const(0), write("Squeeze", most), write.const(1))
    return write("Less", positions, write("Unsqueeze", counts, write.const([1])))


def _picked(write: Writer, table: str, valid: str) -> str:
    return write("Compress", write("Reshape", table, write.const([-1])), write("Reshape", valid, write.const([-1])))


def _widened(write: Writer, words: str, shape: str) -> str:
    """Give a table without columns, of empty texts alone, one column of empty words."""
    column = write("Expand", write.const("", object), write("Mul", shape, write.const([1, 1])))
    both = write("Concat", words, column, axis=1)
    return write(
        "Slice", both, write.const([0]), write("Slice", shape, write.const([1]), write.const([2])), write.const([1])
    )


def _joined(write: Writer, left: str, right: str, separator: str) -> str:
    if separator:
        (left,) = newer(write, "StringConcat", left, write.const(separator, object))
    return newer(write, "StringConcat", left, right)[0]


def _groups(write: Writer, words: str, rows: str, width: int, separator: str) -> tuple[str, str]:
    """Return each `width` neighbours of one row joined, and their row."""

    def shifted(name: str, by: int) -> str:
        # at most as many as there are, from `by` on, up to where the last group begins
        end = write("Sub", write("Shape", words), write.const([width - 1 - by]))
        return write("Slice", name, write.const([by]), write("Max", end, write.const([by])))

    grams = shifted(words, 0)
    for by in range(1, width):
        grams = _joined(write, grams, shifted(words, by), separator)
    first, last = shifted(rows, 0), shifted(rows, width - 1)
    same = write("Equal", first, last)
    return write("Compress", grams, same, axis=0), write("Compress", first, same, axis=0)


def _by_row(write: Writer, rows: Sequence[str], widths: int) -> tuple[str, str]:
    """Return the order that sorts groups by row, then by width, then as they come; and their rows in that order."""
    row = write("Concat", *rows, axis=0)
    ranks = [write("Add", write("Mul", part, write.const(widths)), write.const(rank)) for rank, part in enumerate(rows)]
    keys = write("Concat", *ranks, axis=0)
    _, order = write.several("TopK", [keys, write("Shape", keys)], 2, axis=0, largest=0, sorted=1)
    return order, write("Gather", row, order)


def _splits(write: Writer, row: str, splits: str, dtype: Any) -> str:
    """Return row splits: how many groups lie in rows before each."""
    count = write("Shape", splits)
    zeros = write("Expand", write.const([0]), count)
    ones = write("Expand", write.const([1]), write("Shape", row))
    per_row = write("ScatterElements", zeros, write("Add", row, write.const([1])), ones, axis=0, reduction="add")
    return write.cast(write("CumSum", per_row, write.const(0)), np.dtype(dtype))
