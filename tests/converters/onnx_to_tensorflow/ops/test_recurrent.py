"""Recurrent layers in TensorFlow, with the options that ONNX's own suite leaves out, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tf_models import assert_same, by_onnxruntime, translated

from modelport.errors import UnsupportedOps

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
TIME, BATCH, FEATURES, HIDDEN = 5, 3, 4, 6


def layer(
    kind: str,
    *,
    lengths: bool = False,
    states: bool = False,
    bias: bool = True,
    peepholes: bool = False,
    **attributes: Any,
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Return a model of one layer with random weights, time and batch of unknown size, and its inputs."""
    random = np.random.default_rng(0)
    both = 2 if attributes.get("direction") == "bidirectional" else 1
    gates, first = GATES[kind] * HIDDEN, attributes.get("layout", 0)

    def some(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32) * 0.7

    weights = {"w": some(both, gates, FEATURES), "r": some(both, gates, HIDDEN)}
    weights |= {"b": some(both, 2 * gates)} if bias else {}
    weights |= {"p": some(both, 3 * HIDDEN)} if peepholes else {}
    inputs = {"x": some(BATCH, TIME, FEATURES) if first else some(TIME, BATCH, FEATURES)}
    inputs |= {"lengths": np.array([5, 2, 3], np.int32)} if lengths else {}
    state = (BATCH, both, HIDDEN) if first else (both, BATCH, HIDDEN)
    inputs |= {name: some(*state) for name in ("h", "c")[: 1 + (kind == "LSTM")]} if states else {}
    known = [*weights, *inputs]
    names = [name if name in known else "" for name in ("x", "w", "r", "b", "lengths", "h", "c", "p")]
    outputs = ["y", "y_h", "y_c"][: 2 + (kind == "LSTM")]
    node = helper.make_node(kind, names[: 6 if kind != "LSTM" else 8], outputs, hidden_size=HIDDEN, **attributes)
    shapes = {"x": ["A", "B", FEATURES], "lengths": ["L"], "h": ["E", "F", HIDDEN], "c": ["E", "F", HIDDEN]}
    graph = helper.make_graph(
        [node],
        "layer",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), shapes[n])
            for n, v in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model, inputs


CASES: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"direction": "bidirectional", "lengths": True, "states": True, "activations": ["Relu", "Tanh"]}),
    ("RNN", {"direction": "reverse", "clip": 0.3, "bias": False}),
    ("GRU", {"direction": "bidirectional", "linear_before_reset": 1, "states": True}),
    ("GRU", {"direction": "reverse", "lengths": True, "states": True}),
    ("GRU", {"linear_before_reset": 1, "bias": False, "clip": 0.4}),
    ("GRU", {"activations": ["HardSigmoid", "LeakyRelu"], "activation_alpha": [0.3, 0.1], "activation_beta": [0.4]}),
    ("LSTM", {"direction": "bidirectional", "lengths": True, "states": True}),
    ("LSTM", {"direction": "bidirectional", "peepholes": True}),
    ("LSTM", {"direction": "reverse", "lengths": True, "bias": False}),
    ("LSTM", {"clip": 0.3, "peepholes": True, "states": True}),
    ("LSTM", {"activations": ["HardSigmoid", "Softsign", "ScaledTanh"], "activation_alpha": [0.3, 1.1],
              "activation_beta": [0.4, 0.9]}),
    ("LSTM", {"activations": ["Sigmoid", "Elu", "Softplus"], "lengths": True, "states": True}),
    ("LSTM", {"input_forget": 1, "peepholes": True}),
]  # fmt: skip


STATES = [("RNN", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("LSTM", {}), ("LSTM", {"clip": 0.3})]


@pytest.mark.parametrize(("kind", "options"), STATES)
def test_the_number_of_units_is_known_from_the_weights(kind: str, options: dict[str, Any]) -> None:
    model, inputs = layer(kind, states=True, **options)
    for value in model.graph.input:
        if value.name in ("h", "c"):
            value.type.tensor_type.shape.dim[2].dim_param = "U"
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize(("kind", "options"), CASES, ids=[f"{kind}-{'-'.join(options)}" for kind, options in CASES])
def test_a_layer_agrees_with_onnx_runtime_where_time_and_batch_are_unknown(kind: str, options: dict[str, Any]) -> None:
    model, inputs = layer(kind, **options)
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("kind", GATES)
def test_batch_first_transposes_every_input_and_output(kind: str) -> None:
    model, inputs = layer(kind, layout=1, states=True, direction="bidirectional")
    found = translated(model, inputs)
    other, _ = layer(kind, states=True, direction="bidirectional")  # ONNX Runtime has layout 0 only
    expected = by_onnxruntime(other, {name: np.swapaxes(value, 0, 1) for name, value in inputs.items()})
    expected = {name: np.moveaxis(v, 2, 0) if name == "y" else np.swapaxes(v, 0, 1) for name, v in expected.items()}
    assert_same(found, expected)


def test_a_saved_lstm_runs_on_other_sizes_than_those_it_was_tried_on() -> None:
    model, inputs = layer("LSTM", direction="bidirectional")
    inputs["x"] = np.random.default_rng(1).normal(size=(9, 1, FEATURES)).astype(np.float32)
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


def test_weights_may_be_trainable_variables() -> None:
    model, inputs = layer("LSTM", direction="bidirectional", lengths=True)
    assert_same(translated(model, inputs, saved=True, trainable=True), by_onnxruntime(model, inputs))


def test_an_activation_that_onnx_does_not_list_is_refused() -> None:
    model, inputs = layer("RNN", activations=["Swish"])
    with pytest.raises(UnsupportedOps, match="the activation swish"):
        translated(model, inputs)
