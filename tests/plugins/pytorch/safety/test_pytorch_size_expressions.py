"""The size expressions of exported programs: what torch.export writes is admitted, nothing else."""

from __future__ import annotations

import pytest

from modelport_plugins.pytorch.safety import size_expressions

pytestmark = pytest.mark.xdist_group("pytorch")


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
