"""Keras's layers that look words and keys up, and that take text apart."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from keras_case import Case

_VOCABULARY = ["the", "cat", "sat", "on", "mat", "don't", "dont", "é", "été", "New York"]
_WEIGHTS = [0.5 + 0.25 * index for index in range(len(_VOCABULARY))]

_WORDS = np.array(
    [["the", "cat", ""], ["dog", "THE", "[UNK]"], ["été", "New York", " cat"], ["mat", "mat", "on"]], object
)
_KNOWN = np.array([["the", "cat", "on"], ["été", "New York", "mat"]], object)
_KEYS = np.array([[12, 36, 1138], [42, -7, 0], [2**40, 12, 7]], "int64")
_KNOWN_KEYS = np.array([[12, 36, 1138], [42, -7, 12]], "int64")
_TEXTS = np.array(
    [
        ["The cat sat on the mat."],
        [""],
        ["  Don't:\tsit!\non (the)  -- MAT?? "],
        ["ÉTÉ été, a_b [c] \\d /e 'New' \"York\" ~`^|{}"],
        ["...!!!"],
    ],
    object,
)
_TEXT_VOCABULARY = ["the", "cat", "sat", "on", "mat", "dont", "été", "the cat", "on the", "Don't:", "mat.", "new york"]
_TEXT_WEIGHTS = [0.5 + 0.25 * index for index in range(len(_TEXT_VOCABULARY))]


def _model(make: Any, shape: tuple[int | None, ...], dtype: str) -> Any:
    values = keras.Input(shape, dtype=dtype, name="values")
    return keras.Model(values, make()(values))


def _case(label: str, make: Any, samples: Any, shape: tuple[int | None, ...] | None = None, opset: int = 18) -> Case:
    dtype = "string" if samples.dtype == object else samples.dtype.name
    build = partial(_model, make, shape or samples.shape[1:], dtype)
    return Case(label, build, lambda: {"values": samples}, opset=opset)


def _words(label: str, samples: Any = _WORDS, **settings: Any) -> Case:
    return _case(label, partial(layers.StringLookup, vocabulary=_VOCABULARY, **settings), samples)


def _keys(label: str, samples: Any = _KEYS, **settings: Any) -> Case:
    return _case(label, partial(layers.IntegerLookup, vocabulary=[12, 36, 1138, 42, -7], **settings), samples)


def _texts(label: str, samples: Any = _TEXTS, **settings: Any) -> Case:
    make = partial(layers.TextVectorization, vocabulary=_TEXT_VOCABULARY, **settings)
    return _case(label, make, samples, opset=20)


def _adapted_text() -> Any:
    layer = layers.TextVectorization(max_tokens=8, output_mode="tf_idf", pad_to_max_tokens=True)
    layer.adapt(_TEXTS)
    return layer


def _adapted_words() -> Any:
    layer = layers.StringLookup(max_tokens=5)
    layer.adapt(_WORDS)
    return layer


CASES: dict[str, list[Case]] = {
    "IntegerLookup": [
        _keys("indices"),
        _keys("a mask", mask_token=0),
        _keys("only what is known", _KNOWN_KEYS, num_oov_indices=0),
        _keys("several for the unknown", num_oov_indices=3),
        _keys("inverted", np.array([[0, 1, 2], [5, 9, 3]], "int64"), invert=True),
        _keys("one hot", _KEYS[:, :1], output_mode="one_hot"),
        _keys("several hot", output_mode="multi_hot"),
        _keys("counted", output_mode="count", max_tokens=12, pad_to_max_tokens=True),
        _keys("weighted", output_mode="tf_idf", idf_weights=_WEIGHTS[:5]),
    ],
    "StringLookup": [
        _words("indices"),
        _words("a mask", mask_token=""),
        _words("only what is known", _KNOWN, num_oov_indices=0),
        _words("inverted", np.array([[0, 1, 2], [10, 99, 3]], "int64"), invert=True),
        _words("inverted with a mask", np.array([[0, 1, 2], [10, 99, 3]], "int64"), invert=True, mask_token=""),
        _words("one hot", _WORDS[:, :1], output_mode="one_hot"),
        _words("one hot each", output_mode="one_hot"),
        _words("several hot", output_mode="multi_hot"),
        _words("counted", output_mode="count"),
        _words("weighted", output_mode="tf_idf", idf_weights=_WEIGHTS),
        _case("adapted", _adapted_words, _WORDS),
        _case("an open length", partial(layers.StringLookup, vocabulary=_VOCABULARY), _WORDS, (None,)),
    ],
    "TextVectorization": [
        _texts("indices"),
        _texts("a fixed length", standardize="lower", output_sequence_length=4),
        _texts("without punctuation", standardize="strip_punctuation", output_sequence_length=6),
        _texts("as it is", standardize=None),
        _texts("whole texts", standardize="lower", split=None, output_sequence_length=1),
        _texts("pairs of words", standardize="lower", ngrams=2),
        _texts("only pairs of words", standardize=None, ngrams=(2,), output_mode="multi_hot"),
        _texts("several hot", standardize="lower", output_mode="multi_hot"),
        _texts("counted", standardize=None, output_mode="count"),
        _texts("weighted", standardize="lower", output_mode="tf_idf", idf_weights=_TEXT_WEIGHTS),
        _case("adapted", _adapted_text, _TEXTS, opset=20),
    ],
}
