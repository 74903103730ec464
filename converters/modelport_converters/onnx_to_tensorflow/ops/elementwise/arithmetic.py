"""Elementwise arithmetic, comparison, logic, rounding and trigonometry."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, elementwise, op


def divide(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Division; of integers truncated towards zero."""
    return tf.raw_ops.Div(x=a, y=b) if a.dtype.is_floating or a.dtype.is_unsigned else tf.truncatediv(a, b)


def sign(x: tf.Tensor) -> tf.Tensor:
    """Sign: -1, 0 or 1."""
    return tf.cast(x != 0, x.dtype) if x.dtype.is_unsigned else tf.sign(x)


def negative(x: tf.Tensor) -> tf.Tensor:
    """Negation; unsigned integers wrap around."""
    return tf.zeros([], x.dtype) - x if x.dtype.is_unsigned else tf.negative(x)


def power(x: tf.Tensor, exponent: tf.Tensor) -> tf.Tensor:
    """Power in the type of the base; the exponent may be of another type."""
    if x.dtype == exponent.dtype and x.dtype.is_floating:
        return tf.pow(x, exponent)
    wide = tf.float64 if exponent.dtype.is_floating or x.dtype.is_floating else tf.int64
    base, times = tf.cast(x, wide), tf.cast(exponent, wide)
    known = tf.get_static_value(exponent)
    if wide == tf.int64 and (known is None or (known < 0).any()):  # TensorFlow refuses negative powers of integers
        base = tf.where((times < 0) & (tf.abs(base) > 1), tf.zeros([], wide), base)
        times = tf.abs(times)
    return tf.cast(tf.pow(base, times), x.dtype)


def mean(*values: tf.Tensor) -> tf.Tensor:
    """Mean of the operands."""
    return functools.reduce(tf.add, values) / tf.cast(len(values), values[0].dtype)


def _folded(function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    return lambda *values: functools.reduce(function, values)


elementwise(
    {
        "Abs": lambda x: x if x.dtype.is_unsigned else tf.abs(x),
        "Acos": tf.acos,
        "Acosh": tf.acosh,
        "Add": tf.add,
        "And": tf.logical_and,
        "Asin": tf.asin,
        "Asinh": tf.asinh,
        "Atan": tf.atan,
        "Atanh": tf.atanh,
        "BitwiseAnd": tf.bitwise.bitwise_and,
        "BitwiseNot": tf.bitwise.invert,
        "BitwiseOr": tf.bitwise.bitwise_or,
        "BitwiseXor": tf.bitwise.bitwise_xor,
        "Ceil": tf.math.ceil,
        "Cos": tf.cos,
        "Cosh": tf.cosh,
        "Div": divide,
        "Equal": tf.equal,
        "Erf": tf.math.erf,
        "Exp": tf.exp,
        "Floor": tf.floor,
        "Greater": tf.greater,
        "GreaterOrEqual": tf.greater_equal,
        "Identity": lambda x: x,  # of a tensor, a sequence or an optional
        "IsNaN": tf.math.is_nan,
        "Less": tf.less,
        "LessOrEqual": tf.less_equal,
        "Log": tf.math.log,
        "Max": _folded(tf.maximum),
        "Mean": mean,
        "Min": _folded(tf.minimum),
        "Mul": tf.multiply,
        "Neg": negative,
        "Not": tf.logical_not,
        "Or": tf.logical_or,
        "Pow": power,
        "Reciprocal": tf.math.reciprocal,
        "Round": tf.round,
        "Sign": sign,
        "Sin": tf.sin,
        "Sinh": tf.sinh,
        "Sqrt": tf.sqrt,
        "Sub": tf.subtract,
        "Sum": _folded(tf.add),
        "Tan": tf.tan,
        "Tanh": tf.tanh,
        "Where": tf.where,
        "Xor": tf.math.logical_xor,
    }
)


@op("Clip", layout=LayoutRule.ELEMENTWISE)
def clip(x: tf.Tensor, minimum: tf.Tensor | None = None, maximum: tf.Tensor | None = None) -> tf.Tensor:
    """Clip to [minimum, maximum]; either may be absent, and the maximum wins where it is the smaller."""
    low, high = (None if bound is None else tf.get_static_value(bound) for bound in (minimum, maximum))
    if x.dtype.is_floating and low is not None and low == 0 and (maximum is None or (high is not None and high == 6)):
        return (
            tf.nn.relu(x) if maximum is None else tf.nn.relu6(x)
        )  # which TensorFlow fuses with a convolution before it
    if minimum is not None:
        x = tf.maximum(x, minimum)
    return x if maximum is None else tf.minimum(x, maximum)


@op("Mod", layout=LayoutRule.ELEMENTWISE)
def mod(a: tf.Tensor, b: tf.Tensor, *, fmod: int = 0) -> tf.Tensor:
    """Remainder with the sign of b, or of a when fmod is set."""
    if not a.dtype.is_floating:
        return a - divide(a, b) * b if fmod or a.dtype.is_unsigned else tf.math.floormod(a, b)
    half = a.dtype in (tf.float16, tf.bfloat16)
    x, y = (tf.cast(a, tf.float32), tf.cast(b, tf.float32)) if half else (a, b)
    rest = tf.truncatemod(x, y)
    if not fmod:
        moved = tf.where(tf.math.is_inf(y), y, rest + y)
        signed_zero = tf.where(y < 0, -tf.abs(rest), tf.abs(rest))
        rest = tf.where(rest == 0, signed_zero, tf.where((rest < 0) != (y < 0), moved, rest))
    return tf.cast(rest, a.dtype)


@op("BitShift", layout=LayoutRule.ELEMENTWISE)
def bit_shift(x: tf.Tensor, y: tf.Tensor, *, direction: str) -> tf.Tensor:
    """Bitwise shift by y bits; amounts outside the width leave only copies of the sign bit."""
    bits = tf.constant(x.dtype.size * 8, y.dtype)
    inside = (y >= 0) & (y < bits)
    safe = tf.where(inside, y, tf.zeros([], y.dtype))
    if direction == "LEFT":
        return tf.where(inside, tf.bitwise.left_shift(x, safe), tf.zeros([], x.dtype))
    fill = tf.zeros_like(x) if x.dtype.is_unsigned else -tf.cast(x < 0, x.dtype)
    return tf.where(inside, tf.bitwise.right_shift(x, safe), fill)


@op("IsInf", layout=LayoutRule.ELEMENTWISE)
def is_inf(x: tf.Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> tf.Tensor:
    """True for infinities of the signs asked for."""
    if detect_negative and detect_positive:
        return tf.math.is_inf(x)
    infinity = tf.constant(float("inf") if detect_positive else -float("inf"), x.dtype)
    return x == infinity if detect_negative or detect_positive else tf.zeros_like(x, tf.bool)
