"""Feature transformers of ai.onnx.ml: encoders, scalers, imputers and extractors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.ml import ML
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op, refuse

_MAPS = "it takes or makes a map, and TensorFlow has no maps"
_BUCKETS = 2**62
"""Strings are looked up by a fingerprint of this many values, and then compared."""

refuse(dict.fromkeys(("CastMap", "DictVectorizer", "ZipMap"), _MAPS), domain=ML)


@op("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Select the columns y of x."""
    picked = tf.gather(x, tf.reshape(y, [-1]), axis=-1)
    return picked[None] if x.shape.rank == 1 else picked


@op("Binarizer", domain=ML)
def binarizer(x: tf.Tensor, *, threshold: float = 0.0) -> tf.Tensor:
    """Binarize: 1 above the threshold, else 0."""
    return tf.cast(x > tf.cast(threshold, x.dtype), x.dtype)


@op("FeatureVectorizer", domain=ML)
def feature_vectorizer(*values: tf.Tensor, inputdimensions: Sequence[int] = ()) -> tf.Tensor:
    """Concatenate the columns of all inputs, each cut or zero-padded to its inputdimensions."""
    columns = [tf.cast(value, tf.float32) for value in values]
    columns = [value[None] if value.shape.rank == 1 else value for value in columns]
    for at, size in enumerate(inputdimensions):
        if columns[at].shape[1] != size:
            columns[at] = tf.pad(columns[at], [[0, 0], [0, size]])[:, :size]
    return tf.concat(columns, -1)


@op("Normalizer", domain=ML)
def normalizer(x: tf.Tensor, *, norm: str = "MAX") -> tf.Tensor:
    """Normalize rows by their maximum, L1 or L2 norm; rows of norm 0 stay."""
    x = tf.cast(x, tf.float32)
    order = {"MAX": None, "L1": 1, "L2": 2}[norm]
    size = tf.norm(x, order, -1, keepdims=True) if order else tf.reduce_max(x, -1, keepdims=True)
    return x / tf.where(size == 0, tf.ones_like(size), size)


@op("Scaler", domain=ML)
def scaler(x: tf.Tensor, *, offset: Sequence[float] = (), scale: Sequence[float] = ()) -> tf.Tensor:
    """Scale features: (x - offset) * scale."""
    x = tf.cast(x, tf.float32)
    x = x - np.array(offset, np.float32) if len(offset) else x
    return x * np.array(scale, np.float32) if len(scale) else x


@op("Imputer", domain=ML)
def imputer(
    x: tf.Tensor,
    *, imputed_value_floats: Sequence[float] = (), imputed_value_int64s: Sequence[int] = (),
    replaced_value_float: float = 0.0, replaced_value_int64: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Impute: replace missing values by the column's imputed value."""
    whole = x.dtype.is_integer
    values, replaced = (
        (imputed_value_int64s, replaced_value_int64) if whole else (imputed_value_floats, replaced_value_float)
    )
    if not len(values):
        raise Unsupported(f"it has no values to impute for {x.dtype.name}")
    missing = tf.math.is_nan(x) if np.isnan(replaced) else tf.equal(x, tf.cast(replaced, x.dtype))
    return tf.where(missing, tf.cast(tf.constant(np.array(values)), x.dtype), x)


@op("OneHotEncoder", domain=ML)
def one_hot_encoder(
    x: tf.Tensor, *, cats_int64s: Sequence[int] = (), cats_strings: Sequence[str] = (), zeros: int = 1
) -> tf.Tensor:
    """One-hot encoding along a new last axis; an unknown category is all 0, or an error unless `zeros`."""
    x = x if x.dtype == tf.string else tf.cast(x, tf.int64)
    cats = cats_strings if x.dtype == tf.string else cats_int64s
    place = find(x, cats)
    if not zeros:
        known = tf.debugging.assert_less(place, len(cats), "a category is not known")
        with tf.control_dependencies([known]):
            place = tf.identity(place)
    return tf.one_hot(place, len(cats))


@op("CategoryMapper", domain=ML)
def category_mapper(
    x: tf.Tensor,
    *, cats_int64s: Sequence[int] = (), cats_strings: Sequence[str] = (), default_int64: int = -1,
    default_string: str = "_Unused",
) -> tf.Tensor:  # fmt: skip
    """Map category strings to integers, or integers to strings."""
    if x.dtype == tf.string:
        return tf.gather(tf.constant([*cats_int64s, default_int64], tf.int64), find(x, cats_strings))
    return tf.gather(tf.constant([*cats_strings, default_string]), find(x, cats_int64s))


@op("LabelEncoder", domain=ML)
def label_encoder(
    x: tf.Tensor,
    *, classes_strings: Sequence[str] = (), default_float: float = -0.0, default_int64: int = -1,
    default_string: str = "_Unused", default_tensor: np.ndarray | None = None, keys_floats: Sequence[float] = (),
    keys_int64s: Sequence[int] = (), keys_strings: Sequence[str] = (), keys_tensor: np.ndarray | None = None,
    values_floats: Sequence[float] = (), values_int64s: Sequence[int] = (), values_strings: Sequence[str] = (),
    values_tensor: np.ndarray | None = None,
) -> tf.Tensor:  # fmt: skip
    """Map keys to values, with a default; version 1 maps strings to their indices in a list, and back."""
    if len(classes_strings):
        return category_mapper(
            x, cats_int64s=range(len(classes_strings)), cats_strings=classes_strings, default_int64=default_int64,
            default_string=default_string,
        )  # fmt: skip
    keys = next(
        (keys for keys in (keys_tensor, keys_strings, keys_int64s, keys_floats) if keys is not None and len(keys)), ()
    )
    choices = (
        (values_strings, default_string, tf.string),
        (values_int64s, default_int64, tf.int64),
        (values_floats, default_float, tf.float32),
    )
    if values_tensor is not None:
        code = values_tensor.dtype.kind
        values, kind = list(values_tensor.ravel()), tf.string if code in "OSU" else tf.as_dtype(values_tensor.dtype)
        fallback = {"O": default_string, "i": default_int64}.get(code, default_float)
        default = default_tensor.ravel()[0] if default_tensor is not None else fallback
    else:
        listed, default, kind = next((choice for choice in choices if len(choice[0])), choices[0])
        values = list(listed)
        default = default if default_tensor is None else default_tensor.ravel()[0]
    return tf.gather(tf.constant([*values, default], kind), find(x, list(keys)))


def find(x: tf.Tensor, keys: Sequence[str | bytes | float]) -> tf.Tensor:
    """Return the index of each element among the keys, the first of equal ones, or the number of keys where it is absent.

    NaN is found where it is a key. Strings are found by fingerprint, without a table, whose state a SavedModel would carry.
    """
    texts = x.dtype == tf.string
    own = (
        np.array([key if isinstance(key, bytes) else str(key).encode() for key in keys], object)
        if texts
        else (np.asarray(keys, x.dtype.as_numpy_dtype))
    )
    codes = _fingerprints(own) if texts else own
    ordered, first = np.unique(codes, return_index=True)
    real = ordered == ordered
    ordered, first, nan = ordered[real], first[real], first[~real]
    flat = tf.reshape(x, [-1])
    if not len(ordered):
        place = tf.fill(tf.shape(flat), len(own))
    else:
        wanted = tf.strings.to_hash_bucket_fast(flat, _BUCKETS) if texts else flat
        at = tf.minimum(tf.searchsorted(tf.constant(ordered), wanted), len(ordered) - 1)
        place = tf.gather(tf.constant(first.astype(np.int32)), at)
        key = tf.gather(tf.constant(own.tolist() if texts else own), place)
        place = tf.where(key == flat, place, len(own))
    if len(nan):
        place = tf.where(tf.math.is_nan(flat), int(nan[0]), place)
    return tf.reshape(place, tf.shape(x))


def _fingerprints(texts: np.ndarray) -> np.ndarray:
    with tf.init_scope():
        codes: np.ndarray = tf.strings.to_hash_bucket_fast(tf.constant(texts.tolist(), tf.string), _BUCKETS).numpy()
    if len(np.unique(codes)) != len(set(texts.tolist())):
        raise Unsupported("two of its strings have the same fingerprint")
    return codes
