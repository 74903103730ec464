"""The call signature of a Keras model: named, flattened inputs and outputs, and the nested structures of `call`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert, InvalidSignature, SignatureNeeded
from modelport.signature import Signature, TensorSpec
from modelport_converters.tensorflow_to_onnx.interface_names import path_name, symbolic, unique
from modelport_plugins.keras import image_layout, name_scopes
from modelport_plugins.keras.backend import backend, import_keras
from modelport_plugins.keras.error_text import cause
from modelport_plugins.keras.unsupported import refuse, refuse_sparse

if TYPE_CHECKING:
    from modelport.spec import Options


@dataclass(frozen=True)
class _Leaf:
    """An input; opaque to keras.tree, unlike the tuple that is its shape."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Interface:
    """A model as a function from a flat list of input tensors to a flat list of output tensors.

    Attributes:
        model: the Keras model.
        inputs: one entry for each tensor, in the order of `call`.
        keywords: the name of each argument of the model; None for a positional one.
        structures: the nested structure of each argument.
        channels_first: whether `inputs` has images channels-first; the model takes them channels-last.
    """

    model: Any
    inputs: tuple[TensorSpec, ...]
    keywords: tuple[str | None, ...]
    structures: tuple[Any, ...]
    channels_first: bool = False

    def call(self, tensors: Sequence[Any]) -> list[Any]:
        """Run the model in inference mode on one tensor for each input; return its output tensors in order."""
        return [tensor for tensor in import_keras().tree.flatten(self.structured(tensors)) if tensor is not None]

    def structured(self, tensors: Sequence[Any]) -> Any:
        """Run the model in inference mode and return its outputs as nested as the model returns them."""
        keras = import_keras()
        if self.channels_first:
            tensors = image_layout.to_channels_last(keras.ops, tensors, self.inputs)
        packed = keras.tree.pack_sequence_as(list(self.structures), list(tensors))
        arguments = [value for keyword, value in zip(self.keywords, packed, strict=True) if keyword is None]
        keywords = {keyword: value for keyword, value in zip(self.keywords, packed, strict=True) if keyword is not None}
        with name_scopes.valid_scope_names(self.model):
            return self.model(*arguments, **keywords, training=False)


def interface(model: Any, options: Options) -> Interface:
    """Infer a model's call signature; raises SignatureNeeded for one that was never built."""
    keras = import_keras()
    refuse(model)
    options, channels_first = image_layout.with_inputs_channels_last(options), image_layout.is_channels_first(options)
    declared = _declared(keras, model, options)
    if declared is not None:
        arguments: dict[str | None, Any] = {None: declared}
    else:
        arguments = _called_arguments(model, options)
    leaves = keras.tree.flatten(list(arguments.values()))
    names = unique(leaf.name for leaf in leaves)
    inputs = [
        TensorSpec(name, leaf.dtype, symbolic(name, leaf.shape)) for name, leaf in zip(names, leaves, strict=True)
    ]
    if declared is None:  # the sizes a model was built with are only an example
        inputs = [_with_given_spec(spec, options) for spec in inputs]
    if channels_first:
        inputs = [image_layout.channels_first(spec) if image_layout.is_image(spec) else spec for spec in inputs]
    return Interface(model, tuple(inputs), tuple(arguments), tuple(arguments.values()), channels_first)


def signature_of(called: Interface) -> Signature:
    """Return the signature. Outputs are named after their dictionary keys, else after their layers."""
    keras, model = import_keras(), called.model
    if _is_functional(model):
        outputs, layers = model.output, model.output_names
    elif isinstance(model, keras.Sequential) and model.built:
        outputs, layers = _only(model.outputs), [model.layers[-1].name]
    else:
        outputs, layers = _traced(called), [model.layers[-1].name] if isinstance(model, keras.Sequential) else ()
    if layers and _misdeclares_outputs(model):
        outputs = _traced(called)
    leaves = [item for item in keras.tree.flatten_with_path(outputs) if item[1] is not None]
    names = unique(
        (_output_name(path, index, layers) for index, (path, _) in enumerate(leaves)),
        taken=[spec.name for spec in called.inputs],
    )
    batch = (None,) if isinstance(model, keras.Sequential) else ()  # built by a call, it has that call's batch size
    specs = [
        TensorSpec(
            name, keras.backend.standardize_dtype(leaf.dtype), symbolic(name, (*batch, *leaf.shape[len(batch) :]))
        )
        for name, (_, leaf) in zip(names, leaves, strict=True)
    ]
    return Signature(called.inputs, tuple(specs))


def _misdeclares_outputs(model: Any) -> bool:
    """Whether the declared shapes and dtypes of a model's outputs may be wrong, so that it has to be traced.

    Lookups misname dtypes, RandomCrop the sizes of inference; Lambda and layers of the user's own may name a shape and no dtype.
    """
    modules = {type(layer).__module__ for layer in model._flatten_layers()}
    if any(module.endswith("core.lambda_layer") or not module.startswith("keras.src.") for module in modules):
        return True
    kinds = {module.rpartition(".")[2] for module in modules if module.startswith("keras.src.layers.preprocessing")}
    return bool(kinds - {"rescaling", "normalization", "resizing"})  # a trace more would take a fifth of the time


def _output_name(path: tuple[Any, ...], index: int, layers: Sequence[str]) -> str:
    keyed = any(isinstance(key, str) for key in path)
    return layers[index] if index < len(layers) and not keyed else path_name(path, "output")


def _is_functional(model: Any) -> bool:
    return hasattr(model, "output_names")


def _only(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _declared(keras: Any, model: Any, options: Options) -> Any:
    """Return the inputs of a functional or Sequential model as it declares them, None for any other."""
    if _is_functional(model):
        return keras.tree.map_structure(lambda tensor: _declared_leaf(tensor, fixed=True), model.input)
    if not isinstance(model, keras.Sequential) or not model.built:
        return None
    leaf = _declared_leaf(model.inputs[0], fixed=False)
    given = [spec.name for spec in options.inputs]
    named_by_keras = re.fullmatch(r"(input_layer|keras_tensor)(_\d+)?", leaf.name)  # the model was built by a call
    return replace(leaf, name=given[0]) if named_by_keras and len(given) == 1 else leaf


def _declared_leaf(tensor: Any, *, fixed: bool) -> _Leaf:
    """Describe a symbolic tensor, with the batch size it declares or with an open one."""
    refuse_sparse(tensor)
    history = getattr(tensor, "_keras_history", None)  # the layer's name is saved with the model, the tensor's is not
    name = history.operation.name if history is not None else tensor.name
    shape = tuple(tensor.shape)
    return _Leaf(name, tensor.dtype, shape if fixed else (None, *shape[1:]))


def _parameters(model: Any, options: Options) -> list[str]:
    """Return the parameters of `call` that take tensors: the first, those without a default and those the user gives."""
    parameters = inspect.signature(model.call).parameters.values()
    given = {spec.name for spec in options.inputs}
    named = [item for item in parameters if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)]
    tensors = [item for item in named if item.name != "training" and (item.name != "mask" or item.name in given)]
    wanted = [item.name for item in tensors if item is tensors[0] or item.default is item.empty or item.name in given]
    if not wanted:
        raise CannotConvert(
            "the model's call method names no inputs",
            where=type(model).__name__,
            remedy="write call(self, x, ...) in place of call(self, *args)",
        )
    return wanted


def _called_arguments(model: Any, options: Options) -> dict[str | None, Any]:
    """Return the arguments of a subclassed model: what it was built with, and what the user says of the others."""
    parameters = _parameters(model, options)
    recorded: dict[str, Any] = (model.get_build_config() or {}) if model.built else {}
    shapes = recorded.get("shapes_dict") or {f"{parameters[0]}_shape": recorded.get("input_shape")}
    given = {spec.name: spec for spec in options.inputs}
    if len(parameters) == 1 and len(given) == 1:
        given = {parameters[0]: next(iter(given.values()))}
    arguments: dict[str | None, Any] = {}
    for name in parameters:
        shape = shapes.get(f"{name}_shape")
        if shape is not None:
            arguments[name] = _recorded_leaves(shape, (), name, model.input_dtype)
        elif name in given and given[name].shape is not None:
            arguments[name] = _given_leaf(given[name])
        else:
            raise SignatureNeeded(
                f"the model does not say what its argument {name!r} is",
                where=type(model).__name__,
                remedy=f"pass --input '{name}:float32[N,...]', one for each of: {', '.join(parameters)}",
            )
    return arguments


def _recorded_leaves(shape: Any, path: tuple[Any, ...], name: str, dtype: str) -> Any:
    """Turn nested shapes into leaves, with the batch left open."""
    if isinstance(shape, Mapping):
        return {key: _recorded_leaves(value, (*path, key), name, dtype) for key, value in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return _Leaf(path_name(path, name), dtype, (None, *shape[1:]))
    return [_recorded_leaves(value, (*path, index), name, dtype) for index, value in enumerate(shape)]


def _given_leaf(spec: TensorSpec) -> _Leaf:
    shape = tuple(size if isinstance(size, int) else None for size in spec.shape or ())
    return _Leaf(spec.name, spec.dtype or "float32", shape)


def _with_given_spec(spec: TensorSpec, options: Options) -> TensorSpec:
    """Take dtype and dimensions from --input where only the sizes that the model was built with are known."""
    for given in options.inputs:
        if given.name == spec.name and given.shape is not None:
            return replace(spec, dtype=given.dtype or spec.dtype, shape=given.shape)
    return spec


def _symbolic_outputs(called: Interface) -> Any:
    """Return the outputs as symbolic tensors, by Keras's own shape inference, nested as the model returns them."""
    keras = import_keras()
    inputs = [
        keras.KerasTensor([None if isinstance(size, str) else size for size in spec.shape or ()], spec.dtype)
        for spec in called.inputs
    ]

    operation: Any = keras.Operation

    class Flat(operation):  # type: ignore[misc]
        def call(self, *tensors: Any) -> Any:
            return called.structured(tensors)

    return Flat().compute_output_spec(*inputs)


def _traced(called: Interface) -> Any:
    if backend() != "tensorflow":
        return _symbolic_outputs(called)
    import tensorflow as tf

    from modelport_converters.tensorflow_to_onnx.interface import tensor_spec

    function = tf.function(lambda *tensors: called.structured(tensors), autograph=False)
    try:
        return function.get_concrete_function(*map(tensor_spec, called.inputs)).structured_outputs
    except (ValueError, TypeError) as error:
        raise InvalidSignature(
            f"the model does not take these inputs: {cause(error)}",
            where=", ".join(map(str, called.inputs)),
            remedy="say with --input what it takes, as in 'x:float32[N,4]'",
        ) from error
