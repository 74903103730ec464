"""Hostile ONNX files: external data that leaves its folder, sizes nobody has, calls without end, graphs that kill a library.

Each is put to commands, in a process with two gigabytes of room and a minute; none may read the secret, be killed, or end in
a traceback.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hostile import SECRET, Nest, run_contained
from onnx import AttributeProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper, numpy_helper

PRELOADED = (
    "pipeline",
    "proof.verification",
    "workbench.inspection",
    "workbench.planning",
    "workbench.bench",
    "workbench.compare",
    "workbench.run",
)
for name in PRELOADED:  # once, and not in every process
    importlib.import_module(f"modelport.{name}")

OFTEN, SELDOM = ("inspect", "convert", "verify"), ("run", "plan", "verify the other", "bench", "compare")
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
HUGE = 3 * 2**30

Make = Callable[[Path], ModelProto]


def model(*nodes: NodeProto, out: str = "y", functions: list[onnx.FunctionProto] | None = None, x: tuple = ("N", 3),
          **weights: TensorProto) -> ModelProto:  # fmt: skip
    """A model from float x to float y of these nodes."""
    graph = helper.make_graph(
        list(nodes),
        "hostile",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
        list(weights.values()),
    )
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=8, functions=functions or [])


def node(op: str, inputs: str, outputs: str = "y", **attributes: object) -> NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name=f"{op}_{outputs.split()[0]}", **attributes)


def numbers(name: str, *values: float, dtype: str = "int64") -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def number(name: str, value: float, dtype: str = "int64") -> TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


# --- external data -------------------------------------------------------------------------------


def external(location: str | None, *, dims: tuple[int, ...] = (2,), **entries: object) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return tensor


def added(location: str | None, **entries: object) -> Make:
    return lambda folder: model(node("Add", "x w"), w=external(location, **entries))


def beside(make: Callable[[Path], None], location: str = "w.data", **entries: object) -> Make:
    """A model whose external data is what `make` puts at the location."""

    def built(folder: Path) -> ModelProto:
        make(folder / location)
        return added(location, **entries)(folder)

    return built


def linked(target: Callable[[Path], Path | str]) -> Make:
    return beside(lambda path: path.symlink_to(target(path.parent)))


def twice(folder: Path) -> ModelProto:
    (folder / "w.data").write_bytes(SECRET)
    made = added("w.data")(folder)
    made.graph.initializer[0].external_data.add(key="location", value="../secret")
    return made


def in_constant(folder: Path) -> ModelProto:
    return model(node("Constant", "", "w", value=external("../secret")), node("Add", "x w"))


def in_branch(folder: Path) -> ModelProto:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, [2])
    branch = helper.make_graph([node("Identity", "w", "b")], "branch", [], [value], [external("../secret")])
    condition = number("c", 1, "bool")
    return model(node("If", "c", "b0", then_branch=branch, else_branch=branch), node("Add", "x b0"), c=condition)


def in_function(folder: Path) -> ModelProto:
    nodes = [node("Constant", "", "w", value=external("../secret")), node("Add", "a w", "b")]
    function = helper.make_function("own", "F", ["a"], ["b"], nodes, OPSETS[:1])
    return model(helper.make_node("F", ["x"], ["y"], domain="own"), functions=[function])


def in_training(folder: Path) -> ModelProto:
    made = model(node("Relu", "x"))
    graph = helper.make_graph([node("Identity", "w", "v")], "t", [], [], [external("../secret")])
    made.training_info.add().algorithm.CopyFrom(graph)
    return made


def in_sparse(folder: Path) -> ModelProto:
    made = model(node("MatMul", "x w"))
    sparse = SparseTensorProto(values=external("../secret"), indices=numbers("i", 0, 3), dims=[3, 3])
    made.graph.sparse_initializer.append(sparse)
    return made


UNSAFE: dict[str, Make] = {
    "the folder above": added("../secret"),
    "the folder above, in the middle": added("sub/../../secret"),
    "an absolute path": lambda folder: added(str(folder.parent / "secret"))(folder),
    "a drive": added("C:\\Windows\\win.ini"),
    "a drive without a root": added("C:secret"),
    "a network share": added("\\\\server\\share\\w"),
    "backslashes": added("sub\\..\\..\\secret"),
    "NUL": added("w.data\0.txt"),
    "an address in memory": added("*/_ORT_MEM_ADDR_/*", offset=4096, length=8),
    "a link that leaves": linked(lambda folder: "../secret"),
    "a link to an absolute path": linked(lambda folder: folder.parent / "secret"),
    "a link to a device": linked(lambda folder: "/dev/zero"),
    "a folder that is a link": lambda folder: (
        (folder / "sub").symlink_to(".."),  # type: ignore[func-returns-value]
        added("sub/secret")(folder),
    )[1],
    "a pipe": beside(os.mkfifo),
    "within a constant": in_constant,
    "within a branch": in_branch,
    "within a function": in_function,
    "within a training graph": in_training,
    "within a sparse tensor": in_sparse,
}

NOT_WHOLE: dict[str, Make] = {
    "no file": added("w.data"),
    "no location": added(None),
    "an empty location": added(""),
    "a folder": beside(lambda path: path.mkdir()),
    "a link to itself": linked(lambda folder: "w.data"),
    "described twice": twice,
    "too short": beside(lambda path: path.write_bytes(b"abc")),
    "a negative offset": beside(lambda path: path.write_bytes(SECRET), offset=-8),
    "an offset that is no number": beside(lambda path: path.write_bytes(SECRET), offset="0x0"),
    "an offset beyond the file": beside(lambda path: path.write_bytes(SECRET), offset=2**62),
    "a length beyond the file": beside(lambda path: path.write_bytes(SECRET), length=2**62),
    "a length other than the dimensions": beside(lambda path: path.write_bytes(SECRET), length=4),
}

# --- sizes ---------------------------------------------------------------------------------------


def constant_of_shape(folder: Path) -> ModelProto:
    return model(node("ConstantOfShape", "s", "c"), node("Add", "x c"), s=numbers("s", HUGE))


def in_a_function(folder: Path) -> ModelProto:
    nodes = [node("Constant", "", "s", value=numbers("s", HUGE)), node("ConstantOfShape", "s", "b")]
    function = helper.make_function("own", "F", ["a"], ["b"], nodes, OPSETS[:1])
    return model(helper.make_node("F", ["x"], ["c"], domain="own"), node("Add", "x c"), functions=[function])


def in_a_branch(folder: Path) -> ModelProto:
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branch = helper.make_graph([node("ConstantOfShape", "s", "b")], "branch", [], [value])
    return model(
        node("If", "c", "b0", then_branch=branch, else_branch=branch),
        node("Add", "x b0"),
        c=number("c", 1, "bool"),
        s=numbers("s", HUGE),
    )


def declared_small(folder: Path) -> ModelProto:
    made = constant_of_shape(folder)
    made.graph.value_info.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [1]))
    return made


def sparse(folder: Path) -> ModelProto:
    made = model(node("Add", "x w"))
    values = numbers("w", 1, dtype="float32")
    made.graph.sparse_initializer.append(SparseTensorProto(values=values, indices=numbers("i", 0), dims=[HUGE]))
    return made


def overlapping(folder: Path) -> ModelProto:
    (folder / "w.data").write_bytes(b"\0" * 2**22)
    made = model(node("Sum", " ".join(["x", *(f"w{i}" for i in range(300))])))
    for i in range(300):
        made.graph.initializer.append(external("w.data", dims=(2**20,)))
        made.graph.initializer[-1].name = f"w{i}"
    return made


TOO_LARGE: dict[str, Make] = {
    "ConstantOfShape": constant_of_shape,
    "ConstantOfShape in a function": in_a_function,
    "ConstantOfShape in a branch": in_a_branch,
    "ConstantOfShape, declared small": declared_small,
    "a shape that is computed": lambda folder: model(
        node("Mul", "s s", "t"), node("ConstantOfShape", "t", "c"), node("Add", "x c"), s=numbers("s", 2**16)
    ),
    "a shape that is a power": lambda folder: model(
        node("Pow", "s t", "p"), node("ConstantOfShape", "p"), s=numbers("s", 2), t=numbers("t", 40)
    ),
    "a shape of a shape": lambda folder: model(
        node("Shape", "x", "s"), node("Mul", "s s", "t"), node("ConstantOfShape", "t"), x=(2**10, 2**10)
    ),
    "Tile": lambda folder: model(node("Tile", "w r"), w=numbers("w", 1, dtype="float32"), r=numbers("r", HUGE)),
    "Expand": lambda folder: model(node("Expand", "w r"), w=numbers("w", 1, dtype="float32"), r=numbers("r", HUGE)),
    "Pad": lambda folder: model(node("Pad", "x p"), x=(3,), p=numbers("p", HUGE, 0)),
    "Resize": lambda folder: model(
        node("Resize", "x r s"),
        x=(1, 1, 4, 4),
        r=numbers("r", dtype="float32"),
        s=numbers("s", 1, 1, 1e5, 1e5, dtype="float32"),
    ),
    "Range": lambda folder: model(
        node("Range", "a b c"), a=number("a", 0, "float32"), b=number("b", 1e12, "float32"), c=number("c", 1, "float32")
    ),
    "OneHot": lambda folder: model(
        node("OneHot", "i d v"), i=numbers("i", 1, 2), d=numbers("d", HUGE), v=numbers("v", 0, 1, dtype="float32")
    ),
    "RandomNormal": lambda folder: model(node("RandomNormal", "", "y", shape=[HUGE, HUGE])),
    "an outer product": lambda folder: model(node("Transpose", "x", "t"), node("MatMul", "x t"), x=(10**6, 1)),
    "an input of fixed size": lambda folder: model(node("Relu", "x"), x=(10**6, 10**6)),
    "an input of 2**62": lambda folder: model(node("Relu", "x"), x=(2**62, 2)),
    "a sparse tensor": sparse,
    "weights that share their bytes": overlapping,
}

# --- graphs without end, and graphs that are none ------------------------------------------------


def calls(*functions: tuple[str, list[str]]) -> Make:
    """Functions that call one another in turn, and a graph that calls the first."""

    def build(folder: Path) -> ModelProto:
        made = []
        for name, called in functions:
            values = ["a", *(f"v{i}" for i in range(len(called) - 1)), "b"]
            nodes = [
                helper.make_node(f, [values[i]], [values[i + 1]], domain="" if f == "Relu" else "own")
                for i, f in enumerate(called)
            ]
            made.append(helper.make_function("own", name, ["a"], ["b"], nodes, OPSETS))
        return model(helper.make_node(functions[0][0], ["x"], ["y"], domain="own"), functions=made)

    return build


def nested(folder: Path) -> ModelProto:
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    inner = [node("Relu", "x")]
    for _ in range(29):
        branch = helper.make_graph(inner, "b", [], [value])
        inner = [
            node(
                "If", "c", "y", then_branch=branch, else_branch=helper.make_graph([node("Relu", "x")], "e", [], [value])
            )
        ]
    return model(*inner, c=number("c", 1, "bool"))


def endless(folder: Path) -> ModelProto:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in ("v", "w")]
    flags = [helper.make_tensor_value_info(n, TensorProto.BOOL, []) for n in ("k", "l")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    body = helper.make_graph(
        [node("Identity", "k", "l"), node("Identity", "v", "w")],
        "body",
        [count, flags[0], values[0]],
        [flags[1], values[1]],
    )
    return model(helper.make_node("Loop", ["", "", "x"], ["y"], body=body), x=(3,))


def changed(change: Callable[[ModelProto], object]) -> Make:
    def build(folder: Path) -> ModelProto:
        made = model(node("MatMul", "x w", "h"), node("Relu", "h"), w=numbers("w", *range(9), dtype="float32"))
        made.graph.initializer[0].dims[:] = [3, 3]
        change(made)
        return made

    return build


def first(made: ModelProto) -> TensorProto:
    return made.graph.initializer[0]


def put(message: object, field: str, value: object) -> None:
    setattr(message, field, value)


INVALID: dict[str, Make] = {
    "a function that calls itself": calls(("F", ["F"])),
    "functions that call each other": calls(("F", ["G"]), ("G", ["F"])),
    "functions of a billion nodes": calls(*((f"F{i}", [f"F{i + 1}"] * 10) for i in range(9)), ("F9", ["Relu"])),
    "a thousand calls deep": calls(*((f"F{i}", [f"F{i + 1}"]) for i in range(1000)), ("F1000", ["Relu"])),
    "a Loop without end": endless,
    "a dimension of -1": changed(lambda m: put(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", -1)),
    "a dimension of -3": changed(lambda m: put(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", -3)),
    "a weight of -3": changed(lambda m: first(m).dims.__setitem__(0, -3)),
    "an element type of 0": changed(lambda m: put(first(m), "data_type", 0)),
    "an element type of 999": changed(lambda m: put(first(m), "data_type", 999)),
    "an input of element type 999": changed(lambda m: put(m.graph.input[0].type.tensor_type, "elem_type", 999)),
    "no type": changed(lambda m: m.graph.input[0].ClearField("type")),
    "too few bytes": changed(lambda m: put(first(m), "raw_data", first(m).raw_data[:7])),
    "too many bytes": changed(lambda m: put(first(m), "raw_data", first(m).raw_data * 9)),
    "an opset of -1": changed(lambda m: put(m.opset_import[0], "version", -1)),
    "an opset of 0": changed(lambda m: put(m.opset_import[0], "version", 0)),
    "an opset of 2**40": changed(lambda m: put(m.opset_import[0], "version", 2**40)),
    "no opset": changed(lambda m: m.ClearField("opset_import")),
    "an IR version of 999": changed(lambda m: put(m, "ir_version", 999)),
    "an IR version of 0": changed(lambda m: put(m, "ir_version", 0)),
    "a circle": changed(lambda m: m.graph.node[0].input.__setitem__(0, "y")),
    "a name twice": changed(lambda m: m.graph.node[1].output.__setitem__(0, "h")),
    "a node without outputs": changed(lambda m: m.graph.node[1].ClearField("output")),
    "a node without an operator": changed(lambda m: m.graph.node[1].ClearField("op_type")),
    "an attribute without a type": changed(lambda m: m.graph.node[1].attribute.append(AttributeProto(name="a", i=1))),
    "a graph without a name": changed(lambda m: m.graph.ClearField("name")),
}


def bytes_of(change: Callable[[bytes], bytes]) -> Callable[[Path], bytes]:
    return lambda folder: change(changed(lambda m: None)(folder).SerializeToString())


BYTES: dict[str, Callable[[Path], bytes]] = {
    "half a file": bytes_of(lambda data: data[: len(data) // 2]),
    "one byte": bytes_of(lambda data: data[:1]),
    "a length of 2**63": bytes_of(lambda data: data + b"\x3a" + b"\xff" * 9 + b"\x7f"),
    "a hundred and fifty messages deep": lambda folder: b"\x08\x08" + deep(150),
}


def deep(levels: int) -> bytes:
    """A graph in an attribute of a node of a graph and so on, as bytes: no library builds that."""

    def field(number: int, data: bytes) -> bytes:
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    graph = b""
    for _ in range(levels):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)


ODD: dict[str, Callable[[Path], ModelProto | bytes]] = {
    "thirty branches deep": nested,
    "a name that is no UTF-8": bytes_of(lambda data: data.replace(b"Relu_y", b"\xff\xfe\xfa__y")),
}
"""Strange, but no library falls over them: whatever a command makes of them, it ends properly."""

CASES = [
    *((name, make, (7,)) for name, make in UNSAFE.items()),
    *((name, make, (2,)) for name, make in (NOT_WHOLE | TOO_LARGE).items()),
    *((name, make, (2, 4)) for name, make in INVALID.items()),
    *((name, make, (2,)) for name, make in BYTES.items()),
    *((name, make, (0, 2, 3, 4, 5)) for name, make in ODD.items()),
]


EVERYWHERE = (
    "the folder above",
    "a pipe",
    "too short",
    "Tile",
    "an input of fixed size",
    "a Loop without end",
    "half a file",
)
"""What is put to all commands; the rest to those that run into it first."""


@pytest.mark.parametrize(
    ("make", "statuses", "everywhere"),
    [pytest.param(make, statuses, name in EVERYWHERE, id=name) for name, make, statuses in CASES],
)
def test_a_hostile_onnx_file_is_refused_by_every_command(
    make: Callable[[Path], ModelProto | bytes], statuses: tuple[int, ...], everywhere: bool, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    nest, folder = Nest(tmp_path), tmp_path / "given"
    folder.mkdir()
    made, path = make(folder), folder / "model.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    commands, before = nest.commands(path), (nest.names, {file.name for file in folder.iterdir()})
    for name in (*OFTEN, *(SELDOM if everywhere else ())):
        words = [word for word in commands[name] if not word.startswith("x:float32") and word != "--input"]
        status = run_contained([*words, "--memory", "1GB"])
        said = "".join(capfd.readouterr())
        assert status in statuses, (name, said)
        assert "Traceback" not in said
        assert SECRET.decode() not in said
        if status:
            assert (nest.names, {file.name for file in folder.iterdir()}) == before, name


@pytest.mark.parametrize("size", ["N=10000000000", "10000000000"])
def test_a_size_that_the_user_asks_for_is_refused_where_no_machine_has_it(
    size: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nest = Nest(tmp_path)
    words = ["convert", str(nest.harmless), "-o", str(tmp_path / "o.onnx"), "--input", f"x:float32[{size},3]"]
    assert run_contained([*words, "--memory", "1GB"]) == 2
    assert "the input 'x', float32[10000000000, 3], takes 120.0 GB" in capfd.readouterr().err


def test_the_node_is_named_with_its_size_and_the_limit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(constant_of_shape(tmp_path).SerializeToString())
    assert run_contained(["inspect", str(path), "--memory", "8GB"]) == 2
    said = capfd.readouterr().err
    assert (
        "the output 'c' of the node 'ConstantOfShape_c' (ConstantOfShape), float32[3221225472], takes 12.9 GB" in said
    )
    assert "the memory limit of 8.0 GB" in said
