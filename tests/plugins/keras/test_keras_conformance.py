"""The Keras plugin against the conformance kit."""

import keras
import pytest

from modelport.testing import PluginConformance


# Keras's own way of reading a TensorFlow variable, which NumPy 2 deprecates
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestKeras(PluginConformance):
    key = "keras"

    def model(self):
        keras.utils.set_random_seed(0)
        return keras.Sequential(
            [keras.Input((4,), name="x"), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
        )

    def write(self, model, path):
        model.save(path)
