"""tf2onnx's optimizers, without what they get wrong."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from tf2onnx import optimizer
from tf2onnx.optimizer.back_to_back_optimizer import BackToBackOptimizer

from modelport_converters.tensorflow_to_onnx.handlers.writing import onnx_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

_HIDDEN = "modelport.Hidden"


class _BackToBack(BackToBackOptimizer):  # type: ignore[misc]  # tf2onnx has no types
    """Joins nodes of one kind that follow each other, but for two kinds that tf2onnx joins wrongly.

    A cast that rounds must not be skipped, and a Reshape that keeps sizes of its input by a 0 must keep that input.
    """

    def _optimize_at_current_graph_level(self, g: Any) -> Any:
        hidden = [(node, node.type) for node in g.get_nodes() if _rounds(g, node) or _keeps_sizes(node)]
        for node, _ in hidden:
            node.type = _HIDDEN
        try:
            return super()._optimize_at_current_graph_level(g)
        finally:
            for node, kind in hidden:
                node.type = kind


def _rounds(graph: Any, node: Any) -> bool:
    if node.type != "Cast":
        return False
    given = graph.get_dtype(node.input[0])
    return given is None or not np.can_cast(onnx_dtype(given), onnx_dtype(node.get_attr("to").i), "safe")


def _keeps_sizes(node: Any) -> bool:
    if node.type != "Reshape":
        return False
    return not node.inputs[1].is_const() or 0 in node.inputs[1].get_tensor_value(as_list=False)


_OPTIMIZERS = OrderedDict({**optimizer._get_optimizers(), "remove_back_to_back": _BackToBack})


def optimized(process: Callable[[], Any]) -> Any:
    """Run the optimizers in place; if one fails, run them on a new graph, each on a copy, and leave that one out."""
    try:
        return optimizer.optimize_graph(process(), catch_errors=False, optimizers=_OPTIMIZERS)
    except Exception:  # whatever an optimizer raises: optimizing is optional
        return optimizer.optimize_graph(process(), catch_errors=True, optimizers=_OPTIMIZERS)
