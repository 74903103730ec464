"""Graphs whose answers are tied: topk, argmax, sort, nearest neighbours, suppression, labels."""

from __future__ import annotations

import numpy as np
from delicate_graphs import case, draw, finite, sigmoid, softmax

floats = draw(11)

CODES = np.repeat(floats(6, 8), 2, axis=0)
TIES = "tied values have one index by the specification (the first), and the values beside it are equal"


def ranked(x: np.ndarray, k: int, *, largest: bool = True) -> dict[str, np.ndarray]:
    order = np.argsort(-x if largest else x, axis=-1, kind="stable")[..., :k]
    return {"v": np.take_along_axis(x, order, -1), "i": order}


def suppressed(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Greedy non-maximum suppression over one image and one class, at an overlap of one half, at most three boxes."""
    finite(boxes), finite(scores)
    low, high = np.minimum(boxes[0, :, :2], boxes[0, :, 2:]), np.maximum(boxes[0, :, :2], boxes[0, :, 2:])
    areas, kept = (high - low).prod(-1), []
    for index in np.argsort(-scores[0, 0], kind="stable"):
        sides = np.maximum(np.minimum(high, high[index]) - np.maximum(low, low[index]), 0)
        shared = sides.prod(-1)
        union = areas + areas[index] - shared
        if len(kept) < 3 and not any(shared[k] / union[k] > 0.5 for k in kept):
            kept.append(int(index))
    return np.asarray([[0, 0, index] for index in kept], np.int64).reshape(-1, 3)


def pooled_with_indices(x: np.ndarray) -> dict[str, np.ndarray]:
    finite(x)
    n, c, h, w = x.shape
    windows = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    windows = windows.reshape(n, c, h // 2, w // 2, 4)
    best = windows.argmax(-1)
    rows, columns = np.arange(h // 2)[:, None] * 2 + best // 2, np.arange(w // 2)[None] * 2 + best % 2
    planes = np.arange(n * c).reshape(n, c, 1, 1) * h * w
    return {"y": windows.max(-1), "i": planes + rows * w + columns}


TIED = [
    case(
        "topk of rounded scores",
        "ties",
        TIES,
        "(float[N,20] x) => (float[N,5] v, int64[N,5] i) { r = Round(x) v, i = TopK(r, k) }",
        lambda x: ranked(np.rint(finite(x)), 5),
        k=np.asarray([5]),
    ),
    case(
        "a whole row sorted downwards",
        "ties",
        TIES,
        "(float[N,9] x) => (float[N,9] v, int64[N,9] i) { r = Relu(x) v, i = TopK<largest: int = 0>(r, k) }",
        lambda x: ranked(np.maximum(finite(x), 0), 9, largest=False),
        k=np.asarray([9]),
    ),
    case(
        "argmax and argmin of a sign",
        "ties",
        TIES,
        """(float[N,9] x) => (int64[N] a, int64[N] b) {
             s = Sign(x) a = ArgMax<axis: int = 1, keepdims: int = 0>(s) b = ArgMin<axis: int = 1, keepdims: int = 0>(s) }""",
        lambda x: {"a": np.sign(finite(x)).argmax(1), "b": np.sign(x).argmin(1)},
    ),
    case(
        "nearest of codes that come twice",
        "ties",
        TIES,
        """(float[N,8] x) => (int64[N] y) { u = Unsqueeze(x, one) d = Sub(u, c) q = Mul(d, d)
             s = ReduceSum<keepdims: int = 0>(q, two)
             y = ArgMin<axis: int = 1, keepdims: int = 0>(s) }""",
        lambda x: ((finite(x)[:, None] - CODES) ** 2).sum(2).argmin(1),
        c=CODES,
        one=np.asarray([1]),
        two=np.asarray([2]),
    ),
    case(
        "boxes of equal scores suppressed",
        "ties",
        "the greedy rule takes equal scores in their order, on both sides",
        """(float[1,B,4] boxes, float[1,1,B] scores) => (int64[S,3] y) {
             r = Round(scores) y = NonMaxSuppression(boxes, r, three, half) }""",
        lambda boxes, scores: suppressed(boxes, np.rint(scores)),
        three=np.asarray([3]),
        half=np.asarray([0.5], np.float32),
    ),
    case(
        "indices of a max pool over plateaus",
        "ties",
        TIES,
        """(float[N,2,6,6] x) => (float[N,2,3,3] y, int64[N,2,3,3] i) {
             r = Relu(x) y, i = MaxPool<kernel_shape: ints = [2, 2], strides: ints = [2, 2]>(r) }""",
        lambda x: pooled_with_indices(np.maximum(x, 0)),
    ),
    case(
        "hardmax of constant rows",
        "ties",
        TIES,
        "(float[N,5] x) => (float[N,5] y) { r = Round(x) y = Hardmax(r) }",
        lambda x: np.eye(5, dtype=np.float32)[np.rint(finite(x)).argmax(1)],
    ),
    case(
        "a label from saturated sigmoids",
        "ties",
        "beyond 17 every float32 sigmoid is 1 up to one rounding: the labels' scores are tied",
        "(float[N,5] x) => (float[N,5] p, int64[N] y) { p = Sigmoid(x) y = ArgMax<axis: int = 1, keepdims: int = 0>(p) }",
        lambda x: {"p": (p := sigmoid(finite(x).astype(np.float64)).astype(np.float32)), "y": p.argmax(1)},
    ),
    case(
        "a label from a softmax",
        "ties",
        "rows of equal logits have equal probabilities, and the first label wins on both sides",
        "(float[N,7] x) => (float[N,7] p, int64[N] y) { p = Softmax(x) y = ArgMax<axis: int = 1, keepdims: int = 0>(p) }",
        lambda x: {"p": (p := softmax(finite(x))), "y": p.argmax(1)},
    ),
]


CASES = [*TIED]
