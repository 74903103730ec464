"""Loading Keras models: .keras archives, HDF5 files, and weights into a model that the user's factory builds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import (
    BadInput,
    FactoryFailed,
    InvalidOption,
    ModelportError,
    SourceUnreadable,
    StateDictMismatch,
    UnsafeSource,
)
from modelport.loading.factory import build, import_user_module
from modelport_converters.tensorflow_to_onnx.quiet_import import give_memory_back
from modelport_plugins.keras import file_formats, low_memory_loading
from modelport_plugins.keras.backend import import_keras, import_keras_for
from modelport_plugins.keras.error_text import shortened
from modelport_plugins.keras.safety import configuration, containers, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelport.spec import Options


def load(source: Path, options: Options) -> Any:
    """Load a model, not compiled, from a .keras, HDF5 or weights file.

    Raises:
        UnsafeSource: when the file carries code, or reads others, and is not trusted.
        BadInput: for a custom class that is not known, or weights without a model.
        FactoryFailed, StateDictMismatch: for a factory that builds no model, or another one than the weights are of.
        SourceUnreadable: when it is truncated or damaged.
    """
    file_formats.check_readable(source)
    if not options.trust:
        containers.check(source)
    if low_memory_loading.is_large(source):
        give_memory_back()
    keras = import_keras_for(options)
    if options.factory:
        return _with_weights(_built(keras, options.factory), source)
    file_formats.check_complete(source)
    custom_objects = _custom_objects(options["custom_objects"])
    if not options.trust:
        configuration.check_config(file_formats.config_of(source), _known(keras, custom_objects or {}), source)
    try:
        with warnings.catch_warnings(), sizes.weights_within_limit(keras, str(source)):
            warnings.filterwarnings("ignore", module="keras")  # advice for those who write models
            model = low_memory_loading.load_model(keras, source, custom_objects, safe_mode=not options.trust)
        sizes.require_results(keras, model, str(source))
        return model
    except ModelportError:
        raise
    except Exception as error:
        raise _not_loadable(error, source) from error


def _not_loadable(error: Exception, source: Path) -> ModelportError:
    text = str(error)
    if "safe_mode" in text or "unsafe_deserialization" in text:
        return UnsafeSource(
            f"loading the model would run code or read files: {shortened(text)}",
            where=str(source),
            remedy="if you trust its origin, pass --trust; else have the layer replaced by a registered one",
        )
    written, installed = file_formats.written_by(source), str(import_keras().__version__)
    if written and file_formats.is_newer(written, than=installed):
        return SourceUnreadable(
            f"the file was written by Keras {written} and the installed Keras {installed} cannot load it: {shortened(text)}",
            where=str(source),
            remedy=f"pip install 'keras>={written}', or save the model again with Keras {installed}; if the message names "
            "a class of your own, pass -O custom_objects=module",
        )
    if "Could not locate" in text or "Unknown layer" in text or "custom_object_scope" in text:
        return BadInput(
            f"the model uses a custom class that is not known: {shortened(text)}",
            where=str(source),
            remedy="pass -O custom_objects=module, the module that defines it (looked up from the current folder too), or "
            "--model module:factory, a function that builds the whole model, to load the weights into it",
        )
    return SourceUnreadable(
        f"Keras cannot load the model: {type(error).__name__}: {shortened(text)}",
        where=str(source),
        remedy="keras.saving.load_model says the same: check that the file is complete; else pass --model module:factory, a "
        "function that builds the model, to load the weights of this file into it",
    )


def _known(keras: Any, custom_objects: Mapping[str, Any]) -> Callable[[str], bool]:
    """Return what tells whether Keras finds a custom object of a name, without its package too (as Keras 3.6 saved functions)."""
    names = {name.rpartition(">")[2] for name in (*custom_objects, *keras.saving.get_custom_objects())}
    return lambda name: name in names or keras.saving.get_registered_object(name, custom_objects) is not None


def _custom_objects(module: str | None) -> dict[str, Any] | None:
    """Return the public classes and functions of a module, by name."""
    if module is None:
        return None
    try:
        imported = import_user_module(module)
    except Exception as error:
        raise InvalidOption(
            f"the module {module!r} of -O custom_objects cannot be imported: {type(error).__name__}: {error}",
            remedy="give its dotted name; the current folder is on the path",
        ) from error
    return {name: value for name, value in vars(imported).items() if callable(value) and not name.startswith("_")}


def _built(keras: Any, text: str) -> Any:
    model = build(text, keras.Model, "keras.Model")
    if not model.built:
        raise FactoryFailed(
            "the factory returned a model that is not built: it has no variables yet",
            where=f"--model {text}",
            remedy="call model.build(...), or the model on an example, before returning it",
        )
    return model


def _with_weights(model: Any, source: Path) -> Any:
    try:
        model.load_weights(source)
    except (ValueError, KeyError) as error:
        raise StateDictMismatch(str(source), (), (), [shortened(str(error))]) from error
    except Exception as error:
        raise _not_loadable(error, source) from error
    return model
