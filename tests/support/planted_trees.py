"""Forests of perfect binary trees, as graphs and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from fakes import graph


class Forest:
    """Perfect binary trees over float64 features, in NumPy."""

    def __init__(self, trees: int, depth: int, features: int, rng: np.random.Generator) -> None:
        self.inner, self.depth, self.features = 2**depth - 1, depth, features
        self.feature = rng.integers(0, features, (trees, self.inner))
        self.threshold = rng.standard_normal((trees, self.inner))
        self.value = rng.standard_normal((trees, 2**depth)).astype(np.float32)

    def __call__(self, arrays: Any) -> Any:
        x = arrays["x"].astype(np.float64)
        total = np.zeros(len(x), np.float32)
        for tree, value in enumerate(self.value):
            total += value[self.leaf(x, tree)]
        return {"y": total[:, None]}

    def leaf(self, x: np.ndarray, tree: int) -> np.ndarray:
        """The leaf that each row reaches in a tree."""
        feature, threshold = self.feature[tree], self.threshold[tree]
        at = np.zeros(len(x), int)
        for _ in range(self.depth):
            left = x[np.arange(len(x)), feature[at]] <= threshold[at]
            at = 2 * at + np.where(left, 1, 2)
        return at - self.inner

    def graph(
        self, *, thresholds: Any, dtype: str = "double", cast: bool = False, values: Any = None
    ) -> onnx.ModelProto:
        """The forest as a TreeEnsembleRegressor with these thresholds; `cast` rounds the features to float32 first."""
        leaves = self.value if values is None else values
        nodes: dict[str, list[Any]] = {
            f"nodes_{n}": [] for n in ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids")
        }
        values, targets = [], []
        for tree, (feature, threshold, value) in enumerate(zip(self.feature, thresholds, leaves, strict=True)):
            for node in range(2 * self.inner + 1):
                leaf = node >= self.inner
                row = (
                    tree,
                    node,
                    0 if leaf else int(feature[node]),
                    "LEAF" if leaf else "BRANCH_LEQ",
                    *((0, 0) if leaf else (2 * node + 1, 2 * node + 2)),
                )
                for column, item in zip(nodes.values(), row, strict=True):
                    column.append(item)
                values.append(0.0 if leaf else float(threshold[node]))
                if leaf:
                    targets.append((tree, node, float(value[node - self.inner])))
        model = graph(f"({dtype}[N,{self.features}] x) => (float[N,1] y) {{ c = Cast<to: int = 1>(x) }}", ml=3)
        if not cast:
            del model.graph.node[:]
        exact = {
            "nodes_values_as_tensor": onnx.numpy_helper.from_array(np.asarray(values)),
            "target_weights_as_tensor": onnx.numpy_helper.from_array(np.asarray([w for *_, w in targets])),
        }
        single = {"nodes_values": values, "target_weights": [weight for *_, weight in targets]}
        as_double = dtype == "double" and not cast
        model.graph.node.append(
            onnx.helper.make_node(
                "TreeEnsembleRegressor", ["c" if cast else "x"], ["y"], domain="ai.onnx.ml", n_targets=1, post_transform="NONE",
                target_ids=[0] * len(targets), target_treeids=[t for t, *_ in targets], target_nodeids=[n for _, n, _ in targets],
                **nodes, **(exact if as_double else single),
            )
        )  # fmt: skip
        return model


class Reachable(Forest):
    """A forest whose every leaf holds a part of the box in which all features lie within 8."""

    def __init__(self, trees: int, depth: int, features: int, rng: np.random.Generator) -> None:
        super().__init__(trees, depth, features, rng)
        for tree in range(trees):
            self._split(tree, 0, np.full(features, -8.0), np.full(features, 8.0), rng)
        self.threshold = self.threshold.astype(np.float32)

    def _split(self, tree: int, node: int, low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> None:
        """Draw a threshold inside the node's box."""
        if node >= self.inner:
            return
        at = self.feature[tree, node]
        self.threshold[tree, node] = border = low[at] + rng.uniform(0.1, 0.9) * (high[at] - low[at])
        left, right = high.copy(), low.copy()
        left[at] = right[at] = border
        self._split(tree, 2 * node + 1, low, left, rng)
        self._split(tree, 2 * node + 2, right, high, rng)

    def rarest(self) -> tuple[int, np.ndarray]:
        """The leaf of the first tree that the fewest of many rows reach, and one of these rows."""
        x = np.random.default_rng(0).uniform(-8, 8, (60_000, self.feature.max() + 1)).astype(np.float32)
        leaves = self.leaf(x, 0)
        counts = np.bincount(leaves, minlength=self.inner + 1)
        at = int(np.where(counts > 0, counts, len(x)).argmin())
        return at, x[leaves == at][:1]
