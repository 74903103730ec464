"""Layout optimization: Transposes are removed by converting whole regions of the graph to the other layout.

TensorFlow's images are channels-last, ONNX's convolutions channels-first; tf2onnx's transpose optimizer pushes one Transpose
after the other until pairs cancel. Some stay: before a reduction, where a tensor has several consumers, around a Split.
Here a region is a connected subgraph of layout-agnostic operators (layout_rules.py). It is converted where that removes more
Transposes at its borders than it adds, so the pass only ever lowers their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common as passes

from modelport_converters.tensorflow_to_onnx.interface_names import unique
from modelport_converters.tensorflow_to_onnx.lazy_tensors import initializer
from modelport_converters.tensorflow_to_onnx.passes.constants import constant, is_constant
from modelport_converters.tensorflow_to_onnx.passes.layout_rules import Rule, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

Perm = tuple[int, ...]
Use = tuple[ir.Node, int]

_OLDEST_OPSET = 13
"""The layout rules hold from this opset on: before, Softmax flattens its input."""


def remove_transposes(model: ir.Model) -> int:
    """Remove Transposes in place, and return by how many their number fell.

    Args:
        model: after shape inference; values of unknown rank are in no region.
    """
    before = _count(model.graph)
    if not before or model.graph.opset_imports.get("", 0) < _OLDEST_OPSET:
        return 0
    _merge(model.graph)
    turned = True
    while turned:
        turned = any(_turn_regions(model.graph, perm) for perm in _perms(model.graph))
        _merge(model.graph)
    passes.RemoveUnusedNodesPass()(model)
    return before - _count(model.graph)


def _count(graph: ir.Graph) -> int:
    return sum(node.op_type == "Transpose" for node in graph)


def _perms(graph: ir.Graph) -> list[Perm]:
    """Return the permutations that occur, and their inverses."""
    found = {perm for node in graph if (perm := _perm(node)) is not None}
    return sorted(found | {_inverse(perm) for perm in found})


def _perm(node: ir.Node | None) -> Perm | None:
    """Return the permutation of a Transpose, None for any other node."""
    if node is None or node.op_type != "Transpose" or node.domain not in ("", "ai.onnx"):
        return None
    attribute, source = node.attributes.get("perm"), node.inputs[0]
    if attribute is not None:
        return tuple(attribute.as_ints())
    return tuple(reversed(range(source.shape.rank()))) if source is not None and source.shape is not None else None


def _inverse(perm: Perm) -> Perm:
    return tuple(perm.index(axis) for axis in range(len(perm)))


def _then(first: Perm, second: Perm) -> Perm:
    """Return the composition: one permutation after the other."""
    return tuple(first[axis] for axis in second)


def _is_identity(perm: Perm) -> bool:
    return perm == tuple(range(len(perm)))


def _merge(graph: ir.Graph) -> None:
    """Merge consecutive Transposes, share equal ones, and drop identities."""
    seen: dict[tuple[int, Perm], ir.Value] = {}
    for node in list(graph):
        perm, source = _perm(node), node.inputs[0] if node.inputs else None
        if perm is None or source is None:
            continue
        inner, output = _perm(source.producer()), node.outputs[0]
        if inner is not None:
            perm, source = _then(inner, perm), source.producer().inputs[0]  # type: ignore[union-attr]
            node.replace_input_with(0, source)
            node.attributes["perm"] = ir.AttrInt64s("perm", perm)
        same = source if _is_identity(perm) else seen.setdefault((id(source), perm), output)
        if same is not None and same is not output and not output.is_graph_output():
            output.replace_all_uses_with(same)
    for node in reversed(list(graph)):
        if _perm(node) is not None and not node.outputs[0].uses() and not node.outputs[0].is_graph_output():
            graph.remove(node, safe=True)


# --- regions -------------------------------------------------------------------------------------


@dataclass
class _Region:
    """Values in one layout, and the layout-agnostic nodes that compute with them.

    Attributes:
        rules: the nodes, each with its layout rule.
        values: by identity.
    """

    rules: dict[ir.Node, Rule] = field(default_factory=dict)
    values: dict[int, ir.Value] = field(default_factory=dict)

    def made_here(self, value: ir.Value) -> bool:
        return value.producer() in self.rules

    def outside_uses(self, value: ir.Value) -> list[Use]:
        return [
            (use.node, use.idx)
            for use in value.uses()
            if use.node not in self.rules or use.idx not in self.rules[use.node].turned
        ]


def _turn_regions(graph: ir.Graph, perm: Perm) -> bool:
    """Transpose every region by `perm` that has fewer Transposes then; return whether there was one."""
    worth = [region for region in _regions(graph, perm) if _gain(region, perm) > 0]
    touched: set[ir.Node] = set()
    for region in worth:
        between = _transposes_around(region)
        if (
            not between & touched
        ):  # the borders of a neighbour that was turned have changed: it waits for the next round
            _Turning(graph, region, perm).run()
        touched |= between
    return bool(worth)


def _transposes_around(region: _Region) -> set[ir.Node]:
    around = [value.producer() for value in region.values.values()]
    around += [node for value in region.values.values() for node, _ in region.outside_uses(value)]
    return {node for node in around if node is not None and _perm(node) is not None}


def _regions(graph: ir.Graph, perm: Perm) -> Iterable[_Region]:
    """Yield the connected components of layout-agnostic nodes (by union-find)."""
    rules = {node: rule for node in graph if (rule := rule_of(node, perm)) is not None}
    parents: dict[int, int] = {}

    def root(key: int) -> int:
        while (parent := parents.setdefault(key, key)) != key:
            parents[key] = parents[parent]
            key = parent
        return key

    values: dict[int, ir.Value] = {}
    for node, rule in rules.items():
        for value in _values(node, rule):
            values[id(value)] = value
            parents[root(id(value))] = root(id(node))
    found: dict[int, _Region] = {}
    for node, rule in rules.items():
        found.setdefault(root(id(node)), _Region()).rules[node] = rule
    for key, value in values.items():
        found[root(key)].values[key] = value
    return found.values()


def _values(node: ir.Node, rule: Rule) -> list[ir.Value]:
    taken = [value for index in rule.turned if (value := node.inputs[index]) is not None]
    return [value for value in taken if not is_constant(value)] + (list(node.outputs) if rule.turns_outputs else [])


def _gain(region: _Region, perm: Perm) -> int:
    """Return by how many Transposes turning the region lowers their number."""
    return sum(_gain_at(region, value, perm) for value in region.values.values())


def _gain_at(region: _Region, value: ir.Value, perm: Perm) -> int:
    outside = region.outside_uses(value)
    ended = sum(_perm(node) == perm for node, _ in outside)
    others = [node for node, _ in outside if _perm(node) is None]
    if region.made_here(value):
        needed = bool(others) or value.is_graph_output()
        return ended - (needed and not _only_moves_ones(value, perm))
    inner = _perm(value.producer())
    if inner is None:
        return ended - (not _only_moves_ones(value, perm))
    gone = not outside and not value.is_graph_output()
    return ended + gone - (not _is_identity(_then(inner, perm)))


def _only_moves_ones(value: ir.Value, perm: Perm) -> bool:
    """Tell whether a transposition leaves the elements in their memory order, so that a Reshape, which is free, does it."""
    sizes = list(value.shape or ())
    unknown = [size for size in sizes if not isinstance(size, int)]
    moved = [axis for axis in perm if sizes[axis] != 1]
    return len(unknown) <= 1 and moved == sorted(moved)


class _Turning:
    """The transposition of one region: its values keep their names and are in the other layout afterwards."""

    def __init__(self, graph: ir.Graph, region: _Region, perm: Perm) -> None:
        self.graph, self.region, self.perm, self.back = graph, region, perm, _inverse(perm)
        self.constants: dict[int, ir.Value] = {}
        taken = [value for node in graph.all_nodes() for value in (*node.inputs, *node.outputs) if value is not None]
        self.names = {value.name or "" for value in (*taken, *graph.inputs, *graph.initializers.values())}

    def run(self) -> None:
        """Transpose the values at the border, then rewrite the nodes."""
        borders = [value for value in self.region.values.values() if not self.region.made_here(value)]
        turned = {id(value): self._entering(value) for value in borders}
        for value in self.region.values.values():
            if self.region.made_here(value):
                self._leaving(value)
        for node, rule in self.region.rules.items():
            for index in rule.turned:
                taken = node.inputs[index]
                if taken is not None and id(taken) in turned:
                    node.replace_input_with(index, turned[id(taken)])
                elif taken is not None and is_constant(taken):
                    node.replace_input_with(index, self._constant(taken))
            rule.rewrite(node, self._added)

    def _entering(self, value: ir.Value) -> ir.Value:
        """Return the transposed form of a value that enters the region."""
        producer = value.producer()
        inner = _perm(producer)
        if producer is not None and inner is not None:
            source, perm = producer.inputs[0], _then(inner, self.perm)
            assert source is not None
            result = source if _is_identity(perm) else self._transposed(source, perm, after=producer)
        else:
            result = self._transposed(value, self.perm, after=producer)
        for node, _ in self.region.outside_uses(value):
            if _perm(node) == self.perm and node.outputs[0] is not result:
                _forward(node, result)
        return result

    def _leaving(self, value: ir.Value) -> None:
        """Transpose a value made in the region, and give consumers outside the layout that they expect."""
        outside, is_output = self.region.outside_uses(value), value.is_graph_output()
        turned_shape = _permuted(value.shape, self.perm)
        original, value.shape = value.shape, turned_shape
        needed = [(node, index) for node, index in outside if _perm(node) is None]
        for node, _ in outside:
            theirs = _perm(node)
            if theirs == self.perm:
                _forward(node, value)
            elif theirs is not None:
                node.attributes["perm"] = ir.AttrInt64s("perm", _then(self.back, theirs))
        if not needed and not is_output:
            return
        restored = self._transposed(value, self.back, after=value.producer())
        restored.shape = original
        for node, index in needed:
            node.replace_input_with(index, restored)
        if is_output:
            restored.name, value.name = value.name, restored.name
            for at, output in enumerate(self.graph.outputs):
                if output is value:
                    self.graph.outputs[at] = restored

    def _transposed(self, value: ir.Value, perm: Perm, after: ir.Node | None) -> ir.Value:
        if _only_moves_ones(value, perm):
            sizes = [(value.shape or ())[axis] for axis in perm]
            shape = np.asarray([size if isinstance(size, int) else -1 for size in sizes], np.int64)
            node = ir.node("Reshape", [value, self._added(shape, f"{value.name}_shape")])
        else:
            node = ir.node("Transpose", [value], {"perm": list(perm)})
        output = node.outputs[0]
        output.name = self._unused(f"{value.name}_{'_'.join(map(str, perm))}")
        node.name, output.type, output.shape = output.name, value.type, _permuted(value.shape, perm)
        if after is None:
            self.graph.insert_before(self.graph[0], node)
        else:
            self.graph.insert_after(after, node)
        return output

    def _constant(self, value: ir.Value) -> ir.Value:
        """Return a constant, transposed."""
        if id(value) not in self.constants:
            array = constant(value)
            assert array is not None
            whole = array.reshape((1,) * (len(self.perm) - array.ndim) + array.shape)
            same = array.size == 1
            self.constants[id(value)] = (
                value if same else self._added(whole.transpose(self.perm), f"{value.name}_turned")
            )
        return self.constants[id(value)]

    def _added(self, array: NDArray[Any], name: str) -> ir.Value:
        """Return a new initializer."""
        return initializer(self.graph, ir.tensor(np.ascontiguousarray(array), name=self._unused(name)))

    def _unused(self, name: str) -> str:
        (found,) = unique([name], self.names)
        self.names.add(found)
        return found


def _forward(node: ir.Node, value: ir.Value) -> None:
    """Give the consumers of a Transpose another value; a graph output stays, as an Identity."""
    output = node.outputs[0]
    if output.is_graph_output():
        node.op_type = "Identity"
        del node.attributes["perm"]
        node.replace_input_with(0, value)
    else:
        output.replace_all_uses_with(value)


def _permuted(shape: ir.Shape | None, perm: Sequence[int]) -> ir.Shape | None:
    sizes = list(shape or ())
    return None if shape is None else ir.Shape([sizes[axis] for axis in perm])
