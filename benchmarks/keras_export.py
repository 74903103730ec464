"""Keras applications to ONNX beside bare tf2onnx, in one process, in turns. ``python benchmarks/keras_export.py``.

Ours is a whole conversion in memory without the proof, the checker stage included; tf2onnx's is `convert.from_function` alone.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import modelport
from measuring import finish, interleave, ratio, seconds

APPLICATIONS = {"ResNet50": 0.45, "EfficientNetB0": 0.5, "ConvNeXtTiny": 0.5}
"""What is converted, and the largest ratio that is asked for."""

_ROUNDS = 3


def main() -> None:
    """Measure each application; the command line may name some."""
    logging.disable(logging.WARNING)
    rows = [measured(name) for name in sys.argv[1:] or APPLICATIONS]
    finish("keras_export", rows)


def measured(name: str) -> dict[str, Any]:
    """Return the row of an application with random weights."""
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    spec = (tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name="image"),)

    def bare() -> None:
        # a new function each time, since a traced one is kept
        tf2onnx.convert.from_function(tf.function(lambda x: model(x, training=False)), spec, opset=18)

    def ours() -> None:
        modelport.convert(model, to="onnx", verify=False)

    calls = {"ours": lambda: seconds(ours), "bare": lambda: seconds(bare)}
    ours()
    times = interleave(calls, _ROUNDS)
    row = {
        "model": name, "modelport s": statistics.median(times["ours"]), "tf2onnx s": statistics.median(times["bare"]),
        "ratio": ratio(times, "ours", "bare"), "wanted": APPLICATIONS.get(name, ""),
    }  # fmt: skip
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
