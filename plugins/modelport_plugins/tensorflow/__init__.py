"""The TensorFlow plugin: SavedModel folders, read and written, frozen graphs, and functions and modules in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert, inputs_refused
from modelport.signature import Signature, TensorSpec
from modelport.spec import Detection, Framework, Option, Options, PlannedOp, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir

    from modelport.spec import Arrays, OnnxModel, Values


@hookimpl
def framework() -> Framework:
    """Describe TensorFlow."""
    return Framework(
        key="tensorflow",
        title="TensorFlow",
        suffixes=(),  # .pb is read, not written
        requires=("tensorflow", "tf2onnx"),
        install="pip install 'modelport[tensorflow]'",
        modules=("tensorflow",),
        aliases=("tf",),
        options=(
            Option("signature", "str", "serving_default", "the signature, or the tf.Module's function, to convert"),
            Option("tags", "str", None, "the tag set of a SavedModel that holds several, such as serve,gpu"),
            Option("inputs", "str", None, "a frozen graph's inputs, such as x:0,y:0; by default its placeholders"),
            Option("outputs", "str", None, "a frozen graph's outputs, such as y:0; by default what nothing consumes"),
            Option("trainable", "bool", False, "write weights as variables that can be fine-tuned, not as constants"),
            Option("inputs_layout", "str", "nchw", "the layout of image inputs in what is written", ("nchw", "nhwc")),
        ),
        distributions=("tensorflow", "tf2onnx"),
        folder=True,
        finite_only=True,
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim SavedModel folders, frozen graphs by their content, and checkpoints, to say what they lack."""
    from modelport_plugins.tensorflow import file_formats

    return file_formats.detect(source)


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a SavedModel or a frozen graph.

    Raises:
        SourceUnreadable: when it is damaged, has no signatures, or is a checkpoint.
        InvalidOption: when it lacks the signature, the tags, the inputs or the outputs asked for.
        UnsupportedOps: when it holds an operator that this TensorFlow does not know.
    """
    from modelport_plugins.tensorflow import loading

    return loading.load(source, options)


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """Name inputs and outputs as the function does; unknown sizes are symbolic, N for the leading one.

    Raises:
        SignatureNeeded: for a tf.function without input_signature, when the user does not say the inputs either.
    """
    from modelport_converters.tensorflow_to_onnx.interface_names import path_name, symbolic, unique
    from modelport_plugins.tensorflow.functions import concrete_function, output_names, tensor_leaves

    function = concrete_function(model, options)
    leaves = tensor_leaves(function.structured_input_signature)
    inputs = unique(spec.name or path_name(path[1:], "input") for path, spec in leaves)
    results = tensor_leaves(function.structured_outputs)
    named = output_names(model) or [path_name(path or (0,), "output") for path, _ in results]
    outputs = unique(named, taken=inputs)

    def described(name: str, tensor: Any) -> TensorSpec:
        dims = None if tensor.shape.rank is None else symbolic(name, tensor.shape.as_list())
        return TensorSpec(name, _dtype(name, tensor.dtype), dims)

    return Signature(
        tuple(described(name, spec) for name, (_, spec) in zip(inputs, leaves, strict=True)),
        tuple(described(name, tensor) for name, (_, tensor) in zip(outputs, results, strict=True)),
    )


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> OnnxModel:
    """Translate the function's graph; its variables become initializers, which are read when they are written."""
    from modelport_converters.tensorflow_to_onnx.export import DETACHED_BYTES, export
    from modelport_converters.tensorflow_to_onnx.tracing.variable_lifting import lift
    from modelport_plugins.tensorflow.frozen_graph import FrozenGraph
    from modelport_plugins.tensorflow.functions import concrete_function

    if isinstance(model, FrozenGraph):  # not as a function: the loops of TensorFlow 1 would stay in it
        return export(model.imported, signature.inputs, signature.outputs, opset=opset, owner=None)
    lifted = lift(concrete_function(model, options), smallest=DETACHED_BYTES)
    return export(lifted.call, signature.inputs, signature.outputs, opset=opset, owner=model, weights=lifted.weights)


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
    from modelport_converters.onnx_to_tensorflow.ops import registry

    return plan.plan(model, registry())


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
    from modelport_converters.tensorflow_to_onnx.array_conversion import to_array
    from modelport_plugins.tensorflow.functions import (
        call_function,
        concrete_function,
        input_tensors,
        output_names,
        tensor_leaves,
    )

    function = concrete_function(model, options)
    tensors = input_tensors(function, signature, inputs, options)
    with inputs_refused("TensorFlow", (_tensorflow().errors.OpError, ValueError, TypeError)):
        answer = call_function(function, tensors)
    results = tensor_leaves(answer)
    names: list[Any] = output_names(model) or [path[-1] if path else None for path, _ in results]
    order = positions(names, [spec.name for spec in signature.outputs])
    return {spec.name: to_array(results[at][1]) for spec, at in zip(signature.outputs, order, strict=True)}


@hookimpl
def runner(model: Any, signature: Signature, inputs: Arrays, options: Options) -> Callable[[], object]:
    """Time a call of the function; TensorFlow's threads are the process's."""
    from modelport_plugins.tensorflow.functions import call_function, concrete_function, input_tensors, tensor_leaves

    function = concrete_function(model, options)
    tensors = input_tensors(function, signature, inputs, options)
    return lambda: [tensor.numpy() for _, tensor in tensor_leaves(call_function(function, tensors))]


def _tensorflow() -> Any:
    from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow

    return import_tensorflow()


def _dtype(name: str, dtype: Any) -> str:
    from modelport.signature import DTYPES

    if dtype.name not in DTYPES:
        raise CannotConvert(f"ONNX has no form for the dtype {dtype.name}", where=f"the tensor {name!r}")
    return str(dtype.name)
