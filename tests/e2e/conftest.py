"""The commands in process, small model files of every framework, and third-party distributions laid out on the path."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelport import cli
from modelport.plugins import registry

TOY = Path(__file__).with_name("toy_plugin.py")
NETS = Path(__file__).with_name("e2e_nets.py")
SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str


class Command(Protocol):
    """A command line, called with its words."""

    def __call__(self, *words: object) -> Outcome:
        """Run it to its end."""
        ...


@pytest.fixture
def convert(capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run ``convert`` in this process."""
    yield from _command(cli.convert_main, capfd)


@pytest.fixture
def modelport(capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run ``modelport`` in this process."""
    yield from _command(cli.main, capfd)


def _command(main: Callable[[list[str]], None], capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Call a command's entry; afterwards undo what it sets for the whole process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    disabled = logging.root.manager.disable
    thresholds = gc.get_threshold()

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    yield run
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.disable(disabled)


class Refused(Protocol):
    """A conversion that must be refused."""

    def __call__(self, *words: object, status: int, says: tuple[str, ...], output: Path | None = None) -> Outcome:
        """Run it and assert everything that holds for every refusal."""
        ...


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that exists already, alone in its folder."""
    path = tmp_path / "target" / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(b"what was there before")
    return path


@pytest.fixture
def untouched(target: Path) -> Iterator[None]:
    """Assert afterwards that the target holds what it held, and that nothing lies beside it."""
    yield
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.read_bytes() == b"what was there before"


@pytest.fixture
def refused(convert: Command, target: Path, untouched: None) -> Refused:
    """Run ``convert`` and assert its status and message, without a traceback, and an untouched target."""

    def check(*words: object, status: int, says: tuple[str, ...], output: Path | None = None) -> Outcome:
        outcome = convert(*words, "-o", output or target)
        assert outcome.status == status, outcome.err
        for text in (*says, "what to do: "):
            assert text in outcome.err
        assert "Traceback" not in outcome.err
        assert not outcome.out
        return outcome

    return check


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python process of its own, in a session of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object, path: Path | None = None) -> subprocess.Popen[str]:
        folders = [str(path), os.environ.get("PYTHONPATH", "")] if path else []
        environment = os.environ | ({"PYTHONPATH": os.pathsep.join(filter(None, folders))} if path else {})
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=tmp_path, env=environment, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def python(spawn: Callable[..., subprocess.Popen[str]]) -> Callable[..., Outcome]:
    """Run Python with the given words in a process of its own, to its end."""

    def run(*words: object, **settings: Any) -> Outcome:
        process = spawn(*words, **settings)
        out, err = process.communicate(timeout=SECONDS)
        return Outcome(process.returncode, out, err)

    return run


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a module look as if it were not installed."""

    def hide(module: str) -> None:
        monkeypatch.setitem(sys.modules, module, None)

    return hide


# --- third-party plugins -------------------------------------------------------------------------


class Install(Protocol):
    """Lays out a distribution."""

    def __call__(self, name: str, source: str, *, path: bool = True, group: str = "modelport", entry: str = "") -> Path:
        """Register `source` in a group of entry points, under its own name or another; returns the folder for PYTHONPATH."""
        ...


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay out the distribution modelport-NAME as pip does, and put it on the path of this process."""
    site = tmp_path / "site"

    def lay_out(name: str, source: str, *, path: bool = True, group: str = "modelport", entry: str = "") -> Path:
        module = f"modelport_{name}"
        info = site / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: modelport-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry or name} = {module}\n")
        if path:
            monkeypatch.syspath_prepend(site)
            registry.cache_clear()
        return site

    yield lay_out
    for path in site.glob("*.py"):
        sys.modules.pop(path.stem, None)
    registry.cache_clear()


@pytest.fixture
def toy(install: Install) -> Path:
    """Install the toy framework, whose faults are written in its files; returns the folder for PYTHONPATH."""
    return install("toy", TOY.read_text())


# --- model files ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def onnx_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of x:float32[N,4]: doubling.onnx, tripling.onnx, repeating.onnx with 1.6 kB of weights, gelu.onnx; two_inputs.onnx."""
    folder = tmp_path_factory.mktemp("onnx")
    for name, factor in (("doubling", 2.0), ("tripling", 3.0)):
        weight = numpy_helper.from_array(np.eye(4, dtype=np.float32) * np.float32(factor), "w")
        _save(folder / f"{name}.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], ["x"], [weight])
    ones = numpy_helper.from_array(np.ones((4, 100), np.float32), "w")
    _save(folder / "repeating.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], ["x"], [ones], columns=100)
    _save(folder / "two_inputs.onnx", [helper.make_node("Add", ["a", "b"], ["y"])], ["a", "b"], [])
    _save(folder / "gelu.onnx", [helper.make_node("Gelu", ["x"], ["y"])], ["x"], [])
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    np.savez(folder / "expected.npz", x=x, y=2 * x)
    return folder


def _save(path: Path, nodes: list[Any], inputs: list[str], weights: list[Any], columns: int = 4) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in inputs]
    values.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns]))
    graph = helper.make_graph(nodes, "graph", values[:-1], values[-1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


@pytest.fixture(scope="session")
def sklearn_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of iris, fitted on named columns: iris.skops, iris.joblib, iris.pkl, with iris.csv."""
    joblib, skops_io = pytest.importorskip("joblib"), pytest.importorskip("skops.io")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("sklearn")
    x, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(x, y)
    skops_io.dump(model, folder / "iris.skops")
    joblib.dump(model, folder / "iris.joblib")
    joblib.dump(model, folder / "iris.pkl")
    x.to_csv(folder / "iris.csv", index=False)
    np.savez(folder / "expected.npz", x=x.to_numpy(np.float32), y=model.predict_proba(x))
    return folder


@pytest.fixture(scope="session")
def pytorch_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network: net.pt2, weights.pth, weights.safetensors, pickled.pt, with e2e_nets.py, which builds it."""
    torch, safetensors = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    folder = tmp_path_factory.mktemp("pytorch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()).eval()
    batch = torch.export.Dim("N")
    program = torch.export.export(net, (torch.zeros(2, 4),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "net.pt2")
    torch.save(net.state_dict(), folder / "weights.pth")
    torch.save(net, folder / "pickled.pt")
    safetensors.save_file(net.state_dict(), folder / "weights.safetensors")
    shutil.copy(NETS, folder)
    x = torch.randn(5, 4)
    np.savez(folder / "expected.npz", x=x.numpy(), y=net(x).detach().numpy())
    return folder


@pytest.fixture(scope="session")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network: model.keras, model.h5, the SavedModel folder saved, and lambda.keras, which carries code."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("keras")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, activation="tanh")])
    carrying = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Lambda(lambda x: x + 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's advice on HDF5, and what TensorFlow deprecates inside itself
        model.save(folder / "model.keras")
        model.save(folder / "model.h5")
        model.export(folder / "saved", verbose=False)
        carrying.save(folder / "lambda.keras")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.savez(folder / "expected.npz", x=x, y=np.asarray(model(x)))
    return folder
