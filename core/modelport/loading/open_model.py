"""A model of any framework, opened for running: what verify, the workbench and the pipeline have in common."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from modelport.data.sample_files import Samples
from modelport.errors import SignatureNeeded
from modelport.loading.paths import check_readable
from modelport.model import bytes_of
from modelport.plugins import Plugin, registry
from modelport.plugins.options import parse_options
from modelport.proof.compare import is_float
from modelport.proof.value_ranges import ValueRanges, ranges_of, ranges_of_model
from modelport.safety.memory import require
from modelport.signature import Signature, parse_inputs
from modelport.spec import HUB, Options


@dataclass(frozen=True)
class OpenModel:
    """A loaded model with its signature.

    Attributes:
        plugin: of the framework that it belongs to.
        model: in that framework's own type.
        signature: with the user's --input applied.
        options: what its hooks are called with.
        path: where it was loaded from; None for models in memory.
    """

    plugin: Plugin
    model: Any
    signature: Signature
    options: Options
    path: Path | None

    @property
    def title(self) -> str:
        """The file (or class) and the framework, for reports."""
        name = self.path.name if self.path else type(self.model).__qualname__
        return f"{name} ({self.plugin.framework.title})"

    def run(self, arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the model on arrays named as in its own signature; returns every output by name."""
        given = {name: array.copy() for name, array in arrays.items()}  # a plugin may change what it is given
        values: Mapping[str, Any] = self._call("run", inputs=given)
        return values

    def run_in_double(self, arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the model in float64 by its hook, else by giving it float64 inputs; any exception means that it cannot."""
        wide = {name: array.astype(np.float64) if is_float(array) else array for name, array in arrays.items()}
        values: Mapping[str, Any] = self._call(
            "run_in_float64" if self.plugin.has("run_in_float64") else "run", inputs=wide
        )
        return values

    def is_stateless(self, arrays: Mapping[str, Any]) -> bool:
        """Whether the model is known to keep nothing between calls; the arrays are inputs that it admits."""
        return self.plugin.has("stateless") and bool(self._call("stateless", inputs=arrays))

    def _call(self, hook: str, **arguments: Any) -> Any:
        return self.plugin.call(hook, model=self.model, signature=self.signature, options=self.options, **arguments)

    @property
    def ranges(self) -> ValueRanges:
        """What the graph admits at each input, where the model is an ONNX file or a ModelProto."""
        if self.plugin.key != HUB:
            return ValueRanges()
        if self.path:
            return ranges_of(self.path)
        return ranges_of_model(self.model) if isinstance(self.model, onnx.ModelProto) else ValueRanges()

    def samples(self, seed: int) -> Any:
        """Return the plugin's own samples for a seed, or None."""
        if not self.plugin.has("samples"):
            return None
        return self.plugin.call("samples", model=self.model, signature=self.signature, seed=seed)


class Source:
    """The model that a conversion starts from: released to make room, and loaded again when it is asked for.

    Args:
        opened: the model; one in memory stays with the caller and is not released.
    """

    def __init__(self, opened: OpenModel) -> None:
        self._unloaded = replace(opened, model=None)
        self._opened: OpenModel | None = opened

    @property
    def plugin(self) -> Plugin:
        """Of the framework that it belongs to."""
        return self._unloaded.plugin

    @property
    def signature(self) -> Signature:
        """With the user's --input applied."""
        return self._unloaded.signature

    @property
    def opened(self) -> OpenModel:
        """The model, loaded again where it was released."""
        if self._opened is None:
            model = self.plugin.call("load", source=self._unloaded.path, options=self._unloaded.options)
            self._opened = replace(self._unloaded, model=model)
        return self._opened

    def release(self) -> None:
        """Give up a model that can be loaded again, so that its weights are not in memory twice."""
        if self._unloaded.path is not None:
            self._opened = None
            gc.collect()


def user_options(
    inputs: Sequence[str],
    *,
    factory: str | None = None,
    trust: bool = False,
    trust_types: Sequence[str] = (),
    samples: Samples | None = None,
) -> Options:
    """Return what the user said of models as their plugins' hooks take it; raises InvalidSignature.

    Args:
        inputs: the --input notation.
        factory, trust, trust_types: as for `modelport.convert`.
        samples: the user's, of which plugins learn names and dtypes.
    """
    specs, examples = parse_inputs(inputs)
    return Options(
        inputs=specs,
        examples=examples,
        factory=factory,
        trust=trust,
        trust_types=tuple(trust_types),
        samples=samples.specs if samples else (),
    )


def open_model(
    source: Any, *, from_: str | None = None, options: Options | None = None, values: Mapping[str, Any] | None = None
) -> OpenModel:
    """Load a model of any framework, ready to run.

    Args:
        source: a path, or a model in memory.
        from_: its framework, when it should not be detected.
        options: the user's --input, --model, --trust and samples; its `values` are not used.
        values: options of the plugin, by name.

    Raises:
        ModelportError: when there is no such file, no such framework, or the file cannot be loaded.
    """
    plugin = find_plugin(source, from_)
    plugin.require("run")
    given = replace(options or Options(), values=parse_options(plugin.framework, values or {}))
    path = Path(source) if isinstance(source, str | Path) else None
    model = plugin.call("load", source=path, options=given) if path is not None else source
    return OpenModel(plugin, model, signature_of(plugin, model, given), given, path)


def signature_of(plugin: Plugin, model: Any, options: Options) -> Signature:
    """Ask a plugin for a model's signature and apply the user's --input to it; raises InvalidSignature, SignatureNeeded."""
    known: Signature = plugin.call("signature", model=model, options=options)
    if not known.inputs and not options.inputs:
        raise SignatureNeeded(
            "the model has no inputs", remedy="a model without inputs is a constant: nothing to convert"
        )
    refined = known.refined_by(options.inputs, options.examples)
    _require_inputs_fit(refined)
    return refined


def _require_inputs_fit(signature: Signature) -> None:
    """Refuse inputs beyond the memory limit at the example's sizes: every proof draws them."""
    for spec in signature.inputs:
        sizes = [signature.size_of(dim) if isinstance(dim, str) else dim for dim in spec.shape or ()]
        require(
            bytes_of(spec.dtype, sizes), f"the input {spec.name!r}, {spec.dtype}{sizes},", where=f"--input '{spec}'"
        )


def find_plugin(source: Any, from_: str | None) -> Plugin:
    """Return the plugin that a source belongs to, by name, by detection, or by the object's class."""
    if isinstance(source, str | Path):
        check_readable(Path(source))
        return registry().get(from_) if from_ else registry().detect(Path(source))[0]
    return registry().get(from_) if from_ else registry().owner(source)
