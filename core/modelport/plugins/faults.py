"""Translation of exceptions that escape from plugins into modelport's error tree."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from modelport.errors import (
    CannotConvert,
    FrameworkNotInstalled,
    ModelportError,
    OutOfMemory,
    OutputNotWritable,
    PluginFailed,
    PluginNotLoadable,
    SourceUnreadable,
    first_lines,
    out_of_memory,
)
from modelport.safety.memory import has_room_for
from modelport.spec import Framework

_ERRORS: Mapping[str, type[ModelportError]] = {
    "load": SourceUnreadable,
    "to_onnx": CannotConvert,
    "from_onnx": CannotConvert,
    "save": OutputNotWritable,
}
"""The error that an exception becomes by the hook it escapes from; PluginFailed for other hooks."""

_REMEDIES: Mapping[str, str] = {
    "load": "check that the file is complete and was written by this framework; --debug shows the traceback",
    "to_onnx": "--debug shows the exporter's own traceback",
    "from_onnx": "--debug shows the translator's own traceback",
}


def translated(
    error: Exception, hook: str, framework: Framework, distribution: str, source: Path | None
) -> ModelportError:
    """Return the error that the specification has for an exception of a hook; a ModelportError is returned as it is.

    Args:
        error: what escaped from the hook.
        hook: its name.
        framework: the plugin's.
        distribution: the package to report a fault to.
        source: the path that the hook was given, if any.
    """
    if out_of_memory(error) or (hook == "load" and source and not has_room_for(source)):
        return OutOfMemory(where=str(source) if source else None)
    if isinstance(error, ModelportError):
        return error
    if isinstance(error, ModuleNotFoundError):
        root = (error.name or "").partition(".")[0]
        if root in framework.requires or not installed(root):
            return FrameworkNotInstalled(framework.key, root, framework.install)
    what = f"{framework.title} failed in {hook!r}: {type(error).__name__}: {first_lines(error)}"
    remedy = _REMEDIES.get(hook, f"report it to the authors of {distribution}, with the output of --debug")
    return _ERRORS.get(hook, PluginFailed)(what, where=str(source) if source else None, remedy=remedy)


def not_loadable(key: str, error: BaseException, distribution: str, release: str) -> PluginNotLoadable:
    """Return the error for a plugin whose module fails to import, or whose hooks do not fit the specification."""
    return PluginNotLoadable(
        f"the plugin {key!r} cannot be loaded: {type(error).__name__}: {first_lines(error)}",
        where=f"{distribution} {release}".strip(),
        remedy=f"repair or remove it (pip uninstall {distribution}), or report it to its authors",
    )


def interrupts(error: BaseException) -> bool:
    """Whether the user or the system ends the program (Ctrl-C, SIGTERM), which no plugin's fault may hide."""
    return isinstance(error, KeyboardInterrupt) or (not isinstance(error, Exception) and hasattr(error, "exit_status"))


def installed(module: str) -> bool:
    """Whether a top-level module can be imported; it is looked up, not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return module in sys.modules
