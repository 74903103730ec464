"""Quantised operators and quantised models in TensorFlow, against ONNX Runtime and onnx's reference evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

from modelport.errors import UnsupportedOps

SCALES = np.array([0.1, 0.5, 0.02, 0.25], np.float32)


def floats(*shape: int, seed: int = 0) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) * 4).astype(np.float32)


def whole(dtype: Any, *shape: int, seed: int = 0) -> Any:
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)


def one(value: float, kind: Any = np.float32) -> Any:
    return np.array(value, kind)


def with_weights(model: onnx.ModelProto, **arrays: Any) -> onnx.ModelProto:
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items())
    return model


def kinds_of_operations(model: onnx.ModelProto, **options: Any) -> list[str]:
    import onnx_ir as ir

    from modelport_converters.onnx_to_tensorflow import build

    graph = build.build(ir.from_proto(model), **options).function.get_concrete_function().graph
    return [operation.type for operation in graph.get_operations()]


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16"])
def test_values_are_rounded_to_even_and_saturate(kind: str) -> None:
    model = parsed(
        f"g (float[N] x, float s, {kind} z) => ({kind}[N] q, float[N] y)"
        " { q = QuantizeLinear(x, s, z)\n y = DequantizeLinear(q, s, z) }"
    )
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1e9, -1e9, np.inf, -np.inf, 0.0, 254.5], np.float32)
    inputs = {"x": x, "s": one(1), "z": np.array(3, kind)}
    assert_same(translated(model, inputs, saved=True), by_onnxruntime(model, inputs))


def test_an_absent_zero_point_means_uint8_and_zero() -> None:
    model = parsed("g (float[N,3] x, float s) => (uint8[N,3] y) { y = QuantizeLinear(x, s) }")
    inputs = {"x": floats(5, 3), "s": one(0.03)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_each_place_along_the_axis_has_its_scale(axis: int) -> None:
    model = parsed(
        f"g (float[4,N,4] x, float[S] s, int8[S] z) => (int8[4,N,4] q, float[4,N,4] y)"
        f" {{ q = QuantizeLinear <axis={axis}> (x, s, z)\n y = DequantizeLinear <axis={axis}> (q, s, z) }}"
    )
    inputs = {"x": floats(4, 4, 4), "s": SCALES, "z": np.array([0, 3, -7, 100], np.int8)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("size", [3, 4])
def test_each_block_has_its_scale_also_where_the_last_one_is_cut_short(size: int) -> None:
    model = parsed(
        f"g (float[N,8,3] x, float[N,S,3] s, uint8[N,S,3] z) => (uint8[N,8,3] q, float[N,8,3] y)"
        f" {{ q = QuantizeLinear <axis=1, block_size={size}> (x, s, z)\n"
        f" y = DequantizeLinear <axis=1, block_size={size}> (q, s, z) }}"
    )
    blocks = -(-8 // size)
    inputs = {"x": floats(2, 8, 3), "s": abs(floats(2, blocks, 3)) + 0.05, "z": whole(np.uint8, 2, blocks, 3)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


@pytest.mark.parametrize("kind", ["INT2", "UINT2", "INT4", "UINT4", "FLOAT8E5M2", "FLOAT8E4M3FNUZ", "FLOAT4E2M1"])
def test_small_types_are_named_by_output_dtype_and_come_back(kind: str) -> None:
    model = parsed(
        f"g (float[N,3] x, float s) => (float[N,3] y)"
        f" {{ q = QuantizeLinear <output_dtype={TensorProto.DataType.Value(kind)}> (x, s)\n y = DequantizeLinear(q, s) }}",
        opset=25,
    )
    inputs = {"x": floats(6, 3), "s": one(0.75)}
    assert_same(translated(model, inputs, saved=True), by_reference(model, inputs))


def test_a_float8_beyond_the_range_saturates_or_becomes_infinite() -> None:
    for saturate in (0, 1):
        model = parsed(
            f"g (float[N] x, float s) => (float[N] y) {{ q = QuantizeLinear "
            f"<output_dtype={TensorProto.FLOAT8E5M2}, saturate={saturate}> (x, s)\n y = Cast<to=1>(q) }}",
            opset=23,
        )
        inputs = {"x": np.array([1e6, -1e6, 3.0], np.float32), "s": one(1)}
        assert_same(translated(model, inputs), by_reference(model, inputs))


def test_the_type_of_the_scale_is_the_precision_unless_another_is_named() -> None:
    # 5.0048828125 / 2 is above 2.5 in float32 and a tie in float16, which holds 5.0 only
    results = {}
    for precision in (0, int(TensorProto.FLOAT16)):
        model = parsed(
            f"g (float[N] x, float s) => (uint8[N] y) {{ y = QuantizeLinear <precision={precision}> (x, s) }}", opset=25
        )
        inputs = {"x": np.array([5.001, 7.0], np.float32), "s": one(2)}
        results[precision] = translated(model, inputs)
        assert_same(results[precision], by_reference(model, inputs))
    assert results[0]["y"][0] != results[10]["y"][0]


def test_output_dtype_names_the_type_of_dequantised_values() -> None:
    model = parsed(
        "g (int8[N] x, float s) => (float16[N] y) { y = DequantizeLinear <output_dtype=10> (x, s) }", opset=23
    )
    inputs = {"x": whole(np.int8, 9), "s": one(0.3)}
    assert_same(translated(model, inputs), by_reference(model, inputs))


def test_a_type_that_tensorflow_lacks_is_refused() -> None:
    model = parsed(
        "g (float[N] x, float s) => (float[N] y) { q = QuantizeLinear <output_dtype=27> (x, s)\n y = Cast<to=1>(q) }",
        opset=28,
    )
    with pytest.raises(UnsupportedOps, match="element type 27"):
        translated(model, {"x": floats(3), "s": one(1)})


def test_a_scale_of_a_type_that_tensorflow_lacks_is_refused() -> None:
    import ml_dtypes

    model = parsed("g (int8[4] x) => (float[4] y) { y = DequantizeLinear <output_dtype=1> (x, s) }", opset=28)
    model = with_weights(model, s=np.array(1, ml_dtypes.float8_e8m0fnu))
    with pytest.raises(UnsupportedOps, match="'s' has the element type FLOAT8E8M0"):
        translated(model, {"x": whole(np.int8, 4)})


@pytest.mark.parametrize(
    "x", [floats(2, 3, 5), -abs(floats(2, 3, 5)) - 3, abs(floats(2, 3, 5)) + 3, np.zeros((2, 3, 5), np.float32)]
)
def test_the_range_of_a_dynamic_quantisation_includes_zero(x: Any) -> None:
    model = parsed("g (float[N,3,K] x) => (uint8[N,3,K] y, float s, uint8 z) { y, s, z = DynamicQuantizeLinear(x) }")
    assert_same(translated(model, {"x": x}), by_onnxruntime(model, {"x": x}))


CONVOLUTIONS = [
    ("uint8", "uint8", (8, 4, 3, 3), 1, 1),
    ("int8", "int8", (8, 4, 3, 3), 8, 1),
    ("int8", "int8", (8, 1, 3, 3), 8, 4),
    ("uint8", "uint8", (6, 2, 3, 3), 1, 2),
    ("int8", "int8", (4, 160, 3, 3), 4, 1),  # too many taps for float32 to be exact
]


@pytest.mark.parametrize(("kind", "weights", "shape", "scales", "group"), CONVOLUTIONS)
@pytest.mark.parametrize("constant", [True, False])
def test_a_quantised_convolution_gives_the_same_integers(
    kind: str, weights: str, shape: tuple[int, ...], scales: int, group: int, constant: bool
) -> None:
    channels, filters = shape[1] * group, shape[0]
    given = "" if constant else f", {weights}[{','.join(map(str, shape))}] w"
    model = parsed(
        f"g ({kind}[N,{channels},H,7] x, int32[{filters}] b{given}) => ({kind}[N,{filters},A,B] y) {{"
        f" y = QLinearConv <pads=[1,0,1,2], strides=[1,2], group={group}> (x, xs, xz, w, ws, wz, ys, yz, b) }}"
    )
    zero = np.zeros(scales, weights) if scales > 1 else np.array(7, weights)
    scale = np.linspace(0.004, 0.009, scales, dtype=np.float32) if scales > 1 else np.float32(0.006)
    w = whole(np.dtype(weights), *shape)
    model = with_weights(
        model, xs=np.float32(0.02), xz=np.array(100, kind), ws=scale, wz=zero,
        ys=np.float32(0.02 * np.sqrt(w[0].size)), yz=np.array(90, kind), **({"w": w} if constant else {}),
    )  # fmt: skip
    inputs = {"x": whole(np.dtype(kind), 2, channels, 6, 7), "b": whole(np.int16, filters).astype(np.int32)}
    inputs |= {} if constant else {"w": w}
    found, expected = translated(model, inputs), by_onnxruntime(model, inputs)
    assert np.unique(expected["y"]).size > 50
    assert_same(found, expected)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 5), (3, 5)])
@pytest.mark.parametrize("depth", [4, 700])
def test_a_quantised_product_has_scales_for_rows_and_columns(rows: int, columns: int, depth: int) -> None:
    sizes = {"r": f"[{rows}]" if rows else "", "c": f"[{columns}]" if columns else ""}
    model = parsed(
        f"g (int8[N,K] a, float{sizes['r']} as, int8{sizes['r']} az, int8[K,M] b, float{sizes['c']} bs, int8{sizes['c']} bz,"
        " float ys, int8 yz) => (int8[N,M] y) { y = QLinearMatMul(a, as, az, b, bs, bz, ys, yz) }"
    )
    a, b = whole(np.int8, 3, depth), whole(np.int8, depth, 5, seed=1)
    row, column = (rows,) if rows else (), (columns,) if columns else ()
    inputs: dict[str, Any] = {"a": a, "b": b, "ys": one(0.1 * np.sqrt(depth)), "yz": one(-3, np.int8)}
    inputs |= {"as": np.full(row, 0.02, np.float32), "bs": np.full(column, 0.06, np.float32)}
    inputs |= {"az": np.full(row, 5, np.int8), "bz": np.full(column, -9, np.int8)}
    if rows:  # ONNX Runtime has scales for columns only; the same numbers in every row say the same
        plain = parsed(
            "g (int8[N,K] a, float as, int8 az, int8[K,M] b, float[5] bs, int8[5] bz, float ys, int8 yz)"
            " => (int8[N,M] y) { y = QLinearMatMul(a, as, az, b, bs, bz, ys, yz) }"
        )
        expected = by_onnxruntime(plain, {**inputs, "as": inputs["as"][0, ...], "az": inputs["az"][0, ...]})
    else:
        expected = by_onnxruntime(model, inputs)
    assert_same(translated(model, inputs), expected)


def network() -> onnx.ModelProto:
    """Return a small network with every kind of layer that ONNX Runtime quantises in images."""
    model = parsed(
        """g (float[N,3,12,12] x) => (float[N,10] y) {
            a = Conv <pads=[1,1,1,1]> (x, w1, b1)
            b = Relu (a)
            c = Conv <pads=[1,1,1,1], group=8, strides=[2,2]> (b, w2, b2)
            d = Clip (c, low, high)
            e = Conv (d, w3, b3)
            f = Conv <pads=[1,1,1,1]> (e, w4, b4)
            s = Add (e, f)
            p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (s)
            k = Concat <axis=1> (p, p)
            h = GlobalAveragePool (k)
            i = Flatten (h)
            y = Gemm <transB=1> (i, w5, b5)
        }"""
    )
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 1, 3, 3), "w3": (16, 8, 1, 1), "w4": (16, 16, 3, 3), "w5": (10, 32)}
    shapes |= {f"b{name[1]}": shape[:1] for name, shape in shapes.items()}
    arrays = {name: floats(*shape, seed=at) * 0.08 for at, (name, shape) in enumerate(shapes.items())}
    return with_weights(model, low=np.float32(0), high=np.float32(6), **arrays)


def quantised(folder: Path, kind: str, per_channel: bool) -> onnx.ModelProto:
    """Return the network as ONNX Runtime quantises it."""
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": floats(4, 3, 12, 12, seed=seed)} for seed in range(3)]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    onnx.save(network(), folder / "source.onnx")
    quantization.quantize_static(
        folder / "source.onnx", folder / "quantised.onnx", Reader(), quant_format=quantization.QuantFormat[kind],
        per_channel=per_channel, activation_type=quantization.QuantType.QInt8,
    )  # fmt: skip
    return onnx.load(folder / "quantised.onnx")


def as_written(model: onnx.ModelProto, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what ONNX Runtime computes node by node: its optimiser would turn pairs around a node into integer arithmetic."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return {"y": session.run(None, inputs)[0]}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
def test_a_network_that_onnx_runtime_quantised_agrees_to_the_last_step(
    kind: str, per_channel: bool, tmp_path: Path
) -> None:
    model, inputs = quantised(tmp_path, kind, per_channel), {"x": floats(5, 3, 12, 12, seed=9)}
    assert_same(translated(model, inputs, saved=True), as_written(model, inputs))


@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
def test_quantised_activations_stay_channels_last(kind: str, tmp_path: Path) -> None:
    source, model = network(), quantised(tmp_path, kind, True)
    moved = kinds_of_operations(source).count("Transpose")
    own = kinds_of_operations(model).count("Transpose")
    weights = 5  # a quantised weight is moved once for its layer
    assert own <= moved + weights


def test_blocked_scales_of_a_channels_last_value_keep_their_order() -> None:
    model = parsed(
        "g (float[N,4,5,6] x, float[4,4,1,1] w, float[N,2,5,6] s) => (float[N,4,5,6] y) {"
        " c = Conv (x, w)\n q = QuantizeLinear <axis=1, block_size=2> (c, s)\n"
        " d = DequantizeLinear <axis=1, block_size=2> (q, s)\n y = Relu (d) }"
    )
    inputs = {"x": floats(2, 4, 5, 6), "w": floats(4, 4, 1, 1), "s": abs(floats(2, 2, 5, 6)) + 0.5}
    assert_same(translated(model, inputs), by_reference(model, inputs))


def test_a_mean_over_axes_given_as_an_input_stays_channels_last() -> None:
    model = with_weights(
        parsed(
            "g (float[N,4,5,6] x, float[4,4,1,1] w) => (float[N,4] y) { c = Conv (x, w)\n y = ReduceMean <keepdims=0> (c, a) }"
        ),
        a=np.array([2, 3]),
    )
    inputs = {"x": floats(2, 4, 5, 6), "w": floats(4, 4, 1, 1)}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))
