"""Layout rules: each operator gets a channels-last value in an order that it takes, and nothing is moved twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import tensorflow as tf

from modelport_converters.onnx_graph.registry import Op, Unsupported
from modelport_converters.onnx_to_tensorflow.layout import Held, Layout, nchw_perm, nhwc_axis, nhwc_perm, to_nchw
from modelport_converters.onnx_to_tensorflow.ops import registry
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, TensorFlowTraits
from modelport_converters.onnx_to_tensorflow.weights import Policy

NCHW = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


def held() -> Held:
    return Held(tf.constant(np.moveaxis(NCHW, 1, -1)))


def op_of(name: str) -> Op[TensorFlowTraits]:
    found = registry().find("", name)
    assert found is not None
    return found


def called(name: str, *inputs: Any, **attributes: Any) -> Any:
    """Return the first output of an operator as the layout calls it."""
    node = ir.node(name, [ir.val(f"x{at}") for at in range(len(inputs))])
    return Layout(Policy()).call(op_of(name), node, list(inputs), attributes)[0]


def in_onnx_order(value: Any) -> Any:
    return Layout(Policy()).plain(value).numpy()


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_the_permutations_are_each_others_inverse(rank: int) -> None:
    assert [nhwc_perm(rank)[axis] for axis in nchw_perm(rank)] == list(range(rank))
    assert [nhwc_axis(axis, rank) for axis in range(-rank, 0)] == [nhwc_axis(axis, rank) for axis in range(rank)]
    assert nhwc_axis(1, rank) == rank - 1


def test_a_channels_last_value_is_moved_to_onnx_order_once() -> None:
    value = held()
    assert value.nchw is value.nchw
    np.testing.assert_array_equal(value.nchw, NCHW)


def test_a_value_made_inside_a_loops_body_is_not_kept_for_outside() -> None:
    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def outer(x: Any) -> Any:
        value = Held(x)
        inner = tf.while_loop(
            lambda at, _: at < 2, lambda at, _: (at + 1, value.nchw), (0, tf.transpose(x, nchw_perm(4)))
        )
        return inner[1] + value.nchw

    np.testing.assert_array_equal(outer(tf.constant(np.moveaxis(NCHW, 1, -1))), 2 * NCHW)


def test_channels_of_a_single_pixel_are_reshaped_and_not_transposed() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 1, 1, 3])], autograph=False)  # type: ignore[untyped-decorator]
    def moved(x: Any) -> Any:
        return to_nchw(x)

    kinds = {operation.type for operation in moved.get_concrete_function().graph.get_operations()}
    assert "Reshape" in kinds
    assert "Transpose" not in kinds


def test_a_tensor_is_moved_channels_last_once_for_all_that_ask() -> None:
    layout = Layout(Policy())

    @tf.function(input_signature=[tf.TensorSpec([2, 3, 4, 5])], autograph=False)  # type: ignore[untyped-decorator]
    def twice(x: Any) -> Any:
        return layout.nhwc(x) + layout.nhwc(x)

    kinds = [operation.type for operation in twice.get_concrete_function().graph.get_operations()]
    assert kinds.count("Transpose") == 1


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], Any, bool]] = [
    ("Relu", (), {}, np.maximum(NCHW, 0), True),
    ("Add", (tf.constant(np.arange(5, dtype=np.float32)),), {}, NCHW + np.arange(5), True),
    ("Add", (tf.constant(np.ones((3, 1, 1), np.float32)),), {}, NCHW + 1, True),
    (
        "Softmax",
        (),
        {"axis": 1},
        np.exp(NCHW - NCHW.max(1, keepdims=True)) / np.exp(NCHW - NCHW.max(1, keepdims=True)).sum(1, keepdims=True),
        True,
    ),
    ("ReduceSum", (tf.constant([1]),), {}, NCHW.sum(1, keepdims=True), True),
    ("ReduceSum", (tf.constant([2, 3]),), {"keepdims": 0}, NCHW.sum((2, 3)), False),
    ("ReduceSum", (tf.constant([3]),), {"keepdims": 0}, NCHW.sum(3), False),
    ("ArgMax", (), {"axis": -3, "keepdims": 1}, NCHW.argmax(1)[:, None], True),
    ("GlobalAveragePool", (), {}, NCHW.mean((2, 3), keepdims=True), True),
    ("Pad", (tf.constant([0, 1, 0, 0, 0, 0, 2, 0]),), {}, np.pad(NCHW, [(0, 0), (1, 0), (0, 2), (0, 0)]), True),
    ("Slice", (tf.constant([1]), tf.constant([3]), tf.constant([1])), {}, NCHW[:, 1:3], True),
    ("Shape", (), {"start": 1}, np.array([3, 4, 5]), False),
    ("Transpose", (), {"perm": [0, 2, 3, 1]}, np.moveaxis(NCHW, 1, -1), False),
    ("Transpose", (), {}, NCHW.T, False),
    ("Gather", (tf.constant([2, 0]),), {"axis": 1}, NCHW[:, [2, 0]], False),
]


@pytest.mark.parametrize(("name", "inputs", "attributes", "expected", "stays"), CALLS)
def test_a_channels_last_value_gives_what_onnx_order_gives(
    name: str, inputs: tuple[Any, ...], attributes: dict[str, Any], expected: Any, stays: bool
) -> None:
    found = called(name, held(), *inputs, **dict(attributes))
    assert isinstance(found, Held) == stays
    np.testing.assert_allclose(in_onnx_order(found), expected, rtol=1e-6)


def test_every_rule_is_one_that_some_operator_has() -> None:
    found = registry()
    ops = [found.find(*key) for key in found.keys()]  # noqa: SIM118  # a registry is no dict
    assert {op.traits.layout for op in ops if op is not None} == set(LayoutRule)


def test_a_window_over_a_tensor_of_unknown_rank_is_refused() -> None:
    @tf.function(input_signature=[tf.TensorSpec(None)], autograph=False)  # type: ignore[untyped-decorator]
    def pooled(x: Any) -> Any:
        return called("GlobalAveragePool", x)

    with pytest.raises(Unsupported, match="the rank of its input is not known"):
        pooled.get_concrete_function()
