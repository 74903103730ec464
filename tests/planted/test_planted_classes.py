"""Faults in rare classes, branches and leaves, which inputs have to be searched for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from fakes import graph
from planted import Fault, Sabotage, pair, run, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, pytorch, torch
from planted_trees import Reachable
from spoiling import constant, rewritten, weight

RNG = np.random.default_rng(41)
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]
SCORES = {"w": RNG.standard_normal((8, 6)).astype(np.float32), "b": np.asarray([0, 0, 0, 0, 0, -25], np.float32)}
TOWARDS = SCORES["w"][:, 5] - SCORES["w"][:, :5].mean(axis=1)


def classifier(labels: list[str]) -> onnx.ModelProto:
    """A linear classifier whose last class is hardly ever predicted."""
    model = graph("(float[N,8] x) => (string[N] label, float[N,6] scores) { y = Identity(x) }", ml=1)
    del model.graph.node[:]
    model.graph.node.append(
        onnx.helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            multi_class=0,
            post_transform="NONE",
            coefficients=SCORES["w"].T.reshape(-1).tolist(),
            intercepts=SCORES["b"].tolist(),
            classlabels_strings=labels,
        )
    )
    return model


def linear(arrays: Any) -> dict[str, Any]:
    scores = arrays["x"] @ SCORES["w"] + SCORES["b"]
    return {"label": np.asarray(NAMES, object)[scores.argmax(axis=1)], "scores": scores}


def row(*values: float, width: int = 8, fill: float = 0.0, name: str = "x") -> dict[str, np.ndarray]:
    return {name: np.asarray([[*values, *[fill] * (width - len(values))]], np.float32)}


TABLE = {name: SCORES[name] for name in "wb"} | {"names": np.arange(6)}
ARGMAX = """(float[N,8] x) => (int64[N] y) {
    p = MatMul(x, w) s = Add(p, b) i = ArgMax<axis: int = 1, keepdims: int = 0>(s) y = Gather(names, i)
}"""
CENTRES = (RNG.standard_normal((6, 4)) * 2).astype(np.float32)
CENTRES[5] = [30, -30, 30, 30]
CLUSTER = """(float[N,4] x) => (int64[N] y) {
    a = Constant<value_ints: ints = [1]>() u = Unsqueeze(x, a) d = Sub(u, centres) t = Constant<value_ints: ints = [2]>()
    s = ReduceSumSquare<keepdims: int = 0>(d, t) i = ArgMin<axis: int = 1, keepdims: int = 0>(s) y = Gather(names, i)
}"""
NEAR = """(float[N,4] x) => (int64[N] y) {
    a = Constant<value_ints: ints = [1]>() d = Sub(x, c) s = ReduceSumSquare(d, a) p = Mul(s, k) r = Sub(h, p) z = MatMul(x, w)
    all = Concat<axis: int = 1>(z, r) i = ArgMax<axis: int = 1, keepdims: int = 0>(all) y = Gather(names, i)
}"""
SEARCHED = {
    "c": np.asarray([[1.7, -2.3, 0.9, 2.1]], np.float32),
    "k": np.float32(4),
    "h": np.float32(9),
    "w": RNG.standard_normal((4, 5)).astype(np.float32) * 0.5,
    "names": np.arange(6),
}
HIDDEN = """(float[N,8] x) => (int64[N] y) {
    h = MatMul(x, v) r = Relu(h) p = MatMul(r, w) s = Add(p, b)
    i = ArgMax<axis: int = 1, keepdims: int = 0>(s) y = Gather(names, i)
}"""
LAYERS = {
    "v": RNG.standard_normal((8, 12)).astype(np.float32),
    "w": RNG.standard_normal((12, 6)).astype(np.float32),
    "b": np.asarray([0, 0, 0, 0, 0, -9], np.float32),
    "names": np.arange(6),
}


def rare(layers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An input of the last class, found by drawing many."""
    x = np.random.default_rng(0).standard_normal((200_000, 8)).astype(np.float32) * 4
    scores = np.maximum(x @ layers["v"], 0) @ layers["w"] + layers["b"]
    found = x[scores.argmax(axis=1) == 5]
    return {"x": found[:1]}


LABELS = [
    Fault(
        "the label of the rarest class",
        classifier(NAMES),
        classifier([*NAMES[:-1], "ox"]),
        linear,
        {"x": (3 * TOWARDS)[None].astype(np.float32)},
    ),
    weights_pair(
        "the number of the rarest class",
        ARGMAX,
        TABLE,
        {"names": np.asarray([0, 1, 2, 3, 4, 4])},
        witness={"x": (3 * TOWARDS)[None].astype(np.float32)},
    ),
    weights_pair(
        "a far cluster's number",
        CLUSTER,
        {"centres": CENTRES[None], "names": np.arange(6)},
        {"names": np.asarray([0, 1, 2, 3, 4, 0])},
        witness={"x": CENTRES[5:]},
    ),
    weights_pair(
        "the class of a small ball",
        NEAR,
        SEARCHED,
        {"names": np.asarray([0, 1, 2, 3, 4, 0])},
        witness={"x": SEARCHED["c"]},
    ),
    weights_pair(
        "the rarest class of a network", HIDDEN, LAYERS, {"names": np.asarray([0, 1, 2, 3, 4, 0])}, witness=rare(LAYERS)
    ),
    weights_pair(
        "two rare classes of the second output exchanged",
        "(float[N,8] x) => (int64[N] y, int64[N] z) { p = MatMul(x, w) s = Add(p, b) i = ArgMax<axis: int = "
        "1, keepdims: int = 0>(s) y = Gather(names, i) z = Gather(others, i) }",
        {**TABLE, "b": np.asarray([0, 0, 0, 0, -22, -25], np.float32), "others": np.arange(10, 16)},
        {"others": np.asarray([10, 11, 12, 13, 15, 14])},
        witness={"x": (3 * TOWARDS)[None].astype(np.float32)},
    ),
]

SPLIT = "(float[N,8] x) => (float[N,8] y) { @ y = Where(m, p, x) }"
FIRST_COLUMNS = """i = Constant<value_ints: ints = [0]>() j = Constant<value_ints: ints = [1]>() u = Gather<axis: int = 1>(x, i)
    v = Gather<axis: int = 1>(x, j) f = Greater(u, c) g = Less(v, d) m = And(f, g)"""
BRANCH = """(float[N,8] x) => (float[N,8] y) {
    s = ReduceSum<keepdims: int = 0>(x) b = Greater(s, c)
    y = If<
        then_branch: graph = g () => (float[N,8] t) { t = @(x) },
        else_branch: graph = h () => (float[N,8] e) { e = Identity(x) }
    >(b)
}"""
DEEP = """a = Constant<value_ints: ints = [1]>() h = ReduceMax(x, a) l = ReduceMin(x, a) f = Greater(h, c) g = Less(l, d)
    s = ReduceSum(x, a) k = Less(s, e) t = And(f, g) m = And(t, k)"""
BRANCHES = [
    pair(
        "a branch for large sums alone",
        BRANCH,
        "Neg",
        "Abs",
        witness=row(fill=40.0),
        c=np.float32(250),
    ),
    pair(
        "a branch for negative sums alone",
        BRANCH.replace("Greater", "Less"),
        "Neg",
        "Relu",
        witness=row(fill=-40.0),
        c=np.float32(-250),
    ),
    pair(
        "a value for two rare conditions",
        SPLIT,
        f"{FIRST_COLUMNS} p = Neg(x)",
        f"{FIRST_COLUMNS} p = Relu(x)",
        witness=row(4.5, -4.5, 1.0),
        c=np.float32(4.2),
        d=np.float32(-4.2),
    ),
    pair(
        "a value for an exact interval",
        "(float[N,8] x) => (float[N,8] y) { f = Greater(x, c) g = Less(x, d) m = And(f, g) @ y = Where(m, p, x) }",
        "p = Neg(x)",
        "p = Identity(x)",
        witness=row(0.5004),
        c=np.float32(0.5),
        d=np.float32(0.501),
    ),
    pair(
        "a value for three conditions on a row",
        SPLIT,
        f"{DEEP} p = Neg(x)",
        f"{DEEP} p = Relu(x)",
        witness=row(60.0, -80.0),
        c=np.float32(50),
        d=np.float32(-70),
        e=np.float32(-15),
    ),
]


def with_a_wrong_leaf(name: str, forest: Reachable) -> Fault:
    """A fault in the leaf that is reached least."""
    at, x = forest.rarest()
    wrong = forest.value.copy()
    wrong[0, at] += 0.5
    right, spoiled = (
        forest.graph(thresholds=forest.threshold, dtype="float", values=values) for values in (forest.value, wrong)
    )
    return Fault(name, right, spoiled, forest, {"x": x})


LEAVES = [
    with_a_wrong_leaf("a leaf of a deep tree", Reachable(1, 8, 4, RNG)),
    with_a_wrong_leaf("a leaf of a forest", Reachable(50, 6, 6, RNG)),
    with_a_wrong_leaf("a leaf of a small tree", Reachable(1, 4, 2, RNG)),
]

TABLE_X = np.random.default_rng(43).standard_normal((200, 4)).astype(np.float32)
Y = np.minimum((np.abs(TABLE_X).sum(axis=1) * 0.9).astype(int), 5)


def leaf(at: int) -> Callable[[np.ndarray], None]:
    """Change what a leaf holds."""

    def change(array: np.ndarray) -> None:
        array[at, 0] += 1

    return change


def for_class(number: int, other: int) -> Any:
    """Give the name of one class to another one's."""
    wrong = np.arange(6)
    wrong[number] = other
    return constant(np.arange(6), wrong)


def telling(name: str = "X", width: int = 4) -> Callable[[Sabotage], dict[str, np.ndarray]]:
    """What draws rows of many magnitudes and keeps those that tell the spoiled export from the right one."""

    def search(fault: Sabotage) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(1)
        x = np.concatenate(
            [scale * rng.standard_normal((4_000, width)).astype(np.float32) for scale in (0.2, 1, 6, 40)]
        )
        right, wrong = (run(model, {name: x}) for model in (fault.right(), fault.wrong()))
        differ = [(right[key] != wrong[key]).reshape(len(x), -1).any(axis=1) for key in right]
        return {name: x[np.any(differ, axis=0)][:3]}

    return search


def experts() -> dict[str, Any]:
    nn = torch().nn
    gate = nn.Linear(8, 4)
    nn.init.constant_(gate.bias, 0)
    gate.bias.data[3] = -12
    return {"gate": gate, "experts": nn.Linear(8, 4)}


OUTLIER = np.concatenate([TABLE_X, [[30, -30, 30, 30]]]).astype(np.float32)
TARGET = TABLE_X @ np.asarray([1, 2, -1, 0.5])
RARE = pytorch(lambda net, x: torch().where((x[:, :1] > 4.1) & (x[:, 1:2] < -4.1), x * 2, x))
EXPERTS = pytorch(lambda net, x: net.experts(x).gather(1, net.gate(x).argmax(1, keepdim=True)), parts=experts)
EXPORTS = [
    Sabotage("PyTorch: a value for two rare conditions", RARE, constant(2.0, 3.0), row(5, -5, 1)),
    Sabotage(
        "PyTorch: an expert that is hardly ever chosen",
        EXPERTS,
        weight((4,), lambda array: array + np.asarray([0, 0, 0, 1], np.float32) * (array[3] > -11)),
        telling("x", 8),
    ),
    Sabotage(
        "scikit-learn: rarest class of a logistic regression",
        fitted("linear_model.LogisticRegression", TABLE_X, Y, max_iter=500),
        for_class(1, 0),
        telling(),
    ),
    Sabotage(
        "scikit-learn: rarest class of a naive Bayes",
        fitted("naive_bayes.GaussianNB", TABLE_X, Y),
        for_class(0, 1),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a class of a perceptron",
        fitted(
            "neural_network.MLPClassifier", TABLE_X, Y, hidden_layer_sizes=(8,), max_iter=400, random_state=0, tol=1e-2
        ),
        for_class(0, 2),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a far cluster",
        fitted("cluster.KMeans", OUTLIER, n_clusters=6, init=OUTLIER[-6:], n_init=1, max_iter=1),
        rewritten("ArgMin", "i = ArgMin<axis: int = 1, keepdims: int = 0>(x0) y = Mod(i, five)", five=np.int64(5)),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a leaf of a tree",
        fitted("tree.DecisionTreeRegressor", TABLE_X, TARGET, max_leaf_nodes=64, random_state=0),
        weight((64, 2), leaf(37)),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a leaf of a forest",
        fitted("ensemble.RandomForestRegressor", TABLE_X, TARGET, n_estimators=20, max_leaf_nodes=16, random_state=0),
        weight((320, 2), leaf(211)),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a leaf of boosted histograms",
        fitted(
            "ensemble.HistGradientBoostingRegressor", TABLE_X, TARGET, max_iter=5, max_leaf_nodes=10, min_samples_leaf=2
        ),
        weight((50, 2), leaf(33)),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a class of a deep tree",
        fitted("tree.DecisionTreeClassifier", TABLE_X, Y, random_state=0),
        for_class(0, 5),
        telling(),
    ),
    Sabotage(
        "scikit-learn: the label of one neighbour",
        fitted("neighbors.KNeighborsClassifier", TABLE_X, Y, n_neighbors=1),
        weight((200,), lambda array: array.__setitem__(77, (array[77] + 1) % 6) if array.dtype == np.int64 else None),
        telling(),
    ),
    Sabotage(
        "scikit-learn: a discriminant of two classes with its score doubled",
        fitted("discriminant_analysis.LinearDiscriminantAnalysis", TABLE_X, Y > 2),
        rewritten("Neg", "d = Add(x0, x0) y = Neg(d)"),
        {"X": TABLE_X[:5]},
    ),
]


class TestClasses(PlantedFaults):
    faults = (*LABELS, *BRANCHES, *LEAVES, *EXPORTS)
