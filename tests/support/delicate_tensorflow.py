"""Right but delicate ONNX graphs translated to TensorFlow: two runtimes of one specification.

Every source is the graph as ONNX Runtime runs it, and every target the translator's SavedModel, saved and reloaded.
"""

from __future__ import annotations

from typing import Any

import delicate_specials
import numpy as np
from delicate_case import Delicate
from delicate_graphs import draw
from fakes import graph

floats = draw(17)
WHY = "the same operators of the ONNX specification in another runtime; "


def case(name: str, kind: str, why: str, body: str, ml: int = 0, **weights: Any) -> Delicate:
    return Delicate(name, kind, lambda: graph(body, ml=ml, **weights), WHY + why, "onnx", "tensorflow")


CASES = [
    case(
        "a cnn with max pooling",
        "specials",
        "NaN in a maximum is the kernel's own affair",
        """(float[N,3,8,8] x) => (float[N,4,4,4] y) { c = Conv<pads: ints = [1, 1, 1, 1]>(x, w) r = Relu(c)
             y = MaxPool<kernel_shape: ints = [2, 2], strides: ints = [2, 2]>(r) }""",
        w=floats(4, 3, 3, 3),
    ),
    case(
        "normalizations of constant rows",
        "degenerate",
        "a constant row has zero deviation up to rounding, which epsilon divides",
        """(float[N,37] x) => (float[N,37] y, float[N,1,37] z) { y = LayerNormalization(x, s, b) u = Unsqueeze(x, one)
             z = InstanceNormalization(u, i, j) }""",
        s=floats(37),
        b=floats(37),
        one=np.asarray([1]),
        i=np.ones(1, np.float32),
        j=np.zeros(1, np.float32),
    ),
    case(
        "topk of rounded scores",
        "ties",
        "of equal values the lower index is first",
        "(float[N,20] x) => (float[N,5] v, int64[N,5] i) { r = Round(x) v, i = TopK(r, k) }",
        k=np.asarray([5]),
    ),
    case(
        "activations at the extremes",
        "specials",
        "beyond the range of exp every activation is at its limit",
        delicate_specials.stacked(delicate_specials.ACTIVATIONS),
    ),
    case(
        "functions outside their domains",
        "specials",
        "IEEE 754 gives the same special value on both sides",
        delicate_specials.stacked(delicate_specials.UNARY),
    ),
    case(
        "a cumulative sum of 10,000",
        "sums",
        "the same terms added in another order",
        "(float[N,10000] x) => (float[N,10000] y) { y = CumSum(x, one) }",
        one=np.asarray(1),
    ),
    case(
        "casts beyond the integers",
        "casts",
        "a float beyond the range of the integer has no value in C: either answer is right",
        """(float[N,6] x) => (int32[N,6] a, int64[N,6] b, uint8[N,6] c) {
             m = Mul(x, k) a = Cast<to: int = 6>(m) b = Cast<to: int = 7>(m) c = Cast<to: int = 2>(m) }""",
        k=np.float32(1e3),
    ),
    case(
        "rows wholly masked",
        "specials",
        "a row of -inf is NaN on both sides",
        "(float[N,6] x) => (float[N,6] y) { p = Greater(x, zero) z = Where(p, x, low) y = Softmax(z) }",
        zero=np.float32(0),
        low=np.float32(-np.inf),
    ),
    case(
        "quantisation that saturates",
        "thresholds",
        "halves to even and saturation",
        "(float[N,6] x) => (int8[N,6] q, float[N,6] y) { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }",
        s=np.float32(0.1),
        z=np.int8(3),
    ),
    case(
        "an lstm of 100 steps",
        "recurrences",
        "the same recurrence",
        "(float[100,N,3] x) => (float[1,N,8] y) { _, y = LSTM<hidden_size: int = 8>(x, w, r) }",
        w=floats(1, 32, 3) / 2,
        r=floats(1, 32, 8) / 3,
    ),
    case(
        "ids of a table",
        "refusals",
        "negative ids count from the end",
        "(int64[N,5] x) => (float[N,5,4] y) { y = Gather(t, x) }",
        t=floats(11, 4),
    ),
    case(
        "remainders and quotients",
        "integers",
        "integer arithmetic is exact",
        "(int32[N,4] x) => (int32[N,4] y, int32[N,4] z, int32[N,4] w) { y = Mod(x, k) z = Div(x, k) w = Mul(x, x) }",
        k=np.int32(7),
    ),
    case(
        "distinct values, and places of what is not zero",
        "shapes",
        "lists of one order",
        "(float[N] x) => (float[K] y, int64[1,L] z) { r = Round(x) y = Unique(r) z = NonZero(r) }",
    ),
    case(
        "resized to double by three rules",
        "magnitudes",
        "the same weights of the same pixels",
        """(float[N,2,5,7] x) => (float[N,2,10,14] a, float[N,2,10,14] b) { a = Resize<mode = "linear">(x, , k)
             b = Resize<mode = "nearest", nearest_mode = "floor", coordinate_transformation_mode = "asymmetric">(x, , k) }""",
        k=np.asarray([1, 1, 2, 2], np.float32),
    ),
]
