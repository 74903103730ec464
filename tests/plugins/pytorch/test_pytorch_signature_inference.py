"""Signatures from --input, samples and exported programs; running a model the way the proof does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

from modelport.errors import CannotConvert, InputsRefused, InvalidSignature, SignatureNeeded
from modelport.signature import Signature, TensorSpec, parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin


def describe(model: Any, *inputs: str) -> Signature:
    specs, examples = parse_inputs(inputs)
    return plugin.signature(model, Options(inputs=specs, examples=examples))


class Function(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class Two(nn.Module):
    def forward(
        self, image: torch.Tensor, mask: torch.Tensor, scale: float = 1.0, *, bias: torch.Tensor
    ) -> torch.Tensor:
        return image * mask * scale + bias


class Spread(nn.Module):
    def forward(self, first: torch.Tensor, *more: torch.Tensor, scale: Any = 1, **named: torch.Tensor) -> torch.Tensor:
        return sum(more, first) * scale


@dataclass
class Result:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...]
    loss: torch.Tensor | None = None


# --- inputs --------------------------------------------------------------------------------------


def test_inputs_follow_the_order_of_forward() -> None:
    signature = describe(Two(), "bias:float32[N,4]", "mask:bool[N,4]", "image:float32[N,4]")
    assert [str(spec) for spec in signature.inputs] == ["image:float32[N,4]", "mask:bool[N,4]", "bias:float32[N,4]"]


def test_inputs_beyond_the_named_parameters_keep_the_order_of_the_user() -> None:
    signature = describe(Spread(), "b[N]", "a[N]", "scale[N]", "first[N]")
    assert [spec.name for spec in signature.inputs] == ["first", "b", "a", "scale"]
    feed = {name: np.full(2, value, np.float32) for name, value in [("first", 1), ("b", 2), ("a", 3), ("scale", 10)]}
    np.testing.assert_array_equal(plugin.run(Spread(), signature, feed)["output"], [60, 60])


@pytest.mark.parametrize(("module", "dtype"), [(nn.Linear(3, 2), "float32"), (nn.Linear(3, 2).double(), "float64")])
def test_a_dtype_that_is_left_out_is_that_of_the_weights(module: nn.Module, dtype: str) -> None:
    assert describe(module, "input[N,3]").inputs[0].dtype == dtype


def test_no_inputs_is_an_error_with_an_example_to_copy() -> None:
    with pytest.raises(SignatureNeeded, match=r"--input 'input:float32\[N,3,H,W\]'"):
        plugin.signature(nn.Conv2d(3, 4, 3), Options())
    with pytest.raises(SignatureNeeded, match=r"--input 'image:.*' --input 'mask:.*' --input 'bias:.*'"):
        plugin.signature(Two(), Options())


def test_samples_named_after_the_parameters_of_forward_stand_in_for_inputs() -> None:
    samples = (TensorSpec("input", "float64", (100, 3)),)
    options = Options(samples=samples)
    signature = plugin.signature(nn.Linear(3, 2), options)
    assert [str(spec) for spec in signature.inputs] == ["input:float32[batch,3]"]
    assert any("samples" in note for note in options.notes)


def test_a_wrong_name_is_an_error_that_names_the_nearest_parameter() -> None:
    with pytest.raises(InvalidSignature, match=r"(?s)no parameter 'imgae'.*did you mean 'image'"):
        describe(Two(), "imgae[N,4]", "mask[N,4]", "bias[N,4]")


def test_a_required_parameter_that_is_left_out_is_an_error() -> None:
    with pytest.raises(InvalidSignature, match="also needs mask, bias"):
        describe(Two(), "image[N,4]")


def test_an_unknown_rank_is_an_error() -> None:
    with pytest.raises(SignatureNeeded, match="how many dimensions 'input' has"):
        describe(nn.Linear(3, 2), "input:float32")


def test_strings_are_refused() -> None:
    with pytest.raises(InvalidSignature, match="no tensors of strings"):
        describe(nn.Linear(3, 2), "input:string[N]")


def test_an_example_that_the_model_does_not_admit_is_an_error_with_torchs_own_message() -> None:
    with pytest.raises(InvalidSignature, match=r"(?s)mat1 and mat2 shapes cannot be multiplied.*H=64"):
        describe(nn.Linear(7, 2), "input[N,D]")


def test_sizes_are_tried_until_the_model_admits_them() -> None:
    short = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.LazyLinear(1))
    short(torch.zeros(1, 8, dtype=torch.int64))
    assert describe(short, "input:int64[N,T]").examples["T"] == 8
    assert describe(nn.Conv2d(1, 1, 99), "input[N,1,H,W]").examples["H"] == 224


def test_an_integer_example_stays_within_a_table_of_one_row() -> None:
    assert describe(nn.Embedding(1, 4), "input:int64[N,T]").outputs[0].dtype == "float32"


def test_the_size_that_the_user_gives_is_kept() -> None:
    assert describe(nn.Conv2d(1, 1, 3), "input[N,1,H=19,W]").examples["H"] == 19


def test_a_program_names_varying_dimensions_after_its_inputs() -> None:
    batch = torch.export.Dim("batch", max=64)
    program = torch.export.export(
        nn.Bilinear(3, 4, 2), (torch.rand(5, 3), torch.rand(5, 4)), dynamic_shapes=({0: batch}, {0: batch})
    )
    signature = plugin.signature(program, Options())
    assert [str(spec) for spec in signature.inputs] == [
        "input1:float32[input1_dim0,3]",
        "input2:float32[input1_dim0,4]",
    ]
    assert signature.examples == {"input1_dim0": 5}


# --- outputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: x, ["output"]),
        (lambda x: (x, (x, [x])), ["output_0", "output_1", "output_2"]),
        (lambda x: {"a": x, "b": (x, {"c": x})}, ["a", "b.0", "b.1.c"]),
        (lambda x: [{"a": x}, x], ["output_0.a", "output_1"]),
        (lambda x: Result(x, (x, x)), ["logits", "hidden.0", "hidden.1"]),
        (lambda x: (None, x, None), ["output"]),
        (lambda x: {"x": x, "a": {"b": x}, "a.b": x}, ["x_out", "a.b", "a.b_out"]),
    ],
)
def test_outputs_are_named_after_the_keys_that_lead_to_them(function: Any, names: list[str]) -> None:
    assert [spec.name for spec in describe(Function(function), "x[N,4]").outputs] == names


def test_outputs_have_dtypes_and_ranks() -> None:
    signature = describe(Function(lambda x: (x.argmax(1), x.sum(), x[None] > 0, 1.5, x.shape[0])), "x[N,4]")
    assert [(spec.dtype, len(spec.shape or ())) for spec in signature.outputs] == [
        ("int64", 1), ("float32", 0), ("bool", 3), ("float32", 0), ("int64", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "message"),
    [(lambda x: "text", "returns a str"), (lambda x: None, "no tensor"), (lambda x: x.to_sparse(), "sparse")],
)
def test_results_that_no_output_can_hold_are_refused(function: Any, message: str) -> None:
    with pytest.raises(CannotConvert, match=message):
        describe(Function(function), "x[N,4]")


def test_an_object_that_is_no_module_is_refused() -> None:
    with pytest.raises(CannotConvert, match=r"pass a torch\.nn\.Module"):
        plugin.signature(torch.rand(3), Options())


# --- run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "int8", "uint8", "int64", "uint16", "bool", "complex64"]
)
def test_arrays_of_every_dtype_pass_through_unchanged(dtype: str) -> None:
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = np.array([[0, 1, 2], [3, 4, 5]]).astype(kind)[:, ::-1]
    model = Function(lambda x: x)
    got = plugin.run(model, describe(model, f"x:{dtype}[N,3]"), {"x": x})["output"]
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, x)


def test_inputs_are_not_modified_by_a_model_that_works_in_place() -> None:
    x = np.ones((2, 3), np.float32)
    model = Function(lambda x: x.add_(1))
    assert plugin.run(model, describe(model, "x[N,3]"), {"x": x})["output"].sum() == 12
    assert x.sum() == 6


def test_running_is_deterministic_and_leaves_training_mode_and_statistics_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    model[1].eval()
    signature = describe(model, "input[N,3]")
    x = np.random.default_rng(0).random((4, 3), np.float32)
    first, second = (plugin.run(model, signature, {"input": x})["output"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, x / np.sqrt(1 + model[0].eps), rtol=1e-6)  # untrained: mean 0, variance 1
    assert model.training
    assert not model[1].training
    assert int(model[0].num_batches_tracked) == 0


def test_a_model_that_fails_is_left_in_training_mode_with_its_buffers() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("last", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            self.last = x.sum()
            if x.shape[0] > 9:
                raise RuntimeError("too long")
            return x + self.calls

    model = Counter().train()
    signature = describe(model, "x[N]")
    assert plugin.run(model, signature, {"x": np.zeros(2, np.float32)})["output"].sum() == 2
    with pytest.raises(InputsRefused, match="RuntimeError: too long"):
        plugin.run(model, signature, {"x": np.zeros(20, np.float32)})
    assert model.training
    assert float(model.calls) == float(model.last) == 0


def test_a_model_that_keeps_a_tensor_for_later_can_still_be_exported() -> None:
    class Caching(nn.Module):
        table: torch.Tensor | None = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.table is None:
                self.table = torch.arange(4.0)
            return x * self.table

    specs, _ = parse_inputs(["x[N,4]"])
    model, options = Caching(), Options(inputs=specs)
    signature = plugin.signature(model, options)
    assert plugin.to_onnx(model, signature, 20, options) is not None


def test_the_random_state_of_the_caller_is_left_alone() -> None:
    torch.manual_seed(3)
    want = torch.rand(2)
    torch.manual_seed(3)
    model = Function(lambda x: x + torch.rand_like(x))
    signature = describe(model, "x[N]")
    plugin.run(model, signature, {"x": np.zeros(3, np.float32)})
    torch.testing.assert_close(torch.rand(2), want, rtol=0, atol=0)
