"""Convolution, pooling, normalization, losses, recurrent cells, quantization and what draws numbers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_case import Case, floats, function, integers, known, op, positive

IMAGE, KERNEL = floats(2, 7, 8, 4), known(floats(3, 3, 4, 6))
VOLUME = floats(2, 5, 6, 4, 3)
DEPTHWISE = known(floats(3, 3, 4, 2))
ONES = [1, 1, 1, 1]
HALF = [1, 2, 2, 1]
KSIZE = [1, 3, 3, 1]
SCALE, OFFSET, MEAN, VARIANCE = (known(item) for item in (floats(4), floats(4) * 2, floats(4) / 2, positive(4)))
UNITS, WIDTH = 3, 4

_CONVOLUTIONS = [
    op("Conv2D", IMAGE, KERNEL, strides=HALF, padding="SAME"),
    op("Conv2D", IMAGE, KERNEL, strides=ONES, padding="VALID", dilations=[1, 2, 2, 1]),
    op("Conv2D", IMAGE, KERNEL, strides=ONES, padding="EXPLICIT", explicit_paddings=[0, 0, 2, 1, 0, 3, 0, 0]),
    op("Conv2D", IMAGE, known(floats(3, 3, 2, 6)), strides=ONES, padding="SAME"),
    op("Conv2D", IMAGE, floats(3, 3, 4, 6), strides=ONES, padding="SAME", dynamic=False),
    op("Conv2D", IMAGE.astype("float16"), known(floats(1, 1, 4, 2, dtype="float16")), strides=ONES, padding="SAME"),
    op("Conv", IMAGE, KERNEL, strides=HALF, padding="SAME"),
    op("Conv3D", VOLUME, known(floats(3, 3, 3, 3, 4)), strides=[1, 2, 2, 2, 1], padding="SAME"),
    op("DepthwiseConv2dNative", IMAGE, DEPTHWISE, strides=ONES, padding="SAME"),
    op("DepthwiseConv2dNative", IMAGE, DEPTHWISE, strides=HALF, padding="VALID"),
    op("DepthwiseConv2dNative", IMAGE, DEPTHWISE, strides=ONES, padding="SAME", dilations=[1, 2, 2, 1]),
    op(
        "Conv2DBackpropInput",
        known([2, 14, 16, 4]),
        KERNEL,
        floats(2, 7, 8, 6),
        strides=HALF,
        padding="SAME",
        dynamic=False,
    ),
    function(
        "Conv2DBackpropInput",
        lambda y: tf.nn.conv2d_transpose(y, KERNEL.value, [tf.shape(y)[0], 15, 17, 4], 2, "VALID"),
        floats(2, 7, 8, 6),
    ),
    function(
        "Conv2DBackpropInput",
        lambda y: tf.nn.conv2d_transpose(y, KERNEL.value, [tf.shape(y)[0], tf.shape(y)[1] * 2, 16, 4], 2, "SAME"),
        floats(2, 7, 8, 6),
    ),
    op(
        "Conv3DBackpropInputV2",
        known([2, 10, 12, 8, 4]),
        known(floats(3, 3, 3, 4, 3)),
        VOLUME,
        strides=[1, 2, 2, 2, 1],
        padding="SAME",
        dynamic=False,
    ),
    op(
        "DepthwiseConv2dNativeBackpropInput",
        known([2, 7, 8, 4]),
        DEPTHWISE,
        floats(2, 7, 8, 8),
        strides=ONES,
        padding="SAME",
        dynamic=False,
    ),
    op(
        "FusedPadConv2D",
        IMAGE,
        known([[0, 0], [1, 1], [1, 1], [0, 0]]),
        KERNEL,
        mode="REFLECT",
        strides=ONES,
        padding="VALID",
    ),
    op("Dilation2D", IMAGE, known(floats(3, 3, 4)), strides=ONES, rates=ONES, padding="SAME"),
    op("Dilation2D", IMAGE, known(floats(2, 2, 4)), strides=HALF, rates=ONES, padding="VALID"),
    op("BiasAdd", IMAGE, known(floats(4))),
    op("BiasAddV1", IMAGE, floats(4), dynamic=False),
    function("Conv2D", lambda x: tf.nn.atrous_conv2d(x, KERNEL.value, 2, "SAME"), IMAGE),
    function("Conv2D", lambda x: tf.nn.conv1d(x, floats(3, 4, 5), 2, "SAME"), floats(2, 9, 4)),
]

_POOLS = [
    op("MaxPool", IMAGE, ksize=KSIZE, strides=HALF, padding="SAME"),
    op("MaxPool", IMAGE, ksize=KSIZE, strides=HALF, padding="VALID"),
    op("MaxPoolV2", IMAGE, known(KSIZE), known(HALF), padding="SAME"),
    op("AvgPool", IMAGE, ksize=KSIZE, strides=HALF, padding="SAME"),
    op("AvgPool", IMAGE, ksize=KSIZE, strides=ONES, padding="VALID"),
    op("MaxPool3D", VOLUME, ksize=[1, 2, 2, 2, 1], strides=[1, 2, 2, 2, 1], padding="SAME"),
    op("AvgPool3D", VOLUME, ksize=[1, 2, 2, 2, 1], strides=[1, 2, 2, 2, 1], padding="SAME"),
    op("MaxPoolWithArgmax", IMAGE, ksize=[1, 2, 2, 1], strides=HALF, padding="VALID"),
    op("MaxPoolWithArgmax", IMAGE, ksize=[1, 2, 2, 1], strides=HALF, padding="SAME", include_batch_in_index=True),
    op("FractionalMaxPool", IMAGE, pooling_ratio=[1.0, 1.4, 1.4, 1.0]),
    op("FractionalAvgPool", IMAGE, pooling_ratio=[1.0, 1.4, 1.4, 1.0]),
]

_NORMALIZATION = [
    *(
        op(name, IMAGE, SCALE, OFFSET, MEAN, VARIANCE, is_training=False, take=[0])
        for name in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
    ),
    op(
        "FusedBatchNormV3",
        IMAGE,
        SCALE,
        OFFSET,
        known(np.zeros(0, "float32")),
        known(np.zeros(0, "float32")),
        is_training=True,
        take=[0],
    ),
    op("FusedBatchNormV3", IMAGE.astype("float16"), SCALE, OFFSET, MEAN, VARIANCE, is_training=False, take=[0]),
    op("LRN", IMAGE),
    op("LRN", IMAGE, depth_radius=1, bias=2.0, alpha=0.5, beta=0.75),
    op("L2Loss", IMAGE),
    function("Rsqrt", lambda x: tf.nn.l2_normalize(x, -1), IMAGE),
    op("Softmax", floats(2, 3, 5)),
    op("LogSoftmax", floats(3, 5, dtype="float64")),
    op("SoftmaxCrossEntropyWithLogits", floats(3, 5), floats(3, 5, low=0.0, high=1.0), take=[0]),
    op("SoftmaxCrossEntropyWithLogits", floats(3, 5), floats(3, 5, low=0.0, high=1.0)),
    op("SparseSoftmaxCrossEntropyWithLogits", floats(3, 5), np.array([1, 4, 0], np.int32), take=[0]),
    op("SparseSoftmaxCrossEntropyWithLogits", floats(3, 5), np.array([1, 4, 0], np.int64)),
    function("Log1p", lambda x: tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros_like(x), x), floats(3, 5)),
    function("Erfc", lambda x: tf.nn.gelu(x, approximate=False), floats(3, 5)),
    function("Sigmoid", lambda x: tf.nn.silu(x), floats(3, 5)),
]


def _lstm_inputs(steps: int | None) -> tuple:
    x = floats(2, WIDTH) if steps is None else floats(steps, 2, WIDTH)
    state = floats(2, UNITS), floats(2, UNITS) / 2
    weights = (
        floats(WIDTH + UNITS, 4 * UNITS) / 2,
        floats(UNITS),
        floats(UNITS) / 2,
        floats(UNITS) / 3,
        floats(4 * UNITS) / 4,
    )
    return x, state, [known(item) for item in weights]


_CELL, _STATE, _WEIGHTS = _lstm_inputs(None)
_SEQUENCE = _lstm_inputs(5)[0]
_GRU = [
    known(item)
    for item in (floats(WIDTH + UNITS, 2 * UNITS), floats(WIDTH + UNITS, UNITS), floats(2 * UNITS), floats(UNITS))
]

_RECURRENT = [
    op("LSTMBlockCell", _CELL, *_STATE, *_WEIGHTS, forget_bias=0.5),
    op("LSTMBlockCell", _CELL, *_STATE, *_WEIGHTS, cell_clip=0.3, use_peephole=True),
    op("GRUBlockCell", _CELL, _STATE[0], *_GRU),
    op("BlockLSTM", known(5, "int64"), _SEQUENCE, *_STATE, *_WEIGHTS),
    op("BlockLSTMV2", known(5, "int64"), _SEQUENCE, *_STATE, *_WEIGHTS),
    op("CTCGreedyDecoder", floats(5, 2, 4), known([5, 4])),
    op("CTCBeamSearchDecoder", floats(5, 2, 4), known([5, 4]), beam_width=3, top_paths=1),
    op("CTCLoss", floats(5, 2, 4), known([[0, 0], [1, 0]], "int64"), known([1, 2]), known([5, 4]), take=[0]),
]

RANGE = known(-1.5, "float32"), known(1.75, "float32")
_QUANTIZATION = [
    op("FakeQuantWithMinMaxArgs", IMAGE, min=-1.5, max=1.75),
    op("FakeQuantWithMinMaxArgs", IMAGE, min=-1.5, max=1.75, num_bits=4, narrow_range=True),
    op("FakeQuantWithMinMaxVars", IMAGE, *RANGE),
    op("FakeQuantWithMinMaxVars", IMAGE, *RANGE, narrow_range=True),
    op("FakeQuantWithMinMaxVars", IMAGE, np.float32(-1.5), np.float32(1.75), num_bits=4),
    op("FakeQuantWithMinMaxVarsPerChannel", IMAGE, known(-positive(4)), known(positive(4))),
    op("QuantizeAndDequantizeV2", IMAGE, *RANGE, range_given=True),
    op("QuantizeAndDequantizeV2", IMAGE, *RANGE, range_given=True, signed_input=False),
    op("QuantizeAndDequantizeV2", IMAGE, *RANGE, range_given=False),
    op("QuantizeAndDequantizeV3", IMAGE, *RANGE, known(8), range_given=True),
    op("QuantizeAndDequantizeV4", IMAGE, *RANGE, range_given=True, round_mode="HALF_UP"),
    function(
        "Dequantize",
        lambda x: tf.quantization.dequantize(tf.bitcast(x, tf.quint8), -1.0, 2.0),
        integers(3, 4, dtype="uint8", low=0, high=255),
    ),
    function(
        "QuantizeV2", lambda x: tf.bitcast(tf.quantization.quantize(x, -1.0, 2.0, tf.quint8)[0], tf.uint8), floats(3, 4)
    ),
]

SEED = known([1, 2])
_RANDOM = [  # those that ONNX draws too cannot be compared
    op("StatelessRandomUniform", known([3, 4]), SEED),
    op("StatelessRandomNormal", known([3, 4]), SEED),
    op("StatelessRandomUniformV2", known([3, 4]), known([1], "uint64"), known([1, 2], "uint64"), known(1)),
    op("StatelessTruncatedNormal", known([3, 4]), SEED),
    op("RandomGamma", known([3]), positive(2)),
    op("RandomPoissonV2", known([3]), positive(2)),
]

CASES: list[Case] = [*_CONVOLUTIONS, *_POOLS, *_NORMALIZATION, *_RECURRENT, *_QUANTIZATION, *_RANDOM]
