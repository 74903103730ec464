"""The hook specification: the one page that a plugin author reads.

A plugin is a module (or any object) registered under the entry-point group ``modelport``; the entry point's name is the
framework's key. It implements some of the hooks below, marked with `hookimpl`::

    from modelport import hookimpl

    @hookimpl
    def framework() -> Framework: ...

Hooks are called with keywords, so an implementation may leave out the arguments that it does not need. Frameworks are imported
inside hook bodies, never at the top of the plugin's module: a missing one then becomes `FrameworkNotInstalled` by itself.

Who answers: `detect` is put to every plugin; `conversion_finished` to the modules in the entry-point group
``modelport.listeners``; `contribute` to those in ``modelport.contributors`` under the key of the framework that is translated;
all else to the one plugin that owns the framework. So a conversion imports nobody who has no part in it. A plugin in the group
``modelport`` alone that implements `conversion_finished` or `contribute` is asked only where it is loaded anyway: as source or
target, or because all plugins were asked whose the source is.
What fails: a `ModelportError` reaches the user as it is. Any other exception is translated by the hook it escapes from: `load` ->
`SourceUnreadable`, `to_onnx` and `from_onnx` -> `CannotConvert`, `save` -> `OutputNotWritable`, the rest -> `PluginFailed`.
Where a model does not admit the inputs of `run`, the hook says so with `InputsRefused`.
A value that is not what is asked for here, or an attempt to end the program, is `BrokenHook`, which names the plugin.

Checking and proving are not hooks: the core does both, after every conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from modelport.model import PlannedOp as PlannedOp  # authors of plugins find here what `plan` returns
from modelport.signature import Signature, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import onnx_ir
    from numpy.typing import NDArray

    from modelport.report import Report

    Array = NDArray[Any]
    Value = Array | list[Any] | dict[Any, Any]
    Arrays = Mapping[str, Array]
    Values = Mapping[str, Value]
    OnnxModel = onnx_ir.Model | onnx.ModelProto
    Scalar = np.generic

PROJECT = "modelport"
GROUP = "modelport"
"""The entry-point group of frameworks' plugins; an entry's name is the framework's key."""

LISTENERS = "modelport.listeners"
"""The group of modules that implement `conversion_finished`; the names of its entries are free."""

CONTRIBUTORS = "modelport.contributors"
"""The group of modules that implement `contribute`; an entry's name is the key of the framework that it contributes to."""

HUB = "onnx"
"""The key of the format that every conversion passes through."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Model = Any
"""A model in its framework's own type."""


@dataclass(frozen=True)
class Option:
    """One option of a plugin, set with ``-O name=value``.

    Attributes:
        name: snake case.
        type: what the text after ``=`` is read as.
        default: the value when the user says nothing.
        help: one sentence.
        choices: the only values allowed; empty for any.
        lossy: whether any other value than the default gives up digits. The result is then proven on the user's samples alone,
            where there are some: how much a loss matters is for their values to say.
    """

    name: str
    type: Literal["str", "int", "float", "bool"]
    default: str | int | float | bool | None
    help: str
    choices: tuple[str, ...] = ()
    lossy: bool = False


@dataclass(frozen=True)
class Framework:
    """What a plugin says about its framework, without importing it.

    Attributes:
        key: the entry point's name.
        title: as the framework writes itself.
        suffixes: file suffixes it reads or writes, with the dot; the first one is the default target.
        requires: the importable top-level modules without which no hook works.
        install: the exact command that installs them.
        modules: the top-level modules whose classes are this framework's models, for objects in memory.
        aliases: other names for the key.
        options: the options that its hooks understand.
        distributions: the packages whose versions a report names.
        folder: True when a saved model is a folder; one that exists and is no SavedModel is replaced with --force only.
        variants: the ways in which `runner` runs a model ("eager", "compiled"), the usual one first; empty for one way.
        finite_only: whether its kernels define no result for NaN, infinities and batches of no rows; proofs leave these out.
    """

    key: str
    title: str
    suffixes: tuple[str, ...]
    requires: tuple[str, ...]
    install: str
    modules: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    distributions: tuple[str, ...] = ()
    folder: bool = False
    variants: tuple[str, ...] = ()
    finite_only: bool = False


@dataclass(frozen=True)
class Detection:
    """A claim on a source path.

    Attributes:
        confidence: 1.0 for contents that only this framework writes, 0.5 for a suffix alone.
        evidence: what the claim rests on, for the person at the terminal.
    """

    confidence: float
    evidence: str


@dataclass(frozen=True)
class Options:
    """What the user asked of a plugin: its own options by name, and what is common to all plugins.

    Attributes:
        values: every option of the plugin's schema, defaults filled in.
        inputs: the --input specifications, for plugins whose models do not say their own.
        examples: sizes of symbolic dimensions that came with --input.
        samples: names, dtypes and shapes of the user's samples (one entry for each column of a CSV file); empty without samples.
        factory: the ``module:factory`` of --model, which builds a model to load weights into.
        trust: whether code inside the source may run.
        trust_types: names of types that a file may hold beyond those known to be harmless (.skops).
        notes: what the report should say about how a hook did its work; append with `note`.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    examples: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[TensorSpec, ...] = ()
    factory: str | None = None
    trust: bool = False
    trust_types: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def note(self, text: str) -> None:
        """Record, once, how something was done: a fallback taken, a default that matters."""
        if text not in self.notes:
            self.notes.append(text)


class Hooks:
    """The hooks. `self` is no part of an implementation's arguments."""

    @hookspec(firstresult=True)
    def framework(self) -> Framework:
        """Describe the framework. Imports nothing heavy; which directions exist is seen from the hooks implemented."""
        raise NotImplementedError

    @hookspec
    def detect(self, source: Path) -> Detection | None:
        """Claim a non-empty file or folder by suffix, magic bytes, zip listing or contents; reads little, runs nothing.

        Every plugin is asked; the highest confidence wins, and a tie is `AmbiguousSource`.
        """

    @hookspec(firstresult=True)
    def load(self, source: Path, options: Options) -> Model:
        """Load a model from disk, in inference mode.

        Sizes that the file names are put to `modelport.safety.memory.require` before they are allocated.

        Raises:
            UnsafeSource: when loading would run code that the file carries and `options.trust` is False.
        """

    @hookspec(firstresult=True)
    def signature(self, model: Model, options: Options) -> Signature:
        """Name the inputs and outputs: dtypes, sizes and symbolic dimensions, in the order `run` uses.

        `options.inputs` is the user's word where the model leaves something open. The core applies it afterwards to all
        models alike, so a plugin whose models know their signature need not look at it.

        Raises:
            SignatureNeeded: when neither the model nor the user says what the inputs are.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def samples(self, model: Model, signature: Signature, seed: int) -> Arrays | None:
        """Return inputs that exercise this model better than random ones, or None. Optional.

        One array for each input, of its dtype and rank. The same seed gives the same arrays.
        """

    @hookspec(firstresult=True)
    def to_onnx(self, model: Model, signature: Signature, opset: int, options: Options) -> OnnxModel:
        """Translate to ONNX. Inputs and outputs carry the names and the order of the signature.

        The opset of the default domain is `opset`, or lower where the exporter reaches no further: the core upgrades.
        The model that was passed in is left as it was.
        """
        raise NotImplementedError

    @hookspec
    def contribute(self, to: str) -> None:
        """Add to another framework's translation what its models may hold of this one. Optional.

        Called before the plugin `to` translates to ONNX: ``to == "sklearn"`` is the moment to register formulas for
        estimators that pipelines may hold. It is called for every conversion, so that it must bear repetition.
        Register the module in the entry-point group ``modelport.contributors``, under the key of that framework.
        """

    @hookspec(firstresult=True)
    def from_onnx(self, model: onnx_ir.Model, options: Options, samples: Arrays | None) -> Model:
        """Translate from ONNX. Names and order of inputs and outputs are kept.

        `samples` are the user's, one array for each input, for formats that calibrate on them; None without samples.
        """

    @hookspec(firstresult=True)
    def plan(self, model: onnx_ir.Model, options: Options) -> Sequence[PlannedOp]:
        """Say of each operator of an ONNX model how `from_onnx` would express it, without translating. Optional."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def run(self, model: Model, signature: Signature, inputs: Arrays, options: Options) -> Values:
        """Run the model: deterministic, inference mode, NumPy in and out, the names and dtypes of the signature.

        Strings are object arrays of str; bfloat16 is `ml_dtypes.bfloat16`. Called on the model as it was loaded, untouched by
        the export, as the reference of the proof.

        Raises:
            InputsRefused: when the model does not admit these inputs, such as an empty batch; a proof leaves them out.
                `modelport.errors.inputs_refused`, put around the call of the model, raises it from the framework's exceptions.
                Any other exception is a fault of the plugin.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def stateless(self, model: Model, signature: Signature, inputs: Arrays, options: Options) -> bool:
        """Say whether the model is known to keep nothing between calls: all of its parts are the framework's own. Optional.

        A proof asks other models thirty times more, to see whether they answer the same. Without this hook nothing is known.
        `inputs` are some that the model admits, for those who have to call it to know.

        Raises:
            NotEquivalent: when the model keeps state that `run` hides, by starting afresh in every call.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def run_in_float64(self, model: Model, signature: Signature, inputs: Arrays, options: Options) -> Values:
        """Run the model with every weight and every operation in float64. Optional.

        Floating-point inputs come as float64. The distance to what `run` answers is the rounding error of the framework's own
        answer; a proof asks for it where a difference is in doubt. The model is left as it was. Any exception means that the
        framework cannot do this. Without this hook `run` is called with the float64 inputs.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def runner(
        self, model: Model, signature: Signature, inputs: Arrays, options: Options, variant: str, threads: int
    ) -> Callable[[], object]:
        """Return a call that runs the model once on these inputs, as its users would: what a benchmark times. Optional.

        The inputs are carried to the framework's own tensors here, once; the call returns when its result is there. `variant`
        is one of `Framework.variants` ("" where there are none), `threads` the threads within an operator (0 for the
        framework's own choice). Without this hook a benchmark times `run`, which carries inputs and outputs every time.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def save(self, model: Model, path: Path, options: Options) -> Sequence[Path]:
        """Write the model to `path` (which does not exist yet) and return every path written."""
        raise NotImplementedError

    @hookspec
    def conversion_finished(self, report: Report) -> None:
        """Hear of a finished conversion, delivered or failed: for those who log, upload or notify. Failures here are warnings.

        Register the module in the entry-point group ``modelport.listeners``.
        """
