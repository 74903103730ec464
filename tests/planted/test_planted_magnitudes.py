"""Faults that show far from the usual magnitudes: huge, tiny and zero values, and curves off by little."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import Sabotage
from planted_case import PlantedFaults
from planted_formulas import TOTAL, row, written
from planted_models import fitted, keras, pytorch, torch
from spoiling import attribute, rewritten, weight

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

CURVES = [
    written("GELU by tanh", "y = Gelu(x)", 'y = Gelu<approximate: string = "tanh">(x)', row(-3.0)),
    written(
        "CELU's alpha outside alone", "y = Celu<alpha: float = 2.0>(x)", "y = Elu<alpha: float = 2.0>(x)", row(-1.0)
    ),
]


def linear() -> dict[str, Any]:
    nn = torch().nn
    return {"first": nn.Linear(8, 8), "last": nn.Linear(8, 3)}


def steps(most: float) -> dict[str, np.ndarray]:
    """A row from minus to plus this value."""
    return row(*np.linspace(-most, most, 8))


def cells(value: float) -> dict[str, np.ndarray]:
    """A row of one value in every column."""
    return {"X": np.full((1, 4), value, np.float32)}


X = np.random.default_rng(7).standard_normal((60, 4)).astype(np.float32)
CLASSES = np.random.default_rng(8).integers(0, 3, 60)
RELU6 = pytorch(lambda net, x: torch().nn.functional.relu6(net.first(x)), parts=linear)
SOFTMAX = pytorch(lambda net, x: net.last(net.first(x)).softmax(-1), parts=linear)
LOG_SOFTMAX = pytorch(lambda net, x: x.log_softmax(-1))
LOG_SUM = pytorch(lambda net, x: x.logsumexp(-1))
LAYER_NORM = pytorch(lambda net, x: torch().nn.functional.layer_norm(x, (8,)))
GELU = pytorch(lambda net, x: torch().nn.functional.gelu(x))
KERAS_RELU6 = keras(lambda k: [k.layers.Dense(4), k.layers.ReLU(max_value=6.0)], 8)
UNIT = keras(lambda k: [k.layers.UnitNormalization()], 8)
SOFTPLUS = keras(lambda k: [k.layers.Dense(4, activation="softplus")], 8)
KERAS_SOFTMAX = keras(lambda k: [k.layers.Dense(4, activation="softmax")], 8)
KERAS_LOG_SOFTMAX = keras(lambda k: [k.layers.Activation("log_softmax")], 8)
KERAS_LAYER_NORM = keras(lambda k: [k.layers.LayerNormalization(epsilon=1e-3)], 8)
CONSTANT = keras(lambda k: [k.layers.Normalization(mean=[0.0] * 8, variance=[1.0] * 7 + [0.0])], 8)
PERCEPTRON = fitted(
    "neural_network.MLPClassifier", X, CLASSES, hidden_layer_sizes=(5,), max_iter=200, random_state=0, tol=1e-2
)
WITHOUT_MAXIMUM = rewritten("Softmax", "e = Exp(x0) s = ReduceSum(e, a) y = Div(e, s)", a=np.asarray([-1]))
LOGARITHM = rewritten("LogSoftmax", "p = Softmax<axis: int = -1>(x0) y = Log(p)")
WITHOUT_SHIFT = rewritten("ReduceMax", "z = ReduceMax<keepdims: int = 1>(x0, x1) y = Mul(z, nil)", nil=np.float32(0))
NO_EPSILON = attribute("LayerNormalization", epsilon=1e-20)
EXPORTS = [
    Sabotage("PyTorch: ReLU6 made ReLU", RELU6, rewritten("Clip", "y = Relu(x0)"), row(fill=60.0)),
    Sabotage("PyTorch: softmax without its maximum", SOFTMAX, WITHOUT_MAXIMUM, steps(1e4)),
    Sabotage("PyTorch: log-softmax as the logarithm of softmax", LOG_SOFTMAX, LOGARITHM, steps(200)),
    Sabotage(
        "PyTorch: logsumexp without its maximum",
        LOG_SUM,
        rewritten("ReduceLogSumExp", "e = Exp(x0) s = ReduceSum<keepdims: int = 0>(e, x1) y = Log(s)"),
        steps(200),
    ),
    Sabotage("PyTorch: epsilon of a norm vanished", LAYER_NORM, NO_EPSILON, steps(1e-3)),
    Sabotage("PyTorch: GELU by tanh", GELU, attribute("Gelu", approximate="tanh"), steps(3)),
    Sabotage("Keras: ReLU6 made ReLU", KERAS_RELU6, rewritten("Clip", "y = Relu(x0)"), steps(100)),
    Sabotage("Keras: bound of a norm's inverse lost", UNIT, rewritten("Min", "y = Identity(x0)"), row()),
    Sabotage(
        "Keras: softplus without its linear part",
        SOFTPLUS,
        rewritten("Softplus", "e = Exp(x0) s = Add(e, one) y = Log(s)", one=np.float32(1)),
        steps(1e3),
    ),
    Sabotage("Keras: softmax without its maximum", KERAS_SOFTMAX, WITHOUT_MAXIMUM, steps(1e3)),
    Sabotage("Keras: log-softmax as the logarithm of softmax", KERAS_LOG_SOFTMAX, LOGARITHM, steps(200)),
    Sabotage("Keras: epsilon of a norm vanished", KERAS_LAYER_NORM, NO_EPSILON, steps(1e-2)),
    Sabotage(
        "Keras: a column without variance",
        CONSTANT,
        weight((1, 8), lambda array: np.where(array > 1e3, 1, array)),
        row(fill=1.0),
    ),
    Sabotage(
        "scikit-learn: a row of zeros divided by its norm",
        fitted("preprocessing.Normalizer", X),
        rewritten("Where", "y = Identity(x2)"),
        cells(0),
    ),
    Sabotage("scikit-learn: softmax without its maximum", PERCEPTRON, WITHOUT_MAXIMUM, cells(1e3)),
    Sabotage(
        "scikit-learn: log-sum-exp without its maximum",
        fitted("naive_bayes.GaussianNB", X, CLASSES),
        WITHOUT_SHIFT,
        cells(30),
    ),
    Sabotage(
        "scikit-learn: densities of a mixture without their maximum",
        fitted("mixture.GaussianMixture", X, n_components=2, random_state=0),
        WITHOUT_SHIFT,
        cells(30),
    ),
    Sabotage(
        "scikit-learn: Yeo-Johnson by way of float16",
        fitted("preprocessing.PowerTransformer", X, standardize=False),
        rewritten("Cast", "c = Cast<to: int = 10>(x0) y = Cast<to: int = 11>(c)", nth=0),
        cells(1e6),
    ),
]


class TestMagnitudes(PlantedFaults):
    faults = (*BOUNDS, *OVERFLOWS, *TINY, *CURVES, *EXPORTS)
