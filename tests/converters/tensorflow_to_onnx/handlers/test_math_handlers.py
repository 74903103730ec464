"""Arithmetic, bits and special functions against TensorFlow itself."""

import math

import numpy as np
import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees, assert_same, ran

from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET

WHOLE = np.array([-7, -6, -1, 0, 1, 5, 8, 127])
DIVISORS = np.array([2, -3, 3, -1, 4, -5, 7, 2])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 1e-3), ("float32", 1e-6), ("float64", 1e-14)])
def test_logarithms_are_as_precise_as_their_type(dtype, tolerance):
    agrees(tf.math.log, np.linspace(0.1, 50, 30).astype(dtype).reshape(5, 6), tolerance=tolerance)


@pytest.mark.parametrize("op", ["FloorDiv", "FloorMod", "TruncateMod"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_quotients_and_remainders_have_their_signs(op, dtype):
    agrees(lambda x, y: getattr(tf.raw_ops, op)(x=x, y=y), WHOLE.astype(dtype), DIVISORS.astype(dtype), tolerance=0)


def test_a_remainder_of_a_large_quotient_keeps_its_digits():
    x, y = np.array([1e30, -1e30, 5.5, -0.0], "float64"), np.array([3.7, 3.7, np.inf, 2.0], "float64")
    agrees(tf.math.floormod, x, y, tolerance=0)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32"])
def test_numbers_are_shifted_and_rounded_down(dtype):
    x, y = WHOLE.astype(dtype), (np.arange(8) % 7).astype(dtype)
    agrees(tf.bitwise.right_shift, x, y)
    agrees(tf.bitwise.left_shift, x, y)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64", "float64"])
def test_large_numbers_are_compared_exactly(dtype):
    x = np.array([2**30 + 1, 2**30, 2**30 - 1], dtype)
    agrees(tf.math.greater, x, x[::-1].copy())
    agrees(tf.math.less, x, x[::-1].copy())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-11)])
@pytest.mark.parametrize("function", [tf.math.lgamma, tf.math.digamma, tf.math.erfc, tf.math.log1p, tf.math.expm1])
def test_special_functions_are_as_precise_as_their_type(function, dtype, tolerance):
    agrees(function, np.linspace(0.07, 9.3, 40).astype(dtype), tolerance=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-11)])
def test_quantiles_are_as_precise_as_their_type(dtype, tolerance):
    shares = np.linspace(0.001, 0.999, 41).astype(dtype)
    agrees(tf.math.ndtri, shares, tolerance=tolerance)
    agrees(tf.math.erfinv, 2 * shares - 1, tolerance=tolerance)


@pytest.mark.parametrize("op", ["MulNoNan", "Xdivy", "Xlogy", "Xlog1py"])
def test_zero_times_what_is_infinite_is_zero(op):
    x = np.array([0.0, 1.0, 0.0, 2.0], "float32")
    y = np.array([0.0, 0.5, -1.0, 0.0], "float32") if op != "MulNoNan" else np.array([np.inf, 2, np.nan, 0], "float32")
    pair = (y, x) if op == "MulNoNan" else (x, y)
    agrees(lambda a, b: getattr(tf.raw_ops, op)(x=a, y=b), *pair)


@pytest.mark.parametrize(("exclusive", "reverse"), [(False, False), (True, True)])
def test_exponentials_are_summed_without_overflow(exclusive, reverse):
    agrees(lambda x: tf.math.cumulative_logsumexp(x, 1, exclusive, reverse), 8 * floats(3, 5) + 300, tolerance=1e-4)


def ran_on(call, x):
    """Return what the ONNX form of a function of one result computes, in the newest opset."""
    return ran(assert_same(lambda value: [call(value)], x, opset=NEWEST_OPSET, rtol=1e-5, atol=1e-6), x0=x)[0]


def test_erfc_agrees_with_the_math_module():
    x = np.linspace(-4, 4, 36, dtype="float32").reshape(9, 4)
    np.testing.assert_allclose(ran_on(tf.math.erfc, x), np.vectorize(math.erfc)(x), atol=1e-6)


@pytest.mark.parametrize("divisor", [2, -3])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_division_is_rounded_down(dtype, divisor):
    x = np.array([[-7, 7, -6, 5], [-1, 0, 1, -8]], dtype)
    np.testing.assert_array_equal(ran_on(lambda value: value // divisor, x), x // divisor)


# --- bins and counts -----------------------------------------------------------------------------

INDICES = np.array([[0, 1, 3], [-1, 5, 2]], "int64")


def test_categories_are_counted_and_weighted_and_those_beyond_the_last_left_out():
    def counts(x):
        return [
            tf.math.bincount(x, minlength=6, axis=-1),
            tf.math.bincount(x, minlength=3, maxlength=3, axis=-1),
            tf.math.bincount(x, minlength=6, maxlength=6, axis=-1, binary_output=True),
            tf.math.bincount(x[0], dtype=tf.int64),
        ]

    weights = np.array([[0.5, -1, 2], [3, 0.25, 1]], "float32")
    assert_same(counts, np.abs(INDICES))
    assert_same(lambda x, w: [tf.math.bincount(x, weights=w, minlength=6, axis=-1)], np.abs(INDICES), weights)


def test_words_of_ragged_rows_are_counted():
    def counts(x):
        lengths = tf.strings.split(x).with_values(tf.cast(tf.strings.split(x).values == "a", tf.int64))
        return [tf.math.bincount(lengths, minlength=2, axis=-1)]

    assert_same(counts, np.array(["a b a", "", "b", "a"], object))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_a_value_is_counted_into_its_bin(dtype):
    values = np.array([-1, 0, 1, 2, 3, 9], dtype)
    if dtype.startswith("float"):
        values = np.append(values, [np.nan, 2.5, 2.4999998, np.inf, -np.inf]).astype(dtype)
    assert_same(lambda x: [tf.raw_ops.Bucketize(input=x, boundaries=[0.0, 1.0, 2.5])], values, opset=18)
