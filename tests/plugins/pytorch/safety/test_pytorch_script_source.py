"""The static analysis of TorchScript sources, line by line."""

from __future__ import annotations

import warnings

import pytest

from modelport_plugins.pytorch.safety import script_source

pytestmark = pytest.mark.xdist_group("pytorch")


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


def test_warnings_of_the_parser_do_not_reach_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        script_source.check(method('y = torch.eq("a\\d", 1) is True'))
