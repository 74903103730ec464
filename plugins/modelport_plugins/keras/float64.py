"""The model in float64: a reference for the rounding error of its usual outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelport_plugins.keras.backend import import_keras
from modelport_plugins.keras.interface import Interface

if TYPE_CHECKING:
    from modelport.signature import Signature
    from modelport.spec import Arrays, Values


def run_in_float64(called: Interface, signature: Signature, inputs: Arrays) -> Values:
    """Call a copy of the model in float64; the inputs come in float64."""
    keras = import_keras()
    tensors = [keras.ops.convert_to_tensor(inputs[spec.name]) for spec in signature.inputs]
    results = replace(called, model=in_float64(called.model)).call(tensors)
    arrays = [keras.ops.convert_to_numpy(result) for result in results]
    return {spec.name: array for spec, array in zip(signature.outputs, arrays, strict=True)}


def in_float64(model: Any) -> Any:
    """Return a copy of a model, built anew from its configuration with float64 for float32, with the same weights.

    Raises:
        Exception: whatever Keras raises for a model that it cannot build from its configuration.
    """
    keras = import_keras()
    config = keras.saving.serialize_keras_object(model)
    wide = keras.saving.deserialize_keras_object(_widened(config))
    wide.set_weights(model.get_weights())
    return wide


def _widened(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _widened(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_widened(value) for value in config)
    return "float64" if config == "float32" else config
