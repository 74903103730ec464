"""The ONNX model itself: nodes within nodes, weights detached and attached again."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from fakes import graph
from onnx import ModelProto, numpy_helper

from modelport.model import SMALL_BYTES, attach, detach, initializers, nodes_in, nodes_of

BRANCHES = """(bool c, float[N] x) => (float[N] y) {
    y = If (c) <
        then_branch = one () => (float[N] a) {
            d = Cast<to: int = 9>(x)
            a = If (c) <
                then_branch = three () => (float[N] e) { e = Exp(x) },
                else_branch = four () => (float[N] f) { f = Log(x) }
            >
        },
        else_branch = two () => (float[N] b) { b = Neg(x) }
    >
}"""


def weighted(count: int) -> ModelProto:
    """A model that adds a weight of float32 to its input."""
    model = graph("(float[N] x) => (float[N] y) { y = Add(x, w) }")
    model.graph.initializer.append(numpy_helper.from_array(np.arange(count, dtype=np.float32), "w"))
    return model


def test_nodes_are_followed_by_those_within_them() -> None:
    model = graph(BRANCHES)
    assert [node.op_type for node in nodes_in(model.graph.node)] == ["If", "Cast", "If", "Exp", "Log", "Neg"]
    assert sorted(node.op_type for node in nodes_of(model)) == ["Cast", "Exp", "If", "If", "Log", "Neg"]


@pytest.mark.parametrize(("count", "detached"), [(SMALL_BYTES // 4, []), (SMALL_BYTES // 4 + 1, ["w"])])
def test_large_weights_are_detached_as_inputs_without_data(count: int, detached: list[str]) -> None:
    model = ir.from_proto(weighted(count))

    assert list(detach(model)) == detached

    assert [value.name for value in model.graph.inputs] == ["x", *detached]
    assert [tensor.size for tensor in initializers(model)] == ([] if detached else [count])
    assert all(list(value.shape or ()) == [count] for value in model.graph.inputs if value.name in detached)


def test_detached_weights_are_attached_to_a_model_made_from_it() -> None:
    model = ir.from_proto(weighted(1000))
    weights = detach(model, larger_than=0)
    made = ir.from_proto(ir.to_proto(model))

    attach(made, weights)

    assert [value.name for value in made.graph.inputs] == ["x"]
    (tensor,) = initializers(made)
    np.testing.assert_array_equal(tensor.numpy(), np.arange(1000, dtype=np.float32))
