"""SavedModels made of ONNX files beside ONNX Runtime, and Keras's own ResNet-50. ``python benchmarks/tensorflow_speed.py``.

Each model is converted (unproven: the tests prove), loaded, and timed in turn with the others. Before each call this process
has to be at rest: ONNX Runtime's threads go on spinning for some 45 ms after a call, and with two cores would take one of
them from whoever comes next. `transposes` counts those left in the SavedModel's graph. The command line may name some of the
models. oneDNN is what TensorFlow chooses for the processor, or what TF_ENABLE_ONEDNN_OPTS says; the table names it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnxruntime

import modelport
import nets
from measuring import finish, timed_at_rest


def main() -> None:
    """Convert and time each model at each batch size."""
    rows = []
    for name in sys.argv[1:] or nets.MODELS:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(name, Path(folder))
    forced = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"
    finish("tensorflow_speed_onednn" if forced else "tensorflow_speed", rows)


def measure(name: str, folder: Path) -> list[dict[str, Any]]:
    """Return a row for each batch size."""
    import tensorflow as tf

    _, inputs, batches = nets.MODELS[name]
    onnx_file, target = folder / "model.onnx", folder / "saved"
    modelport.convert(nets.ready(name), output=onnx_file, inputs=list(inputs), verify=False)
    report = modelport.convert(onnx_file, to="tensorflow", output=target, verify=False).report
    stages = {stage.name: stage.seconds for stage in report.stages}
    function = tf.saved_model.load(str(target)).signatures["serving_default"]
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    rival = keras_resnet50(folder) if name == "resnet50" else None
    rows = []
    for batch in batches:
        arrays = {value.name: drawn(value, batch) for value in session.get_inputs()}
        tensors = {key: tf.constant(array) for key, array in arrays.items()}
        calls = {
            "ours": lambda tensors=tensors: [value.numpy() for value in function(**tensors).values()],
            "onnxruntime": lambda arrays=arrays: session.run(None, arrays),
        }
        if rival is not None:
            image = tf.constant(np.moveaxis(next(iter(arrays.values())), 1, -1))
            calls["keras"] = lambda image=image: [value.numpy() for value in rival(keras_tensor=image).values()]
        times = {key: statistics.median(values) for key, values in timed_at_rest(calls).items()}
        rows.append(
            {
                "model": name, "batch": batch, "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
                "ms": 1e3 * times["ours"], "x onnxruntime": times["ours"] / times["onnxruntime"],
                "x keras": times["ours"] / times["keras"] if "keras" in times else "", "transposes": transposes(target),
                "translate and save s": stages["translate"] + stages["write"], "MB": (report.size_bytes or 0) / 1e6,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def drawn(value: Any, batch: int) -> np.ndarray:
    """Draw an input: normal floats, token ids, a mask of ones."""
    shape = [
        size if isinstance(size, int) else batch if at == 0 else nets.SEQUENCE for at, size in enumerate(value.shape)
    ]
    rng = np.random.default_rng(0)
    if "int" not in value.type:
        return rng.standard_normal(shape).astype(np.float32)
    return np.ones(shape, np.int64) if "mask" in value.name else rng.integers(0, 1000, shape)


def keras_resnet50(folder: Path) -> Any:
    """Return the signature of Keras's own ResNet-50, exported by Keras."""
    import keras
    import tensorflow as tf

    path = str(folder / "keras")
    keras.applications.ResNet50(weights=None).export(path, verbose=False)
    return tf.saved_model.load(path).signatures["serving_default"]


def transposes(folder: Path) -> int:
    """Count the transpositions in a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    return sum(node.op == "Transpose" for function in functions for node in function.node_def)


if __name__ == "__main__":
    main()
