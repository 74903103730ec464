"""Class labels from scores or positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value


def label_at(classes: ArrayLike, positions: Value) -> Value:
    """classes[positions]: int64, or texts; of what dtype an output is, the signature says."""
    return fn.take(class_labels(classes), positions)


def class_labels(classes: ArrayLike) -> Any:
    """Return labels in a dtype that a graph holds: int64 for whole numbers and conditions, texts for all else but floats."""
    labels = np.asarray(classes)
    if labels.dtype.kind in "OUS":
        return np.array([str(label) for label in labels], object)
    return labels if labels.dtype.kind == "f" and (labels % 1).any() else labels.astype(np.int64)


def label_of_scores(classes: ArrayLike, scores: Value) -> Value:
    """Return the class of the highest of scores [N, k]; of one score [N] the second class where it is positive."""
    if len(np.asarray(classes)) == 2:
        return label_at(classes, (scores > 0).cast("int64"))
    return label_at(classes, fn.argmax(scores, 1))
