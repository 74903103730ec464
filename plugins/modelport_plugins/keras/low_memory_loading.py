"""Loading a whole model, large .keras archives by way of a file on disk instead of a copy in memory."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

LARGE_BYTES = 2**28
"""From so many bytes of weights on: Keras reads the whole archive into memory, beside the weights that it makes of it."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"


def load_model(keras: Any, source: Path, custom_objects: dict[str, Any] | None, *, safe_mode: bool) -> Any:
    """Load a model that is not compiled; raises what Keras raises."""
    if not is_large(source):
        return keras.saving.load_model(source, custom_objects=custom_objects, compile=False, safe_mode=safe_mode)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(source) as archive:
        config = {**_with_zero_initializers(json.loads(archive.read(_CONFIG))), "compile_config": None}
        model = keras.saving.deserialize_keras_object(config, custom_objects=custom_objects, safe_mode=safe_mode)
        model.load_weights(archive.extract(_WEIGHTS, folder))
    return model


def _with_zero_initializers(config: Any) -> Any:
    """Replace initializers in a configuration by zeros: their values are overwritten, and drawing them costs memory and time."""
    if isinstance(config, dict):
        if config.get("module") == "keras.initializers" and config.get("registered_name") is None:
            return {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
        return {key: _with_zero_initializers(value) for key, value in config.items()}
    return [_with_zero_initializers(value) for value in config] if isinstance(config, list) else config


def is_large(source: Path) -> bool:
    """Tell whether a source is an archive of large weights and of nothing that only Keras knows how to read."""
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
    return set(sizes) == {_CONFIG, _WEIGHTS, "metadata.json"} and sizes[_WEIGHTS] >= LARGE_BYTES
