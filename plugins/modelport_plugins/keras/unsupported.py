"""Unsupported models: stateful, float8 and float64 layers and sparse inputs, each refused with its reason."""

from __future__ import annotations

from typing import Any

from modelport.errors import CannotConvert

_ONLY_FLOAT32 = ("convolutional.", "rnn.conv_lstm", "rnn.lstm", "pooling.average_pooling", "pooling.adaptive_average")
"""Modules of keras.src.layers whose layers become operators that ONNX Runtime computes in float32 and float16 alone."""

FEW_DIGITS = (
    "layers of this model compute in float16, in three to four digits: "
    "where the proof differs by no more than that, pass --rtol 5e-3 --atol 1e-3"
)
"""Said of models in mixed precision whose outputs have more digits than what they are computed of."""


def refuse(model: Any) -> None:
    """Raise CannotConvert for stateful layers, and for layers in dtypes that ONNX Runtime or tf2onnx lack."""
    _refuse_state(model)
    _refuse_float8(model)
    _refuse_float64(model)


def refuse_sparse(tensor: Any) -> None:
    """Raise CannotConvert for a symbolic input that stands for a sparse or a ragged tensor."""
    for kind in ("sparse", "ragged"):
        if getattr(tensor, kind, False):
            raise CannotConvert(
                f"the input is {kind}; ONNX's tensors are dense",
                where=f"the input {tensor.name!r}",
                remedy=f"rebuild the model with keras.Input(..., {kind}=False) and load the same weights",
            )


def _refuse_state(model: Any) -> None:
    """Refuse layers that remember the previous call: an ONNX graph does not, and calling the model changes it."""
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "stateful", False):
            raise CannotConvert(
                "the layer is stateful: its output depends on the calls before",
                where=f"the layer {layer.name!r}",
                remedy="rebuild it with stateful=False and load the same weights",
            )
        _refuse_state(layer)


def _refuse_float8(model: Any) -> None:
    """Refuse layers that round to float8: tf2onnx knows no such type."""
    for layer in model._flatten_layers():
        if getattr(layer.dtype_policy, "quantization_mode", None) == "float8":
            raise CannotConvert(
                "the layer computes in float8, for which tf2onnx has no form",
                where=f"the layer {layer.name!r}",
                remedy="convert the model before quantize('float8'), or use quantize('int8')",
            )


def computes_in_float16(model: Any) -> bool:
    """Tell whether a layer rounds what it computes to float16."""
    return any(layer.compute_dtype == "float16" for layer in model._flatten_layers())


def _refuse_float64(model: Any) -> None:
    """Refuse layers in float64 that become Conv, AveragePool, LSTM or Erf: ONNX Runtime has no kernels for them."""
    for layer in model._flatten_layers():
        if layer.compute_dtype == "float64" and (_is_only_float32(layer) or _is_gelu(layer)):
            raise CannotConvert(
                f"ONNX Runtime does not compute {type(layer).__name__} in float64",
                where=f"the layer {layer.name!r}",
                remedy="build this layer with dtype='float32' and load the same weights",
            )


def _is_only_float32(layer: Any) -> bool:
    modules = (f"{base.__module__}." for base in type(layer).__mro__)
    return any(module.startswith(f"keras.src.layers.{known}") for module in modules for known in _ONLY_FLOAT32)


def _is_gelu(layer: Any) -> bool:
    return getattr(getattr(layer, "activation", None), "__name__", "") == "gelu"
