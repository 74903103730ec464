"""Faults that show at certain sizes: none, one, odd, a multiple, the longest that a table admits, more than 64."""

from __future__ import annotations

from typing import Any

import numpy as np
from planted import Sabotage, pair, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch
from spoiling import attribute, rewritten, weight

RNG = np.random.default_rng(23)
AXES = "a = Constant<value_ints: ints = [1]>() b = Constant<value_ints: ints = [0]>() t = Constant<value_ints: ints = [2]>()"
STEPS = f"(float[N,L,2] x) => (float[N,M,2] y) {{ {AXES} l = Shape<start: int = 1, end: int = 2>(x) @ }}"
REDUCED = f"(float[N,L,2] x) => (float[N,2] y) {{ {AXES} l = Shape<start: int = 1, end: int = 2>(x) @ }}"
IMAGE = "(float[N,1,H,W] x) => (float[N,1,P,Q] y) { @ }"
LONG = np.int64(2**62)


def steps(length: int, width: int = 2, batch: int = 1, name: str = "x") -> dict[str, np.ndarray]:
    """A sequence of random steps."""
    return {name: np.random.default_rng(length).standard_normal((batch, length, width)).astype(np.float32)}


def image(height: int, width: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(height).standard_normal((1, 1, height, width)).astype(np.float32)}


def thirds(arrays: Any) -> dict[str, np.ndarray]:
    """Means over blocks of 3 x 3, those at the far ends over what there is."""
    x = arrays["x"]
    padding = [(0, 0), (0, 0), *((0, -size % 3) for size in x.shape[2:])]
    sums, counts = (
        np.pad(values, padding).reshape(*x.shape[:2], -(-x.shape[2] // 3), 3, -(-x.shape[3] // 3), 3).sum(axis=(3, 5))
        for values in (x, np.ones_like(x))
    )
    return {"y": sums / counts}


def tokens(length: int) -> dict[str, np.ndarray]:
    return {"x": np.ones((1, length), np.int64)}


def positions() -> dict[str, np.ndarray]:
    return {
        "words": RNG.standard_normal((20, 3)).astype(np.float32),
        "places": RNG.standard_normal((40, 3)).astype(np.float32),
    }


POSITIONS = positions()
POSITIONED = """(int64[N,L] x) => (float[N,L,3] y) {
    l = Shape<start: int = 1, end: int = 2>(x) b = Constant<value_ints: ints = [0]>() w = Gather(words, x) @ y = Add(w, p)
}"""
LAST_PLACE = POSITIONS["places"].copy()
LAST_PLACE[39] += 1

BATCHES = [
    pair(
        "an empty batch that cannot be reshaped",
        "(float[N,2,3] x) => (float[N,6] y) { s = Constant<value_ints: ints = [@]>() y = Reshape(x, s) }",
        "-1, 6",
        "0, -1",
        witness={"x": np.zeros((0, 2, 3), np.float32)},
    ),
    pair(
        "a batch of one squeezed away",
        "(float[N,1,4] x) => (float[N,4] y) { @ }",
        "a = Constant<value_ints: ints = [1]>() y = Squeeze(x, a)",
        "y = Squeeze(x)",
        witness={"x": np.ones((1, 1, 4), np.float32)},
    ),
    pair(
        "the second of a batch for the first",
        "(float[N,4] x) => (float[N,4] y) { n = Shape<start: int = 0, end: int = 1>(x) b = "
        "Constant<value_ints: ints = [0]>() o = Constant<value_ints: ints = [1]>() @ y = Sub(x, f) }",
        "f = Gather(x, b)",
        "m = Sub(n, o) i = Min(m, o) f = Gather(x, i)",
        witness={"x": np.eye(3, 4, dtype=np.float32)},
    ),
]

LENGTHS = [
    pair(
        "half of an odd length rounded up",
        STEPS,
        "h = Div(l, t) y = Slice(x, b, h, a)",
        "p = Add(l, a) h = Div(p, t) y = Slice(x, b, h, a)",
        witness=steps(7),
    ),
    pair(
        "a sequence cut at 64",
        STEPS,
        "y = Slice(x, b, l, a)",
        "y = Slice(x, b, most, a)",
        witness=steps(67),
        most=np.asarray([64]),
    ),
    pair(
        "a sequence cut at 96",
        STEPS,
        "y = Slice(x, b, l, a)",
        "y = Slice(x, b, most, a)",
        witness=steps(101),
        most=np.asarray([96]),
    ),
    pair(
        "padding to a multiple that adds one too many",
        STEPS,
        "m = Mod(l, four) r = Sub(four, m) p = Mod(r, four) f = Concat<axis: int = 0>(b, p) y = Pad(x, f, , a)",
        "m = Mod(l, four) p = Sub(four, m) f = Concat<axis: int = 0>(b, p) y = Pad(x, f, , a)",
        witness=steps(4),
        four=np.asarray([4]),
    ),
    pair(
        "the unbiased variance of one",
        REDUCED,
        "m = ReduceMean(x, a) d = Sub(x, m) q = Mul(d, d) s = ReduceSum<keepdims: int = 0>(q, a) c = Sub(l, "
        "a) n = Cast<to: int = 1>(c) y = Div(s, n)",
        "m = ReduceMean(x, a) d = Sub(x, m) q = Mul(d, d) s = ReduceSum<keepdims: int = 0>(q, a) c = Sub(l, "
        "a) o = Max(c, a) n = Cast<to: int = 1>(o) y = Div(s, n)",
        witness=steps(1),
    ),
    pair(
        "the last step by a fixed number",
        REDUCED,
        "i = Sub(l, a) g = Gather<axis: int = 1>(x, i) y = Squeeze(g, a)",
        "e = Sub(l, a) i = Min(e, most) g = Gather<axis: int = 1>(x, i) y = Squeeze(g, a)",
        witness=steps(67),
        most=np.asarray([63]),
    ),
    pair(
        "the five best of fewer",
        "(float[N,L] x) => (float[N,K] y) { l = Shape<start: int = 1, end: int = 2>(x) @ y, i = TopK(x, k) }",
        "k = Min(l, five)",
        "k = Identity(five)",
        witness={"x": np.ones((1, 3), np.float32)},
        five=np.asarray([5]),
    ),
    pair(
        "a causal mask of a fixed size",
        "(float[N,L,L] x) => (float[N,L,L] y) { l = Shape<start: int = 1, end: int = 2>(x) b = "
        "Constant<value_ints: ints = [0]>() a = Constant<value_ints: ints = [0, 1]>() @ y = Mul(x, m) }",
        "s = Concat<axis: int = 0>(l, l) o = ConstantOfShape<value: tensor = float[1] {1}>(s) m = "
        "Trilu<upper: int = 0>(o)",
        "e = Concat<axis: int = 0>(l, l) z = Concat<axis: int = 0>(b, b) m = Slice(mask, z, e, a)",
        witness={"x": np.ones((1, 67, 67), np.float32)},
        mask=np.tril(np.ones((64, 64), np.float32)),
    ),
    pair(
        "the mean over at most 64 steps",
        REDUCED,
        "y = ReduceMean<keepdims: int = 0>(x, a)",
        "h = Slice(x, b, most, a) y = ReduceMean<keepdims: int = 0>(h, a)",
        witness=steps(67),
        most=np.asarray([64]),
    ),
    weights_pair(
        "the last row of a table of positions",
        POSITIONED.replace("@", "p = Slice(places, b, l)"),
        POSITIONS,
        {"places": LAST_PLACE},
        witness=tokens(40),
    ),
    pair(
        "positions cut off before the table ends",
        POSITIONED,
        "p = Slice(places, b, l)",
        "nil = Constant<value: tensor = int64 {0}>() one = Constant<value: tensor = int64 {1}>() n = "
        "Squeeze(l) r = Range(nil, n, one) c = Min(r, most) p = Gather(places, c)",
        witness=tokens(40),
        most=np.int64(36),
        **POSITIONS,
    ),
]

SIDES = [
    pair(
        "pooling that rounds an odd size down",
        IMAGE,
        "y = MaxPool<kernel_shape: ints = [2, 2], strides: ints = [2, 2], ceil_mode: int = 1>(x)",
        "y = MaxPool<kernel_shape: ints = [2, 2], strides: ints = [2, 2]>(x)",
        witness=image(7, 8),
    ),
    pair(
        "average pooling that rounds a size down",
        IMAGE,
        "y = AveragePool<kernel_shape: ints = [3, 3], strides: ints = [3, 3], ceil_mode: int = 1>(x)",
        "y = AveragePool<kernel_shape: ints = [3, 3], strides: ints = [3, 3]>(x)",
        witness=image(7, 7),
        reference=thirds,
    ),
    pair(
        "padding of the lower side for the upper",
        IMAGE,
        'y = MaxPool<kernel_shape: ints = [3, 3], strides: ints = [2, 2], auto_pad: string = "SAME_UPPER">(x)',
        'y = MaxPool<kernel_shape: ints = [3, 3], strides: ints = [2, 2], auto_pad: string = "SAME_LOWER">(x)',
        witness=image(8, 8),
    ),
    pair(
        "explicit padding, right for odd sizes alone",
        IMAGE,
        'y = MaxPool<kernel_shape: ints = [3, 3], strides: ints = [2, 2], auto_pad: string = "SAME_UPPER">(x)',
        "y = MaxPool<kernel_shape: ints = [3, 3], strides: ints = [2, 2], pads: ints = [1, 1, 1, 1]>(x)",
        witness=image(8, 8),
    ),
    pair(
        "half of an odd size rounded up",
        IMAGE,
        'y = Resize<mode: string = "nearest", coordinate_transformation_mode: string = "asymmetric", '
        'nearest_mode: string = "floor">(x, , half)',
        'z = Shape(x) p = Add(z, odd) h = Div(p, two) y = Resize<mode: string = "nearest", '
        'coordinate_transformation_mode: string = "asymmetric", nearest_mode: string = "floor">(x, , , h)',
        witness=image(7, 7),
        half=np.asarray([1, 1, 0.5, 0.5], np.float32),
        odd=np.asarray([1, 1, 1, 1]),
        two=np.asarray([2, 2, 2, 2]),
    ),
    pair(
        "global pooling by a fixed kernel",
        "(float[N,1,H,W] x) => (float[N,1,1,1] y) { @ }",
        "y = GlobalAveragePool(x)",
        "b = Constant<value_ints: ints = [0, 0]>() e = Constant<value_ints: ints = [65, 65]>() a = "
        "Constant<value_ints: ints = [2, 3]>() s = Slice(x, b, e, a) y = GlobalAveragePool(s)",
        witness=image(67, 70),
    ),
]


def placed() -> dict[str, Any]:
    from torch import nn

    return {"words": nn.Embedding(30, 4), "places": nn.Embedding(40, 4)}


PLACED = pytorch(lambda net, x: net.words(x) + net.places.weight[: x.shape[1]], "x:int64[N,L=8]", parts=placed)
AVERAGED = pytorch(lambda net, x: x.mean(1), "x:float32[N,L=7,4]")
LAST = pytorch(lambda net, x: x[:, -1], "x:float32[N,L=7,4]")
SINGLE = pytorch(lambda net, x: x.squeeze(1), "x:float32[N,1,4]")
STRIDED = keras(lambda k: [k.layers.Conv1D(2, 3, strides=2, padding="same")], None, 3)
POOLED = keras(lambda k: [k.layers.MaxPooling1D(2, padding="same")], None, 3)
MEAN = keras(lambda k: [k.layers.GlobalAveragePooling1D()], None, 3)
CROPPED = keras(lambda k: [k.layers.Cropping1D((0, 2))], None, 3)
TABLE = np.random.default_rng(3).standard_normal((40, 4)).astype(np.float32)


SCALER = fitted("preprocessing.StandardScaler", TABLE)
REGRESSION = fitted("linear_model.LinearRegression", TABLE, TABLE[:, 0] * 2 + 1)
BLOCKS = keras(lambda k: [k.layers.AveragePooling1D(3, padding="same")], None, 3)
HEAD = {"b": np.asarray([0]), "e": np.asarray([64]), "a": np.asarray([1])}
EXPORTS = [
    Sabotage(
        "PyTorch: last row of a table of positions",
        PLACED,
        weight((40, 4), lambda array: array.__setitem__(39, array[38])),
        tokens(40),
    ),
    Sabotage(
        "PyTorch: the mean over at most 64 steps",
        AVERAGED,
        rewritten("ReduceMean", "h = Slice(x0, b, e, a) y = ReduceMean<keepdims: int = 0>(h, a)", **HEAD),
        steps(67, 4),
    ),
    Sabotage(
        "PyTorch: the last step of the first 64",
        LAST,
        rewritten("Gather", "h = Slice(x0, b, e, a) y = Gather<axis: int = 1>(h, x1)", **HEAD),
        steps(67, 4),
    ),
    Sabotage("PyTorch: a batch of one squeezed away", SINGLE, rewritten("Squeeze", "y = Squeeze(x0)"), steps(1, 4)),
    Sabotage(
        "Keras: explicit padding, right for odd sizes alone",
        STRIDED,
        lambda model: (attribute("Conv", auto_pad="NOTSET")(model), attribute("Conv", pads=[0, 1, 0, 1])(model)),
        steps(8, 3),
    ),
    Sabotage(
        "Keras: pooling that drops the last of an odd length",
        POOLED,
        lambda model: attribute("MaxPool", auto_pad="VALID")(model),
        steps(7, 3),
    ),
    Sabotage(
        "Keras: the mean over at most 64 steps",
        MEAN,
        rewritten("ReduceMean", "h = Slice(x0, b, e, a) y = ReduceMean<keepdims: int = 0>(h, a)", **HEAD),
        steps(67, 3),
    ),
    Sabotage(
        "Keras: a crop of long sequences lost",
        CROPPED,
        rewritten(
            "Slice",
            "l = Shape<start: int = 1, end: int = 2>(x0) m = Sub(l, two) o = Greater(m, e) f = Where(o, l, "
            "m) y = Slice(x0, b, f, a)",
            two=np.asarray([2]),
            **HEAD,
        ),
        steps(70, 3),
    ),
    Sabotage(
        "scikit-learn: a batch of one squeezed away",
        SCALER,
        rewritten("Sub", "s = Sub(x0, x1) y = Squeeze(s)"),
        {"X": np.ones((1, 4), np.float32)},
    ),
    Sabotage(
        "scikit-learn: rows beyond the 64th cut off",
        REGRESSION,
        rewritten(
            "MatMul",
            "m = MatMul(x0, x1) y = Slice(m, b, e, z)",
            b=np.asarray([0]),
            e=np.asarray([64]),
            z=np.asarray([0]),
        ),
        {"X": np.ones((67, 4), np.float32)},
    ),
    Sabotage(
        "Keras: zeros of the padding counted in a mean",
        BLOCKS,
        attribute("AveragePool", count_include_pad=1),
        steps(7, 3),
    ),
]


class TestSizes(PlantedFaults):
    faults = (*BATCHES, *LENGTHS, *SIDES, *EXPORTS)
