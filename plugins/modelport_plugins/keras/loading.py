"""Loading Keras models: .keras archives, HDF5 files, and weights into a model that the user's factory builds."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from modelport.errors import (
    BadInput,
    CannotConvert,
    FactoryFailed,
    InvalidOption,
    ModelportError,
    SourceUnreadable,
    StateDictMismatch,
    UnsafeSource,
)
from modelport.factory import build, import_user_module

if TYPE_CHECKING:
    from pathlib import Path

    from modelport.spec import Options


def import_keras() -> Any:
    """Import Keras and return it; raises CannotConvert when it runs on another backend than TensorFlow."""
    from modelport_converters.tensorflow_to_onnx.importing import import_tensorflow

    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if "keras" in sys.modules or backend == "tensorflow":
        import_tensorflow()
        keras = importlib.import_module("keras")
        backend = keras.config.backend()
        if backend == "tensorflow":
            return keras
    raise CannotConvert(
        f"Keras runs on the {backend} backend; only the TensorFlow backend can be converted",
        remedy="set KERAS_BACKEND=tensorflow and load the model again",
    )


def load(source: Path, options: Options) -> Any:
    """Load a model in inference form.

    Raises:
        UnsafeSource: when the file carries Python code (a Lambda layer) and is not trusted.
        BadInput: for a custom class that is not known, or weights without a model.
        FactoryFailed, StateDictMismatch: for a factory that builds no model, or another one than the weights are of.
        SourceUnreadable: when it is truncated or damaged.
    """
    keras = import_keras()
    if options.factory:
        return _with_weights(_built(keras, options.factory), source)
    _check_complete(source)
    custom_objects = _custom_objects(options["custom_objects"])
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="keras")  # advice for those who write models
            return keras.saving.load_model(
                source, custom_objects=custom_objects, compile=False, safe_mode=not options.trust
            )
    except Exception as error:
        raise _not_loadable(error, source) from error


def _check_complete(source: Path) -> None:
    suffix = source.suffix.lower()
    if suffix == ".keras":
        if not zipfile.is_zipfile(source):
            raise SourceUnreadable(
                "not a complete .keras archive", where=str(source), remedy="it may be truncated: save or copy it again"
            )
    elif suffix in (".h5", ".hdf5"):
        _check_hdf5(source)
    else:
        raise SourceUnreadable(
            f"Keras does not read files with the suffix {suffix or '(none)'}",
            where=str(source),
            remedy="rename it to .keras or .h5, whichever it is",
        )


def _check_hdf5(source: Path) -> None:
    import h5py

    try:
        with h5py.File(source, "r") as file:
            complete = "model_config" in file.attrs
    except OSError as error:
        raise SourceUnreadable(
            "not a complete HDF5 file", where=str(source), remedy="it may be truncated: save or copy it again"
        ) from error
    if not complete:
        raise BadInput(
            "the file holds weights and no model",
            where=str(source),
            remedy="pass --model module:factory, a function that builds the model that the weights belong to",
        )


def _not_loadable(error: Exception, source: Path) -> ModelportError:
    text = str(error)
    if "safe_mode" in text or "unsafe_deserialization" in text:
        return UnsafeSource(
            "the model carries Python code, which loading it would run (a Lambda layer)",
            where=str(source),
            remedy="if you trust its origin, pass --trust; else have the Lambda replaced by a registered layer",
        )
    if "Could not locate" in text or "Unknown layer" in text or "custom_object_scope" in text:
        return BadInput(
            f"the model uses a custom class that is not known: {_shortened(text)}",
            where=str(source),
            remedy="pass -O custom_objects=module, the module that defines it (looked up from the current folder too)",
        )
    return SourceUnreadable(
        f"Keras cannot load the model: {type(error).__name__}: {_shortened(text)}",
        where=str(source),
        remedy="check that the file is complete and was written by this or an older Keras",
    )


def _shortened(text: str) -> str:
    """Return the first sentence and the cause: Keras puts the configuration of the whole model between the two."""
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    cause = text.partition("Exception encountered: ")[2]
    return line.split(". ")[0][:200] + (f": {cause[:200]}" if cause else "")


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
        raise StateDictMismatch(str(source), (), (), [_shortened(str(error))]) from error
    except Exception as error:
        raise _not_loadable(error, source) from error
    return model
