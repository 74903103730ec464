"""NumPy arrays to TensorFlow tensors and back."""

import numpy as np

from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor


def test_strings_survive_the_way_to_tensorflow_and_back():
    text = np.array([["a", "ü"]], dtype=object)
    assert to_array(to_tensor(text, "string")).tolist() == text.tolist()
