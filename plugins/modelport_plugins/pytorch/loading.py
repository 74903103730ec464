"""Loading exported programs, TorchScript, state dicts and, if trusted, pickled modules."""

from __future__ import annotations

import contextlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelport.errors import BadInput, ModelportError, SourceUnreadable, UnsafeSource
from modelport_plugins.pytorch.file_formats import EVIDENCE, format_of
from modelport_plugins.pytorch.safety import exported_archive, script_archive
from modelport_plugins.pytorch.state_dict import load_into

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from modelport.spec import Options


def load(source: Path, options: Options) -> Any:
    """Load a .pt2, TorchScript, torch.save or .safetensors file in evaluation mode, on the CPU.

    Raises:
        SourceUnreadable: for a damaged file, or one in none of these formats.
        UnsafeSource: when loading runs code and the user has not passed --trust.
        BadInput: for a state dict without --model.
    """
    found = format_of(source) if source.is_file() else None
    if found is None:
        raise SourceUnreadable(
            "this is no PyTorch file, or it is truncated or damaged",
            where=str(source),
            remedy="copy the file again, or save the model again (torch.export.save, torch.jit.save, torch.save)",
        )
    loaders = {
        "exported": _exported,
        "torchscript": _torchscript,
        "pickled": _pickled,
        "safetensors": _safetensors,
    }
    try:
        return loaders[found](source, options)
    except (ModelportError, ImportError):
        raise
    except Exception as error:  # a damaged file makes the readers raise almost anything
        raise SourceUnreadable(
            f"cannot read {EVIDENCE[found]}: {_reason(error)}",
            where=str(source),
            remedy="check that the file is complete and was written by this version of PyTorch or an older one",
        ) from error


def _exported(source: Path, options: Options) -> torch.export.ExportedProgram:
    import torch

    if not options.trust:
        exported_archive.check(source)
    with source.open("rb") as file:  # a path without the suffix .pt2 would make torch warn
        return torch.export.load(file)


def _torchscript(source: Path, options: Options) -> torch.jit.ScriptModule:
    import torch

    if not options.trust:
        script_archive.check(source)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated", category=DeprecationWarning)
        module = torch.jit.load(str(source), map_location="cpu")
    if not hasattr(module, "forward"):
        raise SourceUnreadable(
            "this TorchScript program has no method forward",
            where=str(source),
            remedy="script or trace a module that has one, and save it again (torch.jit.save)",
        )
    return module.eval()


def _safetensors(source: Path, options: Options) -> torch.nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(source)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return load_into(state, source, options)


def _pickled(source: Path, options: Options) -> torch.nn.Module:
    import torch

    content = _unpickled(source, options)
    if isinstance(content, torch.nn.Module):
        return content.eval()
    if not isinstance(content, Mapping):
        raise BadInput(
            f"the file holds a {type(content).__name__}, neither a module nor a state dict",
            where=str(source),
            remedy="save a state dict (torch.save(model.state_dict(), path)) or a program (torch.export.save)",
        )
    return load_into(content, source, options)


def _unpickled(source: Path, options: Options) -> Any:
    """Read a torch.save file, weights only unless --trust is given, mapped into memory where the format allows."""
    import torch

    mapped = zipfile.is_zipfile(source)
    try:
        return torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        classes = _foreign_classes(source, mapped, error)
        if not classes:
            raise
        if not options.trust:
            raise UnsafeSource(
                f"loading this pickle would run code that it carries: it needs {classes}",
                where=str(source),
                remedy="save the model as .pt2 (torch.export.save), or its weights as .safetensors or as a state dict "
                "for --model module:factory; or pass --trust if you trust whoever wrote the file",
            ) from error
        return torch.load(source, map_location="cpu", weights_only=False, mmap=mapped)


def _foreign_classes(source: Path, is_zip: bool, error: pickle.UnpicklingError) -> str:
    """Name the classes that a weights-only load refuses; an empty text when the file is merely damaged."""
    import torch

    if is_zip:
        with contextlib.suppress(pickle.UnpicklingError):
            found = torch.serialization.get_unsafe_globals_in_checkpoint(source)
            return ", ".join(sorted(found))
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    return named[1] if named else "more than a reader of weights knows" if "Unsupported" in str(error) else ""


def _reason(error: BaseException) -> str:
    """Say what a reader says, but for PyTorch's advice to load the file as code."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:300]
    if "weights_only" in str(error) or not line:
        return f"it is damaged ({type(error).__name__})"
    return f"{type(error).__name__}: {line}"
