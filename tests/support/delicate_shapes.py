"""Graphs whose source refuses some inputs, and outputs of unusual shapes and kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from delicate_case import Delicate
from delicate_graphs import Reference, case, draw, finite, softmax
from fakes import Net, zip_map

floats = draw(15)

TABLE = floats(11, 4)
LEFT_OUT = "what the source refuses is no input of the model"


def refusing(condition: Callable[[np.ndarray], bool], function: Reference) -> Reference:
    def checked(x: np.ndarray) -> Any:
        if condition(x):
            raise ValueError("refused")
        return function(x)

    return checked


LABELS = ["cat", "dog", "Öl"]


def in_maps(arrays: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
    return {"maps": [dict(zip(LABELS, row.tolist(), strict=True)) for row in softmax(arrays["x"])]}


SHAPES = [
    case(
        "an embedding that refuses negative ids",
        "refusals",
        LEFT_OUT,
        "(int64[N,5] x) => (float[N,5,4] y) { y = Gather(t, x) }",
        refusing(lambda x: bool((x < 0).any()), lambda x: TABLE[x]),
        t=TABLE,
    ),
    case(
        "an embedding that takes negative ids",
        "refusals",
        "negative ids count from the end on both sides",
        "(int64[N,5] x) => (float[N,5,4] y) { y = Gather(t, x) }",
        lambda x: TABLE[x],
        t=TABLE,
    ),
    case(
        "a model that refuses an empty batch",
        "refusals",
        LEFT_OUT,
        "(float[N,4] x) => (float[N,4] y) { y = Tanh(x) }",
        refusing(lambda x: len(x) == 0, np.tanh),
    ),
    case(
        "a model that refuses a batch of one",
        "refusals",
        LEFT_OUT,
        "(float[N,4] x) => (float[N,4] y) { y = Tanh(x) }",
        refusing(lambda x: len(x) == 1, np.tanh),
    ),
    case(
        "a model that takes even batches only",
        "refusals",
        LEFT_OUT,
        "(float[N,4] x) => (float[M,8] y) { y = Reshape(x, s) }",
        refusing(lambda x: len(x) % 2 == 1 or len(x) == 0, lambda x: x.reshape(-1, 8)),
        s=np.asarray([-1, 8]),
        inputs=("x:float32[N=4,4]",),
    ),
    case(
        "a model that takes 10 rows at most",
        "refusals",
        LEFT_OUT,
        "(float[N,4] x) => (float[N,4] y) { y = Exp(x) }",
        refusing(lambda x: len(x) > 10, np.exp),
    ),
    case(
        "a model that refuses NaN and infinities",
        "refusals",
        LEFT_OUT,
        "(float[N,4] x) => (float[N,4] y) { y = Relu(x) }",
        refusing(lambda x: not np.isfinite(x).all(), lambda x: np.maximum(x, 0)),
    ),
    case(
        "sizes fixed throughout",
        "shapes",
        "one size is the whole domain",
        "(float[1,3] x) => (float[1,3] y) { y = Softmax(x) }",
        softmax,
    ),
    case(
        "scalars",
        "shapes",
        "a tensor of rank 0 is a number",
        "(float x) => (float y) { y = Mul(x, x) }",
        lambda x: x * x,
    ),
    case(
        "places of what is not zero, perhaps none",
        "shapes",
        "the places are listed row by row on both sides",
        "(float[N,5] x) => (int64[2,K] y, float[K] v) { r = Relu(x) y = NonZero(r) t = Transpose(y) v = GatherND(r, t) }",
        lambda x: {"y": np.stack(np.nonzero(np.maximum(finite(x), 0))), "v": (r := np.maximum(x, 0))[r != 0]},
    ),
    case(
        "distinct values",
        "shapes",
        "sorted distinct values are one list",
        "(float[N] x) => (float[K] y) { r = Round(x) y = Unique(r) }",
        lambda x: np.unique(np.rint(finite(x))),
    ),
    case(
        "a dictionary of strings",
        "kinds",
        "unknown words have one number on both sides",
        """(string[N,2] x) => (int64[N,2] y) { y = ai.onnx.ml.LabelEncoder<keys_strings = ["red", "grün", ""],
             values_int64s = [3, 1, 2], default_int64 = -1>(x) }""",
        lambda x: np.vectorize({"red": 3, "grün": 1, "": 2}.get, otypes=[np.int64])(x, -1),
        ml=4,
    ),
    Delicate(
        "maps from label to probability",
        "kinds",
        lambda: Net(zip_map(LABELS), in_maps),
        "a map for each row, from its label to its probability",
    ),
]


CASES = [*SHAPES]
