"""Handlers write with the builder into tf2onnx's graph: nodes, constants, bodies, and what is known of the inputs."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from tf2onnx.graph import Graph as TF2ONNXGraph

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.tensorflow_to_onnx.handler import NodeGraph, Operation, through


@pytest.fixture
def ctx():
    """A graph of tf2onnx with an input x [?, 3], a constant, and an operation on both behind Identities."""
    graph = TF2ONNXGraph([], opset=18)
    graph.add_graph_input("x", TensorProto.FLOAT, [-1, 3])
    graph.make_const("axes", np.array([1, 0], np.int64))
    graph.make_node("Identity", ["axes"], outputs=["behind"], shapes=[[2]], dtypes=[TensorProto.INT64])
    graph.make_node(
        "Own", ["x", "behind"], attr={"mode": "SAME", "count": 2}, outputs=["y"], name="op", shapes=[[-1, 3]],
        dtypes=[TensorProto.FLOAT],
    )  # fmt: skip
    graph.add_graph_output("y", TensorProto.FLOAT, [-1, 3])
    return graph


def operation(ctx, **settings):
    return Operation(ctx, ctx.get_node_by_name("op"), settings)


def run(ctx, x):
    model = ctx.make_model("", graph_name="g")
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def test_values_take_the_place_of_the_outputs_under_their_names(ctx):
    op = operation(ctx)
    x, _ = op.inputs
    op.replace([(x + 1.0) * x])
    assert ctx.get_node_by_name("op") is None
    np.testing.assert_allclose(run(ctx, ROWS), (ROWS + 1) * ROWS)


def test_a_loop_becomes_a_body_that_reads_the_outer_graph_and_shares_its_constants(ctx):
    op = operation(ctx)
    x, _ = op.inputs
    (result,) = fn.loop(
        op.graph, fn.shape(x)[1], [x], lambda index, state: (None, [state * 2.0 + x * index.cast("float32")])
    )
    op.replace([result - 2.0])
    expected = ROWS
    for index in range(3):
        expected = expected * 2 + ROWS * index
    np.testing.assert_allclose(run(ctx, ROWS), expected - 2)
    twos = [node for node in ctx.get_nodes() if node.is_const() and node.get_tensor_value() == 2.0]
    assert len(twos) == 1


def test_attributes_shapes_and_dtypes_are_those_of_the_node(ctx):
    op = operation(ctx, tables={"t": 1})
    x, axes = op.inputs
    assert (op.type, op.attr("mode"), op.attr("count"), op.attr("absent", 7)) == ("Own", "SAME", 2, 7)
    assert (x.dtype, axes.dtype, op.dtype, op.opset) == (np.float32, np.int64, np.float32, 18)
    assert (op.shape(x), op.rank(x), op.sizes(x, [1])) == ([-1, 3], 2, [3])
    assert op.settings == {"tables": {"t": 1}}


def test_a_constant_is_seen_behind_identities_and_any_other_input_is_refused(ctx):
    op = operation(ctx)
    assert op.constant(1).tolist() == [1, 0]
    assert not op.is_constant(0)
    with pytest.raises(ValueError, match="input 0 must be a constant"):
        op.constant(0)


def test_what_is_not_known_before_the_model_runs_is_refused(ctx):
    op = operation(ctx)
    with pytest.raises(ValueError, match=r"axes \[0\] must be known"):
        op.sizes(op.inputs[0], [0])
    ctx.set_shape("x", None)
    ctx._output_shapes["x"] = None
    with pytest.raises(ValueError, match="unknown rank"):
        op.rank(op.inputs[0])


def test_a_node_is_followed_through_what_passes_its_input_on(ctx):
    node = ctx.get_node_by_output("behind")
    assert through(node).type == "Const"
    cast = ctx.make_node("Cast", ["behind"], attr={"to": TensorProto.INT32})
    assert through(cast).type == "Cast"
    assert through(cast, "Cast").type == "Const"


def test_names_are_free_in_the_graph(ctx):
    graph = NodeGraph(ctx, "op")
    assert len({graph.name("constant") for _ in range(3)} | {"x", "axes"}) == 5
