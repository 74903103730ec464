"""Whole models from graphs: inputs, outputs, versions of the operator sets."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from numpy.typing import DTypeLike
from onnx import helper

from modelport_converters.onnx_builder import ml_versions
from modelport_converters.onnx_builder.graph import Graph, element_type


def tensor_info(name: str, dtype: DTypeLike, shape: Sequence[int | str] | None) -> onnx.ValueInfoProto:
    """Return the declaration of an input or an output; None is an unknown rank, a str a symbolic dimension."""
    return helper.make_tensor_value_info(name, element_type(dtype), shape)


def build_model(
    graph: Graph, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Return the model of a finished graph.

    The operator sets are those that the graph's nodes need, the IR version is the oldest that knows these.

    Args:
        name: of the graph.
        inputs, outputs: declarations of what `Graph.input` and `Graph.output` have named.
    """
    versions = {"": graph.opset, ml_versions.DOMAIN: ml_versions.settle(graph)}
    domains = {"", *(node.domain for node in graph.nodes)}
    opsets = [helper.make_opsetid(domain, versions.get(domain, 1)) for domain in sorted(domains)]
    made = helper.make_graph(graph.nodes, name, inputs, outputs, graph.initializers)
    oldest = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(made, opset_imports=opsets, ir_version=oldest, producer_name="modelport")
