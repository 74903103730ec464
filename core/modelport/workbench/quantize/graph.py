"""What every mode does to a graph first: names for all nodes, constants as initializers, and which nodes stay in float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

from modelport import opset
from modelport.errors import BadInput, nearest


def load(path: Path, minimum_opset: int) -> ir.Model:
    """Read a model, raise its opset to a mode's minimum, and give every node a name; weights are read when needed."""
    model = ir.load(path)
    current = opset.opset_of(model)
    if current is not None and current < minimum_opset:
        raised = opset.to_opset(model, minimum_opset)
        assert isinstance(raised, ir.Model)
        model = raised
    common.InlinePass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    taken: set[str] = set()
    for number, node in enumerate(nodes(model)):
        name = node.name or f"{node.op_type}_{number}"
        node.name = name if name not in taken else f"{name}_{number}"
        taken.add(node.name)
    return model


def nodes(model: ir.Model) -> Iterator[ir.Node]:
    """Yield every node, those of branches and loop bodies too."""
    yield from model.graph.all_nodes()


def excluded(model: ir.Model, ops: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """Return the names of the nodes whose operator or name matches a pattern of the shell's kind.

    Raises:
        BadInput: for a pattern that matches nothing: a typing error would quantise what was to be spared.
    """
    found: set[str] = set()
    for flag, patterns, texts in (
        ("--exclude", ops, {str(node.name): node.op_type for node in nodes(model)}),
        ("--exclude-node", names, {str(node.name): str(node.name) for node in nodes(model)}),
    ):
        for pattern in patterns:
            matching = {name for name, text in texts.items() if fnmatchcase(text, pattern)}
            if not matching:
                known = sorted(set(texts.values()))
                close = nearest(pattern, known)
                hint = f"did you mean {close!r}? " if close else ""
                raise BadInput(
                    f"the pattern {pattern!r} matches no {'operator' if flag == '--exclude' else 'node'}",
                    where=f"{flag} {pattern!r}",
                    remedy=f"{hint}there are {', '.join(known[:20])}{', …' if len(known) > 20 else ''}",
                )
            found |= matching
    return frozenset(found)


def weight(node: ir.Node, index: int) -> ir.Value | None:
    """Return an operand that is a float32 weight, or None."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None or not value.is_initializer() or value.const_value is None or value.is_graph_input():
        return None
    return value if value.const_value.dtype == ir.DataType.FLOAT else None


def split_gemms(model: ir.Model, keep: frozenset[str]) -> None:
    """Turn every Gemm on a weight into MatMul and Add, which integer kernels exist for; the MatMul keeps the name."""
    for node in list(nodes(model)):
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        plain = (attributes.get("alpha", 1.0), attributes.get("beta", 1.0), attributes.get("transA", 0)) == (1, 1, 0)
        value = weight(node, 1)
        if node.op_type == "Gemm" and plain and value is not None and node.name not in keep:
            _split(node, _transposed(value) if attributes.get("transB", 0) else value)
    drop_unused(model)


def drop_unused(model: ir.Model) -> None:
    """Remove the weights that nothing reads any more."""
    for graph in model.graphs():
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
                del graph.initializers[name]


def _split(node: ir.Node, value: ir.Value) -> None:
    graph, result = node.graph, node.outputs[0]
    assert graph is not None
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    product = ir.node("MatMul", [node.inputs[0], value], name=node.name)
    last = product if bias is None else ir.node("Add", [product.outputs[0], bias], name=f"{node.name}/bias")
    made = [product] if bias is None else [product, last]
    product.outputs[0].name = f"{result.name}/product"
    last.outputs[0].shape, last.outputs[0].type = result.shape, result.type
    product.outputs[0].type = result.type
    ir.convenience.replace_nodes_and_values(graph, node, [node], made, [result], [last.outputs[0]])


def _transposed(value: ir.Value) -> ir.Value:
    """Return the transposed weight, made when it is read; a weight shared by several nodes is transposed once."""
    graph, tensor = value.graph, value.const_value
    assert graph is not None
    assert tensor is not None
    name = f"{value.name}/transposed"
    if name in graph.initializers:
        return graph.initializers[name]
    shape = ir.Shape(tuple(reversed(tensor.shape.numpy())))
    lazy = ir.LazyTensor(lambda: ir.tensor(tensor.numpy().T, name=name), dtype=tensor.dtype, shape=shape, name=name)
    turned = ir.Value(name=name, shape=shape, type=ir.TensorType(tensor.dtype), const_value=lazy)
    graph.register_initializer(turned)
    return turned
