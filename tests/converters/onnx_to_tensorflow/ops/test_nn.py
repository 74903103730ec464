"""Activations, matrix products and losses in TensorFlow with the options that ONNX's own suite leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, parsed, translated

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
WEIGHT = np.array([0.5, 2.0, 0.25, 1.5], np.float32)


def scores(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32) * 3


def labels(*shape: int, ignored: int | None = None) -> Any:
    found = np.random.default_rng(1).integers(0, 4, shape)
    return found if ignored is None else np.where(np.random.default_rng(2).random(shape) < 0.4, ignored, found)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, -100, 2])
def test_cross_entropy_of_a_batch_of_unknown_size(reduction: str, weighted: bool, ignored: int | None) -> None:
    result = "float[N,H,5]" if reduction == "none" else "float"
    attributes = f'reduction="{reduction}"' + ("" if ignored is None else f", ignore_index={ignored}")
    model = parsed(
        f"g (float[N,4,H,5] x, int64[N,H,5] t{', float[4] w' if weighted else ''}) => ({result} y, float[N,4,H,5] p)"
        f" {{ y, p = SoftmaxCrossEntropyLoss <{attributes}> (x, t{', w' if weighted else ''}) }}"
    )
    inputs = {"x": scores(3, 4, 2, 5), "t": labels(3, 2, 5, ignored=ignored)} | ({"w": WEIGHT} if weighted else {})
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("kind", ["float", "double", "float16", "bfloat16"])
def test_each_type_of_log_probabilities_has_its_loss(kind: str) -> None:
    model = parsed(
        f"g ({kind}[N,4] x, int32[N] t, {kind}[4] w) => ({kind} y) {{ y = NegativeLogLikelihoodLoss(x, t, w) }}",
        opset=22,
    )
    import tensorflow as tf

    own = tf.as_dtype({"float": "float32", "double": "float64"}.get(kind, kind)).as_numpy_dtype
    x = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.5, 0.125, 0.125]])).astype(own)
    inputs = {"x": x, "t": np.array([3, 1], np.int32), "w": WEIGHT.astype(own)}
    expected = {"y": np.asarray(-(1.5 * np.log(0.4) + 2.0 * np.log(0.5)) / 3.5).astype(own)}
    assert_same(translated(model, inputs, saved=True), expected, rtol=1e-6 if own(1).itemsize > 2 else 1e-2)


def test_an_impossible_class_costs_infinitely_much_but_only_where_it_is_wanted() -> None:
    model = parsed(
        'g (float[N,3] x, int64[N] t) => (float[N] y) { y = NegativeLogLikelihoodLoss <reduction="none"> (x, t) }'
    )
    x = np.array([[-np.inf, 0.0, -np.inf], [-np.inf, 0.0, -np.inf]], np.float32)
    assert_same(translated(model, {"x": x, "t": np.array([1, 0])}), {"y": np.array([0.0, np.inf], np.float32)})


def test_a_convolution_before_the_loss_needs_no_way_back_to_channels_first() -> None:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    model = parsed(
        "g (float[N,3,6,6] x, float[4,3,3,3] k, int64[N,4,4] t) => (float y) {"
        " c = Conv (x, k)\n y = SoftmaxCrossEntropyLoss (c, t) }"
    )
    inputs = {"x": scores(2, 3, 6, 6), "k": scores(4, 3, 3, 3), "t": labels(2, 4, 4)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
    graph = build.build(ir.from_proto(model)).function.get_concrete_function().graph
    assert [operation.type for operation in graph.get_operations()].count("Transpose") == 2  # the image and the filters


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "uint32", "uint64", "int64"])
@pytest.mark.parametrize("equation", ["ij,jk->ik", "bij, bjk", "ii->i", "...i->...", "Ab,bA"])
def test_sums_of_products_wrap_around_in_every_integer_type(dtype: str, equation: str) -> None:
    terms = equation.split("->")[0].replace(" ", "").split(",")
    ranks = [len(term.replace("...", "xy")) for term in terms]
    names = ["a", "b"][: len(terms)]
    declared = ", ".join(f"{dtype}[{','.join(['3'] * rank)}] {name}" for rank, name in zip(ranks, names, strict=True))
    random = np.random.default_rng(0)
    inputs = {name: random.integers(0, 100, [3] * rank).astype(dtype) for rank, name in zip(ranks, names, strict=True)}
    expected = np.einsum(equation.replace(" ", ""), *inputs.values())
    sizes = ",".join(map(str, expected.shape))
    model = parsed(
        f'g ({declared}) => ({dtype}[{sizes}] y) {{ y = Einsum <equation="{equation}"> ({", ".join(names)}) }}'
    )
    assert_same(translated(model, inputs), {"y": np.asarray(expected)})


@pytest.mark.parametrize("dtype", ["uint32", "uint64", "int32", "int64"])
def test_gemm_takes_integers(dtype: str) -> None:
    model = parsed(
        f"g ({dtype}[3,N] a, {dtype}[5,3] b, {dtype}[5] c) => ({dtype}[N,5] y)"
        " { y = Gemm <transA=1, transB=1, alpha=2.0> (a, b, c) }"
    )
    random = np.random.default_rng(0)
    inputs = {
        name: random.integers(0, 9, size).astype(dtype) for name, size in [("a", (3, 4)), ("b", (5, 3)), ("c", 5)]
    }
    expected = 2 * inputs["a"].T @ inputs["b"].T + inputs["c"]
    assert_same(translated(model, inputs), {"y": expected.astype(dtype)})


def test_a_chain_of_activations_agrees_for_a_batch_of_unknown_size() -> None:
    model = parsed(
        "g (float[N,4] x) => (float[N,4] y) { a = Selu(x) b = HardSwish(a) c = Celu <alpha=0.7> (b) y = Softplus(c) }"
    )
    assert_same(translated(model, {"x": X}, saved=True), by_onnxruntime(model, {"x": X}))


def test_softmax_over_channels_follows_a_convolution_without_a_transposition_between() -> None:
    model = parsed(
        "g (float[N,2,5,5] x, float[3,2,3,3] w) => (float[N,3,3,3] y) { a = Conv(x, w) b = Relu(a) y = Softmax <axis=1> (b) }"
    )
    rng = np.random.default_rng(2)
    inputs = {"x": rng.normal(size=(2, 2, 5, 5)).astype("f4"), "w": rng.normal(size=(3, 2, 3, 3)).astype("f4")}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
