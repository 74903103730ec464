"""ONNX Runtime, and the reference evaluator where it has no kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from fakes import graph

from modelport.errors import BadInput, CheckFailed
from modelport.session import OLDEST_OPSET, Session, newest_opset, open_session


def opened(model: onnx.ModelProto, folder: Path, **options: Any) -> Session:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return open_session(path, **options)


def test_a_model_runs_and_names_its_inputs_and_outputs_in_order(tmp_path: Path) -> None:
    session = opened(
        graph("(float[N] b, float[N] a) => (float[N] s, float[N] d) { d = Sub(b, a) s = Add(b, a) }"), tmp_path
    )
    assert (session.input_names, session.output_names) == (("b", "a"), ("s", "d"))
    assert session.engine == f"ONNX Runtime {onnxruntime.__version__}"
    values = session.run({"a": np.ones(2, np.float32), "b": np.full(2, 3, np.float32)})
    assert {name: value.tolist() for name, value in values.items()} == {"s": [4, 4], "d": [2, 2]}


def test_bfloat16_goes_in_and_comes_out_as_bfloat16(tmp_path: Path) -> None:
    session = opened(
        graph(
            "(bfloat16[N,2] x) => (float[N,2] f, bfloat16[N,2] y) { f = Cast<to: int = 1>(x) y = Cast<to: int = 16>(f) }"
        ),
        tmp_path,
    )
    x = np.asarray([[1.5, -2.0], [np.inf, 3.14]], ml_dtypes.bfloat16)
    values = session.run({"x": x})
    assert values["y"].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(values["y"], x)
    np.testing.assert_array_equal(values["f"], x.astype(np.float32))


def test_strings_go_in_and_come_out(tmp_path: Path) -> None:
    session = opened(graph("(string[N] x) => (string[N] y) { y = Identity(x) }"), tmp_path)
    assert session.run({"x": np.asarray(["ham", "größer", ""], object)})["y"].tolist() == ["ham", "größer", ""]


def without_kernel() -> onnx.ModelProto:
    """A valid model for an operator type that ONNX Runtime does not implement on the CPU."""
    return graph("(double[N] x) => (double[N] y) { y = Selu(x) }")


def test_an_operator_without_a_kernel_is_refused_as_a_target(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="ONNX Runtime refuses the model") as caught:
        opened(without_kernel(), tmp_path)
    assert caught.value.exit_status == 4


def test_an_operator_without_a_kernel_runs_in_the_reference_evaluator_as_a_source(tmp_path: Path) -> None:
    session = opened(without_kernel(), tmp_path, fall_back=True)
    assert session.engine == f"onnx {onnx.__version__} ReferenceEvaluator"
    assert session.run({"x": np.asarray([0.0, 2.0])})["y"] == pytest.approx(
        [0.0, 2.0 * 1.0507009873554805]
    )  # the SELU paper's scale


def test_a_file_that_is_no_model_is_refused_even_as_a_source(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(CheckFailed):
        open_session(tmp_path / "model.onnx", fall_back=True)


def test_the_newest_opset_is_the_one_that_onnx_runtime_still_opens() -> None:
    def opens(opset: int) -> bool:
        model = graph("(float[N] x) => (float[N] y) { y = Identity(x) }", opset=opset)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception:
            return False
        return True

    newest = newest_opset()
    assert newest > OLDEST_OPSET
    assert opens(newest)
    assert newest == onnx.defs.onnx_opset_version() or not opens(newest + 1)


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_an_empty_batch_of_a_recurrent_operator_is_refused_as_it_would_end_the_process(
    operator: str, gates: int, tmp_path: Path
) -> None:
    weights = {"w": np.ones((1, gates * 2, 3), np.float32), "r": np.ones((1, gates * 2, 2), np.float32)}
    body = f"(float[T,N,3] x) => (float[1,N,2] y) {{ _, y = {operator}<hidden_size: int = 2>(x, w, r) }}"
    session = opened(graph(body, **weights), tmp_path)
    for shape in ((5, 0, 3), (0, 2, 3)):
        with pytest.raises(BadInput, match=f"cannot run {operator} on an empty batch"):
            session.run({"x": np.zeros(shape, np.float32)})
    assert session.run({"x": np.zeros((5, 1, 3), np.float32)})["y"].shape == (1, 1, 2)


def test_a_shape_that_lies_outside_the_file_is_read(tmp_path: Path) -> None:
    model = graph("(float[N,4] x) => (float[M,2] y) { y = Reshape(x, s) }", s=np.array([-1, 2]))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="s.data", size_threshold=0)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(open_session(path).run({"x": x})["y"], x.reshape(-1, 2))
