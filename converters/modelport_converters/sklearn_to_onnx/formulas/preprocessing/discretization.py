"""Binarizer and KBinsDiscretizer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import transform


@transform(preprocessing.Binarizer)
def binarized(model: Any, x: Value) -> Value:
    """1 above the threshold, 0 elsewhere."""
    above: Value = x > model.threshold
    return above.cast(x.dtype)


@transform(preprocessing.KBinsDiscretizer)
def bins(model: Any, x: Value) -> Value:
    """The number of the bin, or a column of 0 and 1 for each bin."""
    x = fn.floating(x).cast(model.dtype or fn.floating(x).dtype)
    found = [
        fn.sum(x[:, [feature]] >= np.asarray(edges[1:-1])[None], 1) for feature, edges in enumerate(model.bin_edges_)
    ]
    if model.encode == "ordinal":
        return fn.stack(found, 1).cast(x.dtype)
    hot = [fn.one_hot(number, int(count), x.dtype) for number, count in zip(found, model.n_bins_, strict=True)]
    return fn.concatenate(hot, 1)
