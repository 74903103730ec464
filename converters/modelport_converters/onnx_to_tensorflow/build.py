"""Building a TensorFlow module, and its SavedModel, from an ONNX model."""

from __future__ import annotations

from typing import Literal

import onnx_ir as ir
import tensorflow as tf

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_graph.prepare import prepare
from modelport_converters.onnx_graph.translate import Walk
from modelport_converters.onnx_to_tensorflow.layout import Held, Layout
from modelport_converters.onnx_to_tensorflow.naming import tensor_names
from modelport_converters.onnx_to_tensorflow.ops import registry
from modelport_converters.onnx_to_tensorflow.profile import translating
from modelport_converters.onnx_to_tensorflow.registry import TensorFlowTraits
from modelport_converters.onnx_to_tensorflow.weights import Policy, to_dtype

LARGEST_CONSTANTS = 2**28
"""Weights of more bytes than this are variables: a GraphDef ends at 2 GB and is held several times while it is saved."""

SIGNATURE = "serving_default"


class Module(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """A translated model: a traced tf.function and the variables that it reads.

    Attributes:
        function: takes the tensors of the inputs in order and returns the outputs by name.
        serving: its one trace.
        weights: the variables, so that they are saved with the module; empty when weights are constants.
    """

    def __init__(self, function: tf.types.experimental.PolymorphicFunction, weights: list[tf.Variable]) -> None:
        super().__init__()
        self.function = function
        self.serving = function.get_concrete_function()
        self.weights = weights


def save(module: Module, path: str) -> None:
    """Write a SavedModel whose only signature is `serving_default`; its attribute `weights` lists the variables."""
    root = tf.Module()  # without the function, which TensorFlow would trace and save a second time
    root.weights = module.weights
    tf.saved_model.save(root, path, signatures={SIGNATURE: module.serving})


def build(
    model: ir.Model, *, trainable: bool = False, inputs_layout: Literal["nchw", "nhwc"] = "nchw", lite: bool = False
) -> Module:
    """Translate an ONNX model.

    Args:
        model: of any opset; left as it was.
        trainable: hold the weights in variables that can be fine-tuned, instead of constants of the graph.
        inputs_layout: "nhwc" declares every float input of four or more dimensions channels-last.
        lite: prefer forms that TensorFlow Lite has builtin operators for, where others are faster in TensorFlow.

    Raises:
        UnsupportedOps: with every operator that TensorFlow cannot express.
        CannotConvert: when an input or output is not a tensor.
    """
    prepared, walk, layout = opened(model, trainable=trainable)
    _require_tensors(prepared)
    specs = input_specs(prepared, inputs_layout)
    outputs = tensor_names([value.name or "" for value in prepared.graph.outputs])
    last = [inputs_layout == "nhwc" and is_image(value) for value in prepared.graph.inputs]

    def serving(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        given = [Held(tensor) if held else tensor for tensor, held in zip(tensors, last, strict=True)]
        results = [tf.identity(layout.plain(value)) for value in walk(*given)]
        return dict(zip(outputs, results, strict=True))

    with tf.device("/cpu:0"), translating(lite=lite):
        return Module(tf.function(serving, input_signature=specs, autograph=False), layout.variables)


def opened(model: ir.Model, *, trainable: bool = False) -> tuple[ir.Model, Walk[TensorFlowTraits], Layout]:
    """Return the prepared model, the walk that traces its graph on TensorFlow's values, and the layout that the walk calls."""
    operators = registry()
    prepared = prepare(model, operators)
    size = sum(
        value.const_value.nbytes for value in prepared.graph.initializers.values() if value.const_value is not None
    )
    layout = Layout(Policy(trainable or size > LARGEST_CONSTANTS, trainable))
    return prepared, Walk(prepared, operators, layout), layout


def input_specs(model: ir.Model, inputs_layout: str = "nchw") -> list[tf.TensorSpec]:
    """Return a tf.TensorSpec for each input; a symbolic dimension is None."""
    names = tensor_names([value.name or "" for value in model.graph.inputs])
    return [input_spec(value, name, inputs_layout) for value, name in zip(model.graph.inputs, names, strict=True)]


def is_image(value: ir.Value) -> bool:
    """Tell whether an input is an image: a float tensor [batch, channels, *spatial] with two or more spatial dimensions."""
    return (
        value.dtype is not None
        and value.dtype.is_floating_point()
        and value.shape is not None
        and len(value.shape) >= 4
    )


def input_spec(value: ir.Value, name: str | None = None, inputs_layout: str = "nchw") -> tf.TensorSpec:
    """Return the tf.TensorSpec of one input; see `input_specs`."""
    sizes = None if value.shape is None else [size if isinstance(size, int) else None for size in value.shape]
    if inputs_layout == "nhwc" and sizes is not None and is_image(value):
        sizes = [sizes[0], *sizes[2:], sizes[1]]
    assert value.dtype is not None
    try:
        return tf.TensorSpec(sizes, to_dtype(value.dtype), name=name)
    except TypeError as error:
        raise UnsupportedOps(
            [f"the input {value.name!r}: TensorFlow has no element type {value.dtype.name}"],
            remedy="give the model inputs of another type",
        ) from error


def _require_tensors(model: ir.Model) -> None:
    found = [("input", value) for value in model.graph.inputs] + [("output", value) for value in model.graph.outputs]
    for word, value in found:
        if not isinstance(value.type, ir.TensorType) and (value.type is not None or word == "input"):
            raise CannotConvert(
                f"the {word} {value.name!r} is no tensor, and a SavedModel takes and returns tensors only",
                remedy="rebuild the model with tensors as its inputs and outputs",
            )
