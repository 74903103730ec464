"""Keras on the torch and jax backends: signature, inference and export.

A model is exported from a copy, which a child process loads under the TensorFlow backend. Where there is no such copy (a
layer written in PyTorch itself), torch.onnx.export takes the model as it is. Either way the proof compares the result with
the model in memory, run by its own backend.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import BadInput, CannotConvert, UnsupportedOps, inputs_refused
from modelport_plugins.keras import tensorflow_copy, torch_export
from modelport_plugins.keras.backend import backend, import_keras, inference
from modelport_plugins.keras.interface import Interface, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelport.signature import Signature
    from modelport.spec import Arrays, OnnxModel, Options, Values


def signature(called: Interface, options: Options) -> Signature:
    """Return the signature, outputs with the dtypes that come out: a model may declare others on these backends.

    Raises:
        CannotConvert: for inputs of strings, which no other backend than TensorFlow holds.
    """
    for spec in called.inputs:
        if spec.dtype == "string":
            raise CannotConvert(
                f"the {backend()} backend holds no strings, so the model cannot be run",
                where=f"the input '{spec}'",
                remedy="save the model and convert the file in a process of its own, where TensorFlow runs it",
            )
    declared = signature_of(called)
    try:
        results = runner(called, declared, _zeros(declared, options))()
    except Exception:  # a model may not admit zeros of these sizes; the proof compares dtypes in any case
        return declared
    dtypes = [import_keras().backend.standardize_dtype(value.dtype) for value in results]
    outputs = tuple(replace(spec, dtype=dtype) for spec, dtype in zip(declared.outputs, dtypes, strict=True))
    return replace(declared, outputs=outputs)


def _zeros(declared: Signature, options: Options) -> Arrays:
    known = replace(declared, examples=options.examples)
    shapes = [
        [known.size_of(size) if isinstance(size, str) else size for size in spec.shape or ()] for spec in known.inputs
    ]
    return {spec.name: np.zeros(shape, spec.dtype) for spec, shape in zip(known.inputs, shapes, strict=True)}


def run(called: Interface, signature: Signature, inputs: Arrays) -> Values:
    """Call the model in inference mode on NumPy arrays, on its own backend."""
    ops = import_keras().ops
    call = runner(called, signature, inputs)
    with inputs_refused("Keras"):
        results = call()
    return {spec.name: ops.convert_to_numpy(value) for spec, value in zip(signature.outputs, results, strict=True)}


def runner(
    called: Interface, signature: Signature, inputs: Arrays, *, compiled: bool = False
) -> Callable[[], list[Any]]:
    """Return a call of the model on these inputs, carried to its backend once; the call waits for the results.

    Raises:
        BadInput: for a compiled one: tf.function is TensorFlow's.
    """
    keras = import_keras()
    if compiled:
        raise BadInput(
            f"Keras runs on the {backend()} backend, where a model is run as it is called",
            remedy="leave out the variant 'compiled', or set KERAS_BACKEND=tensorflow",
        )
    with warnings.catch_warnings():
        # jax has no 64-bit types unless asked for them; the signature says what comes out
        warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
        tensors = [keras.ops.convert_to_tensor(inputs[spec.name], spec.dtype) for spec in signature.inputs]

    def call() -> list[Any]:
        with inference(called.model), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
            results = called.call(tensors)
        return [result.block_until_ready() if hasattr(result, "block_until_ready") else result for result in results]

    return call


def exported(called: Interface, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Export by way of a copy under TensorFlow, else (torch only) by PyTorch's exporter; a note says which.

    Raises:
        CannotConvert: with the reasons of each way.
    """
    own = f"Keras runs on the {backend()} backend"
    try:
        model = tensorflow_copy.exported(called, signature, opset, options)
    except CannotConvert as error:
        if backend() != "torch":
            raise
        try:
            result = torch_export.exported(called, signature, opset)
        except CannotConvert as second:
            raise _joined(error, second) from second
        reason = error.what.splitlines()[0].rstrip(":")
        options.note(f"{own}: exported by torch.onnx.export, since its copy under TensorFlow failed: {reason}")
        return result
    options.note(
        f"{own}: exported from a copy that a child process loaded under TensorFlow, proven against the model itself"
    )
    return model


def _joined(error: CannotConvert, second: CannotConvert) -> CannotConvert:
    """Add what PyTorch's exporter said to what the copy under TensorFlow failed with."""
    if isinstance(error, UnsupportedOps):
        return UnsupportedOps(error.ops, where=error.where, remedy=f"{error.remedy}; {second.what}")
    return CannotConvert(f"{error.what}\n    {second.what}", where=error.where, remedy=error.remedy)
