"""Hostile TorchScript archives: sources and pickles of a harmless one, changed."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import torch
from hostile import Nest, rewritten
from hostile_torch import Hostile, Net, renaming
from torch import nn


class Stateful(nn.Module):
    """A module whose __setstate__ runs when its archive is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.ones(3)
        self.training = False

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.w, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.w = state[0] * 3
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + self.w


def scripted(folder: Path, module: nn.Module, how: str = "script") -> Path:
    """Write a TorchScript archive."""
    path = folder / f"harmless_{how}.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if how == "trace":
            torch.jit.trace(module.eval(), torch.ones(2, 3)).save(str(path))
        elif how == "lite":
            torch.jit.script(module.eval())._save_for_lite_interpreter(str(path))
        else:
            torch.jit.script(module.eval()).save(str(path))
    return path


def in_code(
    line: str, how: str = "script", fires: str = "writes", after: str = "Tensor:\n", module: type = Net
) -> Hostile:
    """TorchScript with a line put at the beginning of a method; {canary} and {secret} become paths."""

    def make(folder: Path, nest: Nest) -> Path:
        text = line.format(canary=nest.canary, secret=nest.secret)
        before, _, rest = after.rpartition("\n")

        def change(data: bytes) -> bytes:
            code = data.decode()
            assert after in code
            return code.replace(after, f"{before}\n    {text}\n{rest}", 1).encode()

        source = scripted(folder, module(), how)
        member = next(name for name in zipfile.ZipFile(source).namelist() if name.endswith(".py"))
        return rewritten(source, folder / "model.pt", {member.partition("/")[2]: change})

    return Hostile(make, fires)


def in_pickle(old: bytes, new: bytes, fires: str = "", member: str = "/data.pkl", status: int = 7) -> Hostile:
    """TorchScript with bytes of a pickle exchanged."""

    def make(folder: Path, nest: Nest) -> Path:
        def change(data: bytes) -> bytes:
            assert old in data
            return data.replace(old, new, 1)

        return rewritten(scripted(folder, Net()), folder / "model.pt", {member: change})

    return Hostile(make, fires, status)


SAVE = 'torch.save(x, "{canary}")'
READ = 's = torch.from_file("{secret}", False, 8, dtype=0)'
SET_STATE = "-> NoneType:\n"

TORCHSCRIPT: dict[str, Hostile] = {
    "torch.save": in_code(SAVE),
    "ops.aten.save": in_code('ops.aten.save(x, "{canary}")'),
    "save as a method": in_code('(x).save("{canary}")', fires=""),
    "save under another name": in_code('f = torch.save\n    f(x, "{canary}")'),
    "torch under another name": in_code('t = torch\n    t.save(x, "{canary}")'),
    "save behind torch.autograd": in_code('torch.autograd.save(x, "{canary}")'),
    "save by getattr": in_code('getattr(x, "save")("{canary}")', fires=""),
    "save of a text": in_code('("stolen").save("{canary}")', fires=""),
    "save in a branch": in_code(f"if torch.gt(torch.size(x, 0), 0):\n      {SAVE}\n    else:\n      pass"),
    "save in a loop": in_code(f"for i in range(1):\n      {SAVE}"),
    "save in a nested function": in_code(
        'def g(s: Tensor) -> Tensor:\n      torch.save(s, "{canary}")\n      return s', fires=""
    ),
    "save behind a comment": in_code('s = "#"; torch.save(x, "{canary}") # "', fires=""),
    "save in a source of capital letters": renaming(in_code(SAVE), ".py", ".PY"),
    "a source before 1.4": renaming(in_code("pass", fires=""), ".data/serialization_id", "model.json"),
    "save as an argument": in_code('u = torch.add(x, x, alpha=len([torch.save(x, "{canary}")]))'),
    "save in a traced program": in_code(SAVE, "trace"),
    "save for the lite interpreter": in_code(SAVE, "lite"),
    "save while loading": in_code('torch.save([1], "{canary}")', after=SET_STATE, module=Stateful),
    "from_file": in_code('return torch.from_file("{secret}", False, 8, dtype=0)', fires="reads"),
    "ops.aten.from_file": in_code('return ops.aten.from_file("{secret}", False, 8, dtype=0)', fires="reads"),
    "from_file while loading": in_code(
        's = torch.from_file("{secret}", False, 8, dtype=0)', after=SET_STATE, module=Stateful, fires=""
    ),
    "print": in_code('print("{canary}")', fires="prints"),
    "print in prim": in_code('ops.prim.Print("{canary}")', fires="prints"),
    "a timer": in_code("s = ops.prim.TimePoint()", fires=""),
    "another namespace": in_code("s = ops.inductor._reinterpret_tensor(x, [1], [1])", fires=""),
    "a class of the library": in_code("s = __torch__.torch.classes.dist_rpc.WorkerInfo", fires=""),
    "the random state": in_code("torch.manual_seed(3)", fires=""),
    "an import": in_code("import os", fires=""),
    "a function in a pickle": in_pickle(b"ctorch._utils\n_rebuild_tensor_v2\n", b"cposix\nsystem\n"),
    "a class of the library in a pickle": in_pickle(
        b"c__torch__.hostile_torch\nNet\n", b"c__torch__.torch.classes.dist_rpc\nWorkerInfo\n"
    ),
    "a memo of four thousand million": in_pickle(b"q\x01", b"r\xff\xff\xff\xff", status=2),
}
