"""One plugin called: exceptions translated by hook, a missing framework, directions it lacks, what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import FakeFramework, Net, ReadOnlyFramework, graph

from modelport import Framework, errors, hookimpl
from modelport.plugins import Registry


class _Raising(FakeFramework):
    def __init__(self, error: Exception, key: str = "raising") -> None:
        super().__init__(key)
        self.error = error

    @hookimpl
    def load(self, source: Path) -> Net:
        raise self.error

    @hookimpl
    def to_onnx(self, model: Net) -> None:  # type: ignore[override]
        raise self.error

    @hookimpl
    def run(self, model: Net) -> None:  # type: ignore[override]
        raise self.error


@pytest.mark.parametrize(
    ("hook", "kind", "status"),
    [("load", errors.SourceUnreadable, 2), ("to_onnx", errors.CannotConvert, 3), ("run", errors.PluginFailed, 3)],
)
def test_an_exception_is_translated_by_the_hook_it_escapes_from(
    hook: str, kind: type, status: int, registry: Registry
) -> None:
    plugin = registry.register("raising", _Raising(ValueError("\x1b[1mone\x1b[0m\n\ntwo")))
    arguments = {
        "load": {"source": Path("m"), "options": None},
        "to_onnx": {"model": 0, "signature": 0, "opset": 0, "options": 0},
    }
    with pytest.raises(kind, match="ValueError: one / two") as caught:
        plugin.call(hook, **arguments.get(hook, {"model": 0, "signature": 0, "inputs": 0, "options": 0}))
    assert caught.value.exit_status == status


def test_an_error_of_modelports_own_reaches_the_user_as_it_is(registry: Registry) -> None:
    plugin = registry.register("raising", _Raising(errors.UnsafeSource("it carries code")))
    with pytest.raises(errors.UnsafeSource, match="it carries code"):
        plugin.call("load", source=Path("m"), options=None)


def test_a_missing_framework_gives_the_exact_pip_line(registry: Registry) -> None:
    class Absent:
        @hookimpl
        def framework(self) -> Framework:
            return Framework("absent", "Absent", (), ("absent_framework",), "pip install 'modelport[absent]'")

        @hookimpl
        def load(self, source: Path) -> Any:
            import absent_framework  # type: ignore[import-not-found]

            return absent_framework

    plugin = registry.register("absent", Absent())
    assert plugin.missing == ("absent_framework",)
    with pytest.raises(errors.FrameworkNotInstalled) as caught:
        plugin.call("load", source=Path("m"), options=None)
    assert caught.value.remedy == "pip install 'modelport[absent]'"
    assert caught.value.exit_status == 6


@pytest.mark.parametrize("hook", ["to_onnx", "from_onnx", "save"])
def test_a_direction_it_lacks_is_refused_naming_what_it_can_do(hook: str, registry: Registry) -> None:
    plugin = registry.register("readonly", ReadOnlyFramework())
    with pytest.raises(errors.DirectionNotSupported, match="no conversion") as caught:
        plugin.call(hook)
    assert caught.value.exit_status == 3


def test_a_call_reaches_its_plugin_alone_whoever_is_registered_later(registry: Registry) -> None:
    first = registry.register("first", _Raising(ValueError("of the first"), "first"))
    for _ in range(2):
        registry.register("second", _Raising(ValueError("of the second"), "second"))
        with pytest.raises(errors.PluginFailed, match="of the first"):
            first.call("run", model=0, signature=0, inputs=0, options=0)
        registry.unregister("second")


def test_what_a_framework_prints_goes_to_stderr(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    class Chatty(FakeFramework):
        @hookimpl
        def load(self, source: Path) -> Any:
            print("hello")  # noqa: T201
            return 1

    registry.register("chatty", Chatty("chatty")).call("load", source=Path("m"), options=None)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "hello\n")


# --- inputs that a model does not admit ----------------------------------------------------------


def test_what_a_model_raises_when_it_is_called_refuses_its_inputs(registry: Registry) -> None:
    plugin = registry.register("fake", FakeFramework())

    def picky(arrays: Any) -> Any:
        raise ValueError("\x1b[1mfive columns\x1b[0m\n\nonly")

    net = Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }"), picky)
    with pytest.raises(
        errors.InputsRefused, match="does not admit these inputs: ValueError: five columns / only"
    ) as caught:
        plugin.call("run", model=net, signature=None, inputs={}, options=None)
    assert caught.value.exit_status == 2
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("error", [errors.UnsafeSource("no"), ModuleNotFoundError("absent"), KeyError("another kind")])
def test_other_errors_refuse_no_inputs(error: Exception) -> None:
    with pytest.raises(type(error)), errors.inputs_refused("Fake", ValueError):
        raise error


def test_a_model_that_runs_out_of_memory_refuses_no_inputs(registry: Registry) -> None:
    plugin = registry.register("fake", FakeFramework())

    def greedy(arrays: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    net = Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }"), greedy)
    with pytest.raises(errors.OutOfMemory):
        plugin.call("run", model=net, signature=None, inputs={}, options=None)
