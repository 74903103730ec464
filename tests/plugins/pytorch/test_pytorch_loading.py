"""PyTorch's files: recognised by their contents, loaded safely, refused with a remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modelport.errors import (
    BadInput,
    FactoryFailed,
    InvalidOption,
    ModelportError,
    SourceUnreadable,
    StateDictMismatch,
    UnsafeSource,
)
from modelport.signature import parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin

FACTORIES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.linear = nn.Linear(3, width)
    def forward(self, x):
        return self.linear(self.norm(x))

def tied():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    net[1].weight = net[0].weight
    return net

def broken():
    raise RuntimeError("no such depth")

def number():
    return 7

CONSTANT = 3
"""


class Executed(Exception):
    """Raised by a hostile file when its code runs."""


class Hostile:
    def __reduce__(self) -> Any:
        return (_explode, ())


def _explode() -> None:
    raise Executed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a module of factories, whose name no other test imports."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytorch_nets.py").write_text(FACTORIES)
    monkeypatch.delitem(sys.modules, "pytorch_nets", raising=False)
    return tmp_path


def net(width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Module()
    module.norm = nn.BatchNorm1d(3)
    module.norm.running_mean += 1
    module.linear = nn.Linear(3, width)
    return module


def options(**values: Any) -> Options:
    fields = {name: values.pop(name) for name in ("factory", "trust") if name in values}
    return Options(values=values, **fields)


def assert_loaded(model: Any, module: nn.Module) -> None:
    """The loaded model has the weights of `module` and is in evaluation mode."""
    assert not model.training
    assert model.state_dict().keys() == module.state_dict().keys()
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=0)


def quietly(function: Any, *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is deprecated, its files remain
        return function(*args)


def write(kind: str, folder: Path) -> Path:
    """Write one file of each kind that PyTorch has."""
    path = folder / f"model.{kind}"
    module = nn.Linear(3, 2).eval()
    if kind == "pt2":
        torch.export.save(torch.export.export(module, (torch.rand(2, 3),)), path)
    elif kind == "ts":
        quietly(lambda: torch.jit.script(module).save(str(path)))
    elif kind == "safetensors":
        save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path, _use_new_zipfile_serialization=kind == "pth")
    return path


# --- detection -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pt2", "ts", "pth", "legacy", "safetensors"])
def test_every_format_is_recognised_by_its_contents_whatever_its_suffix(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path).rename(tmp_path / "model.bin")
    claim = plugin.detect(path)
    assert claim is not None
    assert claim.confidence == 1.0


def test_a_suffix_alone_is_a_weak_claim(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(b"something else")
    claim = plugin.detect(path)
    assert claim is not None
    assert claim.confidence == 0.5


@pytest.mark.parametrize(
    "contents", [b"something else", b"PK\x03\x04 no archive", b"\x02\x00\x00\x00\x00\x00\x00\x00[]"]
)
def test_other_files_are_not_claimed(contents: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(contents)
    assert plugin.detect(path) is None
    assert plugin.detect(tmp_path) is None


def test_detection_does_not_import_torch(tmp_path: Path) -> None:
    path = write("pt2", tmp_path)
    code = (
        "import pathlib, sys; from modelport_plugins import pytorch; pytorch.framework();"
        f"assert pytorch.detect(pathlib.Path({str(path)!r})).confidence == 1.0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- programs and TorchScript --------------------------------------------------------------------


def test_an_exported_program_and_a_torchscript_file_compute_what_the_module_computes(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((2, 3), np.float32)
    for kind in ("pt2", "ts"):
        model = quietly(plugin.load, write(kind, tmp_path), options())
        specs, _ = parse_inputs(["input[N,3]"])
        given = Options(inputs=specs)
        signature = plugin.signature(model, given)
        weights = dict(model.state_dict if kind == "pt2" else model.state_dict())
        want = nn.functional.linear(torch.from_numpy(x), **weights).detach().numpy()
        np.testing.assert_allclose(plugin.run(model, signature, {"input": x})["output"], want, rtol=1e-6)


def test_a_program_of_any_name_is_loaded(tmp_path: Path) -> None:
    path = write("pt2", tmp_path).rename(tmp_path / "model.bin")
    assert isinstance(plugin.load(path, options()), torch.export.ExportedProgram)


@pytest.mark.parametrize("kind", ["pt2", "ts", "pth", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_truncated_file_is_unreadable(kind: str, share: float, folder: Path) -> None:
    path = write(kind, folder)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(SourceUnreadable):
        quietly(plugin.load, path, options(factory="torch.nn:Linear(3, 2)"))


def test_a_file_of_another_format_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("hello")
    with pytest.raises(SourceUnreadable, match="no PyTorch file"):
        plugin.load(tmp_path / "model.pt", options())


def rewritten(path: Path, change: dict[str, Any], added: dict[str, bytes] | None = None) -> Path:
    """Copy a zip archive, changing or adding members (by the end of their names)."""
    target = path.with_name("changed.pt2")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            for end, function in change.items():
                data = function(data) if name.endswith(end) else data
            out.writestr(name, data)
        for name, data in (added or {}).items():
            out.writestr(f"model/{name}", data)
    return target


def hostile_pickle(folder: Path) -> bytes:
    torch.save(Hostile(), folder / "hostile")
    return (folder / "hostile").read_bytes()


def pickled_weights(data: bytes) -> bytes:
    config = json.loads(data)
    next(iter(config["config"].values()))["use_pickle"] = True
    return json.dumps(config).encode()


def hostile_size(data: bytes) -> bytes:
    model = json.loads(data)
    expression = {"as_expr": {"expr_str": "__import__('os').system('true')", "hint": None}}
    model["graph_module"]["graph"]["sym_int_values"]["s"] = expression
    return json.dumps(model).encode()


def test_a_program_that_carries_code_is_refused(tmp_path: Path) -> None:
    path = write("pt2", tmp_path)
    cases: list[tuple[dict[str, Any], dict[str, bytes]]] = [
        ({"sample_inputs/model.pt": lambda data: hostile_pickle(tmp_path)}, {}),
        ({"model_weights_config.json": pickled_weights}, {}),
        ({"models/model.json": hostile_size}, {}),
        ({}, {"data/constants/custom_obj_0": b"x"}),
        ({}, {"data/constants/opaque_obj_0": b"x"}),
        ({}, {"data/aotinductor/model/a.so": b"x"}),
    ]
    for change, added in cases:
        with pytest.raises(UnsafeSource, match="run code"):
            plugin.load(rewritten(path, change, added), options())


def test_a_program_with_dynamic_sizes_is_no_danger(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv1d(1, 1, 3, stride=2), nn.Flatten())
    dims = {0: torch.export.Dim("N"), 2: torch.export.Dim("L", min=8)}
    program = torch.export.export(module.eval(), (torch.rand(2, 1, 16),), dynamic_shapes=(dims,))
    torch.export.save(program, tmp_path / "model.pt2")
    assert plugin.load(tmp_path / "model.pt2", options()) is not None


# --- pickles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [True, False])
def test_a_pickled_module_needs_trust(new: bool, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout()).train()
    torch.save(module, tmp_path / "model.pt", _use_new_zipfile_serialization=new)
    with pytest.raises(UnsafeSource, match=r"(?s)\.pt2.*safetensors.*--trust"):
        plugin.load(tmp_path / "model.pt", options())
    assert_loaded(plugin.load(tmp_path / "model.pt", options(trust=True)), module)


def test_no_code_of_a_pickle_runs_without_trust(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(hostile_pickle(tmp_path))
    with pytest.raises(UnsafeSource, match="_explode"):
        plugin.load(tmp_path / "model.pt", options())
    with pytest.raises(SourceUnreadable) as caught:
        plugin.load(tmp_path / "model.pt", options(trust=True))
    assert isinstance(caught.value.__cause__, Executed)


def test_a_file_that_holds_no_model_is_bad_input(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "model.pt")
    with pytest.raises(BadInput, match="holds a list"):
        plugin.load(tmp_path / "model.pt", options())


# --- state dicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pth", "legacy", "safetensors"])
def test_a_state_dict_is_loaded_into_what_the_factory_builds(kind: str, folder: Path) -> None:
    path = folder / f"model.{kind}"
    if kind == "safetensors":
        save_file(net().state_dict(), path)
    else:
        torch.save(net().state_dict(), path, _use_new_zipfile_serialization=kind == "pth")
    assert_loaded(plugin.load(path, options(factory="pytorch_nets:Net")), net())


def test_the_factory_may_take_literal_arguments(folder: Path) -> None:
    torch.save(net(6).state_dict(), folder / "model.pth")
    for text in ("pytorch_nets:Net(6)", "pytorch_nets:Net(width=6)"):
        assert_loaded(plugin.load(folder / "model.pth", options(factory=text)), net(6))


def test_a_state_dict_without_a_factory_says_what_to_pass(folder: Path) -> None:
    torch.save(net().state_dict(), folder / "model.pth")
    with pytest.raises(BadInput, match="--model module:factory"):
        plugin.load(folder / "model.pth", options())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_the_prefix_of_a_wrapper_is_stripped_and_noted(prefix: str, folder: Path) -> None:
    torch.save({prefix + name: tensor for name, tensor in net().state_dict().items()}, folder / "model.pth")
    given = options(factory="pytorch_nets:Net")
    assert_loaded(plugin.load(folder / "model.pth", given), net())
    assert any(prefix in note for note in given.notes)


def test_the_state_dict_of_a_data_parallel_module_keeps_its_versions(folder: Path) -> None:
    torch.save(nn.DataParallel(net()).state_dict(), folder / "model.pth")
    assert_loaded(plugin.load(folder / "model.pth", options(factory="pytorch_nets:Net")), net())


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_weights_are_found_under_a_usual_key_of_a_checkpoint(key: str, folder: Path) -> None:
    torch.save({"epoch": 3, key: net().state_dict()}, folder / "model.pth")
    given = options(factory="pytorch_nets:Net")
    assert_loaded(plugin.load(folder / "model.pth", given), net())
    assert any(key in note for note in given.notes)


def test_weights_may_be_under_a_key_that_the_user_names(folder: Path) -> None:
    torch.save({"ema": {"shadow": net().state_dict()}, "state_dict": net(2).state_dict()}, folder / "model.pth")
    given = options(factory="pytorch_nets:Net", state_dict_key="ema.shadow")
    assert_loaded(plugin.load(folder / "model.pth", given), net())
    with pytest.raises(InvalidOption, match=r"did you mean 'ema'"):
        plugin.load(folder / "model.pth", options(factory="pytorch_nets:Net", state_dict_key="emma"))


def test_missing_unexpected_and_misshapen_keys_are_all_listed(folder: Path) -> None:
    state = net(5).state_dict()
    state["extra"] = state.pop("norm.weight")
    torch.save(state, folder / "model.pth")
    with pytest.raises(StateDictMismatch) as caught:
        plugin.load(folder / "model.pth", options(factory="pytorch_nets:Net"))
    assert caught.value.missing == ("norm.weight",)
    assert caught.value.unexpected == ("extra",)
    assert [line.partition(" ")[0] for line in caught.value.shapes] == ["linear.weight", "linear.bias"]
    state = net().state_dict()
    del state["linear.bias"]
    torch.save(state, folder / "model.pth")
    with pytest.raises(StateDictMismatch, match=r"missing \(1\): linear\.bias"):
        plugin.load(folder / "model.pth", options(factory="pytorch_nets:Net"))


def test_weights_of_another_dtype_are_converted_and_noted(folder: Path) -> None:
    torch.save(net().half().state_dict(), folder / "model.pth")
    given = options(factory="pytorch_nets:Net")
    assert_loaded(plugin.load(folder / "model.pth", given), net().half().float())
    assert any("float16 to float32" in note for note in given.notes)


@pytest.mark.parametrize("names", [["0.weight"], ["0.weight", "1.weight"]])
def test_tied_weights_stay_tied(names: list[str], folder: Path) -> None:
    weight = torch.rand(5, 3)
    torch.save(dict.fromkeys(names, weight), folder / "model.pth")
    model = plugin.load(folder / "model.pth", options(factory="pytorch_nets:tied"))
    assert model[0].weight is model[1].weight
    torch.testing.assert_close(model[0].weight.detach(), weight, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("pytorch_nets:broken", "RuntimeError: no such depth"),
        ("pytorch_nets:Nett", "did you mean 'Net'"),
        ("pytorch_nets:number", "returned int"),
        ("pytorch_nets:CONSTANT", "cannot be called"),
        ("pytorch_nets:Net(unknown=1)", "unexpected keyword"),
        ("pytorch_nets:Net(open('x'))", "cannot read the factory"),
        ("pytorch_nets", "cannot read the factory"),
        ("no_such_module:Net", "No module named 'no_such_module'"),
    ],
)
def test_a_factory_that_fails_says_why(factory: str, message: str, folder: Path) -> None:
    torch.save(net().state_dict(), folder / "model.pth")
    with pytest.raises(FactoryFailed, match=r"(?s)--model") as caught:
        plugin.load(folder / "model.pth", options(factory=factory))
    assert message in str(caught.value)


def test_the_search_path_is_restored_after_a_factory(folder: Path) -> None:
    torch.save(net().state_dict(), folder / "model.pth")
    before = list(sys.path)
    plugin.load(folder / "model.pth", options(factory="pytorch_nets:Net"))
    assert sys.path == before


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak of memory from Linux's /proc")  # noqa: PTH110
def test_loading_peaks_little_above_the_size_of_the_weights(folder: Path) -> None:
    size = 200 * 2**20
    torch.save({"weight": torch.zeros(size // 4096, 1024), "bias": torch.zeros(size // 4096)}, folder / "big.pth")
    code = (
        "import pathlib, re, torch; from modelport.spec import Options; from modelport_plugins import pytorch\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024\n"
        "torch.nn.Linear(2, 2); before = peak()\n"
        f"options = Options(factory='torch.nn:Linear(1024, {size // 4096})')\n"
        "model = pytorch.load(pathlib.Path('big.pth'), options); float(sum(p.sum() for p in model.parameters()))\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 1.3 * size


def test_every_error_says_what_to_do(folder: Path) -> None:
    torch.save(net().state_dict(), folder / "model.pth")
    for text in ("pytorch_nets:broken", "pytorch_nets:Net(7)", None):
        with pytest.raises(ModelportError) as caught:
            plugin.load(folder / "model.pth", options(factory=text))
        assert caught.value.remedy
        assert caught.value.where
