"""Simulated quantization against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_same import agrees


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("bits", [2, 8])
def test_numbers_are_rounded_to_a_grid_with_zero_on_it(bits, narrow):
    x = np.linspace(-9, 9, 67).astype("float32")
    agrees(lambda v: tf.quantization.fake_quant_with_min_max_args(v, -5.3, 4.1, bits, narrow), x)
    agrees(lambda v: tf.quantization.fake_quant_with_min_max_args(v, num_bits=bits, narrow_range=narrow), x)
