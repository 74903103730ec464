"""The conformance kit: what every plugin has to satisfy, as tests that its author inherits.

Three lines test a plugin::

    from modelport.testing import PluginConformance

    class TestLightGBM(PluginConformance):
        key = "lightgbm"

Override `model` to have conversion, proof and files tested on a real model; `broken_source` where a damaged file looks different
from a truncated one. The tests run each in pytest's own way; nothing here imports a framework.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import modelport
from modelport import errors
from modelport.loading.open_model import signature_of
from modelport.plugins import Plugin, registry
from modelport.plugins.options import parse_options
from modelport.signature import DTYPES, Signature, parse_inputs
from modelport.spec import HUB, Framework, Options

__all__ = ["PluginConformance"]

_HEAVY = ("torch", "tensorflow", "keras", "sklearn", "transformers", "lightgbm", "xgboost", "jax")


class PluginConformance:
    """Tests of one plugin. Subclass it under a name that pytest collects, and set `key`.

    Attributes:
        key: the entry point's name.
        inputs: the --input notation, for models that do not say their inputs.
        suffix: of the files that `write` makes; the framework's first one by default.
        trust: whether loading what `write` makes needs --trust.
    """

    key: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ()
    suffix: ClassVar[str | None] = None
    trust: ClassVar[bool] = False

    def model(self) -> Any:
        """Return a small trained model in memory; tests that need one are skipped without it."""
        pytest.skip(f"{type(self).__name__} gives no model()")

    def write(self, model: Any, path: Path) -> None:
        """Save the model in the framework's own way; by default through the plugin's `save` hook."""
        plugin = self.plugin
        if not plugin.has("save"):
            pytest.skip(f"{type(self).__name__} gives no write(), and the plugin has no save hook")
        plugin.call("save", model=model, path=path, options=self.options())

    @property
    def plugin(self) -> Plugin:
        """The plugin under test, loaded through its entry point."""
        return registry().get(self.key)

    def options(self) -> Options:
        """Return the options that the tests call the hooks with."""
        specs, examples = parse_inputs(self.inputs)
        return Options(parse_options(self.plugin.framework, {}), specs, examples, trust=self.trust)

    # --- specification and laziness ---------------------------------------------------------------

    def test_is_registered_under_its_key(self) -> None:
        """The entry point's name is the framework's key."""
        assert self.key in registry().keys
        assert isinstance(self.plugin.framework, Framework)
        assert self.plugin.framework.key == self.key

    def test_describes_itself_completely(self) -> None:
        """Whoever reads `modelport plugins` learns what to install."""
        framework = self.plugin.framework
        assert framework.title
        assert framework.requires, "name the modules that the hooks import"
        assert framework.install.startswith("pip install "), "say the exact command"
        assert all(suffix.startswith(".") for suffix in framework.suffixes)
        assert framework.modules or framework.suffixes or framework.folder, "nothing would ever be recognised"

    def test_has_a_direction_and_what_it_takes(self) -> None:
        """A plugin that converts can also name its inputs and run its models, or nothing could be proven."""
        assert self.plugin.directions, "implement to_onnx or from_onnx"
        assert self.plugin.has("run")
        assert self.plugin.has("signature")

    def test_loading_the_plugin_imports_no_framework(self) -> None:
        """Frameworks are imported by hook bodies, never by the plugin's module."""
        program = (
            "import sys; from modelport.plugins import registry; "
            f"plugin = registry().get({self.key!r}); plugin.directions; plugin.missing; "
            f"print([m for m in {(*_HEAVY, *self.plugin.framework.requires)!r} if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_option_schema_is_usable(self) -> None:
        """Every option has help, a readable name and a default of its own type, among its choices."""
        kinds: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "bool": bool}
        for option in self.plugin.framework.options:
            assert option.help
            assert option.name.isidentifier()
            assert option.name == option.name.lower()
            assert option.default is None or isinstance(option.default, kinds[option.type])
            assert not option.choices or option.default is None or option.default in option.choices

    def test_unknown_option_is_refused(self) -> None:
        """A misspelt option never passes silently."""
        with pytest.raises(errors.InvalidOption):
            parse_options(self.plugin.framework, {"no_such_option_exists": "1"})

    # --- error behaviour --------------------------------------------------------------------------

    def test_detect_does_not_claim_foreign_files(self, tmp_path: Path) -> None:
        """A claim rests on evidence."""
        if not self.plugin.has("detect"):
            pytest.skip("the plugin detects nothing")
        foreign = tmp_path / "notes.md"
        foreign.write_text("# no model\n")
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "notes.md").write_text("# no model\n")
        for path in (foreign, folder):
            assert self.plugin.call("detect", source=path) == []

    def test_damaged_file_is_a_clear_error(self, tmp_path: Path) -> None:
        """Bytes that are no model end in a ModelportError with a remedy, not in a traceback."""
        if not self.plugin.has("load") or self.plugin.framework.folder or not self.plugin.framework.suffixes:
            pytest.skip("the plugin loads no files")
        for suffix in self.plugin.framework.suffixes:
            path = tmp_path / f"damaged{suffix}"
            path.write_bytes(b"\x00this is no model" * 20)
            with pytest.raises(errors.ModelportError) as caught:
                self.plugin.call("load", source=path, options=self.options())
            assert caught.value.exit_status in (2, 7)
            assert caught.value.remedy

    # --- conversion -------------------------------------------------------------------------------

    def test_model_in_memory_belongs_to_the_plugin(self) -> None:
        """`modelport.convert(model)` finds the plugin by the model's class."""
        assert registry().owner(self.model()).key == self.key

    def test_signature_is_complete(self) -> None:
        """Names are unique, dtypes are known, every input has a rank."""
        model = self.model()
        signature: Signature = signature_of(self.plugin, model, self.options())
        names = [spec.name for spec in signature.inputs]
        assert names
        assert len(set(names)) == len(names)
        for spec in signature.inputs:
            assert spec.dtype in DTYPES
            assert spec.shape is not None

    def test_conversion_is_proven(self, tmp_path: Path) -> None:
        """The model passes the checker and the proof, at the requested opset."""
        if "to_onnx" not in self.plugin.directions:
            pytest.skip("the plugin has no to_onnx")
        target = tmp_path / "model.onnx"
        conversion = modelport.convert(self.model(), from_=self.key, output=target, inputs=self.inputs, opset=18)
        assert conversion.report.verdict == "proven"
        assert conversion.report.opset == 18
        assert target.is_file()

    def test_run_is_deterministic_and_leaves_its_inputs_alone(self) -> None:
        """The reference of a proof must answer the same twice."""
        model, options = self.model(), self.options()
        signature = signature_of(self.plugin, model, options)
        arrays = _arrays(self.plugin, model, signature)
        before = {name: array.copy() for name, array in arrays.items()}
        first, second = (
            self.plugin.call("run", model=model, signature=signature, inputs=arrays, options=options) for _ in range(2)
        )
        assert list(first) == list(second)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, before[name])

    def test_saved_file_is_detected_and_proven(self, tmp_path: Path) -> None:
        """A file on disk is claimed by this plugin, loaded, converted and proven."""
        if not (self.plugin.has("load") and self.plugin.has("detect")):
            pytest.skip("the plugin loads no files")
        source = tmp_path / f"saved{self.suffix or (*self.plugin.framework.suffixes, '')[0]}"
        self.write(self.model(), source)
        assert registry().detect(source)[0].key == self.key
        conversion = modelport.convert(source, output=tmp_path / "model.onnx", inputs=self.inputs, trust=self.trust)
        assert conversion.report.verdict == "proven"

    def test_round_trip_is_proven(self, tmp_path: Path) -> None:
        """Model to ONNX and back, both hops proven; for plugins with both directions."""
        if set(self.plugin.directions) != {"to_onnx", "from_onnx"} or self.key == HUB:
            pytest.skip("the plugin converts in one direction")
        hub = tmp_path / "model.onnx"
        modelport.convert(self.model(), from_=self.key, output=hub, inputs=self.inputs)
        back = modelport.convert(hub, to=self.key, output=tmp_path / f"back{(*self.plugin.framework.suffixes, '')[0]}")
        assert back.report.verdict == "proven"


def _arrays(plugin: Plugin, model: Any, signature: Signature) -> dict[str, Any]:
    """Draw one admissible set of inputs as a proof would."""
    from modelport.proof.cases import generated

    source = (
        (lambda seed: plugin.call("samples", model=model, signature=signature, seed=seed))
        if plugin.has("samples")
        else None
    )
    slots = (
        part for part in generated.plan(signature, {}, plugin=source).minimum() if isinstance(part, generated.Slot)
    )
    return dict(next(iter(next(slots).alternatives)).inputs)
