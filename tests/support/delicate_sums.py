"""Graphs whose sums are long or cancel, recurrences, and normalizations of constant rows."""

from __future__ import annotations

import numpy as np
from delicate_graphs import case, draw, narrowed, normalised, sigmoid, softmax

floats = draw(12)

WIDE, TALL = floats(4096, 3) / 64, floats(2000, 1)
ORDER = "a float32 sum in another order, or rounded once, differs by its rounding errors and by nothing else"
LSTM = {"w": floats(1, 32, 3) / 2, "r": floats(1, 32, 8) / 3}
GRU = {"w": floats(1, 24, 3) / 2, "r": floats(1, 24, 8) / 3}


def lstm(x: np.ndarray) -> np.ndarray:
    """ONNX's gates in their order i, o, f, c; the last state."""
    w, r = LSTM["w"][0].astype(np.float64), LSTM["r"][0].astype(np.float64)
    state = cell = np.zeros((x.shape[1], 8))
    for step in x.astype(np.float64):
        i, o, f, c = np.split(step @ w.T + state @ r.T, 4, axis=1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
        state = sigmoid(o) * np.tanh(cell)
    return state[None].astype(np.float32)


def gru(x: np.ndarray) -> np.ndarray:
    """ONNX's gates in their order z, r, h, reset before the product; the last state."""
    w, r = GRU_PARTS
    state = np.zeros((x.shape[1], 8))
    for step in x.astype(np.float64):
        update, reset = (sigmoid(step @ w[g].T + state @ r[g].T) for g in (0, 1))
        new = np.tanh(step @ w[2].T + (reset * state) @ r[2].T)
        state = (1 - update) * new + update * state
    return state[None].astype(np.float32)


GRU_PARTS = tuple(np.split(GRU[name][0].astype(np.float64), 3) for name in "wr")


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    most = x.max(1, keepdims=True)
    shift = np.where(np.isfinite(most), most, 0)  # infinity less itself would be NaN
    return shift + np.log(np.exp(x - shift).sum(1, keepdims=True))


def logistic(x: np.ndarray) -> np.ndarray:
    value = np.clip(x, 0, 1)
    for _ in range(9):
        value = 3.9 * (value - value * value)
    return value


SUMMED = [
    case(
        "a cumulative sum of 10,000",
        "sums",
        ORDER,
        "(float[N,10000] x) => (float[N,10000] y) { y = CumSum(x, one) }",
        narrowed(lambda x: np.cumsum(x, 1)),
        one=np.asarray(1),
    ),
    case(
        "a cumulative sum backwards, of 3,000",
        "sums",
        ORDER,
        "(float[N,3000] x) => (float[N,3000] y) { y = CumSum<reverse: int = 1, exclusive: int = 1>(x, one) }",
        narrowed(lambda x: np.cumsum(np.pad(x[:, :0:-1], ((0, 0), (1, 0))), 1)[:, ::-1]),
        one=np.asarray(1),
    ),
    case(
        "sum, mean and squares of 20,000",
        "sums",
        ORDER,
        """(float[N,20000] x) => (float[N,1] s, float[N,1] m, float[N,1] q) {
             s = ReduceSum(x, one) m = ReduceMean(x, one) q = ReduceSumSquare(x, one) }""",
        lambda x: {
            n: f(x.astype(np.float64), axis=1, keepdims=True).astype(np.float32)
            for n, f in {"s": np.sum, "m": np.mean, "q": lambda x, **k: (x * x).sum(**k)}.items()
        },
        one=np.asarray([1]),
    ),
    case(
        "products of 4,096",
        "sums",
        ORDER,
        "(float[N,4096] x) => (float[N,3] y) { y = MatMul(x, w) }",
        narrowed(lambda x: x @ WIDE.astype(np.float64)),
        w=WIDE,
    ),
    case(
        "a difference of two long products",
        "sums",
        "the two products cancel up to their rounding errors",
        "(float[N,2000] x) => (float[N,1] y) { a = MatMul(x, w) s = MatMul(x, v) y = Sub(a, s) }",
        narrowed(lambda x: x @ TALL.astype(np.float64) - x @ (TALL * np.float32(1.001)).astype(np.float64)),
        w=TALL,
        v=TALL * np.float32(1.001),
    ),
    case(
        "variance around a large offset",
        "sums",
        ORDER,
        """(float[N,50] x) => (float[N,1] y) {
             o = Add(x, k) m = ReduceMean(o, one) d = Sub(o, m) q = Mul(d, d) y = ReduceMean(q, one) }""",
        lambda x: (x + np.float32(1e4)).astype(np.float64).var(1, keepdims=True).astype(np.float32),
        k=np.float32(1e4),
        one=np.asarray([1]),
    ),
    case(
        "deviations from the mean around a large offset",
        "sums",
        ORDER,
        "(float[N,50] x) => (float[N,50] y) { o = Add(x, k) m = ReduceMean(o, one) y = Sub(o, m) }",
        lambda x: (o := x + np.float32(1e4)) - o.mean(1, keepdims=True),
        k=np.float32(1e4),
        one=np.asarray([1]),
    ),
    case(
        "softmax over 10,000",
        "sums",
        ORDER,
        "(float[N,10000] x) => (float[N,10000] y) { y = Softmax(x) }",
        narrowed(softmax),
    ),
    case(
        "log of a sum of exponentials",
        "sums",
        ORDER,
        "(float[N,1000] x) => (float[N,1] y) { y = ReduceLogSumExp(x, one) }",
        narrowed(log_sum_exp),
        one=np.asarray([1]),
    ),
    case(
        "a product of 64",
        "sums",
        ORDER,
        "(float[N,64] x) => (float[N,1] y) { y = ReduceProd(x, one) }",
        lambda x: x.prod(1, keepdims=True),
        one=np.asarray([1]),
    ),
    case(
        "an lstm of 200 steps",
        "recurrences",
        "the same recurrence, worked out in float64",
        "(float[200,N,3] x) => (float[1,N,8] y) { _, y = LSTM<hidden_size: int = 8>(x, w, r) }",
        lstm,
        **LSTM,
    ),
    case(
        "a gru of 200 steps",
        "recurrences",
        "the same recurrence, worked out in float64",
        "(float[200,N,3] x) => (float[1,N,8] y) { _, y = GRU<hidden_size: int = 8>(x, w, r) }",
        gru,
        **GRU,
    ),
    case(
        "nine steps of a chaotic map",
        "recurrences",
        "each step doubles a rounding error: 2^9 of 6e-8 is far below the tolerance",
        "(float[N,4] x) => (float[N,4] y) { v0 = Clip(x, zero, one) "
        + " ".join(
            f"a{i} = Mul(v{i}, v{i}) b{i} = Sub(v{i}, a{i}) {'y' if i == 8 else f'v{i + 1}'} = Mul(b{i}, k)"
            for i in range(9)
        )
        + " }",
        narrowed(logistic),
        zero=np.float32(0),
        one=np.float32(1),
        k=np.float32(3.9),
    ),
    case(
        "float additions to one place",
        "sums",
        "the same terms added in another order",
        '(float[64,5] x) => (float[3,5] y) { y = ScatterND<reduction = "add">(z, i, x) }',
        lambda x: np.stack([x[rows::3].astype(np.float64).sum(0) for rows in range(3)]).astype(np.float32),
        z=np.zeros((3, 5), np.float32),
        i=(np.arange(64) % 3)[:, None],
    ),
]


SCALE, SHIFT = floats(37), floats(37)
FLAT = "a constant row has zero deviation up to the rounding of its mean, which epsilon divides"

FLATTENED = [
    case(
        "layer normalization over 37",
        "degenerate",
        FLAT,
        "(float[N,37] x) => (float[N,37] y) { y = LayerNormalization(x, s, b) }",
        narrowed(lambda x: normalised(x, -1) * SCALE + SHIFT),
        s=SCALE,
        b=SHIFT,
    ),
    case(
        "layer normalization written out",
        "degenerate",
        FLAT,
        """(float[N,37] x) => (float[N,37] y) { m = ReduceMean(x, last) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, last)
             e = Add(v, k) r = Sqrt(e) n = Div(d, r) p = Mul(n, s) y = Add(p, b) }""",
        narrowed(lambda x: normalised(x, -1) * SCALE + SHIFT),
        s=SCALE,
        b=SHIFT,
        k=np.float32(1e-5),
        last=np.asarray([-1]),
    ),
    case(
        "instance normalization",
        "degenerate",
        FLAT,
        "(float[N,3,5,7] x) => (float[N,3,5,7] y) { y = InstanceNormalization(x, s, b) }",
        narrowed(lambda x: normalised(x, (2, 3))),
        s=np.ones(3, np.float32),
        b=np.zeros(3, np.float32),
    ),
    case(
        "group normalization",
        "degenerate",
        FLAT,
        """(float[N,6,7] x) => (float[N,6,7] y) {
             r = Reshape(x, t) n = InstanceNormalization(r, s, b) z = Shape(x) y = Reshape(n, z) }""",
        narrowed(lambda x: normalised(x.reshape(-1, 2, 21), 2).reshape(x.shape)),
        t=np.asarray([0, 2, -1]),
        s=np.ones(2, np.float32),
        b=np.zeros(2, np.float32),
    ),
    case(
        "standard scores, divided by zero for constant rows",
        "degenerate",
        "a constant row of 8 has the deviation 0 exactly: 0 / 0 on both sides",
        """(float[N,8] x) => (float[N,8] y) { m = ReduceMean(x, last) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, last)
             r = Sqrt(v) y = Div(d, r) }""",
        lambda x: (d := x - x.mean(1, keepdims=True)) / np.sqrt((d * d).mean(1, keepdims=True)),
        last=np.asarray([-1]),
    ),
    case(
        "cosine of two rows that may be zero",
        "degenerate",
        "0 / 0 on both sides",
        """(float[N,8] a, float[N,8] b) => (float[N,1] y) { p = Mul(a, b) d = ReduceSum(p, last) m = ReduceL2(a, last)
             n = ReduceL2(b, last) q = Mul(m, n) y = Div(d, q) }""",
        lambda a, b: (
            (a * b).sum(1, keepdims=True)
            / (np.sqrt((a * a).sum(1, keepdims=True)) * np.sqrt((b * b).sum(1, keepdims=True)))
        ),
        last=np.asarray([-1]),
    ),
]


CASES = [*SUMMED, *FLATTENED]
