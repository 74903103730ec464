"""Operators of com.microsoft that ONNX Runtime's optimizer writes: fused products, activations and normalizations.

Their meaning is that of ONNX Runtime's `docs/ContribOperators.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.layout import nhwc_perm
from modelport_converters.onnx_to_tensorflow.ops.contrib import DOMAIN
from modelport_converters.onnx_to_tensorflow.ops.convolution.conv import conv
from modelport_converters.onnx_to_tensorflow.ops.nn.linear import gemm
from modelport_converters.onnx_to_tensorflow.ops.normalization import layer_norm, root_mean_square, trailing, wide
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, Unsupported, elementwise, op, refuse

_BLOCKED = (
    "its layout is blocked for one CPU: write the optimised model with a graph optimization level below ORT_ENABLE_ALL"
)

refuse(
    dict.fromkeys(
        (
            "AveragePool", "Conv", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReorderInput", "ReorderOutput", "Upsample",
        ),
        _BLOCKED,
    ),
    domain="com.microsoft.nchwc",
)  # fmt: skip


def _fast_gelu(x: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    return tf.nn.gelu(x if bias is None else x + bias, approximate=True)


def _bias_gelu(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    return tf.nn.gelu(x + bias, approximate=False)


def _bias_add(x: tf.Tensor, bias: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
    return x + bias + skip


elementwise(
    {
        "BiasAdd": _bias_add,
        "BiasGelu": _bias_gelu,
        "FastGelu": _fast_gelu,
        "Gelu": lambda x: tf.nn.gelu(x, approximate=False),
    },
    domain=DOMAIN,
)


@op("QuickGelu", domain=DOMAIN, layout=LayoutRule.ELEMENTWISE)
def quick_gelu(x: tf.Tensor, *, alpha: float = 1.702) -> tf.Tensor:
    """Quick GELU: x * sigmoid(alpha * x)."""
    return x * tf.sigmoid(alpha * x)


# --- products ----------------------------------------------------------------------------------------------------------


@op("FusedMatMul", domain=DOMAIN)
@op("TransposeMatMul", domain=DOMAIN)
def fused_mat_mul(
    a: tf.Tensor, b: tf.Tensor,
    *, alpha: float = 1.0, trans_a: int = 0, trans_b: int = 0, trans_batch_a: int = 0, trans_batch_b: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Matrix product alpha * A' B'; A' and B' are transposed, or have the batch dimension moved before the last, on request."""
    a, b = _batch_moved(a) if trans_batch_a else a, _batch_moved(b) if trans_batch_b else b
    y = tf.matmul(a, b, transpose_a=bool(trans_a), transpose_b=bool(trans_b))
    return y if alpha == 1.0 else alpha * y


def _batch_moved(x: tf.Tensor) -> tf.Tensor:
    rank = x.shape.rank
    return tf.transpose(x, [*range(1, rank - 1), 0, rank - 1])


@op("FusedGemm", domain=DOMAIN)
def fused_gemm(
    a: tf.Tensor, b: tf.Tensor, c: tf.Tensor | None = None,
    *, activation: str = "", activation_alpha: float | None = None, activation_beta: float | None = None,
    activation_gamma: float | None = None, alpha: float = 1.0, beta: float = 1.0, trans_a: int = 0, trans_b: int = 0,
) -> tf.Tensor:  # fmt: skip
    """Gemm followed by an activation."""
    y = gemm(a, b, c, alpha=alpha, beta=beta, trans_a=trans_a, trans_b=trans_b)
    given = (activation_alpha, activation_beta, activation_gamma)
    return activated(y, activation, [value for value in given if value is not None])


@op("FusedConv", domain=DOMAIN, layout=LayoutRule.SPATIAL, lazy=("w",))
def fused_conv(
    x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | None = None, z: tf.Tensor | None = None,
    *, activation: str = "", activation_params: Sequence[float] = (), auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (), group: int = 1, kernel_shape: Sequence[int] = (), pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> tf.Tensor:  # fmt: skip
    """Convolution, residual sum with z and activation; x is channels-last, z as in ONNX."""
    y = conv(x, w, b, auto_pad=auto_pad, dilations=dilations, group=group, kernel_shape=kernel_shape, pads=pads,
                strides=strides)  # fmt: skip
    y = y if z is None else y + tf.transpose(z, nhwc_perm(z.shape.rank))
    return activated(y, activation, activation_params)


_ACTIVATIONS: dict[str, Callable[..., tf.Tensor]] = {
    "": lambda x: x,
    "Clip": lambda x, low=None, high=None: tf.clip_by_value(
        x, x.dtype.min if low is None else low, x.dtype.max if high is None else high
    ),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: tf.clip_by_value(alpha * x + beta, 0, 1),
    "LeakyRelu": lambda x, alpha=0.01: tf.nn.leaky_relu(x, alpha),
    "Relu": tf.nn.relu,
    "Sigmoid": tf.sigmoid,
    "Tanh": tf.tanh,
}


def activated(x: tf.Tensor, name: str, parameters: Sequence[float]) -> tf.Tensor:
    """Apply the activation of a fused operator.

    Raises:
        Unsupported: for one that ONNX Runtime does not fuse.
    """
    if name not in _ACTIVATIONS:
        raise Unsupported(f"the activation {name}")
    return _ACTIVATIONS[name](x, *parameters)


# --- normalisations ----------------------------------------------------------------------------------------------------


@op("SkipLayerNormalization", domain=DOMAIN)
def skip_layer_normalization(
    x: tf.Tensor, skip: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor | None = None, bias: tf.Tensor | None = None,
    *, epsilon: float = 1e-12,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Layer normalization of x + skip + bias; also the mean, the inverse standard deviation and the sum."""
    total = x + skip if bias is None else x + bias + skip
    return *layer_norm(total, gamma, beta, epsilon=epsilon), total


@op("SkipSimplifiedLayerNormalization", domain=DOMAIN)
def skip_simplified_layer_normalization(
    x: tf.Tensor, skip: tf.Tensor, gamma: tf.Tensor, bias: tf.Tensor | None = None, *, epsilon: float = 1e-12
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """RMS normalization of x + skip + bias; also the mean (empty), the inverse RMS and the sum."""
    total = x + skip if bias is None else x + bias + skip
    y, inverse = simplified_layer_normalization(total, gamma, epsilon=epsilon)
    return y, tf.zeros_like(inverse), inverse, total


@op("SimplifiedLayerNormalization", domain=DOMAIN)
def simplified_layer_normalization(
    x: tf.Tensor, scale: tf.Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """RMS normalization over the dimensions from axis on; also the inverse RMS."""
    y, inverse = root_mean_square(wide(x, stash_type), trailing(x, axis), epsilon)
    return tf.cast(y, scale.dtype) * scale, inverse


@op("EmbedLayerNormalization", domain=DOMAIN)
def embed_layer_normalization(
    input_ids: tf.Tensor, segment_ids: tf.Tensor | None, word: tf.Tensor, position: tf.Tensor,
    segment: tf.Tensor | None, gamma: tf.Tensor, beta: tf.Tensor, mask: tf.Tensor | None = None,
    position_ids: tf.Tensor | None = None,
    *, epsilon: float = 1e-12, mask_index_type: int = 0,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:  # fmt: skip
    """Layer normalization of the sum of word, position and segment embeddings; also the mask's count per row, and the sum."""
    shape = tf.shape(input_ids)
    total = tf.gather(word, input_ids)
    total += position[: shape[1]] if position_ids is None else tf.gather(position, position_ids)
    if segment is not None and segment_ids is not None:
        total += tf.gather(segment, segment_ids)
    index = tf.zeros([shape[0]], tf.int32) if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), 1)
    return layer_norm(total, gamma, beta, epsilon=epsilon)[0], index, total
