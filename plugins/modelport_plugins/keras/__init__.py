"""Keras 3 on the TensorFlow backend: models in memory, .keras and .h5 files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from modelport.spec import Detection, Framework, Option, Options, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelport.signature import Signature
    from modelport.spec import Arrays, OnnxModel, Values

_HDF5 = b"\x89HDF\r\n\x1a\n"


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
        options=(Option("custom_objects", "str", None, "a module to import that defines the model's custom classes"),),
        distributions=("keras", "tensorflow", "tf2onnx"),
        variants=("call", "compiled"),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim .keras archives by what they hold, and HDF5 files by magic and suffix."""
    if source.is_dir():
        return None
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            if {"config.json", "metadata.json"} <= set(archive.namelist()):
                return Detection(1.0, "a zip archive with config.json and metadata.json")
    suffix = source.suffix.lower()
    if suffix in (".h5", ".hdf5") and _starts_with_hdf5(source):
        return Detection(0.9, f"an HDF5 file with the suffix {suffix}")
    return Detection(0.5, f"the suffix {suffix}") if suffix in framework().suffixes else None


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a model, or weights into the model that --model builds; nothing in the file runs unless it is trusted."""
    from modelport_plugins.keras import loading

    return loading.load(source, options)


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Name inputs and outputs as the model does; unknown sizes are symbolic, N for the batch."""
    from modelport_plugins.keras.interface import interface, signature_of

    return signature_of(interface(model, options))


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Trace the model in inference mode and translate the graph."""
    from modelport_plugins.keras.exporting import exported
    from modelport_plugins.keras.interface import interface

    return exported(interface(model, options), signature, opset)


@hookimpl
def run(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Values:
    """Call the model in inference mode on NumPy arrays."""
    from modelport_converters.tensorflow_to_onnx.arrays import to_array, to_tensor
    from modelport_plugins.keras.interface import interface

    tensors = [to_tensor(inputs[spec.name], spec.dtype) for spec in signature.inputs]
    results = interface(model, options).call(tensors)
    return {spec.name: to_array(tensor) for spec, tensor in zip(signature.outputs, results, strict=True)}


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, options: Options, variant: str) -> Callable[[], object]:
    """Time a call of the model, op by op, or compiled to a graph (tf.function); TensorFlow's threads are the process's."""
    import tensorflow as tf

    from modelport_converters.tensorflow_to_onnx.arrays import to_tensor
    from modelport_plugins.keras.interface import interface

    tensors = [to_tensor(inputs[spec.name], spec.dtype) for spec in signature.inputs]
    call = interface(model, options).call
    function = tf.function(lambda *values: call(values), autograph=False) if variant == "compiled" else None
    return lambda: [result.numpy() for result in (function(*tensors) if function else call(tensors))]


def _starts_with_hdf5(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5
