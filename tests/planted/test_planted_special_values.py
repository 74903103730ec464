"""Faults at halves, negative whole parts, infinities, NaN and -0.0."""

from __future__ import annotations

import numpy as np
import onnx
from planted import Sabotage, pair
from planted_case import PlantedFaults
from planted_formulas import TOTAL, row, written
from planted_models import fitted, keras, pytorch, torch
from spoiling import edited, rewritten, weight

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

X = np.random.default_rng(7).standard_normal((60, 4)).astype(np.float32)
HOLES = np.where(np.random.default_rng(8).uniform(size=X.shape) < 0.2, np.nan, X)
ROUND = pytorch(lambda net, x: torch().round(x))
REMAINDER = pytorch(lambda net, x: torch().remainder(x, 3.0))
FINITE = pytorch(lambda net, x: torch().nan_to_num(x))
CODES = np.asarray([[1], [2], [3], [np.nan]], np.float32)
TRUNCATED = "c = Cast<to: int = 7>(x0) y = Cast<to: int = 1>(c)"


def other_side(node: onnx.NodeProto) -> None:
    """Send NaN the other way at every decision."""
    tracks = next(item for item in node.attribute if item.name == "nodes_missing_value_tracks_true")
    tracks.ints[:] = [1 - way for way in tracks.ints]


def cells(*values: float) -> dict[str, np.ndarray]:
    return {"X": np.asarray([values], np.float32)}


EXPORTS = [
    Sabotage(
        "PyTorch: half to even made half up",
        ROUND,
        rewritten("Round", "h = Add(x0, half) y = Floor(h)", half=np.float32(0.5)),
        row(2.5),
    ),
    Sabotage("PyTorch: remainder of the dividend's sign", REMAINDER, rewritten("Floor", TRUNCATED), row(-1.0)),
    Sabotage("PyTorch: infinity not replaced", FINITE, rewritten("Where", "y = Identity(x2)", nth=-1), row(np.inf)),
    Sabotage("PyTorch: NaN not replaced", FINITE, rewritten("Where", "y = Identity(x2)", nth=0), row(np.nan)),
    Sabotage(
        "Keras: half to even made half up",
        keras(lambda k: [k.layers.Dense(8, kernel_initializer="identity"), k.layers.Lambda(k.ops.round)], 8),
        rewritten("Round", "h = Add(x0, half) y = Floor(h)", half=np.float32(0.5)),
        row(2.5),
    ),
    Sabotage(
        "scikit-learn: missing values not replaced",
        fitted("impute.SimpleImputer", HOLES),
        rewritten("Where", "y = Identity(x2)"),
        cells(np.nan, 1, 1, 1),
    ),
    Sabotage(
        "scikit-learn: missing values on the other side of a tree",
        fitted("tree.DecisionTreeRegressor", HOLES, X[:, 0], max_depth=4, random_state=0),
        edited("TreeEnsemble", other_side),
        cells(np.nan, np.nan, np.nan, np.nan),
    ),
    Sabotage(
        "scikit-learn: the code of missing values",
        fitted("preprocessing.OrdinalEncoder", CODES, encoded_missing_value=42),
        weight((5, 1), lambda array: np.where(array == 42, 3, array)),
        cells(np.nan),
    ),
]


class TestSpecialValues(PlantedFaults):
    faults = (*ROUNDING, *SPECIAL, *EXPORTS)
