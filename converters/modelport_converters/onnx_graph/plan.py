"""Conversion plans: what a translator would do with each operator of a model, without translating it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import onnx_ir as ir

from modelport.model import PlannedOp
from modelport_converters.onnx_graph.prepare import refusal, version_of
from modelport_converters.onnx_graph.registry import Registry, Traits
from modelport_converters.onnx_graph.schemas import has_body


def plan(model: ir.Model, registry: Registry[Traits]) -> list[PlannedOp]:
    """Return every operator of a model, those of its functions and subgraphs included, in the order of their first use."""
    nodes: dict[tuple[str, str], list[ir.Node]] = {}
    for node in _all_nodes(model):
        nodes.setdefault((node.domain, node.op_type), []).append(node)
    return [_planned(found, model, registry) for found in nodes.values()]


def _all_nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from model.graph.all_nodes()
    for function in model.functions.values():
        yield from function.all_nodes()


def _planned(nodes: list[ir.Node], model: ir.Model, registry: Registry[Traits]) -> PlannedOp:
    node, version = nodes[0], version_of(model, nodes[0])
    reason = refusal(node, registry)
    inlined = reason is not None and (_is_local(node, model) or has_body((node.domain, node.op_type)))
    status: Literal["native", "inlined", "unsupported"] = (
        "native" if reason is None else "inlined" if inlined else "unsupported"
    )
    names = tuple(node.name or "without a name" for node in nodes)
    return PlannedOp(
        node.domain or "ai.onnx", node.op_type, version, names, status, "" if inlined or reason is None else reason
    )


def _is_local(node: ir.Node, model: ir.Model) -> bool:
    return any(key[:2] == (node.domain, node.op_type) for key in model.functions)
