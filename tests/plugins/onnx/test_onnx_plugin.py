"""ONNX as a framework of its own: re-checked, carried to another opset, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from fakes import graph, zip_map
from onnx import numpy_helper

import modelport
from modelport import errors, plugins
from modelport.artifact import read_provenance
from modelport.spec import Options

WEIGHT = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
BODY = "(float[N,64] x) => (float[N,1] y) { h = MatMul(x, w) y = ReduceMean<axes: ints = [1]>(h) }"


@pytest.fixture
def plugin() -> plugins.Plugin:
    return plugins.registry().get("onnx")


def saved(folder: Path, model: onnx.ModelProto, **options: Any) -> Path:
    path = folder / "source.onnx"
    onnx.save(model, path, **options)
    return path


def old(**options: Any) -> onnx.ModelProto:
    return graph(BODY, opset=13, w=WEIGHT, **options)


@pytest.mark.parametrize(("asked", "carried"), [(None, 13), (13, 13), (20, 20), (21, 21)])
def test_a_file_is_carried_to_the_opset_asked_for_and_otherwise_keeps_its_own(
    asked: int | None, carried: int, tmp_path: Path
) -> None:
    target = tmp_path / "target.onnx"
    record = modelport.convert(saved(tmp_path, old()), output=target, opset=asked).report
    result = onnx.load(target)
    assert [entry.version for entry in result.opset_import] == [carried]
    assert (record.verdict, record.opset, record.route) == ("proven", carried, ["onnx"])
    assert numpy_helper.to_array(result.graph.initializer[0]).tobytes() == WEIGHT.tobytes()


def test_weights_beside_the_source_are_carried_along(tmp_path: Path) -> None:
    source = saved(tmp_path, old(), save_as_external_data=True, location="weights.bin", size_threshold=0)
    target = tmp_path / "target.onnx"
    modelport.convert(source, output=target, opset=20)
    (tmp_path / "weights.bin").unlink()
    assert numpy_helper.to_array(onnx.load(target).graph.initializer[0]).tobytes() == WEIGHT.tobytes()


@pytest.mark.parametrize("form", ["always", "auto", "never"])
def test_weights_beside_the_source_go_where_the_user_wants_them(form: Any, tmp_path: Path) -> None:
    model = graph("(float[N,64] x) => (float[N,64] y) { h = MatMul(x, w) y = Add(h, b) }", w=WEIGHT, b=WEIGHT[0])
    source = saved(tmp_path, model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    target = tmp_path / "target.onnx"
    modelport.convert(source, output=target, external_data=form)
    (tmp_path / "weights.bin").unlink()
    assert target.with_name("target.onnx.data").exists() == (form == "always")
    weights = {tensor.name: numpy_helper.to_array(tensor).tobytes() for tensor in onnx.load(target).graph.initializer}
    assert weights == {"w": WEIGHT.tobytes(), "b": WEIGHT[0].tobytes()}


def test_a_file_may_be_converted_onto_itself(tmp_path: Path) -> None:
    source = saved(tmp_path, old())
    modelport.convert(source, output=source, opset=20)
    assert onnx.load(source).opset_import[0].version == 20
    modelport.convert(source, output=source, opset=21)
    provenance = onnx.load(source)
    assert read_provenance(provenance)["opset"] == "21"
    assert len({entry.key for entry in provenance.metadata_props}) == len(provenance.metadata_props)


@pytest.mark.parametrize("form", [lambda model: model, ir.from_proto], ids=["ModelProto", "ir.Model"])
def test_models_in_memory_are_converted(form: Any) -> None:
    conversion = modelport.convert(form(old()), opset=20)
    assert conversion.model.opset_import[0].version == 20
    assert conversion.report.verdict == "proven"


def test_a_model_of_more_types_reads_its_signature_off_the_graph(plugin: plugins.Plugin) -> None:
    body = "(double[N,3] a, int64[N,T,4] b, bool c, string[S] d, bfloat16[2] e) => (double[N,3] y, float16[M] h) { y = Relu(a) }"
    model = graph(body)
    model.graph.input[2].type.tensor_type.shape.SetInParent()  # a scalar, which the parser cannot write
    signature = plugin.call("signature", model=model, options=Options())
    assert [str(spec) for spec in signature.inputs] == [
        "a:float64[N,3]",
        "b:int64[N,T,4]",
        "c:bool[]",
        "d:string[S]",
        "e:bfloat16[2]",
    ]
    assert [str(spec) for spec in signature.outputs] == ["y:float64[N,3]", "h:float16[M]"]


def test_a_graph_may_take_missing_values_in_its_floats(plugin: plugins.Plugin) -> None:
    model = graph("(float[N] a, double[N] b, int64[N] c, string[N] d) => (float[N] y) { y = Relu(a) }")
    signature = plugin.call("signature", model=model, options=Options())
    assert [spec.nan for spec in signature.inputs] == [True, True, False, False]


def test_missing_values_in_samples_reach_a_graph_that_fills_them(tmp_path: Path) -> None:
    body = "(float[N,2] x) => (float[N,2] y) { gap = IsNaN(x) zero = Sub(one, one) y = Where(gap, zero, x) }"
    rows = np.array([[1, np.nan], [np.nan, 2], [3, 4]], np.float32)
    conversion = modelport.convert(graph(body, one=np.ones(1, np.float32)), samples=rows)
    assert conversion.report.verdict == "proven"


def test_nameless_dimensions_are_named_after_their_input(plugin: plugins.Plugin) -> None:
    model = graph("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
    model.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    assert str(plugin.call("signature", model=model, options=Options()).inputs[0]) == "x:float32[x_dim0,4]"


def test_weights_that_are_also_inputs_are_no_inputs(plugin: plugins.Plugin) -> None:
    model = graph("(float[N,4] x, float[4] w) => (float[N,4] y) { y = Add(x, w) }", w=np.zeros(4, np.float32))
    assert [spec.name for spec in plugin.call("signature", model=model, options=Options()).inputs] == ["x"]


@pytest.mark.parametrize(
    ("name", "contents", "confidence"),
    [("m.onnx", b"\x08\x0a", 1.0), ("m.ONNX", b"\x08", 1.0), ("m.onnx", b"PK", 0.5), ("m.pt", b"\x08", None)],
)
def test_files_are_claimed_by_suffix_and_first_byte(
    name: str, contents: bytes, confidence: float | None, plugin: plugins.Plugin, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    claims = plugin.call("detect", source=path)
    assert [claim.confidence for claim in claims] == ([] if confidence is None else [confidence])


@pytest.mark.parametrize("damage", ["truncated", "text", "empty graph"])
def test_a_damaged_file_is_unreadable(damage: str, tmp_path: Path) -> None:
    whole = old().SerializeToString()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "text": b"\x08not a model",
        "empty graph": onnx.ModelProto(ir_version=8).SerializeToString(),
    }
    source = tmp_path / "source.onnx"
    source.write_bytes(contents[damage])
    with pytest.raises(errors.SourceUnreadable) as caught:
        modelport.convert(source, output=tmp_path / "target.onnx")
    assert caught.value.where == str(source)
    assert list(tmp_path.iterdir()) == [source]


def test_an_invalid_file_is_refused_by_the_checker(tmp_path: Path) -> None:
    source = saved(tmp_path, graph("(float[N,4] x) => (float[N,4] y) { y = Rleu(x) }"))
    with pytest.raises(errors.CheckFailed, match="Rleu"):
        modelport.convert(source, output=tmp_path / "target.onnx")


def _outside(tmp_path: Path, place: str) -> Path:
    """A model with a weight outside its folder, in the graph or in a branch of it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    body = {
        "graph": "(float[N,4] x, bool c) => (float[N,4] y) { y = Add(x, w) }",
        "branch": """(float[N,4] x, bool c) => (float[N,4] y) {
            y = If (c) <then_branch = a () => (float[N,4] p) { p = Add(x, w) },
                else_branch = b () => (float[N,4] q) { q = Relu(x) }>
        }""",
    }[place]
    model = graph(body)
    inner = (
        model.graph if place == "graph" else next(a.g for a in model.graph.node[0].attribute if a.name == "then_branch")
    )
    tensor = inner.initializer.add(
        name="w", dims=[4], data_type=onnx.TensorProto.FLOAT, data_location=onnx.TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="../secret.bin")
    source = folder / "source.onnx"
    source.write_bytes(model.SerializeToString())
    return source


def test_weights_outside_the_models_folder_are_refused_as_unsafe(tmp_path: Path) -> None:
    with pytest.raises(errors.UnsafeSource) as caught:
        modelport.convert(_outside(tmp_path, "graph"), output=tmp_path / "target.onnx")
    assert caught.value.exit_status == 7


def test_weights_of_a_branch_outside_the_models_folder_are_refused_as_unsafe(tmp_path: Path) -> None:
    with pytest.raises(errors.UnsafeSource):
        modelport.convert(_outside(tmp_path, "branch"), output=tmp_path / "target.onnx")


def test_a_source_without_a_kernel_runs_in_the_reference_evaluator(plugin: plugins.Plugin) -> None:
    model = graph("(double[N] x) => (double[N] y) { y = Selu(x) }")
    values = plugin.call("run", model=model, signature=None, inputs={"x": np.asarray([0.0, 2.0])}, options=Options())
    assert values["y"] == pytest.approx([0.0, 2.0 * 1.0507009873554805])


def test_maps_of_a_classifier_are_compared(tmp_path: Path) -> None:
    record = modelport.convert(saved(tmp_path, zip_map([3, 5])), output=tmp_path / "target.onnx", opset=21).report
    assert record.verdict == "proven"
    assert record.proofs[0].outputs[0].elements > 10


def test_a_dimension_that_the_user_fixes_is_fixed_in_the_result(tmp_path: Path) -> None:
    target = tmp_path / "target.onnx"
    modelport.convert(saved(tmp_path, old()), output=target, inputs=["x:float32[4,64]"])
    assert [dim.dim_value for dim in onnx.load(target).graph.input[0].type.tensor_type.shape.dim] == [4, 64]
