"""Configurations of Keras's attention layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from keras_case import Case
from keras_layers_building import case

OPEN = (None, 6)
"""A sequence of any length."""

IDS = np.array([[1, 2, 3, 4, 1], [4, 0, 0, 0, 0], [2, 3, 0, 0, 0]], "int32")
"""Sequences of full length, of one and of two, padded with zeros."""


def _self(layer: Any, x: Any, **keywords: Any) -> Any:
    return layer(x, x, **keywords)


def _causal(layer: Any, x: Any) -> Any:
    return layer(x, x, use_causal_mask=True)


def _scores(layer: Any, *inputs: Any) -> Any:
    return layer(*inputs, return_attention_scores=True)


def _masked(layer: Any, ids: Any) -> Any:
    """Attend to a padded sequence, causally; the embedding's mask reaches the layer by itself."""
    x = layers.Embedding(5, 6, mask_zero=True)(ids)
    return layers.GlobalAveragePooling1D()(layer(x, x, use_causal_mask=True))


def _masked_list(layer: Any, ids: Any) -> Any:
    x = layers.Embedding(5, 6, mask_zero=True)(ids)
    return layer([x, x], use_causal_mask=True)


def _given_mask(layer: Any, query: Any, value: Any, mask: Any) -> Any:
    return layer(query, value, attention_mask=keras.ops.greater(mask, -0.3))


def _heads(**keywords: Any) -> Any:
    return lambda: layers.MultiHeadAttention(2, 3, **keywords)


def _groups(**keywords: Any) -> Any:
    return lambda: layers.GroupQueryAttention(3, 4, 2, **keywords)


def _samples() -> Any:
    return {"x0": IDS}


CASES: dict[str, list[Case]] = {
    "MultiHeadAttention": [
        case("itself", _heads(), OPEN, call=_self),
        case("two_lengths", _heads(value_dim=4), (4, 6), (5, 6), call=lambda layer, *x: layer(*x)),
        case("scores", _heads(), (5, 6), (5, 6), call=_scores),
        case("key", _heads(output_shape=5, use_bias=False), OPEN, (5, 4), (5, 3), call=lambda layer, *x: layer(*x)),
        case("causal", _heads(dropout=0.1), OPEN, call=_causal),
        case("masked", _heads(), (None,), dtype="int32", call=_masked, samples=_samples),
        case("given_mask", _heads(), (4, 6), (5, 6), (4, 5), call=_given_mask),
        case("axes", _heads(attention_axes=(1, 2)), (3, 4, 6), call=_self),
    ],
    "GroupQueryAttention": [
        case("itself", _groups(), OPEN, call=_self),
        case("two_lengths_scores", _groups(), (4, 6), (5, 6), call=_scores),
        case("causal", _groups(use_gate=True), OPEN, call=_causal),
        case("masked", _groups(), (None,), dtype="int32", call=_masked, samples=_samples),
        case("window", _groups(sliding_window=3), (7, 6), call=_self),
    ],
    "Attention": [
        case("pair", layers.Attention, OPEN, (5, 6)),
        case("scaled", lambda: layers.Attention(use_scale=True), (4, 6), (5, 3), (5, 6)),
        case("concat", lambda: layers.Attention(score_mode="concat", use_scale=True), (4, 6), (5, 6)),
        case("masked", layers.Attention, (None,), dtype="int32", call=_masked_list, samples=_samples),
    ],
    "AdditiveAttention": [
        case("pair", layers.AdditiveAttention, OPEN, (5, 6)),
        case("no_scale", lambda: layers.AdditiveAttention(use_scale=False), (4, 6), (5, 3), (5, 6)),
        case("masked", layers.AdditiveAttention, (None,), dtype="int32", call=_masked_list, samples=_samples),
    ],
}
