"""Graphs of NaN, infinities and signed zeros, of huge and tiny numbers and of few bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from delicate_graphs import Reference, case, draw, finite, narrowed, normalised, sigmoid, softmax
from ml_dtypes import bfloat16

floats = draw(13)

SAME = "IEEE 754 gives the same special value on both sides"
UNARY = {
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Reciprocal": lambda x: 1 / x,
    "Asin": np.arcsin,
    "Acosh": np.arccosh,
    "Atanh": np.arctanh,
    "Exp": np.exp,
    "Sinh": np.sinh,
    "Tan": np.tan,
}


def stacked(operators: Any) -> str:
    """A graph with one output for each operator of one input."""
    outputs = ", ".join(f"float[N,6] {op.lower()}" for op in operators)
    return f"(float[N,6] x) => ({outputs}) {{ {' '.join(f'{op.lower()} = {op}(x)' for op in operators)} }}"


ACTIVATIONS = {
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": sigmoid,
    "Tanh": np.tanh,
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "HardSigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Selu": lambda x: 1.05070102214813232421875 * np.where(x > 0, x, 1.67326319217681884765625 * np.expm1(x)),
    "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
}

SPECIAL = [
    case(
        "functions outside their domains",
        "specials",
        SAME,
        stacked(UNARY),
        lambda x: {op.lower(): f(x.astype(np.float64)).astype(np.float32) for op, f in UNARY.items()},
    ),
    case(
        "activations at the extremes",
        "specials",
        "beyond the range of exp every activation is at its limit",
        stacked(ACTIVATIONS),
        lambda x: {op.lower(): f(finite(x).astype(np.float64)).astype(np.float32) for op, f in ACTIVATIONS.items()},
    ),
    case(
        "activations of NaN and infinities",
        "specials",
        "operators of one input pass NaN on by IEEE 754; where a runtime's kernel does not, "
        "the exported operator is still the right one",
        stacked(["Relu", "Sigmoid", "Tanh"]),
        lambda x: {
            op.lower(): ACTIVATIONS[op](x.astype(np.float64)).astype(np.float32) for op in ("Relu", "Sigmoid", "Tanh")
        },
    ),
    case(
        "division by an input that may be zero",
        "specials",
        SAME,
        "(float[N,6] a, float[N,6] b) => (float[N,6] y) { y = Div(a, b) }",
        lambda a, b: a / b,
    ),
    case(
        "powers of negative numbers",
        "specials",
        SAME,
        "(float[N,6] a, float[N,6] b) => (float[N,6] y) { y = Pow(a, b) }",
        lambda a, b: np.power(a.astype(np.float64), b.astype(np.float64)).astype(np.float32),
    ),
    case(
        "the reciprocal of a rectified negative zero",
        "specials",
        "the sign of max(-0.0, 0) is left open by IEEE 754",
        "(float[N,6] x) => (float[N,6] y) { r = Relu(x) y = Reciprocal(r) }",
        lambda x: 1 / np.maximum(x, np.float32(0)),
    ),
    case(
        "negated zeros",
        "specials",
        "0 and -0.0 are equal",
        "(float[N,6] x) => (float[N,6] y) { r = Relu(x) y = Neg(r) }",
        lambda x: np.minimum(-x, 0),
    ),
    case(
        "an output of NaN beside a good one",
        "specials",
        "the root of a negative number is NaN for every input, on both sides",
        "(float[N,6] x) => (float[N,6] y, float[N,6] bad) { y = Abs(x) n = Neg(y) o = Sub(n, one) bad = Sqrt(o) }",
        lambda x: {"y": np.abs(x), "bad": np.sqrt(-np.abs(x) - 1)},
        one=np.float32(1),
    ),
    case(
        "softmax of rows masked wholly",
        "specials",
        "a row of -inf has no largest element to subtract: NaN on both sides",
        "(float[N,6] x) => (float[N,6] y) { p = Greater(x, zero) z = Where(p, x, low) y = Softmax(z) }",
        lambda x: softmax(np.where(x > 0, x, np.float32(-np.inf))),
        zero=np.float32(0),
        low=np.float32(-np.inf),
    ),
    case(
        "a max pool and an average pool",
        "specials",
        "both operators are exported as they are; NaN in a maximum is the kernel's own",
        """(float[N,2,6,6] x) => (float[N,2,3,3] a, float[N,2,3,3] b) {
             a = MaxPool<kernel_shape: ints = [2, 2], strides: ints = [2, 2]>(x)
             b = AveragePool<kernel_shape: ints = [2, 2], strides: ints = [2, 2]>(x) }""",
        lambda x: {
            "a": x.reshape(-1, 2, 3, 2, 3, 2).max((3, 5)),
            "b": x.astype(np.float64).reshape(-1, 2, 3, 2, 3, 2).mean((3, 5)).astype(np.float32),
        },
    ),
]


ORDER = "a float32 sum in another order differs by its rounding errors and by nothing else"
WIDE, LONG = floats(64, 3) / 64, floats(512, 3) / 64
HALVES = [floats(16, 32).astype(np.float16) / 4, floats(32, 4).astype(np.float16) / 4]


def narrow_mlp(dtype: Any) -> Reference:
    weights = [w.astype(dtype) for w in HALVES]

    def mlp(x: np.ndarray) -> np.ndarray:
        hidden = np.maximum((finite(x).astype(np.float32) @ weights[0].astype(np.float32)).astype(dtype), dtype(0))
        return (hidden.astype(np.float32) @ weights[1].astype(np.float32)).astype(dtype)

    return mlp


def narrow_graph(name: str) -> str:
    return f"({name}[N,16] x) => ({name}[N,4] y) {{ h = MatMul(x, v) r = Relu(h) y = MatMul(r, w) }}"


def float64_layer(x: np.ndarray) -> np.ndarray:
    wide = x * 1e150
    return normalised(wide, -1, 0.0)


MAGNITUDES = [
    case(
        "outputs of 1e30",
        "magnitudes",
        ORDER,
        "(float[N,64] x) => (float[N,3] y) { m = MatMul(x, w) y = Mul(m, k) }",
        narrowed(lambda x: x @ WIDE.astype(np.float64) * np.float64(np.float32(1e30))),
        w=WIDE,
        k=np.float32(1e30),
    ),
    case(
        "outputs of 1e-20",
        "magnitudes",
        ORDER,
        "(float[N,64] x) => (float[N,3] y) { m = MatMul(x, w) y = Mul(m, k) }",
        narrowed(lambda x: x @ WIDE.astype(np.float64) * np.float64(np.float32(1e-20))),
        w=WIDE,
        k=np.float32(1e-20),
    ),
    case(
        "outputs among the subnormal numbers",
        "magnitudes",
        "numbers near 1e-42 have three digits, and rounding moves the last",
        "(float[N,64] x) => (float[N,3] y) { m = MatMul(x, w) h = Mul(m, k) y = Mul(h, k) }",
        narrowed(lambda x: x @ WIDE.astype(np.float64) * np.float64(np.float32(1e-21)) ** 2),
        w=WIDE,
        k=np.float32(1e-21),
    ),
    case(
        "a constant output",
        "magnitudes",
        "x times 0 is 0 and the shape is the input's, on both sides",
        "(float[N,4] x) => (float[N,4] y, float[N,4] z) { s = Shape(x) y = ConstantOfShape(s) z = Abs(x) }",
        lambda x: {"y": np.zeros_like(x), "z": np.abs(x)},
    ),
    case(
        "a regression near 1e6",
        "magnitudes",
        "the same sum in another order: one float32 spacing at 1e6 is 0.06",
        "(float[N,64] x) => (float[N,3] y) { m = MatMul(x, w) y = Add(m, k) }",
        narrowed(lambda x: x @ WIDE.astype(np.float64) + 1e6),
        w=WIDE,
        k=np.float32(1e6),
    ),
    case(
        "a float64 normalization of 1e150",
        "magnitudes",
        "squares of 1e150 are finite in float64; a fusion that keeps sums in float32 overflows",
        """(double[N,8] x) => (double[N,8] y) { w = Mul(x, k) m = ReduceMean(w, last) d = Sub(w, m) q = Mul(d, d)
                 v = ReduceMean(q, last) e = Add(v, z) r = Sqrt(e) n = Div(d, r) y = Mul(n, one) }""",
        float64_layer,
        k=np.float64(1e150),
        z=np.float64(0),
        one=np.ones(8),
        last=np.asarray([-1]),
    ),
    case(
        "float64 layers summed in another order",
        "magnitudes",
        "rounding errors of 1e-16",
        "(double[N,512] x) => (double[N,3] y) { m = MatMul(x, w) y = Softmax(m) }",
        lambda x: softmax((x[:, :, None] * LONG.astype(np.float64)).sum(1)),
        w=LONG.astype(np.float64),
    ),
    case(
        "a float16 mlp",
        "precisions",
        "each layer is rounded to float16 once, as both sides do or spare",
        narrow_graph("float16"),
        narrow_mlp(np.float16),
        v=HALVES[0],
        w=HALVES[1],
    ),
    case(
        "a bfloat16 mlp",
        "precisions",
        "each layer is rounded to bfloat16 once",
        narrow_graph("bfloat16"),
        narrow_mlp(bfloat16),
        v=HALVES[0].astype(bfloat16),
        w=HALVES[1].astype(bfloat16),
    ),
]


CASES = [*SPECIAL, *MAGNITUDES]
