"""Every fault that an exporter is known to make is caught with default settings, and the correct export is delivered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import Convert, Net, graph, signature_of, zip_map
from planted import Fault, pair, weights_pair
from planted_trees import Forest

from modelport.errors import ModelportError

RNG = np.random.default_rng(2024)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


# --- normalisation -------------------------------------------------------------------------------

CHANNELS = 4
BATCH_NORM = {
    "scale": floats(CHANNELS),
    "shift": floats(CHANNELS),
    "mean": floats(CHANNELS),
    "var": np.asarray([0.01, 0.3, 1.2, 4.0], np.float32),
}
BATCH_NORM_BODY = """(float[N,4,5,5] x) => (float[N,4,5,5] y) {
    y = BatchNormalization<epsilon: float = @>(x, scale, shift, mean, var)
}"""
TRAINING_NODE = (
    "(float[N,4,5,5] x) => (float[N,4,5,5] y) "
    "{ y, m, v = BatchNormalization<training_mode: int = 1>(x, scale, shift, mean, var) }"
)
TRAINING_DECOMPOSED = """(float[N,4,5,5] x) => (float[N,4,5,5] y) {
    axes = Constant<value_ints: ints = [0, 2, 3]>()
    m = ReduceMean(x, axes)  d = Sub(x, m)  dd = Mul(d, d)  v = ReduceMean(dd, axes)
    e = Constant<value: tensor = float {0.00001}>()  ve = Add(v, e)  s = Sqrt(ve)  n = Div(d, s)
    one = Constant<value_ints: ints = [1, 2]>()  k = Unsqueeze(scale, one)  b = Unsqueeze(shift, one)
    p = Mul(n, k)  y = Add(p, b)
}"""
LAYER_BODY = (
    "(float[N,8] x) => (float[N,8] y) { y = LayerNormalization<axis: int = -1, epsilon: float = @>(x, scale, shift) }"
)
INSTANCE_BODY = (
    "(float[N,4,6,6] x) => (float[N,4,6,6] y) { y = InstanceNormalization<epsilon: float = @>(x, scale, shift) }"
)


def normalisation() -> list[Fault]:
    inference = graph(BATCH_NORM_BODY.replace("@", "1e-5"), **BATCH_NORM)
    affine = {"scale": floats(CHANNELS), "shift": floats(CHANNELS)}
    return [
        Fault("training-mode batch norm", inference, graph(TRAINING_NODE, **BATCH_NORM)),
        Fault("training-mode batch norm, decomposed", inference, graph(TRAINING_DECOMPOSED, **BATCH_NORM)),
        pair("epsilon of batch norm", BATCH_NORM_BODY, "1e-5", "1e-3", **BATCH_NORM),
        pair("epsilon of layer norm", LAYER_BODY, "1e-5", "1e-3", scale=floats(8), shift=floats(8)),
        pair("epsilon of instance norm", INSTANCE_BODY, "1e-5", "1e-3", **affine),
    ]


# --- shapes, kernels, bias -----------------------------------------------------------------------

CONV = "(float[N,3,8,8] x) => (float[N,3,P,Q] y) { y = Conv<kernel_shape: ints = [3, 3], pads: ints = [@]>(x, w, b) }"
PLAIN_CONV = CONV.replace("@", "1, 1, 1, 1")
POOL = """(float[N,2,9,9] x) => (float[N,2,P,Q] y) {
    y = MaxPool<kernel_shape: ints = [3, 3], strides: ints = [2, 2], pads: ints = [@]>(x)
}"""


def layout() -> list[Fault]:
    kernel, bias = floats(3, 3, 3, 3), floats(3)
    conv = {"w": kernel, "b": bias}
    square = floats(6, 6)
    matmul = "(float[N,6] x) => (float[N,6] y) { y = MatMul(x, w) }"
    transpose = "(float[N,5,5] x) => (float[N,5,5] y) { t = Transpose<perm: ints = [@]>(x) y = MatMul(t, w) }"
    image = "(float[N,3,3,3] x) => (float[N,3,3,3] y) { y = Transpose<perm: ints = [@]>(x) }"
    dense = "(float[N,6] x) => (float[N,6] y) { y = Gemm(x, w@) }"
    return [
        pair("swapped axes of a square input", transpose, "0, 1, 2", "0, 2, 1", w=floats(5, 5)),
        pair("channels-last for channels-first", image, "0, 2, 3, 1", "0, 3, 1, 2"),
        pair(
            "softmax over the other axis",
            "(float[N,4,4] x) => (float[N,4,4] y) { y = Softmax<axis: int = @>(x) }",
            "-1",
            "1",
        ),
        weights_pair("square weight not transposed", matmul, {"w": square}, {"w": square.T.copy()}),
        weights_pair("kernel spatially transposed", PLAIN_CONV, conv, {"w": kernel.swapaxes(2, 3).copy()}),
        weights_pair("kernel's channels exchanged", PLAIN_CONV, conv, {"w": kernel.swapaxes(0, 1).copy()}),
        weights_pair("kernel mirrored", PLAIN_CONV, conv, {"w": kernel[:, :, ::-1, ::-1].copy()}),
        pair("padding of a convolution off by one", CONV, "1, 1, 1, 1", "0, 0, 2, 2", **conv),
        pair("padding of a convolution one short", CONV, "1, 1, 1, 1", "1, 1, 1, 0", **conv),
        pair("padding of a pooling off by one", POOL, "0, 0, 1, 1", "1, 1, 0, 0"),
        pair("dropped bias of a dense layer", dense, ", b", "", w=square, b=floats(6)),
        weights_pair("dropped bias of a convolution", PLAIN_CONV, conv, {"b": np.zeros(3, np.float32)}),
    ]


# --- sizes ---------------------------------------------------------------------------------------


def sizes() -> list[Fault]:
    reshape = "(float[N,2,6] x) => (float[M,6] y) { s = Constant<value_ints: ints = [@]>() y = Reshape(x, s) }"
    keeping = "(float[N,2,2] x) => (float[P,Q] y) { s = Constant<value_ints: ints = [@]>() y = Reshape(x, s) }"
    mean = "(float[N,4] x) => (float[1,4] y) { a = Constant<value_ints: ints = [0]>() @ }"
    own = "y = ReduceMean(x, a)"
    fixed = "s = ReduceSum(x, a) n = Constant<value: tensor = float {3}>() y = Div(s, n)"
    tail = """(float[N,L,2] x) => (float[N,M,2] y) {
        a = Constant<value_ints: ints = [1]>() e = Constant<value_ints: ints = [@]>()
        b = Constant<value_ints: ints = [0]>() y = Slice(x, b, e, a)
    }"""
    dynamic = "(float[N,3] x) => (float[N,3] y) { y = Relu(x) }"
    return [
        pair("batch specialised in a reshape", reshape, "-1, 6", "6, 6"),
        pair("batch specialised in a reshape that swallows any batch", keeping, "-1, 4", "3, -1"),
        pair("batch specialised in a divisor", mean, own, fixed),
        pair("sequence cut at the example's length", tail, "9223372036854775807", "32"),
        Fault("batch specialised in the graph's input", graph(dynamic), graph(dynamic.replace("N", "3"))),
    ]


# --- numbers -------------------------------------------------------------------------------------


def numbers() -> list[Fault]:
    product = "(int64[N,4] x) => (int64[N,4] y) { @ }"
    narrow = "c = Cast<to: int = 6>(x) k = Cast<to: int = 6>(f) p = Mul(c, k) y = Cast<to: int = 7>(p)"
    total = "(int32[N,4] x) => (int64[N,4] y) { @ }"
    wide_square = "c = Cast<to: int = 7>(x) y = Mul(c, c)"
    narrow_square = "p = Mul(x, x) y = Cast<to: int = 7>(p)"
    inverse = "(float[N,16] x) => (float[N,16] y) { @ }"
    log = "(float[N,16] x) => (float[N,16] y) { r = Relu(x) @ }"
    return [
        pair("int64 product done in int32", product, "y = Mul(x, f)", narrow, f=np.asarray([100_003], np.int64)),
        pair("int64 square done in int32", total, wide_square, narrow_square),
        pair("NaN for infinity at a pole", inverse, "y = Reciprocal(x)", "s = Mul(x, x) y = Div(x, s)"),
        pair("NaN for infinity in a logarithm", log, "y = Log(r)", "l = Log(r) d = Mul(l, r) y = Div(d, r)"),
        pair("infinity for minus infinity", log, "y = Log(r)", "i = Reciprocal(r) y = Log(i)"),
    ]


# --- opsets --------------------------------------------------------------------------------------


def opsets() -> list[Fault]:
    softmax = graph(
        "(float[N,3,4] x) => (float[N,3,4] y) { s = Shape(x) f = Flatten(x) p = Softmax<axis: int = 1>(f) y = Reshape(p, s) }"
    )
    relabelled = graph("(float[N,3,4] x) => (float[N,3,4] y) { y = Softmax<axis: int = 1>(x) }")
    relu = graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
    twice = graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }", opset=18)
    twice.opset_import.add(domain="", version=20)
    none = graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
    del none.opset_import[:]
    mean = "(float[N,4] x) => (float[N,1] y) { @ }"
    newest = "(float[N,4] x) => (float[N,4] y) { @ }"
    rms = "y = RMSNormalization(x, w)"
    by_hand = """s = Mul(x, x) a = Constant<value_ints: ints = [-1]>() m = ReduceMean(s, a)
        n = Add(m, e) r = Sqrt(n) d = Div(x, r) y = Mul(d, w)"""
    weights = {"w": floats(4), "e": np.float32(1e-5)}
    return [
        Fault("a graph of opset 12 labelled as opset 20", softmax, relabelled),
        Fault("two opsets declared", relu, twice),
        Fault("no opset declared", relu, none),
        pair(
            "an operator's form of an older opset", mean,
            "a = Constant<value_ints: ints = [1]>() y = ReduceMean(x, a)", "y = ReduceMean<axes: ints = [1]>(x)",
        ),
        pair("an operator of a newer opset", newest, by_hand, rms, **weights),
    ]  # fmt: skip


# --- labels --------------------------------------------------------------------------------------

LINEAR = {"w": floats(4, 3), "b": floats(3)}


def classifier(labels: list[Any]) -> onnx.ModelProto:
    """A linear classifier of the ai.onnx.ml domain."""
    text = isinstance(labels[0], str)
    kind = "string" if text else "int64"
    model = graph(f"(float[N,4] x) => ({kind}[N] label, float[N,3] scores) {{ y = Identity(x) }}", ml=1)
    del model.graph.node[:]
    model.graph.node.append(
        onnx.helper.make_node(
            "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", multi_class=0, post_transform="NONE",
            coefficients=LINEAR["w"].T.reshape(-1).tolist(), intercepts=LINEAR["b"].tolist(),
            **{"classlabels_strings" if text else "classlabels_ints": labels},
        )
    )  # fmt: skip
    return model


def labelled(labels: list[Any]) -> Callable[[Any], Any]:
    """The same classifier in NumPy."""

    def run(arrays: Any) -> Any:
        scores = arrays["x"] @ LINEAR["w"] + LINEAR["b"]
        names = np.asarray(labels, object if isinstance(labels[0], str) else np.int64)
        return {"label": names[scores.argmax(axis=1)], "scores": scores}

    return run


def maps(arrays: Any) -> Any:
    exponents = np.exp(arrays["x"] - arrays["x"].max(axis=1, keepdims=True))
    rows = exponents / exponents.sum(axis=1, keepdims=True)
    return {"maps": [dict(zip("abc", row.tolist(), strict=True)) for row in rows]}


def labels() -> list[Fault]:
    numbers_, words = [10, 20, 30], ["ham", "spam", "eggs"]
    return [
        Fault("integer labels permuted", classifier(numbers_), classifier([20, 10, 30]), labelled(numbers_)),
        Fault("string labels permuted", classifier(words), classifier(["spam", "ham", "eggs"]), labelled(words)),
        Fault("string labels sorted", classifier(words), classifier(sorted(words)), labelled(words)),
        Fault("keys of maps permuted", zip_map("abc"), zip_map("bac"), maps),
    ]


# --- trees ---------------------------------------------------------------------------------------


def rounded_down(thresholds: Any) -> Any:
    """The greatest float32 not above: exact for float32 features."""
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


def of_columns(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    """The same model with an input for each column, as pipelines over tables have them."""
    names = [f"c{column}" for column in range(count)]
    model.graph.node.insert(0, onnx.helper.make_node("Concat", names, ["x"], axis=1))
    kind = model.graph.input[0].type.tensor_type.elem_type
    del model.graph.input[:]
    model.graph.input.extend(onnx.helper.make_tensor_value_info(name, kind, ["N", 1]) for name in names)
    return model


def trees() -> list[Fault]:
    table = Forest(20, 4, 4, RNG)
    exact, single = table.threshold, table.threshold.astype(np.float32).astype(np.float64)
    faults = [
        Fault(
            "thresholds of a forest over columns rounded to float32",
            of_columns(table.graph(thresholds=exact), 4),
            of_columns(table.graph(thresholds=single), 4),
            lambda arrays: table({"x": np.concatenate([arrays[f"c{column}"] for column in range(4)], axis=1)}),
        )
    ]
    for name, forest in (
        ("a stump", Forest(1, 1, 1, RNG)),
        ("a tree", Forest(1, 3, 4, RNG)),
        ("a forest", Forest(20, 4, 4, RNG)),
    ):
        correct, rounded = forest.threshold, forest.threshold.astype(np.float32)
        double = forest.graph(thresholds=correct)
        faults += [
            Fault(
                f"thresholds of {name} rounded to float32",
                double,
                forest.graph(thresholds=rounded.astype(np.float64)),
                forest,
            ),
            Fault(
                f"features of {name} rounded to float32",
                double,
                forest.graph(thresholds=rounded_down(correct), cast=True),
                forest,
            ),
            Fault(
                f"thresholds of {name} rounded up, float32 features",
                forest.graph(thresholds=rounded_down(correct), dtype="float"),
                forest.graph(thresholds=np.nextafter(rounded_down(correct), np.float32(np.inf)), dtype="float"),
                forest,
            ),
        ]
    return faults


FAULTS = [*normalisation(), *layout(), *sizes(), *numbers(), *opsets(), *labels(), *trees()]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@each_fault
def test_the_faulty_export_is_caught_and_nothing_is_delivered(fault: Fault, convert: Convert, target: Path) -> None:
    with pytest.raises(ModelportError) as caught:
        convert(Net(fault.faulty, fault.reference or fault.correct, signature_of(fault.correct)))
    assert caught.value.exit_status in (4, 5)
    assert caught.value.report.status == "failed"
    assert not list(target.parent.iterdir())


@each_fault
def test_the_correct_export_is_proven_and_delivered(fault: Fault, convert: Convert, target: Path) -> None:
    conversion = convert(Net(fault.correct, fault.reference))
    assert conversion.report.verdict == "proven"
    assert list(target.parent.iterdir()) == [target]
