"""The Keras plugin: Keras 3 models on any backend, in memory, as .keras and HDF5 files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.errors import inputs_refused
from modelport.spec import Detection, Framework, Option, Options, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelport.signature import Signature
    from modelport.spec import Arrays, OnnxModel, Values


@hookimpl
def framework() -> Framework:
    """Describe Keras."""
    return Framework(
        key="keras",
        title="Keras",
        suffixes=(".keras", ".h5", ".hdf5"),
        requires=("keras", "tensorflow", "tf2onnx"),
        install="pip install 'modelport[keras]'",
        modules=("keras",),
        options=(
            Option("custom_objects", "str", None, "a module to import that defines the model's custom classes"),
            Option("inputs_layout", "str", "nhwc", "the layout of image inputs in the ONNX file", ("nhwc", "nchw")),
        ),
        distributions=("keras", "tensorflow", "tf2onnx"),
        variants=("call", "compiled"),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim .keras archives and folders by what they hold, HDF5 files by magic and suffix, checkpoints by name."""
    from modelport_plugins.keras import file_formats

    return file_formats.detect(source)


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a model, or weights into the model that --model builds; nothing in the file runs unless it is trusted."""
    from modelport_plugins.keras import loading

    return loading.load(source, options)


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Name inputs and outputs as the model does; unknown sizes are symbolic, N for the batch."""
    from modelport_plugins.keras import other_backends
    from modelport_plugins.keras.backend import backend
    from modelport_plugins.keras.interface import interface, signature_of

    called = interface(model, options)
    return signature_of(called) if backend() == "tensorflow" else other_backends.signature(called, options)


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Trace the model in inference mode and translate the graph."""
    from modelport_plugins.keras import layer_attribution, other_backends
    from modelport_plugins.keras.backend import backend
    from modelport_plugins.keras.interface import interface
    from modelport_plugins.keras.unsupported import FEW_DIGITS, computes_in_float16

    called = interface(model, options)
    if computes_in_float16(model) and any(spec.dtype != "float16" for spec in signature.outputs):
        options.note(FEW_DIGITS)
    if backend() != "tensorflow":
        return other_backends.exported(called, signature, opset, options)
    from modelport_plugins.keras.exporting import exported

    with layer_attribution.layers_named(called):
        return exported(called, signature, opset)


@hookimpl
def run(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Values:
    """Call the model in inference mode on NumPy arrays."""
    from modelport_plugins.keras import other_backends
    from modelport_plugins.keras.backend import backend
    from modelport_plugins.keras.interface import interface

    if backend() != "tensorflow":
        return other_backends.run(interface(model, options), signature, inputs)
    from modelport_converters.tensorflow_to_onnx.array_conversion import to_array, to_tensor

    tensors = [to_tensor(inputs[spec.name], spec.dtype) for spec in signature.inputs]
    called = interface(model, options)
    with inputs_refused("Keras"):
        results = called.call(tensors)
    return {spec.name: to_array(tensor) for spec, tensor in zip(signature.outputs, results, strict=True)}


@hookimpl
def stateless(model: Any) -> bool:
    """Say whether all layers are Keras's own and none keeps states between calls."""
    layers = model._flatten_layers()
    return all(
        type(layer).__module__.startswith("keras.src.") and not getattr(layer, "stateful", False) for layer in layers
    )


@hookimpl
def run_in_float64(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Values:
    """Call a copy of the model in float64."""
    from modelport_plugins.keras.float64 import run_in_float64
    from modelport_plugins.keras.interface import interface

    return run_in_float64(interface(model, options), signature, inputs)


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, options: Options, variant: str) -> Callable[[], object]:
    """Time a call of the model, op by op, or compiled to a graph (tf.function); TensorFlow's threads are the process's."""
    from modelport_plugins.keras import other_backends
    from modelport_plugins.keras.backend import backend
    from modelport_plugins.keras.interface import interface

    if backend() != "tensorflow":
        return other_backends.runner(interface(model, options), signature, inputs, compiled=variant == "compiled")
    import tensorflow as tf

    from modelport_converters.tensorflow_to_onnx.array_conversion import to_tensor

    tensors = [to_tensor(inputs[spec.name], spec.dtype) for spec in signature.inputs]
    call = interface(model, options).call
    function = tf.function(lambda *values: call(values), autograph=False) if variant == "compiled" else None
    return lambda: [result.numpy() for result in (function(*tensors) if function else call(tensors))]
