"""Export in a child process: the model is saved, loaded under the TensorFlow backend and exported there.

Keras settles on its backend when it is imported, so another one takes another process. The model travels as a .keras file,
the result comes back as an ONNX file whose weights are read when they are needed.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert, ModelportError, UnsupportedOps
from modelport.spec import Options
from modelport_plugins.keras.backend import import_keras
from modelport_plugins.keras.error_text import first_line
from modelport_plugins.keras.interface import Interface, interface
from modelport_plugins.keras.layer_attribution import layers_named
from modelport_plugins.keras.loading import load

if TYPE_CHECKING:
    import onnx_ir as ir

    from modelport.signature import Signature

_CHILD = """
import pickle, sys
with open(sys.argv[1] + "/path.pickle", "rb") as file:
    sys.path[:] = pickle.load(file)
from modelport_plugins.keras.tensorflow_copy import main
main(sys.argv[1])
"""
_MODEL, _REQUEST, _FAILURE = "model.keras", "request.pickle", "failure.json"
_RESULT, _WEIGHTS = "result.onnx", "result.onnx.data"
_LARGE = 2**20
"""Weights of more bytes stay in their file until they are needed."""
_SETTINGS = ("floatx", "epsilon", "image_data_format")
_REMEDY = "write its layers with keras.ops, which every backend has, and in a module that can be imported"


@dataclass(frozen=True)
class _Request:
    """What the child is asked for.

    Attributes:
        signature, opset, options: as `to_onnx` was called with.
        custom: where the model's own classes and functions are defined: module and name, by their registered names.
        settings: of keras.config, by name.
    """

    signature: Signature
    opset: int
    options: Options
    custom: Mapping[str, tuple[str, str]]
    settings: Mapping[str, Any]


class _Folder:
    """A temporary folder that lasts as long as this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="modelport-keras-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, True)


def exported(called: Interface, signature: Signature, opset: int, options: Options) -> ir.Model:
    """Save the model, load and export it in a child process under TensorFlow; the weights of the result are read lazily.

    Raises:
        CannotConvert: when Keras cannot save the model or TensorFlow cannot rebuild it.
        UnsupportedOps: with every operator that has no ONNX form.
    """
    import onnx_ir as ir

    folder = _Folder()
    try:
        config = _saved(called.model, folder.path / _MODEL)
        keras = import_keras()
        settings = {name: getattr(keras.config, name)() for name in _SETTINGS}
        custom = _custom(called.model, config, named=options.values.get("custom_objects") is not None)
        request = _Request(signature, opset, replace(options, trust=True, factory=None, notes=[]), custom, settings)
        (folder.path / _REQUEST).write_bytes(pickle.dumps(request))
        (folder.path / "path.pickle").write_bytes(pickle.dumps(sys.path))
        _run_child(folder.path, type(called.model).__name__)
    except BaseException:
        folder.remove()
        raise
    model = ir.load(folder.path / _RESULT)
    for graph in model.graph.subgraphs():  # whose weights are not set aside when the opset is raised
        for value in graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value = ir.tensor(value.const_value.numpy().copy(), name=value.name)
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor):
            value.const_value.meta["folder"] = folder  # holds the file that it is read from
    return model


def _saved(model: Any, path: Path) -> Any:
    """Save the model and return its configuration."""
    try:
        model.save(path)
    except Exception as error:
        raise CannotConvert(
            f"Keras cannot save the model: {first_line(error)}",
            where=type(model).__name__,
            remedy="give its classes a get_config that returns the arguments of their constructors",
        ) from error
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def _run_child(folder: Path, where: str) -> None:
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}  # the GPU is the parent's
    command = [sys.executable, "-c", _CHILD, str(folder)]
    child = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if (folder / _FAILURE).exists():
        raise _failure(json.loads((folder / _FAILURE).read_text()), where)
    if child.returncode or not (folder / _RESULT).exists():
        said = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise CannotConvert(
            f"the child process that rebuilds the model under TensorFlow ended with status {child.returncode}: {said[0][:300]}",
            where=where,
            remedy="a negative status is a signal: 9 usually means too little memory; else report it",
        )


def _failure(found: Mapping[str, Any], where: str) -> CannotConvert:
    if found["ops"]:
        return UnsupportedOps(found["ops"], where=found["where"], remedy=found["remedy"])
    what = f"the model cannot be {found['stage']} under the TensorFlow backend: {found['what']}"
    return CannotConvert(what, where=where, remedy=found["remedy"] if found["stage"] == "exported" else _REMEDY)


# --- custom classes and functions ----------------------------------------------------------------


def _custom(model: Any, config: Any, *, named: bool) -> dict[str, tuple[str, str]]:
    """Find where the model's own classes and functions are defined.

    Args:
        named: whether the user names a module with -O custom_objects, which may hold those that cannot be imported.
    """
    keras, wanted = import_keras(), set(_registered_names(config))
    found: dict[str, tuple[str, str]] = {}
    for item in _definitions(model):
        registered = keras.saving.get_registered_name(item)
        if registered not in wanted or registered in found:
            continue
        if _importable(item):
            found[registered] = (item.__module__, item.__qualname__)
        elif not named:
            raise CannotConvert(
                f"{item.__qualname__} is defined in the main program or inside a function, out of the reach of another process",
                where=type(model).__name__,
                remedy="define it at the top of a module of its own, and import it from there",
            )
    return found


def _registered_names(config: Any) -> Iterator[str]:
    """Yield the names, in a saved configuration, of all classes and functions that may not be Keras's own."""
    if isinstance(config, Mapping):
        if isinstance(config.get("registered_name"), str):
            yield config["registered_name"]
        if config.get("class_name") == "function" and isinstance(config.get("config"), str):
            yield config["config"]
    if isinstance(config, Mapping | list):
        for value in config.values() if isinstance(config, Mapping) else config:
            yield from _registered_names(value)


def _definitions(model: Any) -> Iterator[Any]:
    """Yield the registered classes and functions, and those of the layers and what they hold."""
    yield from import_keras().saving.get_custom_objects().values()
    for layer in model._flatten_layers():
        for value in (layer, *vars(layer).values()):
            item = value if hasattr(value, "__qualname__") else type(value)
            if hasattr(item, "__module__") and str(item.__module__).partition(".")[0] != "keras":
                yield item


def _importable(item: Any) -> bool:
    found: Any = sys.modules.get(item.__module__)
    for name in item.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is item and item.__module__ != "__main__"


# --- in the child process ------------------------------------------------------------------------


def main(folder: str) -> None:
    """The child process: rebuild and export the model of a folder's request; write the result or the failure there."""
    path = Path(folder)
    request: _Request = pickle.loads((path / _REQUEST).read_bytes())
    stage = "rebuilt"
    try:
        model = _rebuilt(path / _MODEL, request)
        (path / _MODEL).unlink()  # makes room for the result
        stage = "exported"
        _export(model, request, path / _RESULT)
    except Exception as error:
        failure: dict[str, Any] = {
            "stage": stage,
            "what": first_line(error),
            "where": None,
            "remedy": _REMEDY,
            "ops": [],
        }
        if isinstance(error, ModelportError):
            failure |= {"what": error.what, "where": error.where, "remedy": error.remedy}
        if isinstance(error, UnsupportedOps):
            failure["ops"] = list(error.ops)
        (path / _FAILURE).write_text(json.dumps(failure))


def _rebuilt(path: Path, request: _Request) -> Any:
    keras = import_keras()
    for name, value in request.settings.items():
        getattr(keras.config, f"set_{name}")(value)
    objects = {}
    for registered, (module, name) in request.custom.items():
        item: Any = importlib.import_module(module)
        for part in name.split("."):
            item = getattr(item, part)
        objects[registered] = objects[item.__name__] = item
    with keras.saving.custom_object_scope(objects):
        return load(path, request.options)


def _export(model: Any, request: _Request, path: Path) -> None:
    import onnx_ir as ir

    from modelport_plugins.keras.exporting import exported as export

    dtypes = tuple(spec.dtype for spec in request.signature.outputs)
    called = _Declared(**vars(interface(model, request.options)), dtypes=dtypes)
    with layers_named(called):
        result = export(called, request.signature, request.opset)
    model = result if isinstance(result, ir.Model) else ir.from_proto(result)
    ir.save(model, path, external_data=_WEIGHTS, size_threshold_bytes=_LARGE)


@dataclass(frozen=True)
class _Declared(Interface):
    """A copy whose outputs have the dtypes of the model's own backend (jax has no 64-bit types unless asked for them)."""

    dtypes: tuple[str, ...] = ()

    def call(self, tensors: Sequence[Any]) -> list[Any]:
        import tensorflow as tf

        results = super().call(tensors)
        return [tf.cast(value, dtype) for value, dtype in zip(results, self.dtypes, strict=True)]
