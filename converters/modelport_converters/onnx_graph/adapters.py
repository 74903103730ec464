"""Version adapters that onnx's version converter lacks, applied before it."""

from __future__ import annotations

import onnx
from onnx import version_converter

from modelport.model import nodes_in

_OF_ONNXRUNTIME = frozenset({"SimplifiedLayerNormalization"})
"""Operators that ONNX Runtime's optimizer writes in the domain ai.onnx, which does not define them."""

_PRELU_BROADCASTS = 7
"""From this opset on, the slope of PRelu is aligned with the last dimensions; before, a vector had one for each channel."""

_BATCHED_SCAN = 8
"""The first opset with Scan, and the last in which its values had a batch dimension."""

_CHOSEN_COORDINATES = 11
"""From this opset on, Resize has attributes for coordinates and rounding, whose defaults are not what it did before."""

_ASIDE = "modelport.aside"


def adapt(proto: onnx.ModelProto) -> None:
    """Rewrite, in place, what the version converter would refuse or convert wrongly."""
    _move_foreign(proto)
    _texts_to_tensors(proto)
    version = {entry.domain: entry.version for entry in proto.opset_import}.get("")
    if version is not None and version < _PRELU_BROADCASTS:
        _align_slopes(proto)


def _move_foreign(proto: onnx.ModelProto) -> None:
    """Move ONNX Runtime's operators from the default domain to com.microsoft."""
    found = [node for node in nodes_in(proto.graph.node) if not node.domain and node.op_type in _OF_ONNXRUNTIME]
    for node in found:
        node.domain = "com.microsoft"
    if found and all(entry.domain != "com.microsoft" for entry in proto.opset_import):
        proto.opset_import.add(domain="com.microsoft", version=1)


def _texts_to_tensors(proto: onnx.ModelProto) -> None:
    """Move the strings of Constant nodes into tensors: onnx_ir reads string attributes as ASCII."""
    for nodes in (proto.graph.node, *(function.node for function in proto.functions)):
        for node in nodes_in(nodes):
            text = node.attribute[0] if node.op_type == "Constant" and node.attribute else None
            if text is None or text.ref_attr_name or text.name not in ("value_string", "value_strings"):
                continue
            shape, items = ([], [text.s]) if text.name == "value_string" else ([len(text.strings)], list(text.strings))
            tensor = onnx.TensorProto(data_type=onnx.TensorProto.STRING, dims=shape, string_data=items)
            node.attribute[0].CopyFrom(onnx.helper.make_attribute("value", tensor))


def _align_slopes(proto: onnx.ModelProto) -> None:
    """Reshape each slope of PRelu to [channels, 1, …, 1]."""
    inferred = onnx.shape_inference.infer_shapes(proto).graph
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    slopes = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None or len(slope.dims) != 1 or slope.dims[0] == 1 or ranks.get(node.input[0], 0) < 3:
            continue
        slope.dims.extend([1] * (ranks[node.input[0]] - 2))
        for value in proto.graph.input:
            if value.name == slope.name:
                for _ in range(ranks[node.input[0]] - 2):
                    value.type.tensor_type.shape.dim.add(dim_value=1)


def with_coordinates(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """Set asymmetric coordinates and floor rounding, as Upsample and Resize-10 sample, on a converted model's Resize nodes."""
    for node in nodes_in(proto.graph.node):
        if version < _CHOSEN_COORDINATES and node.op_type == "Resize" and not node.domain:
            node.attribute.append(onnx.helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
            node.attribute.append(onnx.helper.make_attribute("nearest_mode", "floor"))
    return proto


def with_batched_scans(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model of opset 8 with Scan nodes in opset 9, where they have the attribute `batched`; any other as it is.

    Every value of such a node has a batch dimension. onnx's converter drops it from the shapes of the values, those of the
    model's inputs included, and leaves the values as they are: the nodes pass by it in a domain that it does not know.
    """
    version = {entry.domain: entry.version for entry in proto.opset_import}.get("")
    scans = [node for node in nodes_in(proto.graph.node) if node.op_type == "Scan" and not node.domain]
    lengths = any(node.input[0] for node in scans)  # one for each sequence, which the converter refuses
    if version != _BATCHED_SCAN or not scans or lengths:
        return proto
    for node in scans:
        node.domain = _ASIDE
    proto.opset_import.add(domain=_ASIDE, version=1)
    proto = version_converter.convert_version(proto, _BATCHED_SCAN + 1)
    for node in [node for node in nodes_in(proto.graph.node) if node.domain == _ASIDE]:
        node.domain = ""
        del node.input[0]
        for attribute in node.attribute:
            attribute.name = {"directions": "scan_input_directions"}.get(attribute.name, attribute.name)
        node.attribute.append(onnx.helper.make_attribute("batched", 1))
    return proto
