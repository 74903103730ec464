"""The checker stage refuses what must not be delivered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import graph, signature_of

from modelport.check import check_model
from modelport.errors import CheckFailed, SourceUnreadable, UnsafeSource
from modelport.safety.external_data import check_external_data

RELU = "(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"
ADD = "(float[N,4] x) => (float[N,4] y) { y = Add(x, w) }"


def write(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def check(model: onnx.ModelProto, folder: Path, *, opset: int = 20, signed: onnx.ModelProto | None = None) -> None:
    check_model(write(model, folder), opset=opset, signature=signature_of(signed or model))


def outside(location: str) -> onnx.ModelProto:
    """A model whose weight lies in a file of its own."""
    model = graph(ADD, w=np.zeros(4, np.float32))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return model


def test_a_valid_model_passes(tmp_path: Path) -> None:
    check(graph(RELU), tmp_path)


def test_a_model_with_its_weights_beside_it_passes(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    check(outside("weights.bin"), tmp_path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("(float[N,4] x) => (float[N,4] y) { y = Rleu(x) }", "Rleu"),
        ("(float[N,4] x) => (float[N,4] y) { y = Relu(z) }", "z"),
        ("(float[N,4] x) => (int64[N,4] y) { y = Relu(x) }", "y"),
        ("(float[N,4] x) => (float[N,5] y) { y = Relu(x) }", "y"),
        ("(float[N,4] x) => (float[N,4] y) { y = ReduceMean<axes: ints = [1]>(x) }", "axes"),
        ("(float[N,4] x) => (float[N,4] y) { y = RMSNormalization(x, x) }", "RMSNormalization"),
    ],
)
def test_an_invalid_graph_is_refused_in_the_checkers_words(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=message) as caught:
        check(graph(body), tmp_path)
    assert caught.value.exit_status == 4
    assert caught.value.where


def test_an_incompatible_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed):
        check(graph("(float[N,4] x) => (float[N,4] y) { y = MatMul(x, w) }", w=np.zeros((5, 4), np.float32)), tmp_path)


def test_another_opset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="carries opset 18, not 20"):
        check(graph(RELU, opset=18), tmp_path)


def test_two_opsets_are_refused(tmp_path: Path) -> None:
    model = graph(RELU)
    model.opset_import.add(domain="ai.onnx", version=18)
    with pytest.raises(CheckFailed, match="20 and 18"):
        check(model, tmp_path)


def test_the_long_name_of_the_default_domain_is_the_default_domain(tmp_path: Path) -> None:
    model = graph(RELU)
    model.opset_import[0].domain = "ai.onnx"
    check(model, tmp_path)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("(float[N,4] z) => (float[N,4] y) { y = Relu(z) }", "inputs"),
        ("(float[N,4] x, float[N,4] z) => (float[N,4] y) { y = Relu(x) }", "inputs"),
        ("(float[N,4] x) => (float[N,4] z) { z = Relu(x) }", "outputs"),
        ("(float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) z = Relu(x) }", "outputs"),
    ],
)
def test_names_that_the_exporter_lost_are_refused(body: str, title: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=f"the model's {title} are"):
        check(graph(body), tmp_path, signed=graph(RELU))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "(float[3,4] x) => (float[3,4] y) { y = Relu(x) }",
            "'x' is not what the signature says: axis 0 fixed at 3 instead of N",
        ),
        (
            "(float[N,4] x) => (float[3,4] y) { s = Constant<value_ints: ints = [3,4]>() y = Reshape(x, s) }",
            "'y'.*axis 0 fixed at 3",
        ),
        ("(float[N,5] x) => (float[N,5] y) { y = Relu(x) }", "axis 1 fixed at 5 instead of 4"),
        ("(double[N,4] x) => (double[N,4] y) { y = Relu(x) }", "dtype float64 instead of float32"),
        ("(float[N,4,1] x) => (float[N,4,1] y) { y = Relu(x) }", "3 dimensions instead of 2"),
    ],
)
def test_a_graph_with_another_signature_is_refused_without_being_run(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=message):
        check(graph(body), tmp_path, signed=graph(RELU))


def test_an_output_may_be_more_certain_than_the_signature(tmp_path: Path) -> None:
    signed = graph("(float[N,4] x) => (float[N,K] y) { y = Relu(x) }")
    check(graph(RELU), tmp_path, signed=signed)


def test_inputs_in_another_order_are_refused(tmp_path: Path) -> None:
    two, swapped = (f"(float[N] {a}, float[N] {b}) => (float[N] y) {{ y = Add(a, b) }}" for a, b in ("ab", "ba"))
    with pytest.raises(CheckFailed, match="b, a, the signature's a, b"):
        check(graph(swapped), tmp_path, signed=graph(two))


def test_weights_that_are_also_inputs_count_as_weights(tmp_path: Path) -> None:
    check(graph("(float[N,4] x, float[4] w) => (float[N,4] y) { y = Add(x, w) }", w=np.zeros(4, np.float32)), tmp_path)


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "C:\\weights.bin", "..\\weights.bin"]
)
def test_weights_outside_the_models_folder_are_unsafe(location: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeSource, match="outside") as caught:
        check_external_data(outside(location), tmp_path / "model.onnx")
    assert caught.value.exit_status == 7


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"'weights.bin' of 'w' is missing"):
        check(outside("weights.bin"), tmp_path)


def test_external_data_that_is_truncated_is_named_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = graph(ADD, w=np.ones(4096, np.float32))
    onnx.save(model, path, save_as_external_data=True, location="model.data", size_threshold=0)
    data = tmp_path / "model.data"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(SourceUnreadable, match=r"'model.data' is truncated: 'w' ends at byte 16,384, the file at 100"):
        check_external_data(onnx.load(path, load_external_data=False), path, SourceUnreadable)
