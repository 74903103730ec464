"""Faults of models in float64: computed in float32, with constants rounded to it, or within its range alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import DOUBLE, Export, Fault, Sabotage, pair, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch
from spoiling import constant, rewritten, weight

RNG = np.random.default_rng(51)
ROWS = "(double[N,8] x) => (double[N,8] y) { @ }"
LINEAR = "(double[N,8] x) => (double[N,3] y) { @ }"
WEIGHTS = {"w": RNG.standard_normal((8, 3)), "b": RNG.standard_normal(3)}
SINGLE = {name: array.astype(np.float32).astype(np.float64) for name, array in WEIGHTS.items()}
WITNESS = {"x": np.random.default_rng(2).standard_normal((32, 8))}
TABLE = np.random.default_rng(3).standard_normal((80, 4))


def rounded(array: Any) -> Any:
    """The values that float32 has for these."""
    return np.asarray(array, np.float32).astype(np.float64)


def by_float32(name: str, right: str, wrong: str, witness: Any = WITNESS, body: str = ROWS, **weights: Any) -> Fault:
    return pair(name, body, right, wrong, witness=witness, bound=DOUBLE, **weights)


def cells(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.asarray([[*values, *[1.0] * (8 - len(values))]])}


EDITED = [
    by_float32(
        "a product computed in float32",
        "p = MatMul(x, w) y = Add(p, b)",
        "c = Cast<to: int = 1>(x) v = Cast<to: int = 1>(w) q = MatMul(c, v) p = Cast<to: int = 11>(q) y = Add(p, b)",
        body=LINEAR,
        **WEIGHTS,
    ),
    weights_pair(
        "weights rounded to float32",
        LINEAR.replace("@", "p = MatMul(x, w) y = Add(p, b)"),
        WEIGHTS,
        SINGLE,
        witness=WITNESS,
        bound=DOUBLE,
    ),
    by_float32(
        "a result rounded to float32",
        "y = Tanh(x)",
        "t = Tanh(x) c = Cast<to: int = 1>(t) z = Identity(c) k = Mul(z, two) l = Cast<to: int = 11>(k) y = Sub(l, t)",
        two=np.float32(2),
    ),
    by_float32(
        "a difference computed in float32",
        "y = Sub(x, c)",
        "s = Cast<to: int = 1>(x) t = Cast<to: int = 1>(c) d = Sub(s, t) y = Cast<to: int = 11>(d)",
        c=np.float64(1.1),
    ),
    by_float32(
        "times by way of float32",
        "y = Sub(x, c)",
        "s = Cast<to: int = 1>(x) e = Cast<to: int = 11>(s) y = Sub(e, c)",
        cells(1.7e9 + 3.25),
        c=np.float64(1.7e9),
    ),
    by_float32(
        "a border rounded to float32",
        "g = Greater(x, c) y = Where(g, one, nil)",
        "g = Greater(x, d) y = Where(g, one, nil)",
        cells(0.1 + 1e-10),
        c=np.float64(0.1),
        d=rounded(0.1),
        one=np.float64(1),
        nil=np.float64(0),
    ),
    by_float32(
        "a border compared in float32",
        "g = Greater(x, c) y = Where(g, one, nil)",
        "s = Cast<to: int = 1>(x) t = Cast<to: int = 1>(c) g = Greater(s, t) y = Where(g, one, nil)",
        cells(0.3 + 1e-10),
        c=np.float64(0.3),
        one=np.float64(1),
        nil=np.float64(0),
    ),
    by_float32(
        "the edges of buckets rounded to float32",
        "g = Less(edges, x) y = Cast<to: int = 11>(g)",
        "g = Less(rough, x) y = Cast<to: int = 11>(g)",
        {"x": np.full((1, 8), 0.7)},
        edges=np.asarray([-1.1, 0.1, 0.2, 0.3, 0.7, 0.9, 2.3, 5.7]),
        rough=rounded([-1.1, 0.1, 0.2, 0.3, 0.7, 0.9, 2.3, 5.7]),
    ),
    by_float32(
        "an exponential in float32",
        "y = Exp(x)",
        "s = Cast<to: int = 1>(x) e = Exp(s) y = Cast<to: int = 11>(e)",
        cells(100.0),
    ),
    by_float32(
        "the exponent's factor rounded to float32",
        "p = Mul(x, c) y = Exp(p)",
        "p = Mul(x, d) y = Exp(p)",
        cells(2.0),
        c=np.float64(30.1),
        d=rounded(30.1),
    ),
    by_float32(
        "numbers beyond float32's range",
        "y = Mul(x, c)",
        "m = Mul(x, c) s = Cast<to: int = 1>(m) e = Cast<to: int = 11>(s) i = IsInf(e) y = Where(i, e, m)",
        cells(1e39),
        c=np.float64(1.5),
    ),
    by_float32(
        "a mean summed in float32",
        "a = Constant<value_ints: ints = [1]>() y = ReduceMean(x, a)",
        "a = Constant<value_ints: ints = [1]>() s = Cast<to: int = 1>(x) m = ReduceMean(s, a) y = Cast<to: "
        "int = 11>(m)",
        body="(double[N,8] x) => (double[N,1] y) { @ }",
    ),
    by_float32(
        "a table rounded to float32",
        "i = Cast<to: int = 7>(x) c = Clip(i, nil, most) g = Gather(exact, c) y = Sub(g, one)",
        "i = Cast<to: int = 7>(x) c = Clip(i, nil, most) g = Gather(rough, c) y = Sub(g, one)",
        cells(3.0),
        nil=np.int64(0),
        most=np.int64(7),
        one=np.float64(1),
        exact=1 + np.arange(1, 9) / 7e3,
        rough=rounded(1 + np.arange(1, 9) / 7e3),
    ),
]

IN_SINGLE = "a = Cast<to: int = 1>(x0) b = Cast<to: int = 1>(x1) m = {}(a, b) y = Cast<to: int = 11>(m)"


def double(path: str, target: Any = None, **options: Any) -> Export:
    """An estimator fitted in float64."""
    return fitted(path, TABLE, target, inputs=("X:float64[N,4]",), **options)


def layer() -> dict[str, Any]:
    from torch import nn

    return {"layer": nn.Linear(8, 3), "last": nn.Linear(3, 2)}


def border() -> dict[str, Any]:
    import torch

    return {"border": torch.nn.Parameter(torch.tensor(0.1, dtype=torch.float64))}


def two_layers(net: Any, x: Any) -> Any:
    return net.last(net.layer(x).tanh())


TARGET = TABLE @ np.asarray([1.1, -0.7, 0.3, 1.9]) + 0.123456789
REGRESSION = double("linear_model.LinearRegression", TARGET + TABLE[:, 0] ** 2)
ROWS_64 = {"X": np.random.default_rng(4).standard_normal((64, 4))}
BINS = double(
    "preprocessing.KBinsDiscretizer",
    n_bins=4,
    encode="ordinal",
    strategy="uniform",
    quantile_method="averaged_inverted_cdf",
)


def between(fault: Sabotage) -> dict[str, np.ndarray]:
    """Rows on both sides of the edges, nearer than float32 can tell."""
    edges = np.asarray([column[1:-1] for column in fault.export.model.bin_edges_]).T
    return {"X": np.concatenate([edges, rounded(edges), np.nextafter(edges, -9)])}


EXPORTS = [
    Sabotage(
        "PyTorch: a layer computed in float32",
        pytorch(two_layers, "x:float64[N,8]", parts=layer, double=True),
        rewritten(
            "Gemm",
            "a = Cast<to: int = 1>(x0) w = Cast<to: int = 1>(x1) b = Cast<to: int = 1>(x2) g = Gemm<transB: "
            "int = 1>(a, w, b) y = Cast<to: int = 11>(g)",
        ),
        WITNESS,
        DOUBLE,
    ),
    Sabotage(
        "PyTorch: a border rounded to float32",
        pytorch(lambda net, x: (x > net.border).double() * x, "x:float64[N,8]", parts=border),
        constant(0.1, rounded(0.1)),
        cells(0.1 + 1e-10),
        DOUBLE,
    ),
    Sabotage(
        "Keras: a layer computed in float32",
        keras(lambda k: [k.layers.Dense(4, dtype="float64")], 8, dtype="float64"),
        rewritten("MatMul", IN_SINGLE.format("MatMul")),
        WITNESS,
        DOUBLE,
    ),
    Sabotage(
        "Keras: weights rounded to float32",
        keras(lambda k: [k.layers.Dense(5, dtype="float64")], 8, dtype="float64"),
        weight((8, 5), rounded),
        WITNESS,
        DOUBLE,
    ),
    Sabotage("scikit-learn: coefficients rounded to float32", REGRESSION, weight((4, 1), rounded), ROWS_64, DOUBLE),
    Sabotage(
        "scikit-learn: a product computed in float32",
        REGRESSION,
        rewritten("MatMul", IN_SINGLE.format("MatMul")),
        ROWS_64,
        DOUBLE,
    ),
    Sabotage(
        "scikit-learn: a scaler computed in float32",
        double("preprocessing.StandardScaler"),
        rewritten("Sub", IN_SINGLE.format("Sub")),
        ROWS_64,
        DOUBLE,
    ),
    Sabotage(
        "scikit-learn: components computed in float32",
        double("decomposition.PCA", n_components=2),
        rewritten("MatMul", IN_SINGLE.format("MatMul")),
        ROWS_64,
        DOUBLE,
    ),
    Sabotage("scikit-learn: edges of bins rounded to float32", BINS, weight((1, 3), rounded), between, DOUBLE),
    Sabotage(
        "scikit-learn: a scale of a range in float32",
        double("preprocessing.MinMaxScaler"),
        rewritten("Mul", IN_SINGLE.format("Mul")),
        ROWS_64,
        DOUBLE,
    ),
]


class TestPrecision(PlantedFaults):
    faults = (*EDITED, *EXPORTS)
