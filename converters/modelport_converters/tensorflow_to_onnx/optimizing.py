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

_HIDDEN = "RoundingCast"


class _BackToBack(BackToBackOptimizer):  # type: ignore[misc]  # tf2onnx has no types
    """Joins casts that follow each other only where the first keeps every value; tf2onnx skips float32 to float16 too."""

    def _optimize_at_current_graph_level(self, g: Any) -> Any:
        hidden = [node for node in g.get_nodes() if node.type == "Cast" and not _keeps_values(g, node)]
        for node in hidden:
            node.type = _HIDDEN
        try:
            return super()._optimize_at_current_graph_level(g)
        finally:
            for node in hidden:
                node.type = "Cast"


def _keeps_values(graph: Any, node: Any) -> bool:
    given = graph.get_dtype(node.input[0])
    return given is not None and np.can_cast(onnx_dtype(given), onnx_dtype(node.get_attr("to").i), "safe")


_OPTIMIZERS = OrderedDict({**optimizer._get_optimizers(), "remove_back_to_back": _BackToBack})


def optimized(process: Callable[[], Any]) -> Any:
    """Run the optimizers in place; if one fails, run them on a new graph, each on a copy, and leave that one out."""
    try:
        return optimizer.optimize_graph(process(), catch_errors=False, optimizers=_OPTIMIZERS)
    except Exception:  # whatever an optimizer raises: optimizing is optional
        return optimizer.optimize_graph(process(), catch_errors=True, optimizers=_OPTIMIZERS)
