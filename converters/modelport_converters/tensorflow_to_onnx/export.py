"""Export of a TensorFlow function to ONNX: traced, frozen, converted by tf2onnx, improved by passes.

tf2onnx's own `from_function` is not used: it takes constants that a function captures for inputs of the model, knows no
lookup tables, and reports success when operators are left over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir
import tensorflow as tf
from tf2onnx import tfonnx

from modelport_converters.tensorflow_to_onnx import handlers as handlers  # registers them
from modelport_converters.tensorflow_to_onnx.detached_weights import attach, placeholder, set_apart
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET
from modelport_converters.tensorflow_to_onnx.interface import set_interface, tensor_spec
from modelport_converters.tensorflow_to_onnx.newer_opset import settled
from modelport_converters.tensorflow_to_onnx.passes.pipeline import run_passes
from modelport_converters.tensorflow_to_onnx.tf2onnx_failures import collect_failures, refuse_unconverted
from modelport_converters.tensorflow_to_onnx.tf2onnx_optimizers import optimized
from modelport_converters.tensorflow_to_onnx.tracing.freezing import frozen
from modelport_converters.tensorflow_to_onnx.tracing.refusals import refuse_bfloat16, refuse_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tf2onnx.graph import Graph

    from modelport.signature import TensorSpec
    from modelport_converters.tensorflow_to_onnx.detached_weights import Weight

DETACHED_BYTES = 2**14
"""Weights from this size on are detached: inside the graph, TensorFlow and tf2onnx copy them many times."""


def export(
    call: Callable[..., Sequence[tf.Tensor]],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    opset: int,
    owner: tf.Module,
    weights: Sequence[Weight] = (),
) -> ir.Model:
    """Export a flat function.

    Args:
        call: takes one tensor for each input, then one for each weight; returns one tensor for each output.
        inputs: traced with their static sizes; a symbolic dimension is dynamic.
        outputs: their names, and names for dimensions that are dynamic in the trace.
        opset: of the default domain, lowered to `NEWEST_OPSET`.
        owner: the trackable object that holds the variables and lookup tables of `call`.
        weights: detached from the graph, and attached after the conversion as lazily read initializers.

    Raises:
        UnsupportedOps: with every operator that has no handler or whose handler refused it.
        CannotConvert: for a frozen graph of 2 GB.
    """
    with collect_failures() as failures, tf.device("/cpu:0"):
        function = _trace(call, inputs, weights)
        refuse_programs(function.graph.as_graph_def())
        graph = _convert(function, inputs, outputs, min(opset, NEWEST_OPSET), owner)
        model = settled(set_apart(graph.make_model("", graph_name="model")), opset)
    refuse_unconverted(model, failures)
    set_interface(model, function, inputs, outputs)
    return run_passes(attach(model, weights))


def _trace(
    call: Callable[..., Sequence[tf.Tensor]], inputs: Sequence[TensorSpec], weights: Sequence[Weight]
) -> tf.types.experimental.ConcreteFunction:
    # identities keep apart outputs that are inputs, or that are one tensor
    def flat(*tensors: tf.Tensor) -> list[tf.Tensor]:
        return [tf.identity(tensor) for tensor in call(*tensors, *map(placeholder, weights))]

    return tf.function(flat, autograph=False).get_concrete_function(*map(tensor_spec, inputs))


def _convert(
    function: tf.types.experimental.ConcreteFunction,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    opset: int,
    owner: tf.Module,
) -> Graph:
    """Freeze a traced function and carry it through tf2onnx."""
    sources = [tensor.name for tensor in function.inputs[: len(inputs)]]
    targets = [tensor.name for tensor in function.outputs]
    names = {name: spec.name for name, spec in zip([*sources, *targets], [*inputs, *outputs], strict=True)}
    graph, tables = frozen(function, sources, targets, owner)
    refuse_bfloat16(graph)

    def process() -> Graph:
        with tf.Graph().as_default() as imported:
            tf.import_graph_def(graph, name="")
            return tfonnx.process_tf_graph(
                imported,
                continue_on_error=True,  # so that all operators without a handler are found, not only the first
                opset=opset,
                input_names=sources,
                output_names=targets,
                tensors_to_rename=names,
                initialized_tables=tables,
            )

    return optimized(process)
