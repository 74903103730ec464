"""tf2onnx's optimizers, with corrections of the wrong ones and a faster transpose optimizer."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from tf2onnx import optimizer
from tf2onnx.optimizer.back_to_back_optimizer import BackToBackOptimizer
from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer, is_transpose, is_useless_transpose

from modelport_converters.tensorflow_to_onnx.handler import onnx_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from tf2onnx.graph import Graph, Node

_HIDDEN = "modelport.Hidden"


class _BackToBack(BackToBackOptimizer):  # type: ignore[misc]  # tf2onnx has no types
    """Merges consecutive nodes of one operator, except for two cases that tf2onnx merges wrongly.

    A Cast that rounds must not be skipped, and a Reshape that copies sizes of its input by a 0 must keep that input.
    """

    def _optimize_at_current_graph_level(self, g: Graph) -> Graph:
        hidden = [(node, node.type) for node in g.get_nodes() if _rounds(g, node) or _keeps_sizes(node)]
        for node, _ in hidden:
            node.type = _HIDDEN
        try:
            return super()._optimize_at_current_graph_level(g)
        finally:
            for node, kind in hidden:
                node.type = kind


def _rounds(graph: Graph, node: Node) -> bool:
    if node.type != "Cast":
        return False
    given = graph.get_dtype(node.input[0])
    return given is None or not np.can_cast(onnx_dtype(given), onnx_dtype(node.get_attr("to").i), "safe")


def _keeps_sizes(node: Node) -> bool:
    if node.type != "Reshape":
        return False
    return not node.inputs[1].is_const() or 0 in node.inputs[1].get_tensor_value(as_list=False)


class _Transposes(TransposeOptimizer):  # type: ignore[misc]
    """Pushes Transposes on in sweeps; tf2onnx's own restarts from the first node after each move, in quadratic time."""

    def _optimize_at_current_graph_level(self, g: Graph) -> Graph:
        self._g = g
        self.pre_optimize_action()
        while self._sweep():
            self.graph_been_opt = True
        self.merge_duplicated_transposes()
        self.post_optimize_action()
        return g

    def _sweep(self) -> bool:
        """Push each Transpose once, where it can be; return whether one was."""
        moved = False
        for node in [node for node in self.nodes if is_transpose(node)]:
            if self._is_left(node) and self._handle_nhwc_tranpose(node):
                moved = True
            if self._is_left(node) and is_useless_transpose(node):
                self._remove_useless_tranpose(node)
                moved = True
        return moved

    def _is_left(self, node: Node) -> bool:
        return self._g.get_node_by_name(node.name) is node


_OPTIMIZERS = OrderedDict(
    {
        **optimizer._get_optimizers(),
        "optimize_transpose": _Transposes,
        "remove_back_to_back": _BackToBack,
    }
)

_ONLY_FOR = {
    "remove_redundant_upsample": {"Upsample"},
    "const_dequantize_optimizer": {"DequantizeLinear"},
    "loop_optimizer": {"Loop"},
    "reshape_optimizer": {"Reshape"},
    "global_pool_optimizer": {"ReduceMean", "ReduceMax"},
    "q_dq_optimizer": {"QuantizeLinear", "DequantizeLinear"},
    "remove_identity": {"Identity"},
    "einsum_optimizer": {"Einsum"},
}
"""Operators without which an optimizer is skipped: each walks through the graph several times."""


def optimized(process: Callable[[], Graph]) -> Graph:
    """Run the optimizers on the graph that `process` returns, in place; if one fails, on a new graph without that one."""
    try:
        return _in_place(process())
    except Exception:  # whatever an optimizer raises: optimizing is optional
        return optimizer.optimize_graph(process(), catch_errors=True, optimizers=_OPTIMIZERS)


def _in_place(graph: Graph) -> Graph:
    """Run the optimizers until none of them changes anything."""
    changed, rounds = True, 0
    while changed:
        changed = False
        for name, factory in _OPTIMIZERS.items():
            kinds = graph.dump_node_statistics()  # those of inner graphs included
            if _ONLY_FOR.get(name, kinds.keys()) & kinds.keys():
                one = factory()
                graph = one.optimize(graph, rounds)
                changed = changed or one.graph_been_opt
        rounds += 1
    graph.topological_sort(graph.get_nodes())
    return graph
