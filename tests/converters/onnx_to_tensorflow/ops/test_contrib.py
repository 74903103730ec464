"""Operators of com.microsoft in TensorFlow against ONNX Runtime, which defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tf_models import assert_same, by_onnxruntime, translated

from modelport.errors import UnsupportedOps

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    """Return random values."""
    return RANDOM.normal(size=shape).astype(np.float32)


def bytes_of(*shape: int) -> Any:
    """Return random bytes."""
    return RANDOM.integers(0, 255, shape, np.uint8)


def model_of(
    name: str, inputs: list[Any], outputs: int = 1, *, domain: str = "com.microsoft", **attributes: Any
) -> onnx.ModelProto:
    """Return a model of one node; None leaves an input out."""
    given = {f"i{at}": value for at, value in enumerate(inputs) if value is not None}
    node = helper.make_node(
        name, ["" if value is None else f"i{at}" for at, value in enumerate(inputs)],
        [f"o{at}" for at in range(outputs)], domain=domain, **attributes,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for key, value in given.items()
        ],
        [helper.make_empty_tensor_value_info(f"o{at}") for at in range(outputs)],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def check(name: str, inputs: list[Any], outputs: int = 1, *, atol: float = 1e-5, **attributes: Any) -> None:
    """Compare one node with ONNX Runtime."""
    inputs = [None if value is None else np.asarray(value) for value in inputs]
    model = model_of(name, inputs, outputs, **attributes)
    feeds = {f"i{at}": value for at, value in enumerate(inputs) if value is not None}
    assert_same(translated(model, feeds), by_onnxruntime(model, feeds), atol=atol)


S, Z = np.float32(0.02), np.uint8(120)  # a scale and a zero point
X, B = floats(2, 3, 8), floats(8)
IDS = np.array([[1, 2, 3], [4, 0, 2]], np.int32)
EMBEDDINGS = [IDS, IDS % 2, floats(5, 8), floats(4, 8), floats(2, 8), B, floats(8), (IDS > 0).astype(np.int32)]
IMAGE, KERNEL = floats(1, 3, 6, 6), floats(4, 3, 3, 3)
CONV = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}

CASES: list[tuple[str, list[Any], int, dict[str, Any]]] = [
    ("Gelu", [X], 1, {}),
    ("BiasGelu", [X, B], 1, {}),
    ("FastGelu", [X, B], 1, {"atol": 1e-3}),
    ("QuickGelu", [X], 1, {"alpha": 1.5}),
    ("FusedMatMul", [X, floats(2, 3, 8)], 1, {"alpha": 0.5, "transB": 1}),
    ("FusedMatMul", [floats(3, 2, 8), floats(2, 8, 4)], 1, {"transBatchA": 1}),
    ("TransposeMatMul", [floats(2, 8, 3), X.swapaxes(1, 2)], 1, {"transA": 1}),
    ("FusedGemm", [floats(2, 4), floats(5, 4), floats(5)], 1, {"transB": 1, "activation": "LeakyRelu", "activation_alpha": 0.2}),
    ("FusedConv", [IMAGE, KERNEL, floats(4), floats(1, 4, 6, 6)], 1, {"activation": "Relu", **CONV}),
    ("FusedConv", [IMAGE, KERNEL, floats(4)], 1, {"activation": "Clip", "activation_params": [0.0, 0.7], **CONV}),
    ("SkipLayerNormalization", [X, floats(2, 3, 8), B, floats(8), floats(8)], 1, {"epsilon": 1e-5}),
    ("SkipSimplifiedLayerNormalization", [X, floats(2, 3, 8), B], 1, {"epsilon": 1e-5}),
    ("SimplifiedLayerNormalization", [X, B], 1, {"domain": ""}),
    ("EmbedLayerNormalization", EMBEDDINGS, 2, {}),
    ("Attention", [X, floats(8, 24), floats(24)], 1, {"num_heads": 2, "atol": 1e-4}),
    ("Attention", [X, floats(8, 24), floats(24), np.array([3, 2], np.int32)], 1, {"num_heads": 2, "atol": 1e-4}),
    ("Attention", [X, floats(8, 24), floats(24), (IDS > 0).astype(np.int32)], 1, {"num_heads": 2, "atol": 1e-4}),
    ("Attention", [X, floats(8, 24), floats(24), None, floats(2, 2, 2, 5, 4)], 2,
     {"num_heads": 2, "unidirectional": 1, "atol": 1e-4}),
    ("MultiHeadAttention", [X, floats(2, 5, 8), floats(2, 5, 8), floats(24)], 1, {"num_heads": 2}),
    ("MultiHeadAttention", [X, floats(2, 3, 8), floats(2, 3, 8), None, None, floats(2, 2, 3, 3)], 1, {"num_heads": 2}),
    ("MultiHeadAttention", [X, floats(2, 3, 8), floats(2, 3, 8), None, None, None, floats(2, 2, 4, 4), floats(2, 2, 4, 4)], 3,
     {"num_heads": 2}),
    ("RotaryEmbedding", [X, np.array([1], np.int64), floats(9, 2), floats(9, 2)], 1, {"num_heads": 2}),
    ("QLinearAdd", [bytes_of(2, 8), S, Z, bytes_of(8), np.float32(0.03), Z, np.float32(0.06), Z], 1, {}),
    ("QLinearMul", [bytes_of(2, 8), S, Z, bytes_of(8), np.float32(0.03), Z, np.float32(0.06), Z], 1, {}),
    ("QLinearSigmoid", [bytes_of(2, 8), S, Z, np.float32(1 / 256), np.uint8(0)], 1, {}),
    ("QLinearLeakyRelu", [bytes_of(2, 8), S, Z, S, Z], 1, {"alpha": 0.1}),
    ("QLinearSoftmax", [bytes_of(2, 8), S, Z, np.float32(1 / 256), np.uint8(0)], 1, {"axis": -1, "opset": 13}),
    ("QLinearGlobalAveragePool", [bytes_of(1, 3, 4, 5), S, Z, S, Z], 1, {}),
    ("QLinearConcat", [S, Z, bytes_of(2, 3), S, Z, bytes_of(2, 4), np.float32(0.03), Z], 1, {"axis": 1}),
    ("QLinearWhere",
     [np.array([[True, False, True]]), bytes_of(2, 3), S, Z, bytes_of(2, 3), np.float32(0.03), Z, np.float32(0.04), Z], 1, {}),
    ("QGemm",
     [bytes_of(2, 8), S, Z, bytes_of(8, 3), np.float32(0.03), Z, np.arange(3, dtype=np.int32), np.float32(2.5), Z], 1, {}),
    ("QGemm", [bytes_of(2, 8), S, Z, bytes_of(3, 8), np.float32(0.03), Z], 1, {"alpha": 0.5, "transB": 1}),
    ("DynamicQuantizeMatMul", [floats(2, 8), bytes_of(8, 3), S, Z], 1, {"atol": 1e-4}),
    ("MatMulIntegerToFloat", [bytes_of(2, 8), bytes_of(8, 3), S, np.float32(0.03), Z, Z, floats(3)], 1, {"atol": 1e-4}),
    ("MatMulNBits", [floats(2, 48), bytes_of(5, 3, 8), floats(15)], 1,
     {"K": 48, "N": 5, "bits": 4, "block_size": 16, "atol": 1e-3}),
    ("MatMulNBits", [floats(2, 48), bytes_of(5, 3, 8), floats(15), bytes_of(10)], 1,
     {"K": 48, "N": 5, "bits": 4, "block_size": 16, "atol": 1e-3}),
    ("QuantizeLinear", [X, S, Z], 1, {}),
    ("DequantizeLinear", [bytes_of(2, 3), S, Z], 1, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "options"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_a_node_agrees_with_onnx_runtime(name: str, inputs: list[Any], outputs: int, options: dict[str, Any]) -> None:
    check(name, inputs, outputs, **options)


def test_an_operator_blocked_for_one_cpu_is_refused_with_a_way_out() -> None:
    model = model_of("ReorderInput", [floats(1, 8, 4, 4)], domain="com.microsoft.nchwc")
    model.opset_import.append(helper.make_opsetid("com.microsoft.nchwc", 1))
    with pytest.raises(UnsupportedOps, match="below ORT_ENABLE_ALL"):
        translated(model, {"i0": floats(1, 8, 4, 4)})


def test_a_graph_that_onnx_runtime_optimised_computes_the_same_as_before(tmp_path: Any) -> None:
    import onnxruntime

    weights = {"w": floats(8, 8), "g": B, "b": floats(8), "c": floats(8)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "c"], ["a"]),
        helper.make_node("Gelu", ["a"], ["e"]),
        helper.make_node("Add", ["e", "x"], ["s"]),
        helper.make_node("LayerNormalization", ["s", "g", "b"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, 8]) for name in "xy"]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "block", ends[:1], ends[1:], tensors),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "fast.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    fast = onnx.load(str(tmp_path / "fast.onnx"))
    assert {node.domain for node in fast.graph.node} & {"com.microsoft"}
    assert_same(translated(fast, {"x": X}, saved=True), by_onnxruntime(model, {"x": X}))
