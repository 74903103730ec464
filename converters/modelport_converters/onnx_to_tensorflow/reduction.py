"""Reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import op


def _reduction(name: str, function: Callable[..., Any]) -> None:
    @op(name, static=("axes",), layout="reduce")
    def reduce(data: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        empty = axes is None or np.size(axes) == 0
        return data if empty and noop_with_empty_axes else function(data, None if empty else axes, bool(keepdims))


_reduction("ReduceMean", tf.reduce_mean)
_reduction("ReduceSum", tf.reduce_sum)
