"""PatchExtractor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.feature_extraction.image import PatchExtractor

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.registry import refuse, transform


@transform(PatchExtractor)
def patches(model: Any, x: Value) -> Value:
    """Return every patch of every image, by rows and then by columns; a tenth of the image where no size is set."""
    if model.max_patches is not None:
        refuse(model, f"max_patches={model.max_patches} picks patches at random", "set max_patches=None")
    rows, height = _windows(x, 1, None if model.patch_size is None else model.patch_size[0])
    columns, width = _windows(x, 2, None if model.patch_size is None else model.patch_size[1])
    cut = fn.take(fn.take(x, rows, 1), columns, 3)  # [N, windows down, height, windows across, width]
    shape = fn.concatenate([x.graph.constant(np.array([-1])), height, width], 0)
    return x.graph.op("Reshape", fn.transpose(cut, [0, 1, 3, 2, 4]), shape)


def _windows(x: Value, axis: int, size: int | None) -> tuple[Value, Value]:
    """Return the positions [windows, size] that each window along an axis covers, and the size [1]."""
    graph, length = x.graph, fn.size(x, axis)
    covered = graph.op("Div", length, np.array([10])) if size is None else graph.constant(np.array([size]))
    starts, steps = _range(length - covered + 1), _range(covered)
    return fn.expand_dims(starts, 1) + fn.expand_dims(steps, 0), covered


def _range(count: Value) -> Value:
    return count.graph.op("Range", np.int64(0), fn.squeeze(count, 0), np.int64(1))
