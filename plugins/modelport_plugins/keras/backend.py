"""The backend that Keras runs on: imported under it, asked for it, and put into inference mode."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelport.spec import Options


def import_keras() -> Any:
    """Import Keras and return it: on the backend that it runs on already, else on TensorFlow."""
    if "keras" in sys.modules:
        keras = importlib.import_module("keras")
        if keras.config.backend() == "tensorflow":
            import_tensorflow()
        return keras
    with _tensorflow_chosen():
        import_tensorflow()
        return importlib.import_module("keras")


@contextlib.contextmanager
def _tensorflow_chosen() -> Iterator[None]:
    """Have Keras choose TensorFlow while it is imported, and leave the environment as it was."""
    chosen = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        yield
    finally:
        if chosen is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = chosen


def import_keras_for(options: Options) -> Any:
    """Import Keras to load a file: on TensorFlow, unless code of the user's that may need another backend comes with it."""
    chosen = os.environ.get("KERAS_BACKEND") or _configured_backend()
    if "keras" in sys.modules or chosen == "tensorflow":
        return import_keras()
    installed = importlib.util.find_spec(chosen) is not None if chosen.isidentifier() else False
    if installed and (options.factory or options["custom_objects"]):
        return importlib.import_module("keras")
    options.note(f"Keras is set to the {chosen} backend; the file was loaded under TensorFlow, which reads it alike")
    return import_keras()


def _configured_backend() -> str:
    """Return the backend that keras.json names."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((home / "keras.json").read_text()).get("backend") or "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def backend() -> str:
    """Return the backend that Keras runs on, importing Keras if need be."""
    return str(import_keras().config.backend())


@contextlib.contextmanager
def inference(model: Any) -> Iterator[None]:
    """Put a model of the torch backend into evaluation mode, without gradients, and back; others need nothing."""
    if backend() != "torch":
        yield
        return
    torch = importlib.import_module("torch")
    parts = [part for part in model.modules() if part.training]
    try:
        with torch.no_grad():
            for part in parts:
                part.training = False  # not eval(), which would do the parts inside again
            yield
    finally:
        for part in parts:
            part.training = True
