"""``convert --to tensorflow`` and ``modelport plan`` as users call them, on good input and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.xdist_group("tensorflow")

SOURCES = [
    pytest.param("pytorch", "pytorch_files", "net.pt2"),
    pytest.param("keras", "keras_files", "model.keras"),
    pytest.param("sklearn", "sklearn_files", "iris.skops"),
]
X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])


def written(path: Path, nodes: Any, inputs: Any = (X,), outputs: Any = (Y,), weights: Any = ()) -> Path:
    domains = sorted({node.domain for node in nodes if node.domain})
    imports = [helper.make_opsetid("", 20), *(helper.make_opsetid(domain, 1) for domain in domains)]
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(weights))
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)
    return path


@pytest.mark.parametrize(("key", "files", "name"), SOURCES)
def test_a_source_reaches_tensorflow_and_is_compared_with_itself(
    key: str, files: str, name: str, convert: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(files)

    outcome = convert("--from", key, "--to", "tensorflow", folder / name, "-o", tmp_path / "out", "--json")

    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["route"] == [key, "onnx", "tensorflow"]
    assert report["verdict"] == "proven"
    first, *_, last = report["proofs"]
    assert last["candidate"].startswith("TensorFlow")
    assert last["reference"] == first["reference"]
    assert (tmp_path / "out" / "saved_model.pb").is_file()


def test_every_operator_nobody_knows_is_named_at_once(convert: Any, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], name="one", domain="my.ops"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Twist", ["b"], ["y"], name="two", domain="my.ops"),
    ]
    outcome = convert(written(tmp_path / "model.onnx", nodes), "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status == 3
    assert "my.ops.Frobnicate, node 'one'" in outcome.err
    assert "my.ops.Twist, node 'two'" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_plan_with_an_operator_nobody_knows_ends_with_status_3(modelport: Any, tmp_path: Path) -> None:
    nodes = [helper.make_node("Frobnicate", ["x"], ["y"], name="one", domain="my.ops")]
    path = written(tmp_path / "model.onnx", nodes)
    assert modelport("plan", path, "--to", "tensorflow").status == 3
    outcome = modelport("plan", path, "--to", "tensorflow", "--json")
    assert outcome.status == 3
    assert json.loads(outcome.out)["ops"][0]["status"] == "unsupported"


def test_a_plan_tells_the_route_and_the_operators(modelport: Any, onnx_files: Path) -> None:
    outcome = modelport("plan", onnx_files / "doubling.onnx", "--to", "tensorflow")
    assert outcome.status == 0
    assert "onnx -> tensorflow" in outcome.out
    assert "native" in outcome.out
    assert "every operator is supported" in outcome.out


def test_a_loop_without_a_bound_is_refused_before_it_runs(convert: Any, tmp_path: Path) -> None:
    state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("v", "w")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("c", "d")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [count, flags[0], state[0]],
        [flags[1], state[1]],
    )
    path = written(tmp_path / "model.onnx", [helper.make_node("Loop", ["", "", "x"], ["y"], name="endless", body=body)])
    outcome = convert(path, "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status == 4
    assert "never ends" in outcome.err
    assert "endless" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_cyclic_graph_is_refused(convert: Any, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    outcome = convert(written(tmp_path / "model.onnx", nodes), "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status == 4
    assert "topologically sorted" in outcome.err
    assert not (tmp_path / "out").exists()


def test_an_input_that_shadows_an_initializer_is_its_default(convert: Any, tmp_path: Path) -> None:
    shadowing = helper.make_tensor_value_info("w", TensorProto.FLOAT, [4])
    weight = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    path = written(
        tmp_path / "model.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], (X, shadowing), (Y,), [weight]
    )
    outcome = convert(path, "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status == 0, outcome.err


def test_names_that_tensorflow_refuses_are_replaced(convert: Any, tmp_path: Path) -> None:
    given = helper.make_tensor_value_info("in put/0:é", TensorProto.FLOAT, ["N", 4])
    result = helper.make_tensor_value_info("_out:0", TensorProto.FLOAT, ["N", 4])
    nodes = [helper.make_node("Relu", ["in put/0:é"], ["_out:0"], name="/a b/c:0")]
    path = written(tmp_path / "model.onnx", nodes, (given,), (result,))
    outcome = convert(path, "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status == 0, outcome.err

    import tensorflow as tf

    signature = tf.saved_model.load(str(tmp_path / "out")).signatures["serving_default"]
    x = tf.constant([[1.0, -1.0, 0.5, -0.5]])
    np.testing.assert_array_equal(signature(in_put_0__=x)["t_out_0"], [[1.0, 0.0, 0.5, 0.0]])


def test_a_shape_that_the_graph_contradicts_is_reported(convert: Any, tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([3, 5]), "s")
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 5])
    path = written(
        tmp_path / "model.onnx", [helper.make_node("Reshape", ["x", "s"], ["y"])], (given,), (result,), [shape]
    )
    outcome = convert(path, "--to", "tensorflow", "-o", tmp_path / "out")
    assert outcome.status in (4, 5)
    assert "cannot be reshaped" in outcome.err or "reshape" in outcome.err.lower()
    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(600)
def test_a_graph_of_50_000_nodes_is_translated(tmp_path: Path) -> None:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow.build import build

    names = ["x", *(f"v{index}" for index in range(49_999)), "y"]
    nodes = [helper.make_node("Neg" if at % 2 else "Relu", [names[at]], [names[at + 1]]) for at in range(50_000)]
    model = ir.load(str(written(tmp_path / "model.onnx", nodes)))
    x = np.array([[1.0, -2.0, 3.0, -4.0]], np.float32)
    np.testing.assert_array_equal(build(model).function(x)["y"], [[0.0, 0.0, 0.0, 0.0]])
