"""TensorFlow: SavedModel folders, read and written, and functions and modules in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.errors import CannotConvert, InvalidOption, SignatureNeeded, SourceUnreadable, UnsupportedOps, nearest
from modelport.signature import Signature, TensorSpec
from modelport.spec import Detection, Framework, Option, Options, PlannedOp, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir

    from modelport.spec import Arrays, OnnxModel, Values

_DEFAULT = "serving_default"


@hookimpl
def framework() -> Framework:
    """Describe TensorFlow."""
    return Framework(
        key="tensorflow",
        title="TensorFlow",
        suffixes=(),
        requires=("tensorflow", "tf2onnx"),
        install="pip install 'modelport[tensorflow]'",
        modules=("tensorflow",),
        aliases=("tf",),
        options=(
            Option("signature", "str", _DEFAULT, "the signature, or the tf.Module's function, to convert"),
            Option("trainable", "bool", False, "write weights as variables that can be fine-tuned, not as constants"),
            Option("inputs_layout", "str", "nchw", "the layout of image inputs in what is written", ("nchw", "nhwc")),
        ),
        distributions=("tensorflow", "tf2onnx"),
        folder=True,
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim folders that hold a saved_model.pb (or its text form)."""
    for name in ("saved_model.pb", "saved_model.pbtxt"):
        if source.is_dir() and (source / name).is_file():
            return Detection(1.0, f"the folder holds {name}")
    return None


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a SavedModel.

    Raises:
        SourceUnreadable: when it is damaged or has no signatures.
        InvalidOption: when it lacks the signature asked for.
        UnsupportedOps: when it holds an operator that this TensorFlow does not know.
    """
    tf = _tensorflow()
    if not source.is_dir():
        raise SourceUnreadable(
            "not a SavedModel folder", where=str(source), remedy="pass the folder with saved_model.pb"
        )
    try:
        model = tf.saved_model.load(str(source))
    except Exception as error:
        raise _not_loadable(error, source) from error
    if not getattr(model, "signatures", None):
        raise SourceUnreadable(
            "the SavedModel has no signatures",
            where=str(source),
            remedy="save it with tf.saved_model.save(model, path, signatures=...), or pass its function in Python",
        )
    _named_function(model.signatures, options["signature"], str(source))
    return model


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Name inputs and outputs as the function does; unknown sizes are symbolic, N for the leading one.

    Raises:
        SignatureNeeded: for a tf.function without input_signature, when the user does not say the inputs either.
    """
    from modelport_converters.tensorflow_to_onnx.structure import path_name, symbolic, unique

    function = _function(model, options)
    paths, specs = (
        zip(*_tensor_leaves(function.structured_input_signature), strict=True) if _arity(function) else ((), ())
    )
    inputs = unique(spec.name or path_name(path[1:], "input") for path, spec in zip(paths, specs, strict=True))
    results = _tensor_leaves(function.structured_outputs)
    outputs = unique((path_name(path or (0,), "output") for path, _ in results), taken=inputs)

    def described(name: str, tensor: Any) -> TensorSpec:
        dims = None if tensor.shape.rank is None else symbolic(name, tensor.shape.as_list())
        return TensorSpec(name, _dtype(name, tensor.dtype), dims)

    return Signature(
        tuple(map(described, inputs, specs)),
        tuple(described(name, tensor) for name, (_, tensor) in zip(outputs, results, strict=True)),
    )


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Translate the function's graph with its variables frozen."""
    from modelport_converters.tensorflow_to_onnx.exporting import export

    function = _function(model, options)

    def call(*tensors: Any) -> list[Any]:
        return [tensor for _, tensor in _tensor_leaves(_called(function, tensors))]

    return export(call, signature.inputs, signature.outputs, opset=opset, owner=model)


@hookimpl
def from_onnx(model: ir.Model, options: Options) -> Any:
    """Translate to a tf.Module with one traced function; weights are constants, or variables when they are large."""
    _tensorflow()
    from modelport_converters.onnx_to_tensorflow.build import build

    module = build(model, trainable=options["trainable"], inputs_layout=options["inputs_layout"])
    if module.weights and not options["trainable"]:
        options.note("the weights are variables, not constants: a graph that holds them would be too large")
    return module


@hookimpl
def plan(model: ir.Model, options: Options) -> Sequence[PlannedOp]:
    """Look each operator up in the translator's registry."""
    _tensorflow()
    from modelport_converters.onnx_graph import plan
    from modelport_converters.onnx_to_tensorflow.build import registry

    return [PlannedOp(**vars(op)) for op in plan.plan(model, registry())]


@hookimpl
def save(model: Any, path: Path, options: Options) -> Sequence[Path]:
    """Write a SavedModel with the signature `serving_default`, named after the ONNX inputs and outputs."""
    from modelport_converters.onnx_to_tensorflow.build import save

    save(model, str(path))
    return [path]


@hookimpl
def run(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Values:
    """Run the function on NumPy arrays."""
    from modelport_converters.onnx_to_tensorflow.interface import positions
    from modelport_converters.tensorflow_to_onnx.arrays import to_array

    function = _function(model, options)
    results = _tensor_leaves(_called(function, _arguments(function, signature, inputs, options)))
    names = [path[-1] if path else None for path, _ in results]
    order = positions(names, [spec.name for spec in signature.outputs])
    return {spec.name: to_array(results[at][1]) for spec, at in zip(signature.outputs, order, strict=True)}


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Callable[[], object]:
    """Time a call of the function; TensorFlow's threads are the process's."""
    function = _function(model, options)
    tensors = _arguments(function, signature, inputs, options)
    return lambda: [tensor.numpy() for _, tensor in _tensor_leaves(_called(function, tensors))]


def _tensorflow() -> Any:
    from modelport_converters.tensorflow_to_onnx.importing import import_tensorflow

    return import_tensorflow()


def _not_loadable(error: Exception, source: Path) -> Exception:
    text = str(error)
    if "not registered" in text:  # Op type not registered 'X' in binary running on ...
        operator = text.partition("not registered")[2].split("'")[1:2]
        return UnsupportedOps(
            [f"{' '.join(operator) or 'an operator'}: this TensorFlow does not know it"],
            where=str(source),
            remedy="load its library first (tf.load_op_library) and pass the loaded model to modelport.convert",
        )
    return SourceUnreadable(
        f"TensorFlow cannot load the SavedModel: {text.splitlines()[0] if text else type(error).__name__}",
        where=str(source),
        remedy="check that the folder is complete (saved_model.pb and variables/) and save it again if it is not",
    )


def _function(model: Any, options: Options) -> Any:
    """Return the concrete function to convert: of a SavedModel, a tf.Module, a tf.function, or the object itself."""
    types = _tensorflow().types.experimental
    if isinstance(model, types.ConcreteFunction):
        return model
    if isinstance(model, types.GenericFunction):
        return _concrete(model, options)
    signatures = getattr(model, "signatures", None)
    candidates = signatures if isinstance(signatures, Mapping) and signatures else _functions_of(model, types)
    chosen = _named_function(candidates, options["signature"], type(model).__name__)
    return chosen if isinstance(chosen, types.ConcreteFunction) else _concrete(chosen, options)


def _functions_of(module: Any, types: Any) -> dict[str, Any]:
    kinds = (types.ConcreteFunction, types.GenericFunction)
    names = [name for name in dir(type(module)) + list(vars(module)) if not name.startswith("_") or name == "__call__"]
    found = {name: getattr(module, name, None) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, kinds)}


def _named_function(candidates: Mapping[str, Any], name: str, where: str) -> Any:
    """Return the function of that name; the only one, or __call__, where the default was asked for."""
    if name in candidates:
        return candidates[name]
    if name == _DEFAULT and (len(candidates) == 1 or "__call__" in candidates):
        return candidates["__call__"] if "__call__" in candidates else next(iter(candidates.values()))
    if not candidates:
        raise CannotConvert(
            "the object has no tf.function and no signatures",
            where=where,
            remedy="decorate the method that computes with @tf.function",
        )
    close = nearest(name, candidates)
    hint = f"did you mean {close!r}? " if close else ""
    raise InvalidOption(
        f"there is no signature {name!r}",
        where=where,
        remedy=f"{hint}pass -O signature=NAME with one of: {', '.join(candidates)}",
    )


def _concrete(function: Any, options: Options) -> Any:
    """Trace a tf.function with its own input_signature, or with the inputs that the user gives."""
    from modelport_converters.tensorflow_to_onnx.exporting import tensor_spec

    if function.input_signature is not None:
        return function.get_concrete_function()
    if not options.inputs or any(spec.shape is None or not spec.dtype for spec in options.inputs):
        raise SignatureNeeded(
            "the tf.function has no input_signature",
            remedy="give every input with --input NAME:DTYPE[DIMS], in order, or decorate it with an input_signature",
        )
    tf = _tensorflow()
    specs = [tf.TensorSpec(tensor_spec(spec).shape, spec.dtype, name=spec.name) for spec in options.inputs]
    return function.get_concrete_function(*specs)


def _called(function: Any, tensors: Sequence[Any]) -> Any:
    """Call a concrete function with its tensors in order."""
    tf, flat = _tensorflow(), iter(tensors)
    arguments, keywords = tf.nest.map_structure(
        lambda leaf: next(flat) if isinstance(leaf, tf.TensorSpec) else leaf, function.structured_input_signature
    )
    return function(*arguments, **keywords)


def _arguments(function: Any, signature: Signature, inputs: Arrays, options: Options) -> list[Any]:
    """Return the tensors of the function's inputs in its own order: by name where they are those of a translated model."""
    from modelport_converters.onnx_to_tensorflow.interface import is_channels_last, positions
    from modelport_converters.tensorflow_to_onnx.arrays import to_tensor

    leaves = _tensor_leaves(function.structured_input_signature) if _arity(function) else []
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


def _arity(function: Any) -> int:
    return len(_tensor_leaves(function.structured_input_signature))


def _tensor_leaves(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
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


def _dtype(name: str, dtype: Any) -> str:
    from modelport.signature import DTYPES

    if dtype.name not in DTYPES:
        raise CannotConvert(f"ONNX has no form for the dtype {dtype.name}", where=f"the tensor {name!r}")
    return str(dtype.name)
