"""What people write by hand for a Keras model: tf2onnx, onnx.checker, ONNX Runtime, assert_allclose on one input."""

import sys

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

model = keras.saving.load_model(sys.argv[1])
x = np.random.default_rng(0).standard_normal((3, 32, 32, 3)).astype(np.float32)
function = tf.function(lambda image: model(image, training=False))
tf2onnx.convert.from_function(
    function, (tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image"),), opset=18, output_path=sys.argv[2]
)
onnx.checker.check_model(sys.argv[2], full_check=True)
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
np.testing.assert_allclose(session.run(None, {"image": x})[0], model(x, training=False).numpy(), rtol=1e-3, atol=1e-5)
