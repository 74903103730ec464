"""Faults that show far from the usual magnitudes: huge, tiny and zero values, halves, infinities, NaN and -0.0."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import Fault, Sabotage, pair
from planted_case import PlantedFaults
from planted_models import keras, pytorch, sklearn
from spoiling import rewritten

ROWS = "(float[N,8] x) => (float[N,8] y) { @ }"
TOTAL = "(float[N,8] x) => (float[N,1] y) { a = Constant<value_ints: ints = [1]>() @ }"
NUMBERS = {
    "zero": np.float32(0),
    "half": np.float32(0.5),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "ten": np.float32(10),
    "hundred": np.float32(100),
    "tiny": np.float32(1e-8),
    "million": np.float32(1e6),
    "pi": np.float32(np.pi),
    "nought": np.float32(-np.inf),
}


def row(*values: float, fill: float = 0.0) -> dict[str, np.ndarray]:
    """One row of eight features."""
    return {"x": np.asarray([[*values, *[fill] * (8 - len(values))]], np.float32)}


def written(name: str, correct: str, faulty: str, witness: dict[str, Any], body: str = ROWS) -> Fault:
    """Two ways of writing a formula with the numbers that it needs."""
    text = f"{correct} {faulty}".replace("(", " ").replace(")", " ").replace(",", " ").split()
    used = {key: value for key, value in NUMBERS.items() if key in text}
    return pair(name, body, correct, faulty, witness=witness, **used)


BOUNDS = [
    written("ReLU6 made ReLU", "y = Clip(x, zero, six)", "y = Relu(x)", row(7.0)),
    written("clip at 10 lost", "y = Min(x, ten)", "y = Identity(x)", row(11.0)),
    written("clip at -100 lost", "n = Neg(hundred) y = Max(x, n)", "n = Neg(hundred) y = Identity(x)", row(-150.0)),
    written(
        "hard sigmoid without its upper bound",
        "y = HardSigmoid<alpha: float = 0.02, beta: float = 0.5>(x)",
        "k = Constant<value: tensor = float {0.02}>() p = Mul(x, k) s = Add(p, half) y = Relu(s)",
        row(30.0),
    ),
    written(
        "leaky slope cut off for large negatives",
        "y = LeakyRelu<alpha: float = 0.01>(x)",
        "l = LeakyRelu<alpha: float = 0.01>(x) n = Neg(one) y = Max(l, n)",
        row(-150.0),
    ),
    written(
        "saturating cast that wraps",
        "h = Constant<value: tensor = float {255}>() r = Relu(x) s = Min(r, h) c = Cast<to: int = 2>(s) y = "
        "Cast<to: int = 1>(c)",
        "r = Relu(x) i = Cast<to: int = 6>(r) c = Cast<to: int = 2>(i) y = Cast<to: int = 1>(c)",
        row(300.0),
    ),
]

OVERFLOWS = [
    written(
        "softmax without its maximum",
        "y = Softmax<axis: int = 1>(x)",
        "a = Constant<value_ints: ints = [1]>() e = Exp(x) s = ReduceSum(e, a) y = Div(e, s)",
        row(100.0),
    ),
    written(
        "log-softmax as the logarithm of softmax",
        "y = LogSoftmax<axis: int = 1>(x)",
        "p = Softmax<axis: int = 1>(x) y = Log(p)",
        row(200.0),
    ),
    written(
        "logsumexp without its maximum",
        "y = ReduceLogSumExp(x, a)",
        "e = Exp(x) s = ReduceSum(e, a) y = Log(s)",
        row(100.0),
        TOTAL,
    ),
    written("softplus without its linear part", "y = Softplus(x)", "e = Exp(x) s = Add(e, one) y = Log(s)", row(100.0)),
    written(
        "tanh by exponentials",
        "y = Tanh(x)",
        "d = Mul(x, two) e = Exp(d) n = Sub(e, one) m = Add(e, one) y = Div(n, m)",
        row(100.0),
    ),
    written("sigmoid by exponentials", "y = Sigmoid(x)", "e = Exp(x) d = Add(e, one) y = Div(e, d)", row(100.0)),
    written(
        "float16 between two layers",
        "k = Constant<value: tensor = float {0.001}>() s = Mul(x, x) y = Mul(s, k)",
        "k = Constant<value: tensor = float {0.001}>() s = Mul(x, x) h = Cast<to: int = 10>(s) f = Cast<to: "
        "int = 1>(h) y = Mul(f, k)",
        row(300.0, fill=1.0),
    ),
    written(
        "hypotenuse by squares",
        "b = Abs(x) m = ReduceMax(b, a) r = Div(x, m) q = Mul(r, r) s = ReduceSum(q, a) h = Sqrt(s) y = Mul(h, m)",
        "q = Mul(x, x) s = ReduceSum(q, a) y = Sqrt(s)",
        row(fill=1e20),
        TOTAL,
    ),
]

TINY = [
    written(
        "log1p as a logarithm of a sum",
        "b = Abs(x) s = Add(b, one) d = Sub(s, one) z = Equal(d, zero) l = Log(s) q = Mul(l, b) r = Div(q, "
        "d) w = Where(z, b, r) y = Mul(w, million)",
        "b = Abs(x) s = Add(b, one) l = Log(s) y = Mul(l, million)",
        row(fill=3e-8),
    ),
    written(
        "expm1 as an exponential less one",
        "h = Mul(x, half) t = Tanh(h) d = Mul(t, two) m = Sub(one, t) e = Div(d, m) y = Mul(e, million)",
        "e = Exp(x) d = Sub(e, one) y = Mul(d, million)",
        row(fill=3e-8),
    ),
    written(
        "epsilon of a norm vanished",
        "s = ReduceL2(x, a) e = Add(s, tiny) m = ReduceSum(x, a) y = Div(m, e)",
        "s = ReduceL2(x, a) m = ReduceSum(x, a) y = Div(m, s)",
        row(),
        TOTAL,
    ),
    written(
        "epsilon of a deviation vanished",
        "m = ReduceMean(x, a) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, a) s = Sqrt(v) e = Add(s, tiny) "
        "z = Div(d, e) y = ReduceMax(z, a)",
        "m = ReduceMean(x, a) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, a) s = Sqrt(v) z = Div(d, s) y "
        "= ReduceMax(z, a)",
        row(fill=2.0),
        TOTAL,
    ),
    written(
        "epsilon added where the larger is taken",
        "s = ReduceL2(x, a) e = Max(s, tiny) m = ReduceSum(x, a) y = Div(m, e)",
        "s = ReduceL2(x, a) e = Add(s, tiny) m = ReduceSum(x, a) y = Div(m, e)",
        row(fill=1e-8),
        TOTAL,
    ),
    written(
        "epsilon inside the root of a norm",
        "s = ReduceL2(x, a) e = Max(s, tiny) m = ReduceSum(x, a) y = Div(m, e)",
        "q = ReduceSumSquare(x, a) e = Max(q, tiny) r = Sqrt(e) m = ReduceSum(x, a) y = Div(m, r)",
        row(fill=1e-6),
        TOTAL,
    ),
    written("sign as a quotient", "y = Sign(x)", "b = Abs(x) y = Div(x, b)", row(2.0)),
]

ROUNDING = [
    written("half to even made half up", "y = Round(x)", "s = Add(x, half) y = Floor(s)", row(0.5, 2.5)),
    written(
        "half away from zero made half up",
        "b = Abs(x) s = Add(b, half) f = Floor(s) g = Sign(x) y = Mul(f, g)",
        "s = Add(x, half) y = Floor(s)",
        row(-2.5),
    ),
    written(
        "half to even by a cast after a half",
        "y = Round(x)",
        "g = Sign(x) h = Mul(g, half) s = Add(x, h) c = Cast<to: int = 7>(s) y = Cast<to: int = 1>(c)",
        row(2.5),
    ),
    written("floor made truncation", "y = Floor(x)", "c = Cast<to: int = 7>(x) y = Cast<to: int = 1>(c)", row(-1.5)),
    written(
        "modulus of the divisor's sign made the dividend's",
        "q = Div(x, three) f = Floor(q) p = Mul(f, three) y = Sub(x, p)",
        "y = Mod<fmod: int = 1>(x, three)",
        row(-1.0),
    ),
]

SPECIAL = [
    written(
        "minus zero lost before a pole",
        "y = Reciprocal(x)",
        "n = Neg(x) d = Sub(zero, n) y = Reciprocal(d)",
        row(-0.0, fill=1.0),
    ),
    written(
        "NaN taken for the smallest",
        "n = IsNaN(x) l = Where(n, nought, x) y = ReduceMax(l, a)",
        "y = ReduceMax(x, a)",
        row(np.nan, fill=1.0),
        TOTAL,
    ),
    written(
        "NaN swallowed by a rectifier",
        "c = LessOrEqual(x, zero) y = Where(c, zero, x)",
        "c = Greater(x, zero) y = Where(c, x, zero)",
        row(np.nan),
    ),
    written("infinity not replaced", "i = IsInf(x) y = Where(i, hundred, x)", "y = Identity(x)", row(np.inf)),
    written(
        "infinity of one sign alone replaced",
        "i = IsInf(x) y = Where(i, zero, x)",
        "i = IsInf<detect_negative: int = 0>(x) y = Where(i, zero, x)",
        row(-np.inf),
    ),
    pair(
        "quadrant of the negative half-line",
        "(float[N,4] v, float[N,4] u) => (float[N,4] y) { q = Div(v, u) t = Atan(q) l = Less(u, zero) @ r = "
        "Where(up, pi, down) s = Add(t, r) y = Where(l, s, t) }",
        "up = GreaterOrEqual(v, zero) down = Neg(pi)",
        "up = Greater(v, zero) down = Neg(pi)",
        witness={"v": np.zeros((1, 4), np.float32), "u": -np.ones((1, 4), np.float32)},
        zero=np.float32(0),
        pi=np.float32(np.pi),
    ),
    pair(
        "angle of the origin",
        "(float[N,4] v, float[N,4] u) => (float[N,4] y) { h = Abs(u) z = Equal(h, zero) w = Equal(v, zero) "
        "o = And(z, w) @ t = Atan(q) y = Identity(t) }",
        "d = Where(o, one, u) q = Div(v, d)",
        "q = Div(v, u)",
        witness={"v": np.zeros((1, 4), np.float32), "u": np.zeros((1, 4), np.float32)},
        zero=np.float32(0),
        one=np.float32(1),
    ),
]

CURVES = [
    written("GELU by tanh", "y = Gelu(x)", 'y = Gelu<approximate: string = "tanh">(x)', row(-3.0)),
    written(
        "CELU's alpha outside alone", "y = Celu<alpha: float = 2.0>(x)", "y = Elu<alpha: float = 2.0>(x)", row(-1.0)
    ),
]


def linear() -> dict[str, Any]:
    from torch import nn

    return {"first": nn.Linear(8, 8), "last": nn.Linear(8, 3)}


def torch() -> Any:
    import torch

    return torch


RELU6 = pytorch(lambda net, x: torch().nn.functional.relu6(net.first(x)), parts=linear)
SOFTMAX = pytorch(lambda net, x: net.last(net.first(x)).softmax(-1), parts=linear)
ROUND = pytorch(lambda net, x: torch().round(x))
REMAINDER = pytorch(lambda net, x: torch().remainder(x, 3.0))
FINITE = pytorch(lambda net, x: torch().nan_to_num(x))
KERAS_RELU6 = keras(lambda k: [k.layers.Dense(4), k.layers.ReLU(max_value=6.0)], 8)
UNIT = keras(lambda k: [k.layers.UnitNormalization()], 8)
SOFTPLUS = keras(lambda k: [k.layers.Dense(4, activation="softplus")], 8)
KERAS_SOFTMAX = keras(lambda k: [k.layers.Dense(4, activation="softmax")], 8)
TABLE = np.random.default_rng(7).standard_normal((60, 4)).astype(np.float32)
CLASSES = np.random.default_rng(8).integers(0, 3, 60)


def normalizer() -> Any:
    from sklearn.preprocessing import Normalizer

    return Normalizer().fit(TABLE)


def perceptron() -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((5,), max_iter=200, random_state=0, tol=1e-2).fit(TABLE, CLASSES)


def bayes() -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB().fit(TABLE, CLASSES)


def yeo_johnson() -> Any:
    from sklearn.preprocessing import PowerTransformer

    return PowerTransformer(standardize=False).fit(TABLE)


WITHOUT_MAXIMUM = rewritten("Softmax", "e = Exp(x0) s = ReduceSum(e, a) y = Div(e, s)", a=np.asarray([-1]))
EXPORTS = [
    Sabotage("PyTorch: ReLU6 made ReLU", RELU6, rewritten("Clip", "y = Relu(x0)"), row(fill=60.0)),
    Sabotage("PyTorch: softmax without its maximum", SOFTMAX, WITHOUT_MAXIMUM, row(*np.linspace(-1e4, 1e4, 8))),
    Sabotage(
        "PyTorch: half to even made half up",
        ROUND,
        rewritten("Round", "h = Add(x0, half) y = Floor(h)", half=np.float32(0.5)),
        row(2.5),
    ),
    Sabotage(
        "PyTorch: remainder of the dividend's sign",
        REMAINDER,
        rewritten("Floor", "c = Cast<to: int = 7>(x0) y = Cast<to: int = 1>(c)"),
        row(-1.0),
    ),
    Sabotage("PyTorch: infinity not replaced", FINITE, rewritten("Where", "y = Identity(x2)", nth=-1), row(np.inf)),
    Sabotage("PyTorch: NaN not replaced", FINITE, rewritten("Where", "y = Identity(x2)", nth=0), row(np.nan)),
    Sabotage("Keras: ReLU6 made ReLU", KERAS_RELU6, rewritten("Clip", "y = Relu(x0)"), row(*np.linspace(-100, 100, 8))),
    Sabotage("Keras: bound of a norm's inverse lost", UNIT, rewritten("Min", "y = Identity(x0)"), row()),
    Sabotage(
        "Keras: softplus without its linear part",
        SOFTPLUS,
        rewritten("Softplus", "e = Exp(x0) s = Add(e, one) y = Log(s)", one=np.float32(1)),
        row(*np.linspace(-1e3, 1e3, 8)),
    ),
    Sabotage("Keras: softmax without its maximum", KERAS_SOFTMAX, WITHOUT_MAXIMUM, row(*np.linspace(-1e3, 1e3, 8))),
    Sabotage(
        "scikit-learn: a row of zeros divided by its norm",
        sklearn(normalizer),
        rewritten("Where", "y = Identity(x2)"),
        {"X": np.zeros((1, 4), np.float32)},
    ),
    Sabotage(
        "scikit-learn: softmax without its maximum",
        sklearn(perceptron),
        WITHOUT_MAXIMUM,
        {"X": np.full((1, 4), 1e3, np.float32)},
    ),
    Sabotage(
        "scikit-learn: log-sum-exp without its maximum",
        sklearn(bayes),
        rewritten("ReduceMax", "z = ReduceMax<keepdims: int = 1>(x0, x1) y = Mul(z, nil)", nil=np.float32(0)),
        {"X": np.full((1, 4), 30, np.float32)},
    ),
    Sabotage(
        "scikit-learn: Yeo-Johnson by way of float16",
        sklearn(yeo_johnson),
        rewritten("Cast", "c = Cast<to: int = 10>(x0) y = Cast<to: int = 11>(c)", nth=0),
        {"X": np.full((1, 4), 1e6, np.float32)},
    ),
]


class TestMagnitudes(PlantedFaults):
    faults = (*BOUNDS, *OVERFLOWS, *TINY, *ROUNDING, *SPECIAL, *CURVES, *EXPORTS)
