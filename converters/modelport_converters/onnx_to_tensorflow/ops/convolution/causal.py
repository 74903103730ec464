"""Causal convolution whose state is carried to the next call."""

from __future__ import annotations

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.ops.normalization import wide
from modelport_converters.onnx_to_tensorflow.registry import Unsupported, op


@op("CausalConvWithState")
def causal_conv_with_state(
    x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor | None = None, past_state: tf.Tensor | None = None,
    *, activation: str = "none",
) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Causal depthwise convolution over [batch, channels, time]; also the last inputs, as the state of the next call."""
    if activation not in ("none", "silu", "swish"):
        raise Unsupported(f"activation={activation}")
    shape, taps = tf.shape(x), weight.shape[2]
    before = tf.zeros([shape[0], shape[1], taps - 1], x.dtype) if past_state is None else past_state
    padded = tf.concat([before, x], 2)
    y = tf.add_n([wide(padded[..., at : at + shape[2]]) * wide(weight[:, :, at]) for at in range(taps)])
    y = y if bias is None else y + wide(bias)[:, None]
    y = y if activation == "none" else tf.nn.silu(y)
    return tf.cast(y, x.dtype), padded[..., shape[2] :]
