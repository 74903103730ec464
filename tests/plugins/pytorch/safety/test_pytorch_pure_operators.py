"""The allow-list of PyTorch's operators: what only computes, and what does more."""

from __future__ import annotations

import pytest
import torch

from modelport_plugins.pytorch.safety import pure_operators

pytestmark = pytest.mark.xdist_group("pytorch")


@pytest.mark.parametrize(
    "operator",
    [
        "aten::relu",
        "aten::add_",
        "aten::format",
        "aten::warn",
        "prims::sin",
        "quantized::linear",
        "prim::RaiseException",
        "higher_order::cond",
        "aten::rand",
        "aten::einsum",
        "aten::set_",
    ],
)
def test_an_operator_that_only_computes_is_pure(operator: str) -> None:
    assert pure_operators.is_pure(operator)


@pytest.mark.parametrize(
    "operator",
    [
        "aten::save",
        "aten::from_file",
        "aten::_print",
        "aten::manual_seed",
        "aten::to_here",
        "aten::no_such_operator",
        "prim::Print",
        "prim::PythonOp",
        "prim::rpc_sync",
        "prim::TimePoint",
        "inductor::_reinterpret_tensor",
        "c10d::send",
        "profiler::_record_function_enter",
        "mkldnn::_linear_pointwise",
        "mine::run",
        "higher_order::print",
    ],
)
def test_an_operator_that_does_more_or_is_unknown_is_not_pure(operator: str) -> None:
    assert not pure_operators.is_pure(operator)


def test_no_pure_operator_takes_the_name_of_a_file() -> None:
    """PyTorch's schemas call it filename or path; whoever adds another such operator shall see this fail."""
    for schema in torch._C._jit_get_all_schemas():
        names = {argument.name for argument in schema.arguments if "str" in str(argument.type)}
        if pure_operators.is_pure(schema.name):
            assert not [name for name in names if "file" in name or "path" in name or "url" in name]


@pytest.mark.parametrize(
    ("target", "pure"),
    [
        ("torch.ops.aten.relu.default", True),
        ("torch.ops.aten.add.Tensor", True),
        ("torch.ops.higher_order.cond", True),
        ("_operator.getitem", True),
        ("math.sqrt", True),
        ("torch.sym_max", True),
        ("torch.ops.aten.from_file.default", False),
        ("torch.ops.aten.relu.__class__", False),
        ("torch.ops.aten.relu.default.__class__", False),
        ("torch.ops.load_library", False),
        ("torch.save", False),
        ("torch.os.system", False),
        ("torch.hub.load", False),
        ("_operator.call", False),
        ("_operator.attrgetter", False),
        ("math.factorial", False),
        ("#extension:relu", False),
        ("", False),
    ],
)
def test_a_target_is_judged_by_its_whole_name(target: str, pure: bool) -> None:
    assert pure_operators.is_pure_target(target) is pure
