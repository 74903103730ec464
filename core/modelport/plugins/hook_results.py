"""Validation of hook results against the specification.

One function a hook: it returns what is wrong with the value, in a few words, or "". The sentence around that, which names the
plugin and what the specification asks for, is written in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelport.signature import Dim, Signature, TensorSpec
from modelport.spec import Detection, Framework, Option, PlannedOp

ASKED = {
    "framework": "a Framework",
    "detect": "a Detection with a confidence from 0 to 1 and its evidence, or None",
    "load": "the model",
    "signature": "a Signature of named TensorSpecs",
    "samples": "one NumPy array for each input, of its dtype and rank, or None",
    "to_onnx": "an onnx_ir.Model or an onnx.ModelProto",
    "from_onnx": "the model",
    "plan": "a sequence of PlannedOps",
    "run": "every output by name: NumPy arrays, object arrays of str for strings, lists and dictionaries for sequences and maps",
    "runner": "a call without arguments",
    "save": "every path written: files or folders that exist beside the path it was given",
}
"""What the specification asks each hook for."""

_STATUS = frozenset({"native", "inlined", "unsupported"})


def fault(hook: str, result: Any, arguments: Mapping[str, Any]) -> str:
    """Return what is wrong with the value that a hook returned, or "" where it is what the specification asks for.

    Args:
        hook: its name.
        result: what it returned; for `detect` the list of one claim, or of none.
        arguments: what it was called with, by name.
    """
    check = _CHECKS.get(hook)
    return check(result, arguments) if check else ""


def framework_fault(described: Any, key: str) -> str:
    """Return what is wrong with a plugin's description of its framework, or ""."""
    if not isinstance(described, Framework):
        return f"a {type(described).__name__}"
    if described.key != key:
        return f"the key {described.key!r} instead of {key!r}"
    texts = all(isinstance(text, str) for text in (described.title, described.install))
    lists = ("suffixes", "requires", "modules", "aliases", "distributions", "variants")
    wrong = [name for name in lists if not _all(getattr(described, name), str)]
    wrong += [] if _all(described.options, Option) else ["options"]
    wrong += [] if texts else ["title or install"]
    return f"wrong types in {', '.join(wrong)}" if wrong else ""


def _detect(result: Any, arguments: Mapping[str, Any]) -> str:
    for claim in result:
        if not isinstance(claim, Detection):
            return _kind(claim)
        number = isinstance(claim.confidence, int | float) and not isinstance(claim.confidence, bool)
        if not number or not 0 <= claim.confidence <= 1 or not isinstance(claim.evidence, str):
            return repr(claim)
    return ""


def _something(result: Any, arguments: Mapping[str, Any]) -> str:
    return "None" if result is None else ""


def _signature(result: Any, arguments: Mapping[str, Any]) -> str:
    if not isinstance(result, Signature):
        return _kind(result)
    for side in (result.inputs, result.outputs):
        if not _all(side, TensorSpec):
            return f"a Signature with {_kind(side)}"
        wrong = [spec for spec in side if not _is_spec(spec)]
        names = [spec.name for spec in side if spec not in wrong]
        if wrong or len(set(names)) < len(names):
            return f"a Signature with {wrong[0]!r}" if wrong else f"a Signature with the names {', '.join(names)}"
    sizes = result.examples.values() if isinstance(result.examples, Mapping) else [None]
    return "" if all(_is_size(size) for size in sizes) else f"a Signature with the examples {result.examples!r}"


def _is_spec(spec: TensorSpec) -> bool:
    shape: Sequence[Dim] | None = spec.shape
    dims = shape is None or (isinstance(shape, tuple) and all(isinstance(d, str) or _is_size(d) for d in shape))
    return isinstance(spec.name, str) and spec.name != "" and isinstance(spec.dtype, str) and dims


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0


def _samples(result: Any, arguments: Mapping[str, Any]) -> str:
    import numpy as np

    if result is None:
        return ""
    if not isinstance(result, Mapping):
        return _kind(result)
    specs = {spec.name: spec for spec in arguments["signature"].inputs}
    if set(result) != set(specs):
        return f"the names {', '.join(map(str, result)) or 'of no input'} instead of {', '.join(specs)}"
    for name, array in result.items():
        if not isinstance(array, np.ndarray):
            return f"{_kind(array)} for {name!r}"
        spec = specs[name]
        if spec.dtype and _dtype(array) != spec.dtype:
            return f"{_dtype(array)} for {name!r}, which is {spec.dtype}"
        if spec.shape is not None and array.ndim != len(spec.shape):
            return f"{array.ndim} dimensions for {name!r}, which has {len(spec.shape)}"
    return ""


def _to_onnx(result: Any, arguments: Mapping[str, Any]) -> str:
    import onnx
    import onnx_ir as ir

    return "" if isinstance(result, onnx.ModelProto | ir.Model) else _kind(result)


def _plan(result: Any, arguments: Mapping[str, Any]) -> str:
    if not _all(result, PlannedOp):
        return _kind(result)
    wrong = [op for op in result if op.status not in _STATUS or not _all(op.nodes, str)]
    return repr(wrong[0]) if wrong else ""


def _run(result: Any, arguments: Mapping[str, Any]) -> str:
    if not isinstance(result, Mapping):
        return _kind(result)
    for name, value in result.items():
        if not isinstance(name, str):
            return f"an output named {name!r}"
        if not isinstance(value, list | dict) and (wrong := _array(value)):
            return f"{wrong} for {name!r}"
    declared = [spec.name for spec in getattr(arguments.get("signature"), "outputs", ())]
    if declared and set(declared) != set(result):
        return f"the outputs {', '.join(result) or '(none)'} instead of {', '.join(declared)}"
    return ""


def _array(value: Any) -> str:
    import numpy as np

    if not isinstance(value, np.ndarray | np.generic):
        return _kind(value)
    if value.dtype == object and not all(isinstance(item, str) for item in np.ravel(value)):
        return "an array of objects"
    return ""


def _runner(result: Any, arguments: Mapping[str, Any]) -> str:
    return "" if callable(result) else _kind(result)


def _save(result: Any, arguments: Mapping[str, Any]) -> str:
    if not _all(result, Path) or not result:
        return _kind(result) if result or result is None else "no path"
    folder = arguments["path"].parent.resolve()
    for path in result:
        if path.parent.resolve() != folder:
            return f"{str(path)!r}, which lies elsewhere"
        if not path.exists():
            return f"{str(path)!r}, which does not exist"
    return ""


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, kind) for value in values)


def _dtype(array: Any) -> str:
    return "string" if array.dtype.kind in "OUST" else str(array.dtype.name)


def _kind(value: Any) -> str:
    """Say what a value is: None, or its type with those of its first items."""
    if value is None:
        return "None"
    inner = sorted({type(item).__name__ for item in value[:9]}) if isinstance(value, list | tuple) else []
    return f"a {type(value).__name__}" + (f" of {' and '.join(inner)}" if inner else "")


_CHECKS: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "detect": _detect,
    "load": _something,
    "signature": _signature,
    "samples": _samples,
    "to_onnx": _to_onnx,
    "from_onnx": _something,
    "plan": _plan,
    "run": _run,
    "runner": _runner,
    "save": _save,
}
