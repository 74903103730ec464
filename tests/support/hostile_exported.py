"""Hostile .pt2 archives: programs, payloads and pickles of a harmless one, changed."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hostile import Nest, rewritten
from hostile_torch import Hostile, Net, Writes, renaming
from torch import nn

Program = dict[str, Any]


class Called(nn.Module):
    """Takes a keyword and a flag beside its tensor, so that its program has a structure and a constant."""

    def forward(self, x: torch.Tensor, mode: str = "relu", *, scale: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": x.relu() * scale}


def exported(folder: Path, module: nn.Module | None = None) -> Path:
    """Write a .pt2 archive with a dynamic first dimension."""
    path = folder / "harmless.pt2"
    x, batch = torch.ones(2, 3), {0: torch.export.Dim("N")}
    if module is None:
        program = torch.export.export(Net().eval(), (x,), dynamic_shapes=(batch,))
    else:
        program = torch.export.export(module.eval(), (x, "relu"), {"scale": torch.ones(1)})
    torch.export.save(program, path)
    return path


def in_program(change: Callable[[Program, str, str], None], fires: str = "writes", called: bool = False) -> Hostile:
    """An exported program whose JSON is changed by a function of the program, the canary's and the secret's paths."""

    def make(folder: Path, nest: Nest) -> Path:
        def changed(data: bytes) -> bytes:
            program = json.loads(data)
            change(program, str(nest.canary), str(nest.secret))
            return json.dumps(program).encode()

        source = exported(folder, Called() if called else None)
        return rewritten(source, folder / "model.pt2", {"models/model.json": changed})

    return Hostile(make, fires)


def node(program: Program, target: str, *arguments: tuple[str, Any]) -> None:
    """Make the first node call something else."""
    first = graph(program)["nodes"][0]
    first["target"] = target
    first["inputs"] = [{"name": name, "arg": value, "kind": 1} for name, value in arguments]


def calling(target: str, *arguments: str) -> Hostile:
    """An exported program whose first node calls a target on its input, on another target, or on texts."""

    def change(program: Program, canary: str, secret: str) -> None:
        kinds: dict[str, Any] = {
            "x": {"as_tensor": {"name": "x"}},
            "torch.os.system": {"as_operator": "torch.os.system"},
        }
        values = [kinds.get(text, {"as_string": text.format(canary=canary)}) for text in arguments]
        node(program, target, *(("", value) for value in values))

    return in_program(change, fires="")


def graph(program: Program) -> Program:
    inner: Program = program["graph_module"]["graph"]
    return inner


def writing(path: str) -> str:
    """An expression of Python that writes a file, without quotes of its own kind."""
    return f"open({path!r},{'w'!r}).close()"


def read_secret(program: Program, canary: str, secret: str) -> None:
    text = {"as_string": secret}
    node(
        program,
        "torch.ops.aten.from_file.default",
        ("filename", text),
        ("shared", {"as_bool": False}),
        ("size", {"as_int": 3}),
    )
    graph(program)["nodes"][0]["inputs"].append({"name": "dtype", "arg": {"as_scalar_type": 1}, "kind": 2})


def sized(expression: str, fires: str = "hangs") -> Hostile:
    """An exported program with another size expression."""

    def change(program: Program, canary: str, secret: str) -> None:
        sizes = graph(program)["tensor_values"]["x"]["sizes"]
        sizes[0] = {"as_expr": {"expr_str": expression.replace("{canary}", canary), "hint": {"as_int": 2}}}

    return in_program(change, fires)


def renamed(new: Callable[[str], str], old: str, fires: str = "writes") -> Hostile:
    """An exported program in which every mention of a name is another text."""

    def change(program: Program, canary: str, secret: str) -> None:
        text = json.dumps(program).replace(json.dumps(old), json.dumps(new(canary)))
        program.update(json.loads(text))

    return in_program(change, fires)


def guard(program: Program, canary: str, secret: str) -> None:
    program["guards_code"] = [f"{writing(canary)} is None"]


def constant_text(program: Program, canary: str, secret: str) -> None:
    for value in (*program["graph_module"]["signature"]["input_specs"], *graph(program)["inputs"]):
        if "as_string" in str(value):
            inner = value["constant_input"]["value"] if "constant_input" in value else value
            inner["as_string"] = f"' or {writing(canary)} or '"


def tree(kind: str, context: Any) -> Hostile:
    """An exported program whose inputs' structure is another."""

    def change(program: Program, canary: str, secret: str) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        version, spec = json.loads(signature["in_spec"])
        spec["children_spec"][0]["children_spec"][0] = {"type": kind, "context": context, "children_spec": []}
        signature["in_spec"] = json.dumps([version, spec])

    return in_program(change, fires="imports")


def keyword(program: Program, canary: str, secret: str) -> None:
    signature = program["graph_module"]["module_call_graph"][0]["signature"]
    text = json.dumps(signature["in_spec"]).replace("scale", f"scale={writing(canary)}".replace("'", ""))
    signature["in_spec"] = json.loads(text)


def archive_with(member: str, data: bytes) -> Hostile:
    """An exported program with one more member."""

    def make(folder: Path, nest: Nest) -> Path:
        return rewritten(exported(folder), folder / "model.pt2", {}, {member: data})

    return Hostile(make, fires="")


def opaque(record: str, use_pickle: bool) -> Hostile:
    """An exported program with a pickled object among its constants."""

    def make(folder: Path, nest: Nest) -> Path:
        def listed(config: bytes) -> bytes:
            entry = {"path_name": record, "is_param": False, "use_pickle": use_pickle, "tensor_meta": None}
            return json.dumps({"config": {"c": entry}}).encode()

        if not use_pickle:  # PyTorch reads the description of what is no pickle before it sees that it is none
            tensor = {"dtype": 7, "sizes": [], "strides": [], "requires_grad": False, "storage_offset": {"as_int": 0}}
            tensor |= {"device": {"type": "cpu", "index": None}, "layout": 7}
            listed = with_meta(listed, tensor)
        changes = {"model_constants_config.json": listed}
        added = {f"data/constants/{record}": padded(pickle.dumps(Writes(nest.canary)))}
        return rewritten(exported(folder), folder / "model.pt2", changes, added)

    return Hostile(make)


def with_meta(listed: Callable[[bytes], bytes], tensor: Program) -> Callable[[bytes], bytes]:
    """The same list of constants, with a description of a tensor."""

    def described(config: bytes) -> bytes:
        content = json.loads(listed(config))
        content["config"]["c"]["tensor_meta"] = tensor
        return json.dumps(content).encode()

    return described


def padded(data: bytes) -> bytes:
    """Bytes behind the end of a pickle, so that they make whole floats."""
    return data + b"\0" * (-len(data) % 4)


def hostile_inputs(folder: Path, nest: Nest) -> Path:
    data = io.BytesIO()
    torch.save(((Writes(nest.canary),), {}), data)
    return rewritten(exported(folder), folder / "model.pt2", {"sample_inputs/model.pt": lambda _: data.getvalue()})


def pickled_weight(folder: Path, nest: Nest) -> Path:
    data = io.BytesIO()
    torch.save(Writes(nest.canary), data)

    def named(config: bytes) -> bytes:
        content = json.loads(config)
        next(iter(content["config"].values()))["use_pickle"] = True
        return json.dumps(content).encode()

    changes = {"model_weights_config.json": named, "weights/weight_0": lambda _: data.getvalue()}
    return rewritten(exported(folder), folder / "model.pt2", changes)


def endless_zeros(folder: Path, nest: Nest) -> Path:
    def enlarged(config: bytes) -> bytes:
        content = json.loads(config)
        meta = next(iter(content["config"].values()))["tensor_meta"]
        meta["sizes"], meta["strides"] = [{"as_int": 2**46}], [{"as_int": 1}]
        return json.dumps(content).encode()

    changes = {"model_weights_config.json": enlarged, "weights/weight_0": lambda _: b""}
    return rewritten(exported(folder), folder / "model.pt2", changes)


def many_symbols(program: Program, canary: str, secret: str) -> None:
    program["range_constraints"]["u99999999999"] = {"min_val": 0, "max_val": None}


def before_2_7(folder: Path, nest: Nest) -> Path:
    path = folder / "model.pt2"
    with zipfile.ZipFile(path, "w") as out:
        for name, data in {
            "version": b"8.20",
            "serialized_exported_program.json": b"{}",
            "serialized_state_dict.pt": pickle.dumps(Writes(nest.canary)),
        }.items():
            out.writestr(name, data)
    return path


HANGING = {
    "Pow(10, Pow(10, 10))": sized("Pow(Integer(10), Pow(Integer(10), Integer(10)))"),
    "9**9**9**9": sized("9**9**9**9"),
    "a chain of small powers": sized(
        "Pow(Pow(Pow(Pow(Integer(9), Integer(64)), Integer(64)), Integer(64)), Integer(64))"
    ),
    "FallingFactorial": sized("FallingFactorial(Integer(100000000), Integer(50000000))"),
    "a factorial": sized("factorial(Integer(50000000))"),
    "a million million sizes": in_program(many_symbols, "hangs"),
}

EXPORTED: dict[str, Hostile] = {
    "a node that reads a file": in_program(read_secret, "reads"),
    "a node that saves": calling("torch.ops.aten.save.default", "x", "{canary}"),
    "a node that is torch.save": calling("torch.save", "x", "{canary}"),
    "a node that is os.system": calling("torch.os.system", "touch {canary}"),
    "a node that is a call": calling("_operator.call", "torch.os.system", "touch {canary}"),
    "a node of another library": calling("torch.ops.inductor._reinterpret_tensor.default", "x"),
    "a node of an extension": calling("#extension:call", "x"),
    "a size that is code": sized("__import__('os').close(__import__('os').open('{canary}', 65))", fires="writes"),
    "a shift beyond every size": sized("LShift(Integer(1), Integer(99999999999999))", fires=""),
    "a guard that is code": in_program(guard, called=True),
    "a value whose name is code": renamed(lambda c: f"x = {writing(c)}; mul", "mul", fires=""),
    "an input whose name is code": renamed(lambda c: f"x={writing(c)}", "x"),
    "a text that is code": in_program(constant_text, called=True),
    "a keyword that is code": in_program(keyword, fires="", called=True),
    "a parameter whose name is code": renamed(lambda c: f'w")+[{writing(c)}][0], ("', "w", fires=""),
    "a structure that imports": tree(
        "collections.defaultdict",
        {"default_factory_module": "this", "default_factory_name": "s", "dict_context": []},
    ),
    "a context that imports": tree("builtins.dict", json.dumps([{"__enum__": True, "fqn": "this:s", "name": "x"}])),
    "a pickled object": archive_with("data/constants/custom_obj_0", b"a ScriptObject"),
    "an opaque object": opaque("opaque_obj_0", True),
    "an opaque object that says it is a tensor": opaque("opaque_obj_0", False),
    "an opaque object in a folder": opaque("opaque_obj_/x", False),
    "compiled code": archive_with("data/aotinductor/model/a.so", b"\x7fELF"),
    "a pickle as example inputs": Hostile(hostile_inputs),
    "a pickle as example inputs, in capital letters": renaming(Hostile(hostile_inputs), "model.pt", "model.PT"),
    "a pickle as a weight": Hostile(pickled_weight),
    "an archive from before 2.7": Hostile(before_2_7, fires=""),
    "a weight of no bytes and 2**46 elements": Hostile(endless_zeros, fires="", status=2),
}
