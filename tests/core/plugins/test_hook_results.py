"""What a plugin gets wrong is told of the plugin, by hook, and harms nobody else's conversions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeFramework, Net, graph

import modelport
from modelport import Detection, Framework, Signature, TensorSpec, errors, hookimpl, plugins
from modelport.spec import PlannedOp

RELU = "(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"


def returning(hook: str, value: Any) -> FakeFramework:
    """The fake framework with one hook that returns the value, or what it makes of the hook's result where it is a function."""

    def act(**given: Any) -> Any:
        return value(given) if callable(value) else value

    hooks: dict[str, Callable[..., Any]] = {
        "detect": lambda source: act(source=source),
        "load": lambda source: act(source=source),
        "signature": lambda model: act(model=model),
        "samples": lambda model, signature, seed: act(model=model, signature=signature, seed=seed),
        "to_onnx": lambda model: act(model=model),
        "from_onnx": lambda model: act(model=model),
        "plan": lambda model: act(model=model),
        "run": lambda model, inputs: act(model=model, inputs=inputs),
        "save": lambda model, path: act(model=model, path=path),
    }
    plugin = FakeFramework("faulty")
    setattr(plugin, hook, hookimpl(hooks[hook]))
    return plugin


def ends(kind: type[BaseException]) -> Callable[[Any], Any]:
    def raising(arguments: Any) -> Any:
        raise kind(3)

    return raising


def x_of(**fields: Any) -> Signature:
    return Signature((TensorSpec(**{"name": "x", "dtype": "float32", "shape": ("N", 4), **fields}),))


SOURCE_FAULTS = [
    ("load", None, "None"),
    ("signature", None, "None"),
    ("signature", "x", "a str"),
    ("signature", Signature([1]), "a list of int"),  # type: ignore[arg-type]
    ("signature", x_of(name=""), "name=''"),
    ("signature", x_of(shape=("N", -1)), "-1"),
    ("signature", x_of(shape=["N", 4]), r"\['N', 4\]"),
    ("signature", x_of(dtype=np.float32), "float32"),
    ("signature", Signature(x_of().inputs * 2), "the names x, x"),
    ("samples", 3, "a int"),
    ("samples", {}, "the names of no input"),
    ("samples", {"z": np.zeros((3, 4), np.float32)}, "the names z instead of x"),
    ("samples", {"x": [[0.0] * 4]}, "a list of list for 'x'"),
    ("samples", {"x": np.zeros((3, 4))}, "float64 for 'x', which is float32"),
    ("samples", {"x": np.zeros(4, np.float32)}, "1 dimensions for 'x', which has 2"),
    ("to_onnx", None, "None"),
    ("to_onnx", b"bytes", "a bytes"),
    ("run", None, "None"),
    ("run", [np.zeros(3)], "a list of ndarray"),
    ("run", {1: np.zeros(3)}, "an output named 1"),
    ("run", {"y": 1.5}, "a float for 'y'"),
    ("run", {"y": np.array([object()])}, "an array of objects for 'y'"),
    ("run", {}, r"the outputs \(none\) instead of y"),
    ("run", {"y": np.zeros(3), "z": np.zeros(3)}, "the outputs y, z instead of y"),
    ("load", ends(SystemExit), r"tried to end the program with SystemExit\(3\)"),
    ("run", ends(SystemExit), "tried to end the program"),
    ("to_onnx", ends(GeneratorExit), "tried to end the program"),
]


@pytest.mark.parametrize(("hook", "value", "what"), SOURCE_FAULTS)
def test_a_faulty_source_plugin_is_named_with_its_hook(
    hook: str, value: Any, what: str, registry: plugins.Registry, tmp_path: Path
) -> None:
    registry.register("faulty", returning(hook, value))
    path = tmp_path / "m.faulty"
    path.write_bytes(graph(RELU).SerializeToString())
    with pytest.raises(
        errors.BrokenHook, match=rf"the faulty plugin is at fault, not modelport: .*{hook}.*{what}"
    ) as caught:
        modelport.convert(path, output=tmp_path / "m.onnx", from_="faulty")
    assert caught.value.exit_status == 3
    assert not (tmp_path / "m.onnx").exists()


TARGET_FAULTS = [
    ("from_onnx", None, "None"),
    ("plan", None, "None"),
    ("plan", [1], "a list of int"),
    ("plan", [PlannedOp("ai.onnx", "Relu", 14, ("r",), "perhaps")], "perhaps"),  # type: ignore[arg-type]
    ("save", None, "None"),
    ("save", [], "no path"),
    ("save", lambda given: [given["path"]], "does not exist"),
    ("save", lambda given: [Path("/etc/hostname")], "lies elsewhere"),
    ("save", lambda given: [str(given["path"])], "a list of str"),
    ("save", ends(SystemExit), "tried to end the program"),
    ("run", {}, r"the outputs \(none\) instead of y"),
]


@pytest.mark.parametrize(("hook", "value", "what"), TARGET_FAULTS)
def test_a_faulty_target_plugin_is_named_with_its_hook(
    hook: str, value: Any, what: str, registry: plugins.Registry, tmp_path: Path
) -> None:
    registry.register("faulty", returning(hook, value))
    with pytest.raises(errors.BrokenHook, match=rf"the faulty plugin is at fault, not modelport: .*{hook}.*{what}"):
        modelport.convert(graph(RELU), from_="onnx", to="faulty", output=tmp_path / "m.faulty", proof_seconds=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "claim",
    [
        1.0,
        "mine",
        Detection("high", "it"),
        Detection(2.0, "it"),
        Detection(1.0, None),
        ends(SystemExit),
        ends(ValueError),
    ],  # type: ignore[arg-type]
)
def test_a_plugin_whose_claim_is_garbage_claims_nothing_and_is_named_when_nobody_else_does(
    claim: Any, registry: plugins.Registry, fake: FakeFramework, tmp_path: Path
) -> None:
    registry.register("faulty", returning("detect", claim))
    known, unknown = tmp_path / "m.fake", tmp_path / "m.unknown"
    known.write_bytes(b"1")
    unknown.write_bytes(b"1")
    assert registry.detect(known)[0].key == "fake"
    with pytest.raises(errors.UnknownFormat, match=r"broken, and one of them might be what you need: .*'detect'"):
        registry.detect(unknown)


class _Entry:
    """An entry point whose module does what the function does."""

    name, dist = "harmful", None

    def __init__(self, act: Callable[[], Any]) -> None:
        self.load = act


def end() -> Any:
    raise SystemExit(3)


def recurse() -> Any:
    return recurse()


def refuse() -> Any:
    raise errors.UnsafeSource("no")


@pytest.mark.parametrize("act", [end, recurse, refuse])
def test_a_plugin_that_breaks_at_import_is_told_of_where_it_could_matter_and_harms_no_other(
    act: Callable[[], Any], registry: plugins.Registry, tmp_path: Path
) -> None:
    registry._entries["harmful"] = _Entry(act)  # type: ignore[assignment]
    assert "onnx" in [plugin.key for plugin in registry.all()]
    unknown = tmp_path / "m.unknown"
    unknown.write_bytes(b"1")
    for ask in (
        lambda: registry.detect(unknown),
        lambda: registry.for_suffix(unknown),
        lambda: registry.owner(object()),
    ):
        with pytest.raises(errors.UnknownFormat, match=r"the plugin 'harmful' cannot be loaded.*\(repair or remove it"):
            ask()
    modelport.convert(graph(RELU), output=tmp_path / "m.onnx", proof_seconds=0)


def test_what_a_plugin_prints_at_import_and_in_a_hook_never_reaches_stdout(
    registry: plugins.Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Any:
        print("noise at import")  # noqa: T201
        return FakeFramework("harmful")

    registry._entries["harmful"] = _Entry(load)  # type: ignore[assignment]
    registry.get("harmful")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "other"},
        {"suffixes": ".f"},
        {"requires": [1]},
        {"options": ("depth",)},
        {"title": None},
        {"aliases": None},
    ],
)
def test_a_description_of_wrong_types_is_not_loaded(fields: dict[str, Any], registry: plugins.Registry) -> None:
    class Described:
        @hookimpl
        def framework(self) -> Framework:
            right = {"key": "faulty", "title": "F", "suffixes": (".f",), "requires": (), "install": "pip install f"}
            return Framework(**{**right, **fields})

    with pytest.raises(errors.PluginNotLoadable, match="must return a Framework"):
        registry.register("faulty", Described())


def test_a_plugin_that_changes_the_inputs_it_is_given_changes_copies(
    registry: plugins.Registry, tmp_path: Path
) -> None:
    def spoiling(given: Any) -> Any:
        answer = given["model"].run({name: array.copy() for name, array in given["inputs"].items()})
        for array in given["inputs"].values():
            array *= np.float32(2)
        return answer

    registry.register("faulty", returning("run", spoiling))
    net = Net(graph("(float[N,4] x) => (float[N,4] y) { y = Add(x, x) }"))
    assert (
        modelport.convert(net, from_="faulty", output=tmp_path / "m.onnx", proof_seconds=0).report.verdict == "proven"
    )


@pytest.mark.parametrize("kind", [KeyboardInterrupt, type("Terminated", (BaseException,), {"exit_status": 143})])
def test_an_interruption_within_a_hook_stays_one(kind: type[BaseException], registry: plugins.Registry) -> None:
    plugin = registry.register("faulty", returning("load", ends(kind)))
    with pytest.raises(kind):
        plugin.call("load", source=Path("m"), options=None)
