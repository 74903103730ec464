"""The TensorFlow plugin against the conformance kit."""

import numpy as np
import tensorflow as tf

from modelport.testing import PluginConformance


class Affine(tf.Module):
    """One variable and one function, as tf.Module is meant to be used."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def __call__(self, x):
        return {"y": tf.tanh(x @ self.w)}


class TestTensorFlow(PluginConformance):
    key = "tensorflow"

    def model(self):
        return Affine()

    def write(self, model, path):
        tf.saved_model.save(model, str(path), signatures={"serving_default": model.__call__})
