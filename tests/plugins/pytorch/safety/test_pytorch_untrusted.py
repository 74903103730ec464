"""What people export with PyTorch loads without trust; what is not known to be pure is told apart by its operators."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from pytorch_exports import CASES, save

from modelport.spec import Options
from modelport_plugins import pytorch as plugin
from modelport_plugins.pytorch.safety import pure_operators, script_source, size_expressions

pytestmark = pytest.mark.xdist_group("pytorch")

EXPORTS = [(name, way) for name, case in CASES.items() for way in case.ways]


@pytest.mark.broad
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("name", "way"), EXPORTS)
def test_a_usual_export_loads_without_trust_and_computes_what_the_module_computes(
    name: str, way: str, tmp_path: Path
) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    module = case.build().eval()
    path = tmp_path / ("model.pt2" if way in ("export", "dynamic") else "model.pt")
    save(case, module, way, path)
    loaded = plugin.load(path, Options())
    call = loaded.module() if isinstance(loaded, torch.export.ExportedProgram) else loaded
    with torch.no_grad():
        got, want = call(*case.inputs), module(*case.inputs)
    same = tuple if isinstance(want, tuple) else lambda value: value  # a scripted named tuple has a type of its own
    torch.testing.assert_close(same(got), same(want), rtol=1e-5, atol=1e-6)


# --- operators -----------------------------------------------------------------------------------


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


# --- sources -------------------------------------------------------------------------------------


def method(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    head = "class M(Module):\n  save : __torch__.N\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n"
    return f"{head}{body}    return x\n"


@pytest.mark.parametrize(
    "line",
    [
        "y = torch.relu(x)",
        "y, z, = torch.lstm(x, [x], [x])",
        'y = "a # b \\" torch.save(x)"',
        "save = self.save",
        "y = inf",
        "y = (self.save).forward(x, )",
        'y = getattr(self, "0")',
        "y = annotate(List[int], [])",
        "y = CONSTANTS.c0",
        "y = __torch__.torch.nn.N(x)",
        "y = ops.quantized.linear(x, x, 1., 0)",
        "def f(a: Tensor) -> Tensor:\n      return a",
    ],
)
def test_a_line_as_torchscript_writes_it_is_admitted(line: str) -> None:
    script_source.check(method(line))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('torch.save(x, "f")', "aten::save"),
        ('(x).save("f")', "aten::save"),
        ('getattr(x, "save")("f")', "aten::save"),
        ("getattr(x, x)", "computes the name"),
        ("t = torch", "torch as a value"),
        ("t = ops.aten", "names ops.aten"),
        ('torch.autograd.save(x, "f")', "torch.autograd.save"),
        ("ops.mine.run(x)", "mine::run"),
        ("print(x)", "calls print"),
        ('open("f")', "calls open"),
        ('exec("f")', "calls exec"),
        ("y = __torch__.torch.classes.mine.Runner()", "mine.Runner"),
        ("y = [torch.relu(a) for a in x]", "ListComp"),
        ("y = (lambda a: a)(x)", "Lambda"),
        ('y = f"{x}"', "not as TorchScript"),
        ('y = b"a"', "not as TorchScript"),
        ('y = """a"""', "not as TorchScript"),
        ("y = x # torch", "not as TorchScript"),
        ("y = x; z = y", "not as TorchScript"),
        ("y = \\\n      x", "not as TorchScript"),
        ("import os", "imports a module"),
        ("global y", "Global"),
        ("y = x if x else", "not as TorchScript"),
        ('def save(self: str) -> str:\n      self.save("f")\n      return self', "aten::save"),
    ],
)
def test_a_line_that_does_more_is_told_with_its_place(line: str, reason: str) -> None:
    with pytest.raises(script_source.Danger, match=reason) as caught:
        script_source.check(method("y = torch.relu(x)", line))
    assert caught.value.line >= 6


# --- sizes ---------------------------------------------------------------------------------------

S = "Symbol('s0', positive=True, integer=True)"


@pytest.mark.parametrize(
    "expression",
    [
        S,
        f"Add(FloorDiv(Add({S}, Integer(-3)), Integer(2)), Integer(1))",
        f"Pow({S}, Integer(2))",
        f"Pow({S}, Rational(1, 2))",
        "Float('0.5', precision=53)",
        f"Max(Integer(1), {S})",
        f"Mul(Rational(1, 2), {S})",
        "s0//2 + 1",
        "2*s0**2 - s1",
        "Max(1, s0)",
        f"TruncToInt(FloatTrueDiv(ToFloat({S}), Float('2.0', precision=53)))",
        f"And(Equality({S}, Integer(2)), true)",
        f"OpaqueUnaryFn_sqrt({S})",
        f"Piecewise(ExprCondPair({S}, true))",
        "u0 >= 3",
        "Not(Eq(s0, 4))",
        "oo",
        "-int_oo",
    ],
)
def test_a_size_as_torch_export_writes_it_is_admitted(expression: str) -> None:
    size_expressions.check(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9**9",
        "Pow(Integer(10), Pow(Integer(10), Integer(10)))",
        "10**100000",
        "2**s0",
        "Pow(2, Symbol('s0'))",
        "1 << 99999999",
        "FallingFactorial(Integer(9), Integer(3))",
        "factorial(5)",
        "Sum(s0, (s0, 0, 9))",
        "Integer('9')(3)",
        "Symbol('os.system')",
        "__import__('os')",
        "s0.func",
        "s0[0]",
        "lambda: 3",
        "[s0 for s0 in s1]",
        "Float('1', precision=10**9)",
        "Lambda(s0, s0)",
        "Float('1', precision=999999999)",
        "+".join(["s0"] * 600),
        "(" * 60 + "-s0" + ")" * 60 + "*" * 3,
        "-" * 60 + "s0",
        "",
        "s0 +",
        "'s0'",
        f"FloorDiv({'*'.join(f'(s{i}+s{i + 1})' for i in range(30))}, s0)",
        "Max(" * 60 + "s0" + ")" * 60,
    ],
)
def test_a_size_that_is_no_plain_arithmetic_or_grows_is_not(expression: str) -> None:
    with pytest.raises(size_expressions.NoSize):
        size_expressions.check(expression)


def test_warnings_of_the_parser_do_not_reach_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        script_source.check(method('y = torch.eq("a\\d", 1) is True'))
