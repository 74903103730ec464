"""The TensorFlow Lite plugin against the conformance kit."""

import numpy as np
import tensorflow as tf

from modelport.testing import PluginConformance
from modelport_converters.onnx_to_tensorflow.build import Module
from modelport_converters.onnx_to_tensorflow.lite import to_flatbuffer
from modelport_converters.tensorflow_to_onnx.litert import LiteModel


class TestTFLite(PluginConformance):
    key = "tflite"

    def model(self):
        weight = tf.constant(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
        spec = tf.TensorSpec((None, 4), tf.float32, name="x")
        function = tf.function(lambda x: {"y": tf.tanh(x @ weight)}, input_signature=[spec])
        return LiteModel(to_flatbuffer(Module(function, [])))
