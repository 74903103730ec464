"""The translator to TensorFlow as a target of the suite: in process, or saved, reloaded and run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import tensorflow as tf
from suite import Call

from modelport_converters.onnx_to_tensorflow import build, marshalling
from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor

tf.get_logger().setLevel("ERROR")


def in_process(model: onnx.ModelProto) -> Call:
    """Translate, and call the traced function; inputs and outputs may be sequences and optionals."""
    return marshalling.trace(ir.from_proto(model))


def saved(model: onnx.ModelProto) -> Call:
    """Translate, save, reload, and call the SavedModel's signature."""
    module = build.build(ir.from_proto(model))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        build.save(module, path)
        loaded = tf.saved_model.load(path)
    names = build.tensor_names([value.name for value in model.graph.output])

    def call(inputs: list[Any]) -> list[Any]:
        results = loaded.signatures[build.SIGNATURE](**_tensors(module, inputs))
        return [to_array(results[name]) for name in names]

    return call


def _tensors(module: Any, inputs: list[Any]) -> dict[str, Any]:
    specs = module.function.input_signature
    return {spec.name: to_tensor(np.asarray(array), spec.dtype.name) for spec, array in zip(specs, inputs, strict=True)}
