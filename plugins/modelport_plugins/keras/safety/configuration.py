"""The allow-list of a Keras model's configuration: modules and classes that may be built without --trust."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from modelport.errors import BadInput, UnsafeSource

_MODULES = {
    "activations", "constraints", "dtype_policies", "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers",
    "quantizers", "random", "regularizers",
}  # fmt: skip
"""The modules of Keras that hold what models are made of; the others load, save, download and configure."""

_RUN_FILES = {
    "TFSMLayer": "a TFSMLayer, which loads and runs a SavedModel from a path",
    "TorchModuleWrapper": "a TorchModuleWrapper, which holds a pickled PyTorch module",
    "JaxLayer": "a JaxLayer, which holds a Python function",
    "FlaxLayer": "a FlaxLayer, which holds a Python function",
}
_LOOKUPS = {"IndexLookup", "IntegerLookup", "StringLookup", "TextVectorization"}
_VALUES = {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__typespec__"}
"""Class names of values; of a __typespec__, the module is checked."""


def check_config(config: Any, known: Callable[[str], bool], source: Path) -> None:
    """Refuse a model's configuration that names what is no building block of models.

    Args:
        config: of the model, as JSON has it; how it is compiled is not looked at, as it is not used.
        known: tells whether the user has registered or passed a custom class or function of a name.
        source: the file, for errors.

    Raises:
        UnsafeSource: for Python code, paths that are read, and functions and classes from outside of a model.
        BadInput: for a class or function of a module that the user has not named.
    """
    whole = (
        {key: value for key, value in config.items() if key != "compile_config"} if isinstance(config, dict) else config
    )
    for item in _objects(whole):
        _check_object(item, known, source)


def _objects(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object of a configuration: whatever has a class's name."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_object(item: Mapping[str, Any], known: Callable[[str], bool], source: Path) -> None:
    name, config = item["class_name"], item.get("config")
    if name == "__lambda__":
        _refuse("Python code (bytecode of a lambda or function, as Lambda layers hold it)", source, _REGISTERED)
    if name in _VALUES and (name != "__typespec__" or _root(item) == "tensorflow"):
        return
    named = config if name == "function" else name
    if not isinstance(named, str):
        return  # Keras says what it expects there
    if known(named) or known(str(item.get("registered_name"))):
        return
    settings = config if isinstance(config, dict) else {}
    if name in _RUN_FILES:
        _refuse(_RUN_FILES[name], source, "replace the layer by layers of Keras and save the model again")
    if name == "Lambda" and settings.get("function_type") in ("lambda", "raw"):
        _refuse("Python code (a Lambda layer)", source, _REGISTERED)
    if name in _LOOKUPS:
        for option in ("vocabulary", "idf_weights"):
            if isinstance(settings.get(option), str):
                what = f"a {name} that reads its {option} from the file {settings[option]!r}"
                _refuse(what, source, f"build the layer with a list of words ({option}=[...]) and save the model again")
    _check_module(item, named, source)


def _check_module(item: Mapping[str, Any], named: str, source: Path) -> None:
    """Refuse what a configuration names outside of the modules that models are made of."""
    module = item.get("module")
    if module is None or module == "builtins":
        return  # Keras looks such names up among its own layers, activations and the like
    full = f"{module}.{named}"
    parts = [part for part in str(module).split(".") if part != "src"]
    if parts[0] == "keras":
        if len(parts) > 1 and parts[1] not in _MODULES:
            _refuse(f"{full}, which is no part of a model", source, "save the model again without it")
    elif parts[0] in sys.stdlib_module_names:
        _refuse(f"{full}, which is no part of a model", source, _REGISTERED)
    else:
        raise BadInput(
            f"the model uses a custom class that is not known: {named!r} of the module {module!r}",
            where=str(source),
            remedy="pass -O custom_objects=module, the module that defines it (looked up from the current folder too), or "
            "--model module:factory, a function that builds the whole model, to load the weights into it",
        )


def _root(item: Mapping[str, Any]) -> str:
    return str(item.get("module")).partition(".")[0]


def _refuse(what: str, source: Path, instead: str) -> NoReturn:
    raise UnsafeSource(
        f"the model carries {what}", where=str(source), remedy=f"if you trust its origin, pass --trust; else {instead}"
    )


_REGISTERED = "have it replaced by a registered layer or function, in a module for -O custom_objects"
