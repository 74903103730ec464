"""ONNX Runtime on Keras applications converted here, beside tf2onnx's own result. ``python benchmarks/keras_onnx_speed.py``.

Both files come of one model, at opset 18, and are timed in turn in one process, at batch 1 and the application's own image size.
Between two calls the process has to be at rest: ONNX Runtime's threads go on spinning after a call. A file beside itself
differs by one percent from one opening to the next, as its memory lies elsewhere: so both are opened many times, in either
order, and the median of the ratios is given, `from` and `to` the quartiles. Where tf2onnx's result is invalid the table says
so, with the ratio left open. `transposes` counts those of ours, `theirs` tf2onnx's. The command line may name other functions
of keras.applications.
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
_OPENED, _SECONDS = 24, 4.0
"""How often the sessions are opened, and the seconds of timing in each opening."""
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
    if reason:
        times = timed({"ours": ours}, image)
        return {
            "model": name, "ours ms": 1e3 * times["ours"], "tf2onnx ms": reason, "x tf2onnx": "", "from": "", "to": "",
            "transposes": transposes(ours), "theirs": "",
        }  # fmt: skip
    files = {"ours": ours, "tf2onnx": theirs}
    found = [timed(dict(order(files.items())), image) for _ in range(_OPENED // 2) for order in (list, reversed)]
    lower, median, upper = statistics.quantiles((times["ours"] / times["tf2onnx"] for times in found), n=4)
    return {
        "model": name, "ours ms": 1e3 * statistics.median(times["ours"] for times in found),
        "tf2onnx ms": 1e3 * statistics.median(times["tf2onnx"] for times in found),
        "x tf2onnx": median, "from": lower, "to": upper, "transposes": transposes(ours), "theirs": transposes(theirs),
    }  # fmt: skip


def timed(files: dict[str, Path], image: np.ndarray) -> dict[str, float]:
    """Return the median time of each file, in sessions opened anew in this order."""
    calls = {key: running(path, image) for key, path in files.items()}
    if len(calls) > 1:
        np.testing.assert_allclose(calls["ours"]()[0], calls["tf2onnx"]()[0], rtol=1e-3, atol=1e-5)
    return {key: statistics.median(values) for key, values in timed_at_rest(calls, _SECONDS).items()}


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
