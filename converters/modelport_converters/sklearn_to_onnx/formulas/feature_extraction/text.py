"""CountVectorizer, TfidfVectorizer and TfidfTransformer; HashingVectorizer is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.feature_extraction import text

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import refuse, transform

_UNKNOWN, _PAD, _STOP, _FIRST = 0, 1, 2, 3
"""Numbers of tokens: those of the vocabulary begin with _FIRST."""
_FILLER = "\u2400 nothing"
"""Stands where a text has fewer tokens than the longest; nobody's token."""

_WORD = r"\p{L}\p{N}_"
_SPACE = r"\s\x{0b}\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What \\w and \\s mean for Python's texts, in the notation of RE2, for which they mean ASCII alone."""
_CLASSES = {r"\w": _WORD, r"\s": _SPACE, r"\d": r"\p{Nd}"}
_WORDS = re.compile(r"\\b((?:\\w)+)(\+|\{\d+,\})\\b")
"""Whole words of a least length: the greedy match ends at the border of a word by itself."""

_REMEDY = "prepare the texts before they reach the model, and keep the vectorizer's own analysis"


@transform(text.CountVectorizer)
def counted(model: Any, x: Value) -> Value:
    """How often each entry of the vocabulary occurs in a text; whether it does, when binary."""
    _check(model)
    one_more = np.array(["aa"], object)  # ONNX Runtime's operators on texts refuse a batch of none, or without any word
    lowered = _lowered(model, fn.concatenate([fn.reshape(x, [-1]), x.graph.constant(one_more)], 0))
    grams = {"word": _word_grams, "char": _character_grams, "char_wb": _grams_within_words}[model.analyzer]
    counts = grams(model, lowered)[:-1].cast("float64")
    return (counts > 0.0).cast("float64") if model.binary else counts


@transform(text.TfidfVectorizer)
def counted_and_weighted(model: Any, x: Value) -> Value:
    """Counts, weighted by how rare the entries are."""
    return weighted(model._tfidf, counted(model, x))


@transform(text.TfidfTransformer)
def weighted(model: Any, x: Value) -> Value:
    """Counts (or 1 + their logarithms) times the inverse document frequencies, each row divided by its norm."""
    x = fn.floating(x)
    if model.sublinear_tf:
        there = ~fn.equal(x, 0.0)
        x = fn.where(there, fn.log(fn.where(there, x, 1.0)) + 1.0, x)
    if hasattr(model, "idf_"):
        x = x * np.asarray(model.idf_, x.dtype)
    if model.norm is None:
        return x
    norms = fn.sqrt(fn.squared_norms(x)) if model.norm == "l2" else fn.sum(fn.absolute(x), 1, keepdims=True)
    return x / fn.where(fn.equal(norms, 0.0), 1.0, norms)


@transform(text.HashingVectorizer)
def hashed(model: Any, x: Value) -> Value:
    """Refused: ONNX has no hash of texts."""
    refuse(
        model,
        "ONNX has no operator that hashes texts",
        "use TfidfVectorizer or CountVectorizer, which keep a vocabulary",
    )


def _check(model: Any) -> None:
    for name in ("preprocessor", "tokenizer", "analyzer"):
        if callable(getattr(model, name, None)):
            refuse(model, f"{name} is a function of Python, whose code cannot be read", _REMEDY)
    if model.strip_accents is not None:
        refuse(
            model,
            f"strip_accents={model.strip_accents!r} decomposes characters, which ONNX has no operator for",
            "strip the accents before the texts reach the model, and set strip_accents=None",
        )
    if model.input != "content":
        refuse(model, f"input={model.input!r} reads files", "give the texts themselves, input='content'")


def _lowered(model: Any, x: Value) -> Value:
    """Lower case in a locale that exists: en_US.UTF-8, ONNX Runtime's default, is missing from many containers.

    C is everywhere, but lowers ASCII letters only, which is enough for an ASCII vocabulary.
    """
    if not model.lowercase:
        return x
    ascii_only = all(map(str.isascii, model.vocabulary_))
    return x.graph.op("StringNormalizer", x, case_change_action="LOWER", locale="C" if ascii_only else "C.UTF-8")


def _split(x: Value, pattern: str) -> Value:
    """Return the matches of a pattern in each text: one axis more, filled up to the longest."""
    attributes = {"tokenexp": pattern, "mincharnum": 1, "mark": 0, "pad_value": _FILLER}
    (tokens,) = x.graph.ops("Tokenizer", x, dtypes=[object], domain="com.microsoft", **attributes)
    return tokens.graph.op("Cast", tokens, to=TensorProto.STRING)  # says the type, which onnx's shape inference lacks


def _numbered(tokens: Value, numbers: dict[str, int], unknown: int = _UNKNOWN) -> Value:
    attributes = {
        "keys_strings": list(numbers), "values_int64s": list(numbers.values()), "default_int64": unknown,
    }  # fmt: skip
    (found,) = tokens.graph.ops("LabelEncoder", tokens, dtypes=["int64"], domain="ai.onnx.ml", **attributes)
    return found


# --- words -------------------------------------------------------------------------------------------------------------


def _word_grams(model: Any, x: Value) -> Value:
    shortest, longest = model.ngram_range
    grams = {entry: entry.split(" ") if longest > 1 else [entry] for entry in model.vocabulary_}
    words = list(dict.fromkeys(word for gram in grams.values() for word in gram))
    numbers = {word: number for number, word in enumerate(words, _FIRST)}
    stops = model.get_stop_words() or () if longest > 1 else ()
    numbers |= dict.fromkeys(sorted(stops), _STOP)
    tokens = _numbered(_split(x, _translated(model)), {**numbers, _FILLER: _PAD})
    if stops:
        tokens = _without_stops(tokens)
    numbered = {entry: [numbers[word] for word in gram] for entry, gram in grams.items()}
    return _counts(model, tokens, numbered, shortest, longest)


def _without_stops(tokens: Value) -> Value:
    """Close the gaps that stop words leave, so that their neighbors become neighbors."""
    count = fn.size(tokens, 1)
    place = fn.cumsum(fn.equal(tokens, tokens).cast("int64"), 1)
    stop = fn.equal(tokens, _STOP)
    key = fn.where(stop, place + count, place)
    _, order = tokens.graph.ops("TopK", key, count, dtypes=[None, "int64"], axis=1, largest=0)
    return fn.take_along_axis(fn.where(stop, np.int64(_PAD), tokens), order, 1)


def _translated(model: Any) -> str:
    """Return the pattern of tokens in the notation of RE2."""
    pattern = model.token_pattern.removeprefix("(?u)")
    whole = _WORDS.fullmatch(pattern)
    if whole:
        pattern = whole[1] + whole[2]
    for sign, what in ((r"\b", "borders of words"), ("(?", "groups with options"), (r"\B", "borders of words")):
        if sign in pattern:
            refuse(model, f"token_pattern={model.token_pattern!r} looks at {what}", _PATTERN_REMEDY)
    if re.compile(pattern).groups:
        refuse(model, f"token_pattern={model.token_pattern!r} takes a group out of the match", _PATTERN_REMEDY)
    return _with_unicode_classes(pattern)


_PATTERN_REMEDY = r"describe a token by its characters alone, as '\w+', '[a-z]+' or the default '(?u)\b\w\w+\b' do"


def _with_unicode_classes(pattern: str) -> str:
    result, inside, position = "", False, 0
    while position < len(pattern):
        sign = pattern[position : position + 2] if pattern[position] == "\\" else pattern[position]
        inside = (inside or sign == "[") and sign != "]"
        if sign in _CLASSES:
            sign_out = _CLASSES[sign] if inside else f"[{_CLASSES[sign]}]"
        elif sign.lower() in _CLASSES and not inside:
            sign_out = f"[^{_CLASSES[sign.lower()]}]"
        else:
            sign_out = sign
        result += sign_out
        position += len(sign)
    return result


# --- characters --------------------------------------------------------------------------------------------------------


def _character_numbers(model: Any) -> dict[str, int]:
    found = dict.fromkeys(" " + "".join(model.vocabulary_))
    return {character: number for number, character in enumerate(found, _FIRST)}


def _character_grams(model: Any, x: Value) -> Value:
    """Two or more blanks count as one space."""
    numbers = _character_numbers(model)
    tokens = _split(x, rf"[{_SPACE}][{_SPACE}]+|(?s:.)")
    blanks = _split(fn.reshape(tokens, [-1]), rf"[{_SPACE}][{_SPACE}]+")
    blank = fn.any(~fn.matches(blanks, _FILLER), 1)
    ids = fn.where(blank, np.int64(numbers[" "]), fn.reshape(_numbered(tokens, numbers), [-1]))
    ids = _reshaped(ids, ids.graph.op("Shape", tokens, dtype="int64"))
    return _counts(
        model, ids, {entry: [numbers[one] for one in entry] for entry in model.vocabulary_}, *model.ngram_range
    )


def _grams_within_words(model: Any, x: Value) -> Value:
    """Each word between two spaces; a word shorter than the shortest gram counts as a whole."""
    numbers = _character_numbers(model)
    shortest, longest = model.ngram_range
    words = _split(x, rf"[^{_SPACE}]+")
    flat = fn.reshape(words, [-1])
    letters = _numbered(_split(flat, "(?s:.)"), {**numbers, _FILLER: _PAD})
    none = fn.matches(flat, _FILLER)[:, None]
    space = np.full((1, 1), numbers[" "], np.int64)
    length = fn.sum(~fn.equal(letters, _PAD), 1, keepdims=True)
    ends = _pads(flat, max(shortest, 2))
    rest = fn.concatenate([letters, ends], 1)
    place = fn.cumsum(fn.equal(rest, rest).cast("int64"), 1) - 1
    rest = fn.where(fn.equal(place, length), space, rest)
    word = fn.where(none, np.int64(_PAD), fn.concatenate([_pads(flat, 1) * 0 + numbers[" "], rest], 1))
    grams = {
        entry: [*(numbers[one] for one in entry), *[_PAD] * (shortest - len(entry))] for entry in model.vocabulary_
    }
    counts = _counts(model, word, grams, shortest, longest)
    width = len(model.vocabulary_)
    shape = fn.concatenate([x.graph.op("Shape", words, dtype="int64"), x.graph.constant(np.array([width]))], 0)
    return fn.sum(_reshaped(counts, shape), 1)


def _reshaped(x: Value, shape: Value) -> Value:
    """Reshape to sizes that may be 0, which opset 13 has no word for."""
    if x.graph.opset < 14:
        return x.graph.op("Reshape", x, shape)
    return x.graph.op("Reshape", x, shape, allowzero=1)


def _pads(x: Value, count: int) -> Value:
    return fn.repeated(np.full(count, _PAD, np.int64), x)


# --- counting ----------------------------------------------------------------------------------------------------------


def _counts(model: Any, tokens: Value, grams: dict[str, list[int]], shortest: int, longest: int) -> Value:
    """Count the grams of numbers in each row: TfIdfVectorizer, whose pool lists them by length."""
    by_length: dict[int, list[tuple[list[int], int]]] = {length: [] for length in range(1, longest + 1)}
    for entry, gram in grams.items():
        if shortest <= len(gram) <= longest:
            by_length[len(gram)].append((gram, model.vocabulary_[entry]))
    last = len(model.vocabulary_) - 1
    if all(index != last for some in by_length.values() for _, index in some):
        by_length[longest].append(([-1] * longest, last))  # never there: it gives the result its width
    pool: list[int] = []
    starts: list[int] = []
    indexes: list[int] = []
    for some in by_length.values():
        starts.append(len(pool))
        pool += [number for gram, _ in some for number in gram]
        indexes += [index for _, index in some]
    return tokens.graph.op(
        "TfIdfVectorizer", tokens, dtype="float32", mode="TF", min_gram_length=shortest, max_gram_length=longest,
        max_skip_count=0, ngram_counts=starts, ngram_indexes=indexes, pool_int64s=pool,
    )  # fmt: skip
