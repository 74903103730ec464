"""Correct conversions that are numerically delicate are proven, not refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import Convert, Net, graph

RNG = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def softmax(x: np.ndarray) -> np.ndarray:
    exponents = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def normalised(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return (centred / np.sqrt(variance + 1e-5) * scale + shift).astype(np.float32)


def recurrent(x: np.ndarray, w: np.ndarray, r: np.ndarray) -> np.ndarray:
    """A plain tanh RNN, time first; the states of every step."""
    state, states = np.zeros((x.shape[1], r.shape[0]), np.float32), []
    for step in x:
        state = np.tanh(step @ w.T + state @ r.T)
        states.append(state)
    return np.stack(states)[:, None]


SCALE, SHIFT, DENSE, DEEP = floats(16), floats(16), floats(512, 64) / 20, [floats(64, 64) / 8 for _ in range(8)]
KERNEL = floats(8, 4, 3, 3)
RNN = {"w": floats(1, 8, 4) / 2, "r": floats(1, 8, 8) / 3}
HALF = floats(64, 16).astype(np.float16)


def deep(arrays: Any) -> Any:
    value = arrays["x"].astype(np.float64)
    for weight in DEEP:
        value = np.maximum(value @ weight, 0)
    return {"y": value.astype(np.float32)}


def deep_graph() -> onnx.ModelProto:
    nodes = " ".join(
        f"m{i} = MatMul({f'r{i - 1}' if i else 'x'}, w{i}) {'y' if i == 7 else f'r{i}'} = Relu(m{i})" for i in range(8)
    )
    return graph(
        f"(float[N,64] x) => (float[N,64] y) {{ {nodes} }}", **{f"w{i}": weight for i, weight in enumerate(DEEP)}
    )


def truncated(arrays: Any) -> Any:
    """Integer division as ONNX defines it: towards zero."""
    a, b = arrays["a"], arrays["b"]
    return {"y": (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)}


CASES: dict[str, tuple[onnx.ModelProto, Callable[[Any], Any] | None]] = {
    "softmax of large logits": (
        graph("(float[N,10] x) => (float[N,10] y) { l = Mul(x, k) y = Softmax(l) }", k=np.float32(1000)),
        lambda a: {"y": softmax(a["x"] * np.float32(1000))},
    ),
    "logarithm of a softmax": (
        graph("(float[N,10] x) => (float[N,10] y) { y = LogSoftmax(x) }"),
        lambda a: {"y": np.log(softmax(a["x"].astype(np.float64))).astype(np.float32)},
    ),
    "layer norm in another order of operations": (
        graph(
            "(float[N,16] x) => (float[N,16] y) { y = LayerNormalization<epsilon: float = 1e-5>(x, scale, shift) }",
            scale=SCALE,
            shift=SHIFT,
        ),
        lambda a: {"y": normalised(a["x"], SCALE, SHIFT)},
    ),
    "a float16 model": (
        graph("(float16[N,64] x) => (float16[N,16] y) { m = MatMul(x, w) y = Softmax(m) }", w=HALF),
        lambda a: {"y": softmax(a["x"].astype(np.float32) @ HALF.astype(np.float32)).astype(np.float16)},
    ),
    "a bfloat16 identity": (
        graph("(bfloat16[N,4] x) => (bfloat16[N,4] y) { y = Identity(x) }"),
        lambda a: {"y": a["x"]},
    ),
    "ties among the largest": (
        graph(
            """(float[N,8] x) => (float[N,3] v, int64[N,3] i, int64[N] m) {
                r = Relu(x) v, i = TopK(r, k) m = ArgMax<axis: int = 1, keepdims: int = 0>(r)
            }""",
            k=np.asarray([3], np.int64),
        ),
        lambda a: {
            "v": -np.sort(-np.maximum(a["x"], 0), axis=1)[:, :3],
            "i": np.argsort(-np.maximum(a["x"], 0), axis=1, kind="stable")[:, :3],
            "m": np.maximum(a["x"], 0).argmax(axis=1),
        },
    ),
    "a cumulative sum": (
        graph("(float[N,T] x) => (float[N,T] y) { y = CumSum(x, axis) }", axis=np.asarray(1, np.int64)),
        lambda a: {"y": np.cumsum(a["x"], axis=1, dtype=np.float32)},
    ),
    "integer division by an input": (
        graph("(int32[N,4] a, int32[N,4] b) => (int32[N,4] y) { y = Div(a, b) }"),
        truncated,
    ),
    "integer division by a constant": (
        graph("(int64[N,4] a) => (int64[N,4] y) { y = Div(a, k) }", k=np.asarray(7, np.int64)),
        lambda a: {"y": np.sign(a["a"]) * (np.abs(a["a"]) // 7)},
    ),
    "integers that wrap": (
        graph("(int64[N,4] x) => (int64[N,4] y) { y = Mul(x, x) }"),
        lambda a: {"y": a["x"] * a["x"]},
    ),
    "a wide dense layer summed in float64": (
        graph("(float[N,512] x) => (float[N,64] y) { y = MatMul(x, w) }", w=DENSE),
        lambda a: {"y": (a["x"].astype(np.float64) @ DENSE).astype(np.float32)},
    ),
    "a deep stack of dense layers": (deep_graph(), deep),
    "logarithms and roots of negative numbers": (
        graph("(float[N,8] x) => (float[N,8] y) { l = Log(x) s = Sqrt(x) y = Add(l, s) }"),
        lambda a: {"y": np.log(a["x"]) + np.sqrt(a["x"])},
    ),
    "a convolution": (
        graph("(float[N,4,H,W] x) => (float[N,8,P,Q] y) { y = Conv<pads: ints = [1, 1, 1, 1]>(x, w) }", w=KERNEL),
        None,
    ),
    "a recurrent network over any length": (
        graph("(float[T,N,4] x) => (float[T,D,N,8] y) { y = RNN<hidden_size: int = 8>(x, w, r) }", **RNN),
        lambda a: {"y": recurrent(a["x"], RNN["w"][0], RNN["r"][0])},
    ),
    "an embedding": (graph("(int64[N,T] x) => (float[N,T,16] y) { y = Gather(w, x) }", w=floats(11, 16)), None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_correct_export_is_proven(name: str, convert: Convert, target: Any) -> None:
    exported, reference = CASES[name]
    conversion = convert(Net(exported, reference))
    assert conversion.report.verdict == "proven"
    assert conversion.report.proofs[0].refused == []
    assert target.exists()


def test_a_network_that_runs_only_at_multiples_of_32_is_proven_at_three_of_them(convert: Convert) -> None:
    body = """(float[1,1,H,W] x) => (float[1,1,P,Q] y) {
        y = AveragePool<kernel_shape: ints = [32, 32], strides: ints = [32, 32]>(x)
    }"""

    def pooled(arrays: Any) -> Any:
        height, width = (size // 32 for size in arrays["x"].shape[2:])
        return {"y": arrays["x"].reshape(1, 1, height, 32, width, 32).mean(axis=(3, 5))}

    (proof,) = convert(Net(graph(body), pooled)).report.proofs
    assert len({case.sizes["H"] for case in proof.cases}) >= 3
    assert proof.refused


def test_the_proof_of_a_small_model_takes_a_dozen_cases_at_most(convert: Convert) -> None:
    assert len(convert(graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")).report.proofs[0].cases) <= 12
