"""Normal form for translators: newest opset, functions inlined, constants folded, operators fused, dead code removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx
import onnx.inliner
import onnx_ir as ir
from onnx import defs, version_converter
from onnx_ir.passes import common as passes

from modelport.errors import CannotConvert, UnsupportedOps
from modelport.model import attach, detach, nodes_in
from modelport_converters.onnx_graph.adapters import adapt, with_batched_scans, with_coordinates
from modelport_converters.onnx_graph.fold import fold
from modelport_converters.onnx_graph.fuse import fuse
from modelport_converters.onnx_graph.schemas import NEWEST_OPSET, body_ops, has_body
from modelport_converters.onnx_graph.tree_lists import put_back, set_aside

if TYPE_CHECKING:
    from modelport_converters.onnx_graph.registry import Registry, Traits

_LONG = 2**20
"""Elements of a vector: onnx propagates the data of sums of any length, at 200 bytes an element."""


def prepare(model: ir.Model, registry: Registry[Traits]) -> ir.Model:
    """Return a new model in the newest opset that holds only operators of the registry.

    Functions of the model are inlined, and so are operators that the target lacks where their schema defines them by others.
    Weights are carried over as they are, without being read.

    Args:
        model: left as it was.
        registry: what the target can express.

    Raises:
        UnsupportedOps: with every operator that is left over, before anything is built.
        CannotConvert: when the model cannot be carried to the newest opset.
    """
    prepared = _upgraded(model, registry)
    for step in (
        passes.InlinePass(),
        passes.RemoveInitializersFromInputsPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.TopologicalSortPass(),
    ):
        prepared = step(prepared).model
    require_supported(prepared, registry)
    fold(prepared)
    fuse(prepared, registry)
    passes.RemoveUnusedNodesPass()(prepared)
    return prepared


def require_supported(model: ir.Model, registry: Registry[Traits]) -> None:
    """Raise UnsupportedOps naming every node that the target cannot express."""
    if found := unsupported(model, registry):
        raise UnsupportedOps(
            found,
            remedy=f"replace these operators in the source model, or convert to a target that has them; "
            f"`modelport plan` lists what {registry.target} can express",
        )


def unsupported(model: ir.Model, registry: Registry[Traits]) -> list[str]:
    """Return one line for each node that the target cannot express: domain, operator, version, node name and reason."""
    return [
        describe(node, version_of(model, node), reason)
        for node in nodes_of(model)
        if (reason := refusal(node, registry)) is not None
    ]


def refusal(node: ir.Node, registry: Registry[Traits]) -> str | None:
    """Return why the target cannot express a node, or None when it can."""
    if registry.find(node.domain, node.op_type) is not None:
        return None
    if known := registry.refusal(node.domain, node.op_type):
        return known
    if node.domain in ("", "ai.onnx", "ai.onnx.ml"):
        return f"{registry.target} has no form for it"
    return "a custom operator whose meaning is not known"


def describe(node: ir.Node, version: int | None, reason: str) -> str:
    """Return a line on one node for an error or a plan: domain, operator, version, node name and reason."""
    number = f" (version {version})" if version else ""
    return f"{node.domain or 'ai.onnx'}.{node.op_type}{number}, node {node.name or 'without a name'!r}: {reason}"


def nodes_of(model: ir.Model) -> Iterator[ir.Node]:
    """Yield every node, those of subgraphs included."""
    yield from model.graph.all_nodes()


def version_of(model: ir.Model, node: ir.Node) -> int | None:
    """Return the version of the node's schema that the model's opset means, or None for one that onnx does not define."""
    opset = model.opset_imports.get(node.domain)
    if opset is None or not defs.has(node.op_type, opset, node.domain):
        return None
    return int(defs.get_schema(node.op_type, opset, node.domain).since_version)


def _upgraded(model: ir.Model, registry: Registry[Traits]) -> ir.Model:
    weights, lists = detach(model), set_aside(model)
    try:
        proto = ir.to_proto(model)
    finally:
        attach(model, weights)
        put_back(model, lists)
    adapt(proto)
    proto = _newest(proto)
    if wanted := _functions(proto, registry):
        proto = onnx.inliner.inline_selected_functions(proto, wanted, inline_schema_functions=True)
    result = ir.from_proto(_inferred(proto))
    attach(result, weights)
    put_back(result, lists)
    return result


def _inferred(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Infer shapes, with the values of shape tensors unless that costs more than it tells."""
    inferred = onnx.shape_inference.infer_shapes(proto)
    shapes = [value.type.tensor_type.shape.dim for value in (*inferred.graph.input, *inferred.graph.value_info)]
    if any(len(dims) == 1 and dims[0].dim_value > _LONG for dims in shapes):
        return inferred
    return onnx.shape_inference.infer_shapes(proto, data_prop=True)


def _newest(proto: onnx.ModelProto) -> onnx.ModelProto:
    current = {entry.domain: entry.version for entry in proto.opset_import}.get("")
    try:
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
        if current is None or current == NEWEST_OPSET:
            return proto
        return with_coordinates(version_converter.convert_version(with_batched_scans(proto), NEWEST_OPSET), current)
    except Exception as error:  # the C++ converter raises what it likes
        raise CannotConvert(
            f"the model cannot be carried from opset {current} to {NEWEST_OPSET}: {' '.join(str(error).split())[:400]}",
            remedy="convert it to a newer opset first: `modelport convert model.onnx -o newer.onnx --opset 20`",
        ) from error


def _functions(proto: onnx.ModelProto, registry: Registry[Traits]) -> list[tuple[str, str]]:
    """Return the operators to inline, recursively: those that the target lacks and whose schema has a function body."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    present = {(node.domain, node.op_type) for node in nodes_in(proto.graph.node)}
    found: set[tuple[str, str]] = set()
    while present:
        lacking = {
            key
            for key in present - found
            if registry.find(*key) is None and has_body(key, versions.get(key[0], NEWEST_OPSET))
        }
        found |= lacking
        present = set().union(*(body_ops(key, versions.get(key[0], NEWEST_OPSET)) for key in lacking))
    return sorted(found)
