"""Concrete functions: the one of a model that is converted, its structured inputs and outputs, calling it on flat tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import CannotConvert, InvalidOption, SignatureNeeded, nearest
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow
from modelport_plugins.tensorflow.frozen_graph import FrozenGraph

if TYPE_CHECKING:
    from modelport.signature import Signature
    from modelport.spec import Arrays, Options

DEFAULT = "serving_default"
"""The signature that is taken when the user names none."""


def concrete_function(model: Any, options: Options) -> Any:
    """Return the concrete function to convert: of a SavedModel, a tf.Module, a tf.function, or the object itself.

    Raises:
        CannotConvert: when there is no function.
        InvalidOption: when there is none of the name, or several and no default.
        SignatureNeeded: when the function was never traced, and the user does not say its inputs.
    """
    types = import_tensorflow().types.experimental
    if isinstance(model, types.ConcreteFunction):
        return model
    if isinstance(model, types.GenericFunction):
        return _concrete(model, options)
    function = function_named(candidates(model), options["signature"], type(model).__name__)
    return function if isinstance(function, types.ConcreteFunction) else _concrete(function, options)


def candidates(model: Any) -> Mapping[str, Any]:
    """Return the signatures of a model, or where it has none its functions, by name."""
    signatures = getattr(model, "signatures", None)
    if isinstance(signatures, Mapping) and signatures:
        return signatures
    types = import_tensorflow().types.experimental
    kinds = (types.ConcreteFunction, types.GenericFunction)
    names = [name for name in dir(type(model)) + list(vars(model)) if not name.startswith("_") or name == "__call__"]
    found = {name: getattr(model, name, None) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, kinds)}


def function_named(functions: Mapping[str, Any], name: str, where: str) -> Any:
    """Return the function of that name; the only one, or __call__, where the default was asked for."""
    if name in functions:
        return functions[name]
    if name == DEFAULT and (len(functions) == 1 or "__call__" in functions):
        return functions["__call__"] if "__call__" in functions else next(iter(functions.values()))
    if not functions:
        raise CannotConvert(
            "the object has no tf.function and no signatures",
            where=where,
            remedy="decorate the method that computes with @tf.function",
        )
    close = nearest(name, functions)
    hint = f"did you mean {close!r}? " if close else ""
    raise InvalidOption(
        f"there is no signature {name!r}",
        where=where,
        remedy=f"{hint}pass -O signature=NAME with one of: {', '.join(functions)}",
    )


def output_names(model: Any) -> list[str]:
    """Return the names of a frozen graph's outputs; none for other models, whose functions name them."""
    return model.output_names if isinstance(model, FrozenGraph) else []


def call_function(function: Any, tensors: Sequence[Any]) -> Any:
    """Call a concrete function with its tensors in order."""
    tf, flat = import_tensorflow(), iter(tensors)
    positional, keywords = tf.nest.map_structure(
        lambda leaf: next(flat) if isinstance(leaf, tf.TensorSpec) else leaf, function.structured_input_signature
    )
    return function(*positional, **keywords)


def input_tensors(function: Any, signature: Signature, inputs: Arrays, options: Options) -> list[Any]:
    """Convert arrays to the function's input tensors in its own order, matched by name for models that modelport wrote."""
    from modelport_converters.onnx_to_tensorflow.interface import is_channels_last, positions
    from modelport_converters.tensorflow_to_onnx.array_conversion import to_tensor

    leaves = tensor_leaves(function.structured_input_signature)
    order = positions([spec.name for _, spec in leaves], [spec.name for spec in signature.inputs])
    tensors: list[Any] = [None] * len(leaves)
    for spec, at in zip(signature.inputs, order, strict=True):
        array = inputs[spec.name]
        shape = leaves[at][1].shape
        own = None if shape.rank is None else shape.as_list()
        if options["inputs_layout"] == "nhwc" and is_channels_last(own, spec.shape, spec.dtype):
            array = np.moveaxis(array, 1, -1)
        tensors[at] = to_tensor(array, spec.dtype)
    return tensors


def tensor_leaves(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the path and the tensor (or its specification) of each leaf, in the order of tf.nest."""
    return [(path, leaf) for path, leaf in _walk(structure, ()) if hasattr(leaf, "shape") and hasattr(leaf, "dtype")]


def _walk(structure: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from _walk(structure[key], (*path, key))
    elif isinstance(structure, list | tuple):
        for index, item in enumerate(structure):
            yield from _walk(item, (*path, index))
    else:
        yield path, structure


def _concrete(function: Any, options: Options) -> Any:
    """Trace a tf.function with its own input_signature, or with the inputs that the user gives.

    A function of a SavedModel cannot be traced anew: it is one of the traces that were saved, the only one if nothing is given.
    """
    from modelport_converters.tensorflow_to_onnx.interface import tensor_spec

    if function.input_signature is not None:
        return function.get_concrete_function()
    saved = getattr(function, "concrete_functions", None)
    if saved and len(saved) == 1 and not options.inputs:
        return saved[0]
    if not options.inputs or any(spec.shape is None or not spec.dtype for spec in options.inputs):
        raise SignatureNeeded(
            f"the function was saved with {len(saved)} different inputs"
            if saved
            else "the tf.function has no input_signature",
            remedy="give every input with --input NAME:DTYPE[DIMS], in order, or decorate it with an input_signature",
        )
    tf = import_tensorflow()
    specs = [tf.TensorSpec(tensor_spec(spec).shape, spec.dtype, name=spec.name) for spec in options.inputs]
    try:
        return function.get_concrete_function(*specs)
    except ValueError as error:
        if not saved:
            raise
        traces = "; ".join(_described(trace) for trace in saved)
        raise SignatureNeeded(
            "the SavedModel holds no trace of the function with these inputs", remedy=f"it was saved for: {traces}"
        ) from error


def _described(trace: Any) -> str:
    leaves = tensor_leaves(trace.structured_input_signature)
    return ", ".join(f"{spec.name}:{spec.dtype.name}{spec.shape}" for _, spec in leaves)
