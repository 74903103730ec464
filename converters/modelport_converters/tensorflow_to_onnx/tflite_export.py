"""A TensorFlow Lite file to ONNX, on tf2onnx's reader."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnx_ir as ir
import tensorflow as tf
from tf2onnx import tfonnx

from modelport_converters.tensorflow_to_onnx.export import finished, quiet, refuse_unmapped, set_dims
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET
from modelport_converters.tensorflow_to_onnx.interface_names import Port
from modelport_converters.tensorflow_to_onnx.litert import LiteModel
from modelport_converters.tensorflow_to_onnx.quiet_import import stderr_held_back
from modelport_converters.tensorflow_to_onnx.tf2onnx_optimizers import optimized


def export_flatbuffer(model: LiteModel, inputs: Sequence[Port], outputs: Sequence[Port], *, opset: int) -> ir.Model:
    """Translate the main graph of a file.

    Args:
        model: as it was opened.
        inputs, outputs: the names and sizes to give, in the model's order.
        opset: of the default domain, lowered to what tf2onnx writes.

    Raises:
        UnsupportedOps: with every operator that has no ONNX form.
    """
    with quiet() as failures, tf.device("/cpu:0"), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model.content)
        names = _names(model, inputs, outputs)

        def process() -> object:
            # tf2onnx asks TensorFlow's own interpreter for the shapes, which warns that it is deprecated
            with tf.Graph().as_default(), warnings.catch_warnings(), stderr_held_back(repeat=False):
                warnings.simplefilter("ignore")
                return tfonnx.process_tf_graph(
                    None,
                    continue_on_error=True,  # so that all operators without a form are found, not only the first
                    opset=min(opset, NEWEST_OPSET),
                    tflite_path=str(path),
                    tensors_to_rename=names,
                )

        proto: onnx.ModelProto = optimized(process).make_model("", graph_name="model")
    refuse_unmapped(proto, failures)
    _set_interface(proto.graph, model, names, inputs, outputs)
    return finished(ir.from_proto(proto))


def _names(model: LiteModel, inputs: Sequence[Port], outputs: Sequence[Port]) -> dict[str, str]:
    """Return one new name for each of the model's tensors; one that is also another input or output keeps the first."""
    own, wanted = [*model.inputs, *model.outputs], [*inputs, *outputs]
    names: dict[str, str] = {}
    for tensor, port in zip(own, wanted, strict=True):
        names.setdefault(tensor.tensor, port.name)
    return names


def _set_interface(
    graph: onnx.GraphProto, model: LiteModel, names: dict[str, str], inputs: Sequence[Port], outputs: Sequence[Port]
) -> None:
    """Give inputs and outputs their order and sizes; an output that is another one's tensor becomes a copy of it."""
    values = {value.name: value for value in [*graph.input, *graph.output]}
    for tensor, port in zip(model.outputs, outputs, strict=True):
        if (shared := names[tensor.tensor]) != port.name:
            graph.node.append(onnx.helper.make_node("Identity", [shared], [port.name], name=port.name))
            values[port.name] = onnx.ValueInfoProto()
            values[port.name].CopyFrom(values[shared])
            values[port.name].name = port.name
    for field, ports in ((graph.input, inputs), (graph.output, outputs)):
        ordered = [values[port.name] for port in ports]
        for value, port in zip(ordered, ports, strict=True):
            if port.shape is not None:
                set_dims(value, port.shape)
        del field[:]
        field.extend(ordered)
