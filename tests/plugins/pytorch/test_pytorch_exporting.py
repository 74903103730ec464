"""Exported models compute in ONNX Runtime what the module itself computes, at several sizes of every symbolic dimension."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from modelport.errors import CannotConvert
from modelport.signature import parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin


def options_for(*inputs: str, **values: Any) -> Options:
    specs, examples = parse_inputs(inputs)
    return Options(values=values, inputs=specs, examples=examples)


def script(module: nn.Module) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and still what files in the field hold
        return torch.jit.script(module)


def export(model: Any, options: Options, opset: int = 20) -> tuple[Any, onnx.ModelProto]:
    signature = plugin.signature(model, options)
    exported = ir.to_proto(plugin.to_onnx(model, signature, opset, options))
    onnx.checker.check_model(exported, full_check=True)
    return signature, exported


def feed_for(signature: Any, sizes: dict[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    feed = {}
    for spec in signature.inputs:
        shape = [sizes.get(dim, 0) or signature.size_of(dim) if isinstance(dim, str) else dim for dim in spec.shape]
        values = rng.integers(0, 5, shape) if "int" in spec.dtype else rng.standard_normal(shape)
        feed[spec.name] = np.asarray(values).astype(spec.dtype)
    return feed


def assert_same(model: Any, options: Options, *sizes: dict[str, int], opset: int = 20, rtol: float = 1e-4) -> Any:
    """Compare ONNX Runtime with a plain call of the module in evaluation mode."""
    signature, exported = export(model, options, opset)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == [spec.name for spec in signature.inputs]
    assert [value.name for value in session.get_outputs()] == [spec.name for spec in signature.outputs]
    for size in sizes or ({},):
        feed = feed_for(signature, size)
        expected = plugin.run(model, signature, feed)
        for (name, want), got in zip(expected.items(), session.run(None, feed), strict=True):
            assert got.dtype == want.dtype, name
            assert got.shape == want.shape, name
            np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-5, err_msg=name)
    return exported


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Linear(4, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.block(self.embedding(ids))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 4, batch_first=True, bidirectional=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps, _ = self.lstm(x)
        return self.head(steps[:, -1]), self.head(steps).reshape(x.shape[0], -1)


class Function(nn.Module):
    """A module without weights around a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return x * 2
        return x - 1


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.arange(4.0))
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, unused: torch.Tensor, extra: Any = None, *, scale: torch.Tensor) -> Any:
        mean = self.linear(x)
        return {
            "mean": mean,
            "again": mean,
            "x": x,
            "table": self.table,
            "absent": extra,
            "nested": (mean * scale, [mean.sum(0)]),
            "rows": x.shape[0],
        }


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_a_cnn_keeps_batch_height_and_width_dynamic() -> None:
    exported = assert_same(
        Cnn(), options_for("image:float32[N,3,H,W]"), {}, {"N": 1, "H": 17, "W": 40}, {"N": 4, "H": 33, "W": 8}
    )
    dims = exported.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 3, "H", "W"]
    assert exported.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_a_transformer_block_keeps_batch_and_length_dynamic() -> None:
    assert_same(Encoder(), options_for("ids:int64[N,T]"), {}, {"N": 1, "T": 7}, {"N": 5, "T": 1})


def test_a_recurrent_network_keeps_its_sequence_length_dynamic_by_way_of_torchscript() -> None:
    options = options_for("x:float32[N,T,5]")
    exported = assert_same(Recurrent(), options, {}, {"N": 1, "T": 9}, {"N": 2, "T": 1})
    assert "LSTM" in {node.op_type for node in exported.graph.node}
    assert any("TorchScript" in note for note in options.notes)


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_keyword_unused_passed_through_repeated_nested_and_constant_values_keep_their_names(exporter: str) -> None:
    options = options_for("scale:float32[]", "unused:float32[N]", "x:float32[N,4]", exporter=exporter)
    exported = assert_same(Mixed(), options, {}, {"N": 7})
    assert [value.name for value in exported.graph.input] == ["x", "unused", "scale"]
    names = ["mean", "again", "x_out", "table", "nested.0", "nested.1.0", "rows"]
    assert [value.name for value in exported.graph.output] == names


def test_weights_are_named_after_the_parameters_of_the_module() -> None:
    _, exported = export(Cnn(), options_for("image[N,3,H,W]"))
    assert {"head.weight", "head.bias"} <= {tensor.name for tensor in exported.graph.initializer}


def test_an_output_may_be_named_like_a_value_inside_the_graph() -> None:
    assert_same(Function(lambda x: {"add": x * 2, "mul": x + 1}), options_for("x[N,4]"), {"N": 5})


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8", "bool"])
def test_dtypes_are_kept(dtype: str) -> None:
    tolerance = 2e-3 if dtype == "float16" else 1e-4
    model = Function(lambda x: (torch.cat([x, x], 1), x[:, ::2]))
    assert_same(model, options_for(f"x:{dtype}[N,4]"), {"N": 5}, rtol=tolerance)


@pytest.mark.parametrize("model", [Branching(), Cnn(), Recurrent()], ids=["branching", "cnn", "recurrent"])
def test_a_script_module_keeps_its_control_flow(model: nn.Module) -> None:
    notation = {"Branching": "x[N,4]", "Cnn": "image[N,3,H,W]", "Recurrent": "x[N,T,5]"}[type(model).__name__]
    scripted = script(model)
    options = options_for(notation)
    assert_same(scripted, options, {}, {"N": 5, "H": 16, "W": 20, "T": 6})
    assert any("ScriptModule" in note for note in options.notes)
    if isinstance(model, Branching):
        signature, exported = export(scripted, options)
        session = onnxruntime.InferenceSession(exported.SerializeToString())
        for x in (np.full((3, 4), -1, np.float32), np.full((3, 4), 1, np.float32)):
            np.testing.assert_array_equal(
                session.run(None, {"x": x})[0], plugin.run(scripted, signature, {"x": x})["output"]
            )


def test_a_frozen_script_module_is_exported() -> None:
    scripted = script(Cnn().eval())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        frozen = torch.jit.freeze(scripted)
    assert_same(frozen, options_for("image[N,3,H,W]"), {}, {"N": 5})


def test_an_exported_program_keeps_its_own_signature() -> None:
    batch = torch.export.Dim("batch", min=2, max=50)
    program = torch.export.export(
        Encoder().eval(), (torch.ones(3, 5, dtype=torch.int64),), dynamic_shapes=({0: batch},)
    )
    exported = assert_same(program, Options(), {}, {"ids_dim0": 7})
    assert [dim.dim_param or dim.dim_value for dim in exported.graph.input[0].type.tensor_type.shape.dim] == [
        "ids_dim0",
        5,
    ]


def test_an_exported_program_may_take_nested_inputs_and_constants() -> None:
    class Nested(nn.Module):
        def forward(self, x: torch.Tensor, flag: bool, pair: dict[str, torch.Tensor]) -> Any:
            return {"sum": x + pair["left"] * flag, "nothing": None, "x": x}

    pair = {"left": torch.rand(3, 4)}
    program = torch.export.export(Nested().eval(), (torch.rand(3, 4), True), {"pair": pair})
    assert_same(program, Options())


@pytest.mark.parametrize(("opset", "written"), [(13, 13), (18, 18), (20, 20), (23, 23), (26, 23)])
def test_the_opset_is_the_one_asked_for_or_the_newest_that_torch_writes(opset: int, written: int) -> None:
    _, exported = export(Cnn(), options_for("image[N,3,H,W]"), opset)
    assert {entry.version for entry in exported.opset_import if entry.domain == ""} == {written}


@pytest.mark.parametrize("fails", [False, True])
def test_training_flags_and_running_statistics_are_left_as_they_were(fails: bool) -> None:
    model = Cnn().train()
    model.body[1].eval()
    flags = [part.training for part in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    options = options_for("image[N,3,H,W]")
    if fails:
        with pytest.raises(CannotConvert):
            plugin.to_onnx(model, plugin.signature(model, options), 5, Options(values={"exporter": "dynamo"}))
    else:
        assert_same(model, options, {"N": 2})
    assert [part.training for part in model.modules()] == flags
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_a_module_in_training_mode_is_exported_in_inference_mode() -> None:
    model = Cnn().train()
    model.body[1].running_mean += 1
    signature, exported = export(model, options_for("image[N,3,H,W]"))
    feed = feed_for(signature, {"N": 2})
    (got,) = onnxruntime.InferenceSession(exported.SerializeToString()).run(None, feed)
    with torch.no_grad():
        want = model.eval()(torch.from_numpy(feed["image"]))
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-5)


def test_weights_are_shared_with_the_model_and_not_copied() -> None:
    model = nn.Linear(64, 64)
    options = options_for("input[N,64]")
    exported = plugin.to_onnx(model, plugin.signature(model, options), 20, options)
    weight = exported.graph.initializers["weight"].const_value
    assert weight.raw.data_ptr() == model.weight.data_ptr()


def test_tied_weights_are_stored_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(50, 8)
            self.head = nn.Linear(8, 50, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.embedding(ids))

    exported = assert_same(Tied(), options_for("ids:int64[N,T]"), {"T": 3})
    assert sum(list(tensor.dims) == [50, 8] for tensor in exported.graph.initializer) == 1


# --- what cannot be converted --------------------------------------------------------------------


def test_a_dimension_that_works_at_one_size_only_is_refused_and_named() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32, 2))
    options = options_for("input[N,3,T]")
    with pytest.raises(CannotConvert, match=r"works for T=32 only") as caught:
        plugin.to_onnx(model, plugin.signature(model, options), 20, options)
    assert "axis 2" in str(caught.value)
    assert "write 32 instead of T" in str(caught.value)


def test_a_size_that_python_code_decides_on_is_refused() -> None:
    options = options_for("x[N=3,4]")
    model = Function(lambda x: x + 1 if x.shape[0] == 3 else x)
    with pytest.raises(CannotConvert, match=r"works for N=3 only"):
        plugin.to_onnx(model, plugin.signature(model, options), 20, options)


def test_two_dimensions_that_must_be_equal_are_refused_under_two_names() -> None:
    class Add(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    options = options_for("x[N=3,4]", "y[M=3,4]")
    with pytest.raises(CannotConvert, match=r"N and M to be equal"):
        plugin.to_onnx(Add(), plugin.signature(Add(), options), 20, options)


def test_a_branch_on_values_is_refused_with_the_messages_of_both_exporters() -> None:
    options = options_for("x[N,4]")
    with pytest.raises(CannotConvert, match=r"(?s)torch\.export failed.*data-dependent.*TorchScript failed.*boolean"):
        plugin.to_onnx(Branching(), plugin.signature(Branching(), options), 20, options)


def test_a_program_exported_in_training_mode_is_refused() -> None:
    program = torch.export.export(Cnn().train(), (torch.rand(2, 3, 8, 8),))
    with pytest.raises(CannotConvert, match="training mode"):
        plugin.signature(program, Options())


def test_the_exporter_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    export(Cnn(), options_for("image[N,3,H,W]"))
    assert capfd.readouterr() == ("", "")
