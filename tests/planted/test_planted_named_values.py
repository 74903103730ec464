"""Faults at the values that a graph names: bounds, constants compared with, zero points, the ends of tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes import graph
from planted import Fault, Sabotage, pair, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch, torch
from spoiling import constant, rewritten

ROWS = "(float[N,8] x) => (float[N,8] y) { @ }"
CELLS = "(float[N,1] x) => (float[N,1] y) { @ }"
TABLE = np.random.default_rng(17).standard_normal((60, 4)).astype(np.float32)
EDGES = np.asarray([-1.25, 0.3, 2.7, 40.0], np.float32)


def row(value: float, width: int = 8) -> dict[str, np.ndarray]:
    """One row whose first feature has this value."""
    return {"x": np.asarray([[value, *[0.0] * (width - 1)]], np.float32)}


def compared(name: str, body: str, correct: str, faulty: str, value: float, /, **weights: float) -> Fault:
    """Two graphs that differ by one operator, `@`, at one value."""
    given = {key: np.float32(item) for key, item in weights.items()}
    return pair(name, ROWS.replace("@", body), correct, faulty, witness=row(value), **given)


BORDERS = [
    compared(
        "below made below or at", "b = @(x, c) y = Where(b, lo, hi)", "Less", "LessOrEqual", 0.7, c=0.7, lo=-1, hi=1
    ),
    compared(
        "above zero made above or at",
        "b = @(x, c) y = Where(b, lo, hi)",
        "Greater",
        "GreaterOrEqual",
        0.0,
        c=0,
        lo=-1,
        hi=1,
    ),
    compared(
        "a border behind a scale",
        "s = Mul(x, k) b = @(s, c) y = Where(b, lo, hi)",
        "Greater",
        "GreaterOrEqual",
        3.25,
        k=2,
        c=6.5,
        lo=-1,
        hi=1,
    ),
    compared(
        "an angle wrapped at its period",
        "b = @(x, c) d = Sub(x, c) y = Where(b, d, x)",
        "Less",
        "LessOrEqual",
        360.0,
        c=360,
    ),
    compared(
        "a marker of missing values off by one",
        "m = Equal(x, @) y = Where(m, fill, x)",
        "right",
        "wrong",
        -999.0,
        right=-999,
        wrong=-998,
        fill=0.5,
    ),
    compared(
        "border of a hard shrinkage",
        "b = Abs(x) k = @(b, c) y = Where(k, x, z)",
        "Greater",
        "GreaterOrEqual",
        0.5,
        c=0.5,
        z=0,
    ),
    compared(
        "threshold of a rectifier included",
        "b = @(x, c) y = Where(b, x, z)",
        "Greater",
        "GreaterOrEqual",
        1.0,
        c=1,
        z=0,
    ),
    compared(
        "clip's upper bound off by little", "y = Clip(x, lo, @)", "right", "wrong", 50.0, lo=0, right=40, wrong=40.5
    ),
    compared("bounds of a clip of one sign", "y = Clip(x, @, hi)", "right", "wrong", -60.0, hi=1, right=-50, wrong=-49),
    compared(
        "the value of a step at its own place",
        "s = Sub(x, c) @",
        "g = Sign(s) h = Mul(g, half) y = Add(h, half)",
        "b = Greater(s, z) y = Cast<to: int = 1>(b)",
        2.0,
        c=2,
        half=0.5,
        z=0,
    ),
    pair(
        "the sum of a row at its border",
        "(float[N,4] x) => (float[N,1] y) { a = Constant<value_ints: ints = [1]>() s = ReduceSum(x, a) b = "
        "@(s, c) y = Where(b, lo, hi) }",
        "Greater",
        "GreaterOrEqual",
        witness={"x": np.asarray([[3, 0, 0, 0]], np.float32)},
        c=np.float32(3),
        lo=np.float32(-1),
        hi=np.float32(1),
    ),
    pair(
        "a count at its border",
        "(int64[N,4] x) => (int64[N,4] y) { b = @(x, c) k = Cast<to: int = 7>(b) y = Add(k, k) }",
        "Less",
        "LessOrEqual",
        witness={"x": np.full((1, 4), 1000)},
        c=np.int64(1000),
    ),
]

INTERPOLATED = """(float[N,1] x) => (float[N,1] y) {
    @ n = Sub(at, first) k = Div(n, step) f = Floor(k) b = Clip(f, nil, most) i = Cast<to: int = 7>(b) j = Add(i, one)
    l = Gather(values, i) h = Gather(values, j) r = Sub(k, b) d = Sub(h, l) p = Mul(r, d) y = Add(l, p)
}"""
KNOTS = {
    "first": np.float32(-20),
    "last": np.float32(20),
    "step": np.float32(10),
    "nil": np.float32(0),
    "most": np.float32(3),
    "one": np.int64(1),
    "values": np.asarray([0, 1, 4, 2, 3], np.float32),
}
LOOKED_UP = "(float[N,1] x) => (float[N,1] y) { f = Floor(x) c = Clip(f, nil, @) i = Cast<to: int = 7>(c) y = Gather(values, i) }"
QUANTIZED = (
    "(float[N,8] x) => (float[N,8] y) { q = QuantizeLinear(x, scale, zero) @ y = DequantizeLinear(c, scale, zero) }"
)
INSIDE = """(float[N,8] x) => (float[N,8] y) {
    u = Constant<value_ints: ints = [-1]>() w = Unsqueeze(x, u) b = @ c = Cast<to: int = 1>(b)
    y = ReduceSum<keepdims: int = 0>(c, u)
}"""


def stump(mode: str) -> Any:
    """A tree with a single decision at 1.5."""
    import onnx

    model = graph("(float[N,1] x) => (float[N,1] y) { y = Identity(x) }", ml=3)
    del model.graph.node[:]
    model.graph.node.append(
        onnx.helper.make_node(
            "TreeEnsembleRegressor",
            ["x"],
            ["y"],
            domain="ai.onnx.ml",
            n_targets=1,
            nodes_treeids=[0, 0, 0],
            nodes_nodeids=[0, 1, 2],
            nodes_featureids=[0, 0, 0],
            nodes_values=[1.5, 0.0, 0.0],
            nodes_modes=[mode, "LEAF", "LEAF"],
            nodes_truenodeids=[1, 0, 0],
            nodes_falsenodeids=[2, 0, 0],
            target_treeids=[0, 0],
            target_nodeids=[1, 2],
            target_ids=[0, 0],
            target_weights=[1.0, 2.0],
        )
    )
    return model


TABLES = [
    pair(
        "interpolation beyond a table's ends",
        INTERPOLATED,
        "at = Clip(x, first, last)",
        "at = Identity(x)",
        witness=row(25.0, 1),
        **KNOTS,
    ),
    pair(
        "the last entry of a table unreachable",
        LOOKED_UP,
        "right",
        "wrong",
        witness=row(70.0, 1),
        nil=np.float32(0),
        right=np.float32(63),
        wrong=np.float32(62),
        values=np.arange(64, dtype=np.float32) ** 2,
    ),
    pair(
        "narrow range of a quantised output",
        QUANTIZED,
        "c = Identity(q)",
        "c = Max(q, least)",
        witness=row(-500.0),
        scale=np.float32(0.5),
        zero=np.int8(0),
        least=np.int8(-127),
    ),
    weights_pair(
        "zero point off by one",
        QUANTIZED.replace("@", "c = Identity(q)"),
        {"scale": np.float32(0.1), "zero": np.uint8(128)},
        {"zero": np.uint8(127)},
        witness=row(100.0),
    ),
    pair("side of a bucket", INSIDE, "Less(edges, w)", "LessOrEqual(edges, w)", witness=row(2.7), edges=EDGES),
    pair(
        "the last bucket missing",
        INSIDE,
        "Less(edges, w)",
        "Less(fewer, w)",
        witness=row(41.0),
        edges=EDGES,
        fewer=EDGES[:3],
    ),
    pair(
        "binariser that includes its threshold",
        ROWS,
        "y = ai.onnx.ml.Binarizer<threshold: float = 1.5>(x)",
        "b = GreaterOrEqual(x, t) y = Cast<to: int = 1>(b)",
        witness=row(1.5),
        ml=1,
        t=np.float32(1.5),
    ),
    Fault("a tree's decision without its border", stump("BRANCH_LEQ"), stump("BRANCH_LT"), None, row(1.5, 1)),
    pair(
        "one-hot of an unknown number",
        "(int64[N] x) => (float[N,5] y) { @ u = Constant<value_ints: ints = [-1]>() w = Unsqueeze(k, u) b = "
        "Equal(w, known) y = Cast<to: int = 1>(b) }",
        "k = Identity(x)",
        "k = Clip(x, least, most)",
        witness={"x": np.asarray([9])},
        known=np.arange(5),
        least=np.int64(0),
        most=np.int64(4),
    ),
]


BUCKETS = pytorch(lambda net, x: (x.unsqueeze(-1) > torch().tensor(EDGES)).sum(-1))
SHRUNK = pytorch(lambda net, x: torch().nn.functional.hardshrink(x, 0.5))
THRESHOLD = pytorch(lambda net, x: torch().nn.functional.threshold(x, 20.0, -1.0))
BINARIZER = fitted("preprocessing.Binarizer", TABLE, threshold=1.5)
BINS = fitted(
    "preprocessing.KBinsDiscretizer",
    TABLE,
    n_bins=4,
    encode="ordinal",
    strategy="uniform",
    quantile_method="averaged_inverted_cdf",
)
CLIPPED = fitted("preprocessing.MinMaxScaler", TABLE, clip=True)
INCLUDED, STRICT = (
    rewritten("Greater", "y = GreaterOrEqual(x0, x1)"),
    rewritten("GreaterOrEqual", "y = Greater(x0, x1)"),
)


def cells(value: float, width: int = 4) -> dict[str, np.ndarray]:
    """A row of one value in every column."""
    return {"X": np.full((1, width), value, np.float32)}


def on_an_edge(fault: Sabotage) -> dict[str, np.ndarray]:
    """A row on the edges of the discretiser, as float32 sees them."""
    return {"X": np.asarray([[column[2] for column in fault.export.model.bin_edges_]], np.float32)}


EXPORTS = [
    Sabotage("PyTorch: side of a bucket", BUCKETS, INCLUDED, row(2.7)),
    Sabotage("PyTorch: border of a hard shrinkage", SHRUNK, rewritten("LessOrEqual", "y = Less(x0, x1)"), row(0.5)),
    Sabotage("PyTorch: threshold of 20 lost", THRESHOLD, constant(20.0, 19.0), row(19.5)),
    Sabotage(
        "Keras: edge of a bucket",
        keras(lambda k: [k.layers.Discretization(EDGES.tolist())], 8),
        rewritten("Less", "y = LessOrEqual(x0, x1)"),
        row(2.7),
    ),
    Sabotage(
        "Keras: last edge of the buckets moved",
        keras(lambda k: [k.layers.Discretization(EDGES.tolist())], 8),
        constant(EDGES, [*EDGES[:3], 41]),
        row(40.5),
    ),
    Sabotage(
        "Keras: threshold of a rectifier included",
        keras(lambda k: [k.layers.ReLU(threshold=1.0)], 8),
        INCLUDED,
        row(1.0),
    ),
    Sabotage("scikit-learn: binariser that includes its threshold", BINARIZER, INCLUDED, cells(1.5)),
    Sabotage("scikit-learn: edges of bins excluded", BINS, STRICT, on_an_edge),
    Sabotage("scikit-learn: upper bound of a scaler lost", CLIPPED, rewritten("Min", "y = Identity(x0)"), cells(100.0)),
    Sabotage(
        "scikit-learn: lower bound of a scaler lost", CLIPPED, rewritten("Max", "y = Identity(x0)"), cells(-100.0)
    ),
    Sabotage(
        "scikit-learn: upper end of an isotonic regression",
        fitted("isotonic.IsotonicRegression", TABLE[:, 0], TABLE[:, 0] * 3 + TABLE[:, 1], out_of_bounds="clip"),
        rewritten("Min", "y = Identity(x0)", nth=0),
        cells(50.0, 1),
    ),
    Sabotage(
        "scikit-learn: border of a Bernoulli naive Bayes",
        fitted("naive_bayes.BernoulliNB", TABLE, TABLE[:, 0] > 0.5, binarize=0.5),
        rewritten("Greater", "y = GreaterOrEqual(x0, x1)", nth=0),
        cells(0.5),
    ),
    Sabotage(
        "scikit-learn: marker of missing values",
        fitted("impute.SimpleImputer", TABLE, missing_values=-1, strategy="constant", fill_value=9.0),
        constant(-1.0, -2.0),
        cells(-1.0),
    ),
    Sabotage(
        "scikit-learn: upper end of a spline",
        fitted("preprocessing.SplineTransformer", TABLE, extrapolation="constant"),
        rewritten("Min", "y = Identity(x0)", nth=0),
        cells(30.0),
    ),
]


class TestNamedValues(PlantedFaults):
    faults = (*BORDERS, *TABLES, *EXPORTS)
