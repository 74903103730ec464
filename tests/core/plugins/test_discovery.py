"""The registry: laziness, lookup, broken plugins, detection, listeners, contributors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeFramework, Net, graph

import modelport
from modelport import Framework, errors, hookimpl, plugins
from modelport.plugins import Registry

FIRST_PARTY = {"keras", "onnx", "pytorch", "sklearn", "tensorflow", "tflite"}
HEAVY = ("numpy", "onnx", "onnxruntime", "onnx_ir", "torch", "tensorflow", "keras", "sklearn", "pandas")


def modules_after(code: str) -> set[str]:
    """Return the heavy modules, and the plugin modules, that a fresh interpreter has imported after running the code."""
    script = (
        f"{code}\nimport sys\nprint(*[n for n in sys.modules if n in {HEAVY!r} or n.startswith('modelport_plugins.')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import modelport", "import modelport.spec", "import modelport.plugins", "import modelport.errors",
        "import modelport.signature", "import modelport.report",
        "import modelport.plugins as p; r = p.registry(); r.keys; [r.describe(k) for k in r.keys]",
    ],
)  # fmt: skip
def test_metadata_alone_imports_nothing_heavy_and_no_plugin(code: str) -> None:
    assert modules_after(code) == set()


def test_naming_a_plugin_imports_that_module_and_no_framework() -> None:
    assert modules_after("from modelport.plugins import registry; registry().get('onnx')") == {"modelport_plugins.onnx"}


def test_the_first_party_plugins_are_found_by_entry_point(registry: Registry) -> None:
    assert set(registry.keys) >= FIRST_PARTY
    assert registry.describe("onnx")[0] == "modelport"


@pytest.mark.parametrize("name", ["fake", "fakepy", "FAKE", "FakePy"])
def test_a_plugin_is_found_by_key_and_alias_in_any_case(name: str, fake: FakeFramework, registry: Registry) -> None:
    assert registry.get(name).key == "fake"


@pytest.mark.parametrize(("name", "suggestion"), [("fakke", "fake"), ("fakpy", "fakepy"), ("onx", "onnx")])
def test_an_unknown_framework_suggests_the_nearest(name: str, suggestion: str, fake: Any, registry: Registry) -> None:
    with pytest.raises(errors.UnknownFramework) as caught:
        registry.get(name)
    assert caught.value.suggestion == suggestion
    assert caught.value.exit_status == 2


# --- broken plugins ------------------------------------------------------------------------------


class _WrongHook:
    @hookimpl
    def framework(self) -> Framework:
        return Framework("broken", "Broken", (), (), "")

    @hookimpl
    def to_onxx(self, model: Any) -> None: ...


class _WrongArgument:
    @hookimpl
    def to_onnx(self, modle: Any) -> None: ...


class _WrongKey:
    @hookimpl
    def framework(self) -> Framework:
        return Framework("other", "Other", (), (), "")


class _Raises:
    @hookimpl
    def framework(self) -> Framework:
        raise RuntimeError("no luck today")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [(_WrongHook, "to_onxx"), (_WrongArgument, "modle"), (_WrongKey, "'broken'"), (_Raises, "no luck today")],
)
def test_a_plugin_that_breaks_the_specification_is_refused_and_harms_no_other(
    plugin: type, said: str, registry: Registry
) -> None:
    with pytest.raises(errors.PluginNotLoadable, match=said) as caught:
        registry.register("broken", plugin())
    assert caught.value.exit_status == 6
    registry.register("fake", FakeFramework())
    assert "broken" not in registry.keys
    assert registry.get("fake").directions == ("to_onnx", "from_onnx")


def test_a_second_plugin_under_a_key_is_refused_and_the_first_stays(fake: FakeFramework, registry: Registry) -> None:
    first = registry.get("fake")
    with pytest.raises(errors.PluginNotLoadable, match="taken"):
        registry.register("fake", FakeFramework())
    assert registry.get("fake") is first


def test_a_plugin_that_fails_to_import_is_listed_with_its_error(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._entries, "lost", EntryPoint("lost", "no_such_module_at_all", "modelport"))
    found = {plugin.key for plugin in registry.all()}
    assert "lost" in registry.keys
    assert "lost" not in found
    assert "onnx" in found
    assert "no_such_module_at_all" in registry.broken["lost"].what
    with pytest.raises(errors.PluginNotLoadable):
        registry.get("lost")


# --- detection -----------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.fake"
    path.write_bytes(b"something")
    return path


class _Rival(FakeFramework):
    def __init__(self, confidence: float) -> None:
        super().__init__("rival", confidence=confidence)

    @hookimpl
    def detect(self, source: Path) -> modelport.Detection | None:
        return modelport.Detection(self.confidence, "a guess")


def test_the_most_confident_claim_wins(source: Path, fake: Any, registry: Registry) -> None:
    registry.register("rival", _Rival(0.5))
    plugin, claim = registry.detect(source)
    assert (plugin.key, claim.evidence) == ("fake", "the suffix")


def test_two_equal_claims_are_ambiguous(source: Path, fake: Any, registry: Registry) -> None:
    registry.register("rival", _Rival(1.0))
    with pytest.raises(errors.AmbiguousSource) as caught:
        registry.detect(source)
    assert set(caught.value.candidates) == {"fake", "rival"}
    assert "--from fake" in str(caught.value)
    assert "--from rival" in str(caught.value)


def test_a_plugin_that_fails_to_detect_makes_no_claim(source: Path, fake: Any, registry: Registry) -> None:
    class Failing(FakeFramework):
        @hookimpl
        def detect(self, source: Path) -> None:
            raise RuntimeError("broken")

    registry.register("failing", Failing("failing"))
    assert registry.detect(source)[0].key == "fake"


def test_a_source_nobody_claims_is_of_unknown_format(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "model.nothing"
    path.write_text("?")
    with pytest.raises(errors.UnknownFormat) as caught:
        registry.detect(path)
    assert caught.value.where == str(path)


def test_a_missing_file_an_empty_file_and_an_empty_folder_are_told_apart(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(errors.SourceNotFound):
        registry.detect(tmp_path / "missing.onnx")
    with pytest.raises(errors.SourceUnreadable, match="file is empty"):
        registry.detect(tmp_path / "empty.onnx")
    with pytest.raises(errors.SourceUnreadable, match="folder is empty"):
        registry.detect(tmp_path / "folder")


def test_an_object_belongs_to_the_plugin_that_owns_its_class(fake: Any, registry: Registry) -> None:
    class Derived(Net):
        """A user's subclass, defined in a module of the user's own."""

    assert registry.owner(Derived(graph("(float[N] x) => (float[N] y) { y = Relu(x) }"))).key == "fake"


def test_an_object_nobody_owns_is_of_unknown_format(registry: Registry) -> None:
    with pytest.raises(errors.UnknownFormat, match=r"builtins\.dict"):
        registry.owner({})


def test_the_targets_suffix_says_its_framework(fake: Any, registry: Registry) -> None:
    assert registry.for_suffix(Path("out/model.FAKE")).key == "fake"


@pytest.mark.parametrize("name", ["model", "model.xyz"])
def test_a_suffix_that_says_nothing_asks_for_to(name: str, registry: Registry) -> None:
    with pytest.raises(errors.UnknownFormat) as caught:
        registry.for_suffix(Path(name))
    assert "--to" in str(caught.value.remedy)


def test_a_listener_that_fails_costs_a_warning_and_not_the_result(fake: FakeFramework, registry: Registry) -> None:
    class Listener:
        @hookimpl
        def conversion_finished(self, report: Any) -> None:
            raise RuntimeError("the server is away")

    registry.register("listener", Listener())
    conversion = modelport.convert(Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }")), from_="fake")
    assert conversion.report.status == "delivered"
    assert len(conversion.report.warnings) == 1
    assert "the server is away" in conversion.report.warnings[0]
    assert fake.reports == [conversion.report]


def test_a_listener_hears_of_failures_too(fake: FakeFramework) -> None:
    with pytest.raises(errors.BadInput):
        modelport.convert(Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }")), from_="fake", opset=999)
    assert fake.reports[0].error.kind == "BadInput"


def test_the_registry_of_a_process_is_read_once() -> None:
    assert plugins.registry() is plugins.registry()


def test_another_plugin_contributes_before_the_translation(fake: FakeFramework, registry: Registry) -> None:
    class Contributor(FakeFramework):
        @hookimpl
        def contribute(self, to: str) -> None:
            asked.append(to)

    asked: list[str] = []
    registry.register("contributor", Contributor("contributor"))
    modelport.convert(Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }")), from_="fake")
    assert asked == ["fake"]


def test_a_contribution_that_fails_costs_a_warning_and_not_the_result(fake: FakeFramework, registry: Registry) -> None:
    class Contributor(FakeFramework):
        @hookimpl
        def contribute(self, to: str) -> None:
            raise RuntimeError("no such class")

    registry.register("contributor", Contributor("contributor"))
    conversion = modelport.convert(Net(graph("(float[N] x) => (float[N] y) { y = Relu(x) }")), from_="fake")
    assert conversion.report.status == "delivered"
    assert "no such class" in conversion.report.warnings[0]


# --- groups of their own -------------------------------------------------------------------------

RELU = "(float[N] x) => (float[N] y) { y = Relu(x) }"
HEARD = """
from modelport import hookimpl

heard = []

@hookimpl
def {hook}({argument}):
    heard.append({argument})
    {body}
"""


@pytest.fixture
def lay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write a module that hears of a hook, importable under a name."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(name: str, hook: str, argument: str, body: str = "") -> None:
        written.append(name)
        (tmp_path / f"{name}.py").write_text(HEARD.format(hook=hook, argument=argument, body=body))

    yield write
    for name in written:
        sys.modules.pop(name, None)


def heard(name: str) -> list[Any]:
    found: list[Any] = sys.modules[name].heard
    return found


def test_a_listener_in_a_group_of_its_own_hears_of_conversions(
    registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    lay_out("a_listener", "conversion_finished", "report")
    registry._listeners = (EntryPoint("any name", "a_listener", "modelport.listeners"),)

    reports = [modelport.convert(Net(graph(RELU)), from_="fake").report for _ in range(2)]

    assert heard("a_listener") == reports
    assert "a_listener" not in registry.keys


@pytest.mark.parametrize(("module", "said"), [("raising_listener", "away"), ("absent_listener", "absent_listener")])
def test_a_listener_that_raises_or_cannot_be_imported_costs_a_warning(
    module: str, said: str, registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    lay_out("raising_listener", "conversion_finished", "report", "raise RuntimeError('the server is away')")
    registry._listeners = (EntryPoint("any", module, "modelport.listeners"),)

    report = modelport.convert(Net(graph(RELU)), from_="fake").report

    assert report.status == "delivered"
    assert fake.reports == [report]
    assert [said in line and module in line for line in report.warnings] == [True]


def test_a_contributor_is_imported_for_the_framework_that_it_names_alone(
    registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    for name in ("to_fake", "to_another"):
        lay_out(name, "contribute", "to")
    group = "modelport.contributors"
    registry._contributors = (EntryPoint("fake", "to_fake", group), EntryPoint("another", "to_another", group))

    modelport.convert(Net(graph(RELU)), from_="fake")

    assert heard("to_fake") == ["fake"]
    assert "to_another" not in sys.modules


def test_a_contributor_whose_framework_is_not_installed_is_passed_over(
    registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    lay_out("to_fake", "contribute", "to", "import absent_framework")
    registry._contributors = (EntryPoint("fake", "to_fake", "modelport.contributors"),)

    assert modelport.convert(Net(graph(RELU)), from_="fake").report.warnings == []


def test_a_plugin_in_several_groups_is_registered_once(
    registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    lay_out("in_two_groups", "contribute", "to")
    registry._entries["both"] = EntryPoint("both", "in_two_groups", "modelport")
    registry._contributors = (EntryPoint("fake", "in_two_groups", "modelport.contributors"),)

    modelport.convert(Net(graph(RELU)), from_="fake")
    registry.all()
    modelport.convert(Net(graph(RELU)), from_="fake")

    assert heard("in_two_groups") == ["fake", "fake"]


def test_a_plugin_in_the_group_of_frameworks_alone_contributes_where_it_is_loaded_anyway(
    registry: Registry, fake: FakeFramework, lay_out: Callable[..., None]
) -> None:
    lay_out("only_old", "contribute", "to")
    registry._entries["old"] = EntryPoint("old", "only_old", "modelport")

    modelport.convert(Net(graph(RELU)), from_="fake", to="onnx")
    assert "only_old" not in sys.modules

    modelport.convert(Net(graph(RELU)))  # whose it is all plugins are asked
    assert heard("only_old") == ["fake"]
