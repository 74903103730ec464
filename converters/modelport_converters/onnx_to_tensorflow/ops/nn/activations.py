"""Activation functions, softmax among them."""

from __future__ import annotations

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, elementwise, op

_SELU = (1.67326319217681884765625, 1.05070102214813232421875)
"""alpha and gamma of Selu: the defaults of ONNX's schema."""

elementwise(
    {
        "HardSwish": lambda x: x * tf.clip_by_value(x / 6 + 0.5, 0, 1),
        "Mish": lambda x: x * tf.tanh(tf.nn.softplus(x)),
        "PRelu": lambda x, slope: tf.where(x < 0, x * slope, x),
        "Relu": tf.nn.relu,
        "Sigmoid": tf.sigmoid,
        "Softplus": tf.nn.softplus,
        "Softsign": tf.nn.softsign,
    }
)


@op("Gelu", layout=LayoutRule.ELEMENTWISE)
def gelu(x: tf.Tensor, *, approximate: str = "none") -> tf.Tensor:
    """GELU: x * Phi(x), or its approximation by tanh."""
    return tf.nn.gelu(x, approximate=approximate == "tanh")


@op("Elu", layout=LayoutRule.ELEMENTWISE)
def elu(x: tf.Tensor, *, alpha: float = 1.0) -> tf.Tensor:
    """ELU: x where positive, else alpha * (exp(x) - 1)."""
    return tf.nn.elu(x) if alpha == 1.0 else tf.where(x < 0, alpha * tf.math.expm1(tf.minimum(x, 0)), x)


@op("Celu", layout=LayoutRule.ELEMENTWISE)
def celu(x: tf.Tensor, *, alpha: float = 1.0) -> tf.Tensor:
    """CELU: x where positive, else alpha * (exp(x / alpha) - 1)."""
    return tf.nn.elu(x) if alpha == 1.0 else tf.maximum(x, 0) + tf.minimum(alpha * tf.math.expm1(x / alpha), 0)


@op("Selu", layout=LayoutRule.ELEMENTWISE)
def selu(x: tf.Tensor, *, alpha: float = _SELU[0], gamma: float = _SELU[1]) -> tf.Tensor:
    """SELU: ELU scaled by gamma."""
    return gamma * elu(x, alpha=alpha)


@op("LeakyRelu", layout=LayoutRule.ELEMENTWISE)
def leaky_relu(x: tf.Tensor, *, alpha: float = 0.01) -> tf.Tensor:
    """Leaky ReLU: x where positive, else alpha * x."""
    return tf.nn.leaky_relu(x, alpha)


@op("HardSigmoid", layout=LayoutRule.ELEMENTWISE)
def hard_sigmoid(x: tf.Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> tf.Tensor:
    """Hard sigmoid: alpha * x + beta, clipped to [0, 1]."""
    return tf.clip_by_value(alpha * x + beta, 0, 1)


@op("ThresholdedRelu", layout=LayoutRule.ELEMENTWISE)
def thresholded_relu(x: tf.Tensor, *, alpha: float = 1.0) -> tf.Tensor:
    """Thresholded ReLU: x where above alpha, else 0."""
    return tf.where(x > alpha, x, tf.zeros([], x.dtype))


@op("Shrink", layout=LayoutRule.ELEMENTWISE)
def shrink(x: tf.Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> tf.Tensor:
    """Shrinkage: x moved towards zero by bias where beyond lambd, else 0."""
    wide = x if x.dtype.is_floating else tf.cast(x, tf.float64)
    moved = tf.where(wide > lambd, wide - bias, tf.where(wide < -lambd, wide + bias, tf.zeros([], wide.dtype)))
    return tf.cast(moved, x.dtype)


@op("Swish", layout=LayoutRule.ELEMENTWISE)
def swish(x: tf.Tensor, *, alpha: float = 1.0) -> tf.Tensor:
    """Swish: x * sigmoid(alpha * x)."""
    return x * tf.sigmoid(x if alpha == 1.0 else alpha * x)


@op("SwiGLU", layout=LayoutRule.ELEMENTWISE)
def swi_glu(a: tf.Tensor, b: tf.Tensor, *, alpha: float = 1.0) -> tf.Tensor:
    """SwiGLU: Swish of the gate a, times b."""
    return swish(a, alpha=alpha) * b


@op("Softmax", layout=LayoutRule.AXIS)
def softmax(x: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """Softmax along axis."""
    return tf.nn.softmax(x, axis)


@op("LogSoftmax", layout=LayoutRule.AXIS)
def log_softmax(x: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """Logarithm of softmax along axis."""
    return tf.nn.log_softmax(x, axis)


@op("Hardmax", layout=LayoutRule.AXIS)
def hardmax(x: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """Hardmax: 1 at the first maximum along axis, 0 elsewhere."""
    return tf.one_hot(tf.argmax(x, axis), tf.shape(x)[axis], axis=axis % x.shape.rank, dtype=x.dtype)
