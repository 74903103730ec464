"""Export of a TensorFlow Lite file to ONNX, converted by tf2onnx."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir
import tensorflow as tf
from tf2onnx import tfonnx

from modelport_converters.tensorflow_to_onnx import handlers as handlers  # registers them
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET
from modelport_converters.tensorflow_to_onnx.interface import set_dims
from modelport_converters.tensorflow_to_onnx.litert import LiteModel
from modelport_converters.tensorflow_to_onnx.passes.pipeline import run_passes
from modelport_converters.tensorflow_to_onnx.quiet_import import stderr_held_back
from modelport_converters.tensorflow_to_onnx.tf2onnx_failures import collect_failures, refuse_unconverted
from modelport_converters.tensorflow_to_onnx.tf2onnx_optimizers import optimized

if TYPE_CHECKING:
    from tf2onnx.graph import Graph

    from modelport.signature import TensorSpec


def export_flatbuffer(
    model: LiteModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], *, opset: int
) -> ir.Model:
    """Export the main graph of a file.

    Args:
        model: the opened file.
        inputs, outputs: the names and dimensions to declare, in the model's order.
        opset: of the default domain, lowered to what tf2onnx writes.

    Raises:
        UnsupportedOps: with every operator that has no handler or whose handler refused it.
    """
    with collect_failures() as failures, tf.device("/cpu:0"), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model.content)
        names = _names(model, inputs, outputs)

        def process() -> Graph:
            # tf2onnx asks TensorFlow's own interpreter for the shapes, which warns that it is deprecated
            with tf.Graph().as_default(), warnings.catch_warnings(), stderr_held_back(repeat=False):
                warnings.simplefilter("ignore")
                return tfonnx.process_tf_graph(
                    None,
                    continue_on_error=True,  # so that all operators without a handler are found, not only the first
                    opset=min(opset, NEWEST_OPSET),
                    tflite_path=str(path),
                    tensors_to_rename=names,
                )

        proto: onnx.ModelProto = optimized(process).make_model("", graph_name="model")
    refuse_unconverted(proto, failures)
    _set_interface(proto.graph, model, names, inputs, outputs)
    return run_passes(ir.from_proto(proto))


def _names(model: LiteModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> dict[str, str]:
    """Return one new name for each tensor of the interface; one that is several inputs or outputs has the first name."""
    own, wanted = [*model.inputs, *model.outputs], [*inputs, *outputs]
    names: dict[str, str] = {}
    for tensor, spec in zip(own, wanted, strict=True):
        names.setdefault(tensor.tensor, spec.name)
    return names


def _set_interface(
    graph: onnx.GraphProto,
    model: LiteModel,
    names: dict[str, str],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
) -> None:
    """Give inputs and outputs their order and dimensions; an output that shares its tensor becomes an Identity of it."""
    values = {value.name: value for value in [*graph.input, *graph.output]}
    for tensor, spec in zip(model.outputs, outputs, strict=True):
        if (shared := names[tensor.tensor]) != spec.name:
            graph.node.append(onnx.helper.make_node("Identity", [shared], [spec.name], name=spec.name))
            values[spec.name] = onnx.ValueInfoProto()
            values[spec.name].CopyFrom(values[shared])
            values[spec.name].name = spec.name
    for field, specs in ((graph.input, inputs), (graph.output, outputs)):
        ordered = [values[spec.name] for spec in specs]
        for value, spec in zip(ordered, specs, strict=True):
            if spec.shape is not None:
                set_dims(value, spec.shape)
        del field[:]
        field.extend(ordered)
