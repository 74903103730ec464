"""quantize(): what each mode makes, what it costs, and what the budget does about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from fakes import graph, zip_map
from onnx.reference import ReferenceEvaluator

from modelport import artifact
from modelport.errors import (
    BadInput,
    CannotConvert,
    InvalidOption,
    InvalidSamples,
    ModelportError,
    NotEquivalent,
    ProofIncomplete,
    SourceUnreadable,
    UnknownFormat,
)
from modelport.workbench.quantize import Quantization, quantize

CNN = """(float[N,3,8,8] image) => (float[N,4] scores) {
    [conv] c = Conv<pads=[1,1,1,1]>(image, kernel)
    [norm] b = BatchNormalization(c, scale, bias, mean, variance)
    [relu] r = Relu(b)
    [pool] p = GlobalAveragePool(r)
    [flat] f = Flatten(p)
    [head] scores = Gemm<transB=1>(f, weight, offset)
}"""
TEXT = """(int64[N,S] ids) => (float[N,S,32] y) {
    [words] e = Gather(table, ids)
    [first] h = MatMul(e, one)
    [relu] r = Relu(h)
    [second] y = MatMul(r, two)
}"""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return (rng().standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)


def saved(path: Path, body: str, *, opset: int = 20, **weights: Any) -> Path:
    path.write_bytes(graph(body, opset=opset, **weights).SerializeToString())
    return path


@pytest.fixture
def cnn(tmp_path: Path) -> Path:
    """A convolution with batch normalisation, and a Gemm head."""
    weights = {"kernel": normal(16, 3, 3, 3), "weight": normal(4, 16), "offset": normal(4)}
    norm = {"scale": normal(16) + 2, "bias": normal(16), "mean": normal(16), "variance": normal(16) ** 2 + 1}
    return saved(tmp_path / "cnn.onnx", CNN, **weights, **norm)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """An embedding and two MatMul."""
    return saved(tmp_path / "text.onnx", TEXT, table=normal(100, 32), one=normal(32, 32), two=normal(32, 32))


IMAGES = np.random.default_rng(1).random((120, 3, 8, 8), np.float32)


def run(source: Any, target: Path | None = None, **options: Any) -> Quantization:
    return quantize(source, target, **{"timing_seconds": 0, "proof_seconds": 1, **options})


def answers(path: Path, inputs: dict[str, Any], *, exact: bool = False) -> Any:
    options = onnxruntime.SessionOptions()
    if exact:  # without VNNI the kernels for 8 bits saturate, which has nothing to do with what is quantised
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def ops(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)


def error(reference: Any, other: Any) -> float:
    return float(np.linalg.norm(other.astype(np.float64) - reference) / np.linalg.norm(reference))


@pytest.mark.parametrize(
    ("mode", "quantized"),
    [("dynamic", "MatMulInteger"), ("static", "QuantizeLinear"), ("float16", "Cast"), ("int4", "MatMulNBits")],
)
def test_each_mode_yields_a_smaller_model_whose_error_is_the_one_reported(
    cnn: Path, target: Path, mode: str, quantized: str
) -> None:
    report = run(cnn, target, mode=mode, samples=IMAGES).report
    reference, other = (answers(path, {"image": IMAGES}) for path in (cnn, target))
    assert ops(target)[quantized]
    assert other.dtype == np.float32
    assert 0 < error(reference, other) < report.budget.max_error
    assert report.errors[0].error == pytest.approx(error(reference, other), rel=0.5)  # over other sizes, too
    assert report.verdict == "within budget"


def test_dynamic_mode_quantises_embeddings_and_every_matmul(text: Path, target: Path) -> None:
    report = run(text, target).report
    found = {tensor.name: tensor.data_type for tensor in onnx.load(str(target)).graph.initializer}
    assert report.quantized == ["words", "first", "second"]
    assert ops(target)["MatMulInteger"] == 2
    assert onnx.TensorProto.FLOAT not in {found[name] for name in found if name in ("table", "one", "two")}
    assert sum(kind == onnx.TensorProto.INT8 for kind in found.values()) >= 3


def test_dynamic_weights_are_those_of_onnxruntimes_own_quantizer(text: Path, target: Path, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    run(text, target, per_channel=False)
    theirs = tmp_path / "theirs.onnx"
    quantize_dynamic(text, theirs, op_types_to_quantize=["MatMul", "Gather"])
    weights = [
        {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}
        for path in (target, theirs)
    ]
    for name in ("one", "two"):  # the table becomes uint8 there
        mine, other = (each[f"{name}_quantized"].astype(int) for each in weights)
        assert np.abs(mine - other).max() <= 1  # the two round halves of a scale differently


def test_static_mode_folds_batch_normalisation_and_quantises_per_channel(cnn: Path, target: Path) -> None:
    run(cnn, target, mode="static", samples=IMAGES)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in onnx.load(str(target)).graph.initializer}
    assert not ops(target)["BatchNormalization"]
    assert (16,) in {shape for name, shape in shapes.items() if name.endswith("_scale")}


def test_float16_keeps_float32_at_the_borders_unless_told_otherwise(cnn: Path, target: Path) -> None:
    run(cnn, target, mode="float16", samples=IMAGES)
    assert answers(target, {"image": IMAGES}).dtype == np.float32
    run(cnn, target, mode="float16", samples=IMAGES, io="same")
    assert answers(target, {"image": IMAGES.astype(np.float16)}).dtype == np.float16


def test_bfloat16_is_proven_by_the_reference_evaluator_and_says_why_no_speed_was_measured(
    cnn: Path, target: Path
) -> None:
    report = run(cnn, target, mode="bfloat16", samples=IMAGES, timing_seconds=1).report
    (got,) = ReferenceEvaluator(str(target)).run(None, {"image": IMAGES})
    assert "ReferenceEvaluator" in report.candidate
    assert any("no kernels" in note for note in report.notes)
    assert error(answers(cnn, {"image": IMAGES}), got) < 0.05
    kinds = {tensor.data_type for tensor in onnx.load(str(target)).graph.initializer}
    assert onnx.TensorProto.BFLOAT16 in kinds


def test_a_mask_of_the_largest_float32_stays_finite_in_float16(tmp_path: Path, target: Path) -> None:
    body = "(float[N,4] x) => (float[N,4] y) { m = Mul(x, mask) s = Softmax(m) y = Add(s, tiny) }"
    mask = np.asarray([0, 0, -3.4e38, 0], np.float32)
    source = saved(tmp_path / "masked.onnx", body, mask=mask, tiny=np.asarray([1e-12], np.float32))
    samples = {"x": np.ones((4, 4), np.float32)}
    run(source, target, mode="float16", samples=samples)
    assert np.isfinite(answers(target, samples)).all()
    assert answers(target, samples)[0, 2] == pytest.approx(0, abs=1e-6)


def test_a_branch_keeps_float32_at_its_borders(tmp_path: Path, target: Path) -> None:
    body = """(float[N,4] x) => (float[N,4] y) {
        total = ReduceSum<keepdims=0>(x)
        zero = Constant<value_float=0.0>()
        positive = Greater(total, zero)
        y = If(positive) <
            then_branch = a () => (float[N,4] t) { t = MatMul(x, w) },
            else_branch = b () => (float[N,4] e) { e = Neg(x) }
        >
    }"""
    source = saved(tmp_path / "branch.onnx", body, w=normal(4, 4))
    run(source, target, mode="float16")
    for sign in (1, -1):
        inputs = {"x": np.full((2, 4), sign, np.float32)}
        np.testing.assert_allclose(answers(target, inputs), answers(source, inputs), atol=1e-3)


@pytest.mark.parametrize("mode", ["dynamic", "static", "float16", "int4"])
def test_excluded_nodes_stay_in_float(cnn: Path, target: Path, mode: str) -> None:
    patterns: dict[str, Any] = {"exclude": ["Conv*"]} if mode == "static" else {}
    names = [] if mode in ("dynamic", "int4") else ["head"]
    if not names:
        with pytest.raises(CannotConvert, match="leave nothing"):
            run(cnn, target, mode=mode, exclude_nodes=["he*"])
        return
    if mode == "static":
        report = run(cnn, target, mode=mode, samples=IMAGES, **patterns).report
        assert report.excluded == ["conv"]
        assert report.quantized == ["head"]
        kernel = [tensor for tensor in onnx.load(str(target)).graph.initializer if tensor.dims == [16, 3, 3, 3]]
        assert [tensor.data_type for tensor in kernel] == [onnx.TensorProto.FLOAT]
        return
    report = run(cnn, target, mode=mode, exclude_nodes=names).report
    assert report.excluded == ["head"]
    weight = [tensor for tensor in onnx.load(str(target)).graph.initializer if tensor.dims == [4, 16]]
    assert [tensor.data_type for tensor in weight] == [onnx.TensorProto.FLOAT]


def test_a_gemm_that_is_excluded_from_dynamic_mode_keeps_its_weight(tmp_path: Path, target: Path) -> None:
    body = """(float[N,32] x) => (float[N,32] y) {
        [one] h = Gemm<transB=1>(x, a, o) [two] y = Gemm<transB=1>(h, b, o)
    }"""
    source = saved(tmp_path / "gemms.onnx", body, a=normal(32, 32), b=2 * normal(32, 32), o=normal(32))
    report = run(source, target, exclude_nodes=["two"]).report
    assert report.quantized == ["one"]
    assert ops(target)["MatMulInteger"] == 1
    x = normal(3, 32)
    assert error(answers(source, {"x": x}), answers(target, {"x": x}, exact=True)) < 0.05


# --- the budget ----------------------------------------------------------------------------------


def outlier(path: Path) -> Path:
    """Three MatMul, the second of which has one huge weight: int8 per tensor leaves nothing of the others."""
    two = normal(32, 32)
    two[0, 0] = 300
    body = """(float[N,32] x) => (float[N,32] y) {
        [one] a = MatMul(x, w1) [tanh] t = Tanh(a) [two] b = MatMul(t, w2) [squash] s = Tanh(b) [three] y = MatMul(s, w3)
    }"""
    return saved(path, body, w1=normal(32, 32), w2=two, w3=normal(32, 32))


def test_an_error_beyond_the_budget_delivers_nothing(tmp_path: Path, target: Path) -> None:
    with pytest.raises(NotEquivalent, match="relative error") as raised:
        run(outlier(tmp_path / "outlier.onnx"), target, per_channel=False)
    report = raised.value.report  # type: ignore[attr-defined]
    assert raised.value.exit_status == 5
    assert report.verdict == "exceeded"
    assert report.errors[0].error > 0.1
    assert not list(target.parent.iterdir())


def test_auto_leaves_only_the_node_that_hurts_in_float(tmp_path: Path, target: Path) -> None:
    report = run(outlier(tmp_path / "outlier.onnx"), target, per_channel=False, auto=True).report
    assert report.left_by_auto == ["two"]
    assert report.sensitivities[0].nodes == ("two",)
    assert ops(target)["MatMulInteger"] == 2
    assert artifact.read_provenance(onnx.load(str(target)))["left_in_float"] == "two"


def test_auto_says_so_when_nothing_but_float_holds_the_budget(text: Path, target: Path) -> None:
    with pytest.raises(NotEquivalent) as raised:
        run(text, target, max_error=0.0, auto=True)
    assert "no set of nodes" in str(raised.value)
    assert not list(target.parent.iterdir())


def test_changed_decisions_are_judged_on_samples_only(tmp_path: Path, target: Path) -> None:
    body = "(float[N,32] x) => (float[N,8] y) { y = MatMul(x, w) }"
    source = saved(tmp_path / "close.onnx", body, w=np.ones((32, 8), np.float32) + normal(32, 8) * np.float32(1e-2))
    assert run(source, target, mode="int4", max_error=1).report.errors[0].drop
    with pytest.raises(NotEquivalent, match="decisions changed"):
        run(source, target, mode="int4", samples=normal(100, 32), max_error=1)
    assert run(source, target, mode="int4", samples=normal(100, 32), max_error=1, max_drop=100).path == target


def test_labels_in_the_samples_give_the_accuracy_before_and_after(cnn: Path, target: Path) -> None:
    labels = answers(cnn, {"image": IMAGES}).argmax(axis=1)
    labels[:30] = (labels[:30] + 1) % 4  # a quarter is wrong
    found = run(cnn, target, mode="float16", samples={"image": IMAGES, "labels": labels}).report.errors[0]
    after = 100 * np.mean(answers(target, {"image": IMAGES}).argmax(axis=1) == labels)
    assert found.accuracy_before == 75
    assert found.accuracy_after == pytest.approx(after)
    assert found.drop == pytest.approx(75 - after)


def test_integer_outputs_count_as_decisions(tmp_path: Path, target: Path) -> None:
    body = "(float[N,32] x) => (int64[N] label) { s = MatMul(x, w) label = ArgMax<axis=1, keepdims=0>(s) }"
    source = saved(tmp_path / "label.onnx", body, w=normal(32, 4))
    samples = normal(200, 32)
    found = run(source, target, samples=samples, max_drop=50).report.errors[0]
    changed = np.mean(answers(source, {"x": samples}) != answers(target, {"x": samples}))
    assert found.rows == 200
    assert found.drop == pytest.approx(100 * changed)
    assert found.error is None


def test_nodes_whose_values_exceed_float16_stay_in_float32(tmp_path: Path, target: Path) -> None:
    body = "(float[N,4] x) => (float[N,4] y) { [a] s = Mul(x, w) [b] t = Mul(s, w) [c] u = Tanh(t) [d] y = Neg(u) }"
    source = saved(tmp_path / "large.onnx", body, w=np.full(4, 1e4, np.float32))
    x = {"x": np.ones((4, 4), np.float32)}
    report = run(source, target, mode="float16", samples=x).report
    assert any("exceed float16's 65504: b, c" in note for note in report.notes)
    (got,) = ReferenceEvaluator(str(target)).run(None, x)
    np.testing.assert_allclose(got, -1, atol=1e-3)


def test_an_output_that_overflows_is_refused_whatever_the_budget(tmp_path: Path, target: Path) -> None:
    body = "(float[N,4] x) => (float[N,4] y) { s = Relu(x) y = Mul(s, w) }"
    source = saved(tmp_path / "large.onnx", body, w=np.full(4, 1e6, np.float32))
    with pytest.raises(NotEquivalent, match="NaN or infinities"):
        run(source, target, mode="float16", samples=np.ones((4, 4), np.float32), max_error=100, io="same")


# --- the report ----------------------------------------------------------------------------------


def test_the_report_says_what_happened_and_the_file_carries_it(cnn: Path, target: Path) -> None:
    report = run(cnn, target, mode="static", samples=IMAGES, exclude_nodes=["head"], timing_seconds=0.2).report
    facts = artifact.read_provenance(onnx.load(str(target)))
    assert report.ops_before["Conv"] == 1
    assert report.size_bytes == target.stat().st_size
    assert report.speed is not None
    assert report.speed.ratio.low <= report.speed.ratio.value <= report.speed.ratio.high
    assert [stage.name for stage in report.stages] == [
        "load", "reference", "choose", "quantize", "check", "open", "prove", "time", "deliver",
    ]  # fmt: skip
    assert (facts["quantize"], facts["excluded"], facts["verdict"]) == ("static", "head", "within budget")
    assert facts["source_sha256"] == artifact.sha256(cnn)
    assert "--exclude-node head" in report.command


def test_an_opset_that_is_too_old_is_raised_and_said_so(tmp_path: Path, target: Path) -> None:
    source = saved(
        tmp_path / "old.onnx", "(float[N,32] x) => (float[N,32] y) { y = MatMul(x, w) }", opset=11, w=normal(32, 32)
    )
    report = run(source, target).report
    assert (report.opset_before, report.opset) == (11, 13)
    assert any("opset was raised from 11 to 13" in note for note in report.notes)


def test_external_data_is_read_and_written(text: Path, target: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart.onnx"
    onnx.save(onnx.load(str(text)), apart, save_as_external_data=True, location="apart.data", size_threshold=0)
    report = run(apart, target, external_data="always").report
    assert [Path(file).name for file in report.files] == ["model.onnx", "model.onnx.data"]
    ids = {"ids": np.arange(12).reshape(3, 4)}
    assert error(answers(apart, ids), answers(target, ids)) < 0.1
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "apart.data",
        "apart.onnx",
        "text.onnx",
    ]


def test_a_model_in_memory_is_quantised_in_memory(text: Path) -> None:
    done = run(onnx.load(str(text)))
    assert done.path is None
    assert any(node.op_type == "MatMulInteger" for node in done.model.graph.node)


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"mode": "static"}, InvalidSamples, "needs samples to calibrate"),
        ({"mode": "static", "samples": IMAGES[:5]}, InvalidSamples, "5 calibration samples are too few"),
        (
            {"mode": "static", "samples": np.zeros((20, 3, 9, 9), np.float32)},
            InvalidSamples,
            "axis 2 of the samples is 9",
        ),
        ({"mode": "static", "samples": IMAGES[:20] * np.float32(np.nan)}, InvalidSamples, "20 samples hold NaN"),
        ({"samples": {"image": IMAGES, "labels": np.zeros(3)}}, InvalidSamples, "labels of shape"),
        ({"mode": "int9"}, InvalidOption, "there is no mode"),
        ({"io": "same"}, InvalidOption, "are float32"),
        ({"max_error": -1.0}, InvalidOption, "is no budget"),
        ({"exclude": ["Cnv*"]}, BadInput, "matches no operator"),
        ({"exclude_nodes": ["tail/*"]}, BadInput, "matches no node"),
    ],
)
def test_bad_requests_are_refused(
    cnn: Path, target: Path, options: dict[str, Any], kind: type[ModelportError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        run(cnn, target, **options)
    assert not list(target.parent.iterdir())


def test_few_calibration_samples_are_warned_of(cnn: Path, target: Path) -> None:
    report = run(cnn, target, mode="static", samples=IMAGES[:20]).report
    assert any("20 calibration samples are few" in warning for warning in report.warnings)


def test_a_file_of_another_kind_is_refused(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(SourceUnreadable):
        run(path, target)
    path = tmp_path / "notes.txt"
    path.write_text("no model")
    with pytest.raises(UnknownFormat):
        run(path, target)


def test_a_model_that_does_not_run_is_refused(tmp_path: Path, target: Path) -> None:
    body = "(float[N,4] x) => (float[N,4] y) { m = MatMul(x, w) y = Add(m, a) }"
    source = saved(tmp_path / "contradiction.onnx", body, w=normal(4, 4), a=normal(3, 5))
    with pytest.raises(ModelportError) as raised:
        run(source, target)
    assert isinstance(raised.value, ProofIncomplete) or raised.value.exit_status == 4


@pytest.mark.parametrize("mode", ["dynamic", "static", "int4", "float16", "bfloat16"])
def test_a_model_without_anything_to_quantise_is_refused(tmp_path: Path, target: Path, mode: str) -> None:
    source = saved(tmp_path / "integers.onnx", "(int64[N,4] x) => (int64[N,4] y) { y = Add(x, x) }")
    with pytest.raises(CannotConvert, match="has nothing that"):
        run(source, target, mode=mode, samples=np.ones((20, 4), np.int64))


def test_maps_are_refused(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "maps.onnx"
    path.write_bytes(zip_map(["a", "b"]).SerializeToString())
    with pytest.raises(CannotConvert, match="does not handle maps: maps"):
        run(path, target, mode="float16")


def test_bfloat16_is_a_type_numpy_knows_through_ml_dtypes(cnn: Path, target: Path) -> None:
    run(cnn, target, mode="bfloat16", samples=IMAGES, io="same")
    (got,) = ReferenceEvaluator(str(target)).run(None, {"image": IMAGES.astype(ml_dtypes.bfloat16)})
    assert got.dtype == ml_dtypes.bfloat16
