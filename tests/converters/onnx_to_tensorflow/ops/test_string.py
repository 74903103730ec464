"""Strings in TensorFlow: what ONNX's own suite does not cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper as make
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

from modelport.errors import UnsupportedOps

STRING = onnx.TensorProto.STRING


def texts(*items: str) -> Any:
    return np.array(items, object)


def decoded(results: dict[str, Any]) -> dict[str, Any]:
    """Return string results as str, as ONNX Runtime has them."""
    strings = {name: value for name, value in results.items() if value.dtype == object}
    flat = {name: [item.decode() for item in value.ravel()] for name, value in strings.items()}
    shaped = {name: np.array(flat[name], object).reshape(value.shape) for name, value in strings.items()}
    return {**results, **shaped}


def node(
    op: str, shape: Sequence[Any], outputs: int = 1, kind: int = onnx.TensorProto.STRING, **attributes: Any
) -> onnx.ModelProto:
    """Return a model of one operator on the input x of a shape."""
    names = ["y", "z"][:outputs]
    graph = make.make_graph(
        [make.make_node(op, ["x"], names, **attributes)],
        "g",
        [make.make_tensor_value_info("x", kind, shape)],
        [make.make_empty_tensor_value_info(name) for name in names],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 20)], ir_version=10)


def tf_idf(shape: Sequence[Any], mode: str, **attributes: Any) -> onnx.ModelProto:
    ngrams = {
        "ngram_counts": [0, 3, 7],
        "ngram_indexes": [6, 0, 2, 1, 4, 3],
        "min_gram_length": 1,
        "max_gram_length": 3,
    }
    strings = "pool_strings" in attributes
    kind = STRING if strings else onnx.TensorProto.INT64
    pool = {} if strings else {"pool_int64s": [1, 2, 3, 1, 2, 2, 3, 1, 2, 3]}
    return node("TfIdfVectorizer", shape, kind=kind, mode=mode, **{**ngrams, "max_skip_count": 2, **pool, **attributes})


# --- normalising ---------------------------------------------------------------------------------

WORDS = texts("A", "é", "straße", "iI", "a", "Zebra", "monday")


@pytest.mark.parametrize("action", ["NONE", "LOWER", "UPPER"])
@pytest.mark.parametrize("sensitive", [0, 1])
@pytest.mark.parametrize("stopwords", [[], ["a", "MONDAY"]])
def test_words_are_normalised_in_the_locale_c(action: str, sensitive: int, stopwords: list[str]) -> None:
    attributes: dict[str, Any] = {"stopwords": stopwords} if stopwords else {}
    shape, words = ([1, None], WORDS[None]) if sensitive else ([None], WORDS)
    model = node(
        "StringNormalizer", shape, case_change_action=action, is_case_sensitive=sensitive, locale="C", **attributes
    )
    assert_same(decoded(translated(model, {"x": words})), by_onnxruntime(model, {"x": words}))


def test_letters_of_all_of_unicode_change_case_in_other_locales() -> None:
    model = node("StringNormalizer", [None], case_change_action="UPPER", locale="en_US.UTF-8", stopwords=["É"])
    found = decoded(translated(model, {"x": texts("é", "straße", "ωμέγα")}, saved=True))
    assert found["y"].tolist() == [word.upper() for word in ("straße", "ωμέγα")]


@pytest.mark.parametrize("locale", ["tr_TR.UTF-8", "az", "lt_LT", "el-GR"])
def test_a_locale_with_its_own_letter_case_is_refused(locale: str) -> None:
    with pytest.raises(UnsupportedOps, match="letters change case in the locale"):
        translated(node("StringNormalizer", [None], case_change_action="LOWER", locale=locale), {"x": WORDS})


@pytest.mark.parametrize(("words", "stopwords"), [([], []), ([[]], []), (["a", "A"], ["a"]), ([["a"]], ["a"])])
def test_where_no_word_is_left_one_empty_word_is(words: list[Any], stopwords: list[str]) -> None:
    x = np.array(words, object)
    given = {"stopwords": stopwords} if stopwords else {}
    found = decoded(translated(node("StringNormalizer", [*x.shape[:-1], None], locale="C", **given), {"x": x}))
    assert found["y"].tolist() == np.full([*x.shape[:-1], 1], "").tolist()


def test_rows_of_words_are_refused() -> None:
    with pytest.raises((UnsupportedOps, ValueError), match=r"\[C\]|not compatible"):
        translated(node("StringNormalizer", [None, None, None]), {"x": WORDS[None, None]})


def test_constant_words_keep_their_accents() -> None:
    model = parsed('g (string[N] x) => (string[a] y) { c = Constant<value_strings=["été"]>() '
                   'n = StringNormalizer<locale="C">(c) y = StringConcat(x, n) }')  # fmt: skip
    assert decoded(translated(model, {"x": texts("un ")}))["y"].tolist() == ["un été"]


# --- matching and joining ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", ["a|ab", "^a$", "a.c", "(?i)abc", r"\w+", "", ".", "é?", r"[^@]+@[a-z]+\.(com|org)", r"(?s)a.c"]
)
def test_the_whole_string_has_to_match(pattern: str) -> None:
    model = node("RegexFullMatch", [None, None], pattern=pattern)
    x = texts("ab", "a", "a\nc", "ABC", "é", "", "a\n", "x@y.com").reshape(2, 4)
    assert_same(translated(model, {"x": x}, saved=True), by_onnxruntime(model, {"x": x}))


def test_a_pattern_that_is_not_of_re2_is_refused() -> None:
    with pytest.raises(UnsupportedOps, match="no regular expression of RE2"):
        translated(node("RegexFullMatch", [None], pattern="(?<=a)b"), {"x": texts("b")})


def test_strings_are_joined_across_unknown_sizes() -> None:
    model = parsed("g (string[N,1] x, string[M] y) => (string[a,b] z) { z = StringConcat(x, y) }")
    inputs = {"x": texts("a", "é")[:, None], "y": texts("1", "", "3")}
    assert_same(decoded(translated(model, inputs)), by_onnxruntime(model, inputs))


# --- splitting -----------------------------------------------------------------------------------

SENTENCES = texts("a, b  c,d,,e", "  x y ", "aabab", "   ", ",", "one")


@pytest.mark.parametrize("attributes", [{}, {"delimiter": ""}, {"maxsplit": 0}, {"maxsplit": 1}, {"maxsplit": 2}])
def test_strings_are_split_at_spaces(attributes: dict[str, Any]) -> None:
    for x in (SENTENCES, SENTENCES.reshape(2, 3), texts("  "), texts("ab", "c")):
        model = node("StringSplit", [None] * x.ndim, outputs=2, **attributes)
        assert_same(decoded(translated(model, {"x": x})), by_onnxruntime(model, {"x": x}))


@pytest.mark.parametrize(("delimiter", "maxsplit"), [(",", None), (" ", None), ("ab", 1), (",", 2), (" ", 0), ("é", 9)])
def test_strings_are_split_at_a_delimiter(delimiter: str, maxsplit: int | None) -> None:
    limit = {} if maxsplit is None else {"maxsplit": maxsplit}
    model = node("StringSplit", [None, None], outputs=2, delimiter=delimiter, **limit)
    x = SENTENCES.reshape(3, 2)
    assert_same(decoded(translated(model, {"x": x}, saved=maxsplit == 2)), by_onnxruntime(model, {"x": x}))


def test_tabs_and_line_ends_are_spaces_too() -> None:
    model = node("StringSplit", [None], outputs=2)
    x = texts("x\ty\nz\x0bv\r\f", "", "a")
    assert_same(decoded(translated(model, {"x": x})), by_reference(model, {"x": x}))


def test_an_empty_string_is_one_part_where_there_is_a_delimiter() -> None:
    model = node("StringSplit", [None], outputs=2, delimiter=",")
    x = texts("", "a,")
    found = decoded(translated(model, {"x": x}))
    assert found["z"].tolist() == [len(text.split(",")) for text in x]


def test_a_single_string_is_split() -> None:
    model = node("StringSplit", [], outputs=2)
    x = np.array("a b", object)
    assert_same(decoded(translated(model, {"x": x})), {"y": texts("a", "b"), "z": np.array(2)})


# --- n-grams -------------------------------------------------------------------------------------

WEIGHTS = [10.0, 20.0, 30.0, 0.5, 2.0, -1.0]


@pytest.mark.parametrize(
    ("mode", "given", "lengths"),
    [
        *(("TF", {}, lengths) for lengths in ((1, 1), (1, 3), (3, 3), (2, 2))),
        *((mode, {"weights": WEIGHTS}, (2, 3)) for mode in ("TF", "IDF", "TFIDF")),
        *((mode, {}, (1, 2)) for mode in ("IDF", "TFIDF")),
    ],
)
def test_ngrams_of_integers_are_counted(mode: str, given: dict[str, Any], lengths: tuple[int, int]) -> None:
    model = tf_idf([None, None], mode, min_gram_length=lengths[0], max_gram_length=lengths[1], **given)
    x = np.random.default_rng(0).integers(0, 5, (4, 17))
    for rows in (x, x[:1, :2]):
        assert_same(translated(model, {"x": rows}), by_onnxruntime(model, {"x": rows}))


@pytest.mark.parametrize("skips", [0, 3])
def test_ngrams_of_strings_are_counted(skips: int) -> None:
    pool = ["é", "b", "", "é", "b", "b", "", "é", "b", ""]
    model = tf_idf([None], "TFIDF", pool_strings=pool, weights=WEIGHTS, max_skip_count=skips)
    x = np.array(["é", "b", "", "é", "b", "other"], object)[np.random.default_rng(1).integers(0, 6, 30)]
    assert_same(translated(model, {"x": x}, saved=True), by_onnxruntime(model, {"x": x}))


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_no_items_hold_no_ngrams(shape: tuple[int, ...]) -> None:
    x = np.empty(shape, np.int64)
    model = tf_idf([None] * len(shape), "TF")
    assert_same(translated(model, {"x": x}), by_reference(model, {"x": x}))


def test_ngrams_that_share_a_column_are_weighed_one_by_one() -> None:
    model = tf_idf([None], "TFIDF", ngram_indexes=[0, 0, 1, 1, 2, 2], weights=WEIGHTS)
    x = np.array([1, 2, 3, 1, 2, 2])
    assert_same(translated(model, {"x": x}), by_onnxruntime(model, {"x": x}))


def test_an_ngram_twice_in_the_pool_is_refused() -> None:
    model = tf_idf([None], "TF", pool_int64s=[1, 2, 1, 1, 2, 2, 3, 1, 2, 3])
    with pytest.raises(UnsupportedOps, match="twice in its pool"):
        translated(model, {"x": np.array([1])})
