"""DictVectorizer; FeatureHasher is refused."""

from __future__ import annotations

from typing import Any

from sklearn import feature_extraction

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, column
from modelport_converters.sklearn_to_onnx.registry import (
    refuse,
    transform,
)


@transform(feature_extraction.DictVectorizer, columns=True)
def dictionaries(model: Any, x: Features) -> Value:
    """A column for each key: a number is itself, a text 1 in the column of "key=text"; a key left out counts as 0.

    The table has a column for each key, in the order in which they first come in feature_names_.
    """
    keys = list(dict.fromkeys(name.partition(model.separator)[0] for name in model.feature_names_))
    parts = []
    for name in model.feature_names_:
        key, separator, text = name.partition(model.separator)
        value = column(x, keys.index(key))
        if bool(separator) != (value.dtype.kind == "O"):
            refuse(model, f"the key {key!r} has numbers and texts", "keep them under different keys")
        parts.append(fn.matches(value, text).cast("float64") if separator else value.cast("float64"))
    return fn.concatenate(parts, 1)


@transform(feature_extraction.FeatureHasher)
def features_hashed(model: Any, x: Value) -> Value:
    """Refused: ONNX has no hash of texts."""
    refuse(model, "ONNX has no operator that hashes texts", "use DictVectorizer, which keeps a vocabulary")
