"""ONNX Runtime on Keras applications converted here, beside tf2onnx's own result. ``python benchmarks/keras_onnx_speed.py``.

Both files come of one model, at opset 18, and are timed in turn in one process, at batch 1 and the application's own image size.
Between two calls the process has to be at rest: ONNX Runtime's threads go on spinning after a call. Where tf2onnx's result is
invalid the table says so, with the ratio left open. `transposes` counts those of ours, `theirs` tf2onnx's. The command line may
name other functions of keras.applications.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnx
import onnxruntime

import modelport
from measuring import finish, timed_at_rest

APPLICATIONS = ("ResNet50", "EfficientNetB0", "ConvNeXtTiny", "MobileNetV2", "DenseNet121")
_OPENED = 5
"""How often the sessions are opened: a file beside itself differs by one percent from one opening to the next."""
_OPSET = 18
"""The newest that tf2onnx writes."""


def main() -> None:
    """Convert each application in both ways and time the results."""
    rows = []
    for name in sys.argv[1:] or APPLICATIONS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(name, Path(folder)))
            print(rows[-1], flush=True)
    finish("keras_onnx_speed", rows)


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Return the row of one application."""
    import keras

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    ours, theirs = folder / "ours.onnx", folder / "theirs.onnx"
    modelport.convert(model, output=ours, opset=_OPSET, verify=False)
    image = np.random.default_rng(0).uniform(0, 255, (1, *model.input_shape[1:])).astype(np.float32)
    reason = rival(model, theirs)
    files = {"ours": ours} if reason else {"ours": ours, "tf2onnx": theirs}
    found = [timed(files, image) for _ in range(_OPENED if reason is None else 1)]
    return {
        "model": name, "ours ms": 1e3 * statistics.median(times["ours"] for times in found),
        "tf2onnx ms": reason or 1e3 * statistics.median(times["tf2onnx"] for times in found),
        "x tf2onnx": "" if reason else statistics.median(times["ours"] / times["tf2onnx"] for times in found),
        "transposes": transposes(ours), "theirs": "" if reason else transposes(theirs),
    }  # fmt: skip


def timed(files: dict[str, Path], image: np.ndarray) -> dict[str, float]:
    """Return the median time of each file, in sessions opened anew."""
    calls = {key: running(path, image) for key, path in files.items()}
    if len(calls) > 1:
        np.testing.assert_allclose(calls["ours"]()[0], calls["tf2onnx"]()[0], rtol=1e-3, atol=1e-5)
    return {key: statistics.median(values) for key, values in timed_at_rest(calls).items()}


def rival(model: Any, path: Path) -> str | None:
    """Convert with tf2onnx itself; return None, or why there is no valid result."""
    import tensorflow as tf
    import tf2onnx

    specification = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False), input_signature=[specification])
    try:
        tf2onnx.convert.from_function(function, [specification], opset=_OPSET, output_path=str(path))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever tf2onnx or ONNX Runtime raises
        return f"invalid: {str(error).strip().splitlines()[0][:60]}"
    extra = len(session.get_inputs()) - 1
    return f"invalid: {extra} constants became inputs" if extra else None


def running(path: Path, image: np.ndarray) -> Callable[[], list[np.ndarray]]:
    """Return a call of a model on the image."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = [value.name for value in session.get_inputs()]
    return lambda: session.run(None, {name: image})


def transposes(path: Path) -> int:
    """Count the transpositions in an ONNX file."""
    return sum(node.op_type == "Transpose" for node in onnx.load(path, load_external_data=False).graph.node)


if __name__ == "__main__":
    main()
