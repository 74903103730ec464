"""optimize(): fewer nodes, the same numbers, and nothing written when anything is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxsim
import onnxslim
import pytest
from fakes import graph, signature_of

from modelport import artifact
from modelport.errors import (
    BadInput,
    CannotConvert,
    CheckFailed,
    FrameworkNotInstalled,
    ModelportError,
    OutputNotWritable,
    SourceUnreadable,
)
from modelport.optimization.transformers import find_heads
from modelport.pipeline import convert
from modelport.workbench.optimize import OptimizeReport, count, optimize

RNG = np.random.default_rng(0)
CNN = """(float[N,3,8,8] x) => (float[N,4] y) {
    padded = Pad(x, pads)
    c = Conv<kernel_shape: ints = [3, 3]>(padded, w)
    b = BatchNormalization<epsilon: float = 0.001>(c, scale, bias, mean, var)
    t = Transpose<perm: ints = [0, 2, 3, 1]>(b)
    u = Transpose<perm: ints = [0, 3, 1, 2]>(t)
    r = Relu(u)
    dead = Sigmoid(r)
    p = GlobalAveragePool(r)
    y = Flatten(p)
}"""
RELU = "(float[N,4] x) => (float[N,4] y) { i = Identity(x)  y = Relu(i) }"


def cnn(*, opset: int = 20) -> onnx.ModelProto:
    weights = {name: RNG.standard_normal(4).astype(np.float32) for name in ("scale", "bias", "mean")}
    return graph(
        CNN, opset=opset, pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]), w=RNG.standard_normal((4, 3, 3, 3)).astype(np.float32),
        var=np.full(4, 0.7, np.float32), **weights,
    )  # fmt: skip


def attention(heads: int = 2, size: int = 8) -> onnx.ModelProto:
    """Multi-head self-attention with its residual and normalisation, as PyTorch's exporter writes it."""
    width = heads * size
    splits = "\n".join(
        f"{k}m = MatMul(x, w{k})  {k}l = Add({k}m, b{k})  {k}r = Reshape({k}l, split) "
        f"{k} = Transpose<perm: ints = [{perm}]>({k}r)"
        for k, perm in (("q", "0, 2, 1, 3"), ("k", "0, 2, 3, 1"), ("v", "0, 2, 1, 3"))
    )
    body = f"""(float[N,S,{width}] x) => (float[N,S,{width}] y) {{
        {splits}
        qk = MatMul(q, k)  s = Mul(qk, scale)  p = Softmax<axis: int = -1>(s)  a = MatMul(p, v)
        t = Transpose<perm: ints = [0, 2, 1, 3]>(a)  j = Reshape(t, join)  o = MatMul(j, wo)  h = Add(o, x)
        y = LayerNormalization<axis: int = -1>(h, g, z)
    }}"""
    square = {f"w{k}": RNG.standard_normal((width, width)).astype(np.float32) / 4 for k in "qkvo"}
    biases = {f"b{k}": RNG.standard_normal(width).astype(np.float32) for k in "qkv"}
    shapes = {"split": np.array([0, 0, heads, size]), "join": np.array([0, 0, width])}
    norm = {"g": np.ones(width, np.float32), "z": np.zeros(width, np.float32), "scale": np.float32(size**-0.5)}
    return graph(body, **square, **biases, **shapes, **norm)


def write(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def quick(source: Path, target: Path, **options: object) -> OptimizeReport:
    return optimize(source, target, **{"proof_seconds": 0.0, "timing_seconds": 0.0, **options})  # type: ignore[arg-type]


def answers(path: Path, x: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return list(
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    )


@pytest.mark.parametrize("level", ["portable", "ort"])
def test_the_result_computes_the_same(level: str, tmp_path: Path, target: Path) -> None:
    source = write(cnn(), tmp_path)
    report = quick(source, target, level=level)
    x = RNG.standard_normal((2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(answers(target, x)[0], answers(source, x)[0], rtol=1e-4, atol=1e-5)
    assert report.verdict == "proven"
    assert report.files == [str(target)]


@pytest.mark.parametrize("level", ["portable", "ort"])
@pytest.mark.parametrize("opset", [15, 20])
def test_opset_inputs_and_outputs_stay(opset: int, level: str, tmp_path: Path, target: Path) -> None:
    model = cnn(opset=opset)
    quick(write(model, tmp_path), target, level=level)
    made = onnx.load(target)
    assert signature_of(made) == signature_of(model)
    assert {entry.domain: entry.version for entry in made.opset_import}[""] == opset


def test_portable_fuses_into_the_convolution_and_keeps_to_standard_operators(tmp_path: Path, target: Path) -> None:
    quick(write(cnn(), tmp_path), target)
    nodes = onnx.load(target).graph.node
    assert not {"Pad", "BatchNormalization", "Transpose", "Sigmoid"} & {node.op_type for node in nodes}
    assert {node.domain for node in nodes} <= {"", "ai.onnx"}


def test_portable_makes_no_operator_of_another_domain_of_attention(tmp_path: Path, target: Path) -> None:
    quick(write(attention(), tmp_path), target)
    assert {node.domain for node in onnx.load(target).graph.node} <= {"", "ai.onnx"}


def test_portable_never_leaves_more_nodes_than_onnxslim_or_onnxsim(tmp_path: Path, target: Path) -> None:
    report = quick(write(cnn(), tmp_path), target)
    assert report.after is not None
    assert report.after.nodes <= min(count(onnxslim.slim(cnn())), count(onnxsim.simplify(cnn())[0]))


def test_an_unused_input_stays(tmp_path: Path, target: Path) -> None:
    model = graph("(float[N,4] x, float[N] unused) => (float[N,4] y) { i = Identity(x)  y = Relu(i) }")
    quick(write(model, tmp_path), target)
    assert [value.name for value in onnx.load(target).graph.input] == ["x", "unused"]


def test_the_transformer_level_makes_attention_one_operator(tmp_path: Path, target: Path) -> None:
    source = write(attention(), tmp_path)
    report = quick(source, target, level="transformer")
    assert report.after is not None
    assert report.after.operators["com.microsoft.MultiHeadAttention"] == 1
    x = RNG.standard_normal((2, 5, 16)).astype(np.float32)
    np.testing.assert_allclose(answers(target, x)[0], answers(source, x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("heads", "size"), [(2, 8), (4, 16)])
def test_heads_and_hidden_size_are_read_off_the_graph(heads: int, size: int) -> None:
    import onnx_ir as ir

    assert find_heads(ir.from_proto(attention(heads, size))) == (heads, heads * size)


def test_the_file_says_whether_it_is_portable(tmp_path: Path, target: Path) -> None:
    source = write(cnn(), tmp_path)
    for level, word in (("portable", "yes"), ("ort", "no")):
        quick(source, target, level=level)
        facts = artifact.read_provenance(onnx.load(target))
        assert facts["optimized"] == level
        assert facts["portable"].startswith(word)


def test_external_weights_are_kept_once(tmp_path: Path, target: Path) -> None:
    weight = RNG.standard_normal((64, 64)).astype(np.float32)
    model = graph("(float[N,64] x) => (float[N,64] y) { i = Identity(x)  m = MatMul(i, w)  y = Relu(m) }", w=weight)
    source = tmp_path / "model.onnx"
    onnx.save(model, source, save_as_external_data=True, location="weights.bin", size_threshold=0)
    quick(source, target, external_data="always")
    assert Path(f"{target}.data").stat().st_size == weight.nbytes


def test_large_weights_are_put_back_after_the_graph_was_reduced(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelport.optimization.levels._HELD_BYTES", 0)
    monkeypatch.setattr("modelport.optimization.levels._HELD_EACH", 16)
    report = quick(write(cnn(), tmp_path), target)
    assert report.verdict == "proven"
    assert [value.name for value in onnx.load(target).graph.input] == ["x"]


@pytest.mark.parametrize(("flag", "status", "written"), [(True, "kept", False), (False, "delivered", True)])
def test_a_slower_result_is_written_only_without_keep_if_faster(
    flag: bool, status: str, written: bool, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"before": [1.0] * 20, "after": [1.5] * 20}
    monkeypatch.setattr("modelport.workbench.speed.interleave", lambda calls, **_: times)
    report = quick(write(graph(RELU), tmp_path), target, keep_if_faster=flag, timing_seconds=0.1)
    assert report.status == status
    assert target.exists() is written
    assert any("slower" in note for note in report.notes)


def test_a_conversion_optimises_before_it_proves(tmp_path: Path, target: Path) -> None:
    report = convert(write(cnn(), tmp_path), output=target, optimize="portable", proof_seconds=0).report
    assert report.verdict == "proven"
    assert [stage.name for stage in report.stages].index("optimize") < [stage.name for stage in report.stages].index(
        "check"
    )
    made = onnx.load(target)
    assert "BatchNormalization" not in {node.op_type for node in made.graph.node}
    assert artifact.read_provenance(made)["optimized"] == "portable"


@pytest.mark.parametrize(
    ("body", "level", "error", "words"),
    [
        (CNN, "transformer", CannotConvert, "no attention"),
        (RELU, "fastest", BadInput, "no level"),
        ("(float[N,4] x) => (float[N,4] y) { y = Rleu(x) }", "portable", CheckFailed, "Rleu"),
    ],
)
def test_what_cannot_be_optimised_is_refused(
    body: str, level: str, error: type[ModelportError], words: str, tmp_path: Path, target: Path
) -> None:
    model = cnn() if body == CNN else graph(body)
    with pytest.raises(error, match=words) as caught:
        quick(write(model, tmp_path), target, level=level)
    assert caught.value.report.error.kind == error.__name__  # type: ignore[attr-defined]
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_no_onnx_model_is_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"this is a text, not a model")
    with pytest.raises(SourceUnreadable, match="no ONNX model"):
        quick(source, target)


def test_a_missing_library_is_named_with_its_command(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxslim", None)
    with pytest.raises(FrameworkNotInstalled, match="onnxslim") as caught:
        quick(write(graph(RELU), tmp_path), target)
    assert caught.value.remedy == "pip install 'modelport[workbench]'"


def test_a_target_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable) as caught:
        quick(write(graph(RELU), tmp_path), tmp_path / "missing" / "out.onnx")
    assert caught.value.report.stages == []  # type: ignore[attr-defined]
