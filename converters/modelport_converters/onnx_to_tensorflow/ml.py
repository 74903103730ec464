"""Operators of ai.onnx.ml other than tree ensembles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ml_trees import ML, transformed
from modelport_converters.onnx_to_tensorflow.registry import op, refuse

_MAPS = "it takes or makes a map, and TensorFlow has no maps"

refuse(dict.fromkeys(("CastMap", "DictVectorizer", "ZipMap"), _MAPS), domain=ML)


@op("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(x: Any, y: Any) -> Any:
    """The columns y of x."""
    picked = tf.gather(x, tf.reshape(y, [-1]), axis=-1)
    return picked[None] if x.shape.rank == 1 else picked


@op("Binarizer", domain=ML)
def binarizer(x: Any, *, threshold: float = 0.0) -> Any:
    """1 above the threshold, else 0."""
    return tf.cast(x > tf.cast(threshold, x.dtype), x.dtype)


@op("FeatureVectorizer", domain=ML)
def feature_vectorizer(*values: Any, inputdimensions: Sequence[int] = ()) -> Any:
    """The columns of all inputs side by side."""
    return tf.concat([tf.cast(value, tf.float32) for value in values], -1)


@op("LinearRegressor", domain=ML)
def linear_regressor(
    x: Any,
    *,
    coefficients: Sequence[float],
    intercepts: Sequence[float] = (),
    post_transform: str = "NONE",
    targets: int = 1,
) -> Any:
    """X @ coefficients' + intercepts."""
    weights = np.reshape(np.array(coefficients, np.float32), [targets, -1])
    y = tf.matmul(tf.cast(x, tf.float32), weights, transpose_b=True)
    return transformed(y + np.array(intercepts, np.float32) if len(intercepts) else y, post_transform)


@op("Normalizer", domain=ML)
def normalizer(x: Any, *, norm: str = "MAX") -> Any:
    """Rows divided by their largest value, sum of magnitudes or Euclidean length; rows of norm 0 stay."""
    x = tf.cast(x, tf.float32)
    size = (
        tf.reduce_max(x, -1, keepdims=True)
        if norm == "MAX"
        else tf.norm(x, 1 if norm == "L1" else 2, -1, keepdims=True)
    )
    return x / tf.where(size == 0, tf.ones_like(size), size)


@op("Scaler", domain=ML)
def scaler(x: Any, *, offset: Sequence[float] = (), scale: Sequence[float] = ()) -> Any:
    """(x - offset) * scale."""
    x = tf.cast(x, tf.float32)
    x = x - np.array(offset, np.float32) if len(offset) else x
    return x * np.array(scale, np.float32) if len(scale) else x
