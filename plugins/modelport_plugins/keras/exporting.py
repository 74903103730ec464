"""Export to ONNX under the TensorFlow backend, with larger weights detached from the traced graph."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import UnsupportedOps
from modelport_converters.tensorflow_to_onnx.detached_weights import Weight
from modelport_converters.tensorflow_to_onnx.export import DETACHED_BYTES, export
from modelport_converters.tensorflow_to_onnx.interface_names import unique
from modelport_plugins.keras.backend import import_keras

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelport.signature import Signature
    from modelport.spec import OnnxModel
    from modelport_plugins.keras.interface import Interface

FREEZABLE_BYTES = 2**30
"""Weights up to this size can be frozen into the graph; TensorFlow cannot hold a graph of 2 GB."""


def exported(called: Interface, signature: Signature, opset: int) -> OnnxModel:
    """Export a model; larger weights become lazily read initializers."""
    kept = _lstm_weight_ids(called.model)
    detached = [
        variable
        for variable in _variables(called.model)
        if _weight(variable).nbytes >= DETACHED_BYTES and id(variable) not in kept
    ]
    try:
        return _exported(called, signature, opset, detached)
    except UnsupportedOps:
        if not detached or sum(_weight(variable).nbytes for variable in detached) > FREEZABLE_BYTES:
            raise
    return _exported(called, signature, opset, [])  # some operators are only known with constant weights


def _exported(called: Interface, signature: Signature, opset: int, detached: Sequence[Any]) -> OnnxModel:
    taken = [spec.name for spec in (*signature.inputs, *signature.outputs)]
    names = unique((variable.path for variable in detached), taken)
    weights = [replace(_weight(variable), name=name) for name, variable in zip(names, detached, strict=True)]
    call = _with_weights(called, detached) if detached else lambda *tensors: called.call(tensors)
    return export(call, signature.inputs, signature.outputs, opset=opset, owner=called.model, weights=weights)


def _with_weights(called: Interface, variables: Sequence[Any]) -> Callable[..., list[Any]]:
    """Return the model as a function of its inputs and of the values of some variables."""
    keras, count = import_keras(), len(called.inputs)

    def call(*tensors: Any) -> list[Any]:
        with keras.StatelessScope(state_mapping=list(zip(variables, tensors[count:], strict=True))):
            return called.call(tensors[:count])

    return call


def _weight(variable: Any) -> Weight:
    return Weight(variable.path, variable.dtype, tuple(variable.shape), partial(np.asarray, variable.value))


def _variables(model: Any) -> list[Any]:
    """Return each variable of the model once."""
    return list({id(variable): variable for variable in model.variables}.values())


def _lstm_weight_ids(model: Any) -> set[int]:
    """Return the identities of the weights of LSTMs: only with constant ones does tf2onnx see the operator in the loop."""
    kind = import_keras().layers.LSTMCell
    cells = [layer.cell for layer in model._flatten_layers() if isinstance(getattr(layer, "cell", None), kind)]
    return {id(variable) for cell in cells for variable in cell.variables}
