"""The Keras plugin against the conformance kit."""

import keras
from keras_warnings import ARRAYS

from modelport.testing import PluginConformance


@ARRAYS
class TestKeras(PluginConformance):
    key = "keras"

    def model(self):
        keras.utils.set_random_seed(0)
        return keras.Sequential(
            [keras.Input((4,), name="x"), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
        )

    def write(self, model, path):
        model.save(path)
