"""Conversion alone against the bare exporter call, in one process, in turns. ``python benchmarks/export_overhead.py``.

Ours is the sum of the stages "signature" and "export" (the upgrade to the requested opset included) of a conversion in memory.
"""

from __future__ import annotations

import logging
import os
import statistics
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import modelport
from measuring import finish, interleave, ratio, seconds

_STAGES = ("signature", "export")


def ours(model: Any, **settings: Any) -> float:
    """Return the seconds of the stages that make the ONNX model."""
    report = modelport.convert(model, verify=False, **settings).report
    return sum(stage.seconds for stage in report.stages if stage.name in _STAGES)


def resnet() -> tuple[Callable[[], float], Callable[[], float], int]:
    """ResNet-50 with a dynamic batch."""
    import torch

    import models

    model = models.resnet50()

    def bare() -> None:
        batch = torch.export.Dim.DYNAMIC
        torch.onnx.export(
            model, (torch.randn(3, 3, 224, 224),), dynamo=True, opset_version=20, verbose=False, input_names=["x"],
            output_names=["output"], dynamic_shapes=({0: batch},),
        )  # fmt: skip

    return lambda: ours(model, inputs=["x:float32[N,3,224,224]"]), lambda: seconds(bare), 5


def keras_cnn() -> tuple[Callable[[], float], Callable[[], float], int]:
    """The Keras CNN, at tf2onnx's newest opset for the bare call; ours is carried on to 20."""
    import tensorflow as tf
    import tf2onnx

    import models

    model = models.keras_cnn()

    def bare() -> None:
        function = tf.function(lambda x: model(x, training=False))
        tf2onnx.convert.from_function(function, (tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image"),), opset=18)

    return lambda: ours(model), lambda: seconds(bare), 7


def forest() -> tuple[Callable[[], float], Callable[[], float], int]:
    """A forest of 100 trees."""
    import numpy as np
    import skl2onnx

    import models

    model = models.forest()
    options = {id(model): {"zipmap": False}}

    def bare() -> None:
        skl2onnx.to_onnx(model, np.zeros((1, 64), np.float32), target_opset=20, options=options)

    return lambda: ours(model), lambda: seconds(bare), 15


def main() -> None:
    """Measure all three."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = []
    for build in (resnet, keras_cnn, forest):
        mine, bare, rounds = build()
        mine(), bare()
        times = interleave({"modelport": mine, "bare": bare}, rounds)
        rows.append(
            {
                "model": build.__name__,
                "modelport s": statistics.median(times["modelport"]),
                "bare exporter s": statistics.median(times["bare"]),
                "ratio": ratio(times, "modelport", "bare"),
            }
        )
    finish("export_overhead", rows)


if __name__ == "__main__":
    main()
