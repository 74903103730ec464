"""Export by torch.onnx.export: torch.export first, TorchScript as a noted fallback, no dimension specialised silently."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert
from modelport_plugins.pytorch.data_dependent_paths import PADDED, STATELESS
from modelport_plugins.pytorch.forward import device_of, evaluation_mode, flat_module, is_program, module_of
from modelport_plugins.pytorch.graph_interface import conform
from modelport_plugins.pytorch.signature_inference import example_inputs, example_sizes
from modelport_plugins.pytorch.translation_table import translation_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnx_ir as ir
    import torch

    from modelport.signature import Signature
    from modelport.spec import Options

_DYNAMO_OPSETS = (18, 23)
_TORCHSCRIPT_OPSETS = (7, 20)
_SPECIALISED = re.compile(r"static shape of (\d+) for dimension inputs\['tensors'\]\[(\d+)\]\.shape\[(\d+)\]")


class _ExporterError(Exception):
    """One exporter failed, for a reason that does not rule out the other."""


def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> ir.Model:
    """Export a model; weights are shared with it, not copied. The opset is at most `opset`.

    Raises:
        CannotConvert: when a symbolic dimension works at one size only, or both exporters fail.
    """
    routes = _routes(model, signature, options)
    failures: list[_ExporterError] = []
    remedies: set[str] = set()
    for route in routes:
        if failures:
            options.note(f"exported by another way, since {failures[0]}")
        seen: set[str] = set()
        try:
            with evaluation_mode(model) as seen, _quiet():
                exported = route(model, signature, opset, may_warn=options.values.get("exporter") == "torchscript")
            if PADDED in seen:
                options.note(PADDED)
            return conform(exported, signature)
        except _ExporterError as error:
            failures.append(error)
            remedies.update(seen & {STATELESS})
    raise CannotConvert(
        "PyTorch cannot export this model:\n    " + "\n    ".join(map(str, failures)),
        remedy="; or ".join(remedies)
        or "change the line of the model that the message names; --debug shows the exporter's own traceback",
    ) from failures[0]


def _routes(model: Any, signature: Signature, options: Options) -> tuple[Callable[..., ir.Model], ...]:
    """Return the exporters to try, in order."""
    import torch

    wanted = options.values.get("exporter", "auto")
    if wanted != "auto":
        return (_dynamo,) if wanted == "dynamo" else (_torchscript,)
    parts = list(module_of(model).modules())
    if any(isinstance(part, torch.jit.ScriptModule) for part in parts):
        options.note("exported by way of TorchScript, since torch.export takes no ScriptModule")
        return (_torchscript,)
    if signature.symbols and any(isinstance(part, torch.nn.RNNBase) for part in parts):
        # torch.export writes a recurrent layer as a loop, whose results it takes to be as long as the example's
        options.note(
            "exported by way of TorchScript, since torch.export fixes the sequence length behind recurrent layers"
        )
        return (_torchscript, _dynamo)
    return (_dynamo, _torchscript)


def _dynamo(model: Any, signature: Signature, opset: int, *, may_warn: bool) -> ir.Model:
    import torch

    lowest, newest = _DYNAMO_OPSETS
    if opset < lowest:
        raise _ExporterError(f"torch.export writes opset {lowest} and newer only, not {opset}")
    settings: dict[str, Any] = {
        "opset_version": min(opset, newest),
        "dynamo": True,
        "verbose": False,
        "custom_translation_table": translation_table(opset),
    }
    try:
        if is_program(model):
            program = torch.onnx.export(model, **settings)
        else:
            program = torch.onnx.export(
                flat_module(model, [spec.name for spec in signature.inputs]),
                _example(model, signature),
                dynamic_shapes={"tensors": _dynamic_shapes(signature)},
                **settings,
            )
    except Exception as error:
        _raise_if_specialised(error, signature)
        raise _ExporterError(f"torch.export failed: {_root_cause(error)}") from error
    assert program is not None  # it is None only when writing to a file
    return _moved(program.model)


def _moved(model: ir.Model) -> ir.Model:
    """Return a copy that takes over the weights: onnxscript's rewrite rules keep the last graph that they matched alive."""
    copy = model.clone()
    for value in model.graph.initializers.values():
        value.const_value = None
    return copy


def _dynamic_shapes(signature: Signature) -> tuple[dict[int, Any], ...]:
    """Mark every symbolic dimension as one that must stay dynamic; torch then raises rather than specialise it."""
    from torch.export import Dim

    return tuple(
        {axis: Dim.DYNAMIC for axis, dim in enumerate(spec.shape or ()) if isinstance(dim, str)}
        for spec in signature.inputs
    )


def _example(model: Any, signature: Signature) -> tuple[torch.Tensor, ...]:
    """Build the inputs to trace with; a dimension of size 1 would be taken for a broadcast one."""
    sizes = {symbol: max(2, size) for symbol, size in example_sizes(signature).items()}
    return example_inputs(signature, sizes, device_of(module_of(model)))


def _raise_if_specialised(error: BaseException, signature: Signature) -> None:
    chain: BaseException | None = error
    while chain is not None:
        found = _SPECIALISED.search(str(chain))
        if found:
            size, index, axis = map(int, found.groups())
            spec = signature.inputs[index]
            symbol = spec.shape[axis] if spec.shape else "?"
            raise CannotConvert(
                f"the model works for {symbol}={size} only, so {symbol} cannot be a symbolic dimension",
                where=f"axis {axis} of the input '{spec}'",
                remedy=f"write {size} instead of {symbol} in --input, or make forward independent of this size",
            ) from error
        chain = chain.__cause__


def _torchscript(model: Any, signature: Signature, opset: int, *, may_warn: bool) -> ir.Model:
    """Trace the model on an example, ScriptModules inside keeping their control flow.

    A trace replaces Python decisions and numbers by their outcome for the example. Torch warns of it, and that counts
    as a failure unless the user chose this exporter.
    """
    import onnx_ir as ir
    import torch

    names = [spec.name for spec in signature.inputs]
    tensors = _example(model, signature)
    axes = {
        spec.name: {axis: dim for axis, dim in enumerate(spec.shape or ()) if isinstance(dim, str)}
        for spec in (*signature.inputs, *signature.outputs)
    }
    lowest, newest = _TORCHSCRIPT_OPSETS
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx\.")
        warnings.filterwarnings("ignore" if may_warn else "error", category=torch.jit.TracerWarning)
        # the layers of PyTorch itself check shapes in Python, without consequence for the trace
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning, module=r"torch\.nn\.")
        path = Path(folder) / "model.onnx"
        try:
            torch.onnx.export(
                _traced(model, names, tensors),
                tensors,
                str(path),
                dynamo=False,
                verbose=False,
                opset_version=min(max(opset, lowest), newest),
                input_names=names,
                output_names=[spec.name for spec in signature.outputs],
                dynamic_axes={name: dims for name, dims in axes.items() if dims},
            )
        except Exception as error:
            raise _ExporterError(f"TorchScript failed: {_root_cause(error)}") from error
        exported = ir.load(path)
        ir.external_data.load_to_model(exported)  # the folder goes away
        return exported


def _traced(model: Any, names: list[str], tensors: tuple[torch.Tensor, ...]) -> torch.jit.ScriptModule:
    import torch

    try:
        return torch.jit.trace(flat_module(model, names), tensors, check_trace=False)
    except RuntimeError:
        if not isinstance(model, torch.jit.ScriptModule):
            raise
        return model  # a frozen ScriptModule cannot be traced, and need not be


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' / '.join(lines[:2])}"[:500]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from printing, logging and warning of its own internals; what fails is raised anyway."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            _native_stdout_held_back(),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            warnings.filterwarnings(
                "ignore", message="The tensor attributes? .* assigned during export", category=UserWarning
            )
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def _native_stdout_held_back() -> Iterator[None]:
    """Keep native code off descriptor 1, where results may be expected: TorchScript dumps a graph that it cannot export."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
